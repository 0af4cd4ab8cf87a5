"""YAML as a config may use it: mappings, lists and plain values; no aliases, tags or repeated keys."""

import math
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import yaml

from peak_console.config.document import Trouble
from peak_console.config.positions import Path, Place

_PREFIX: Final = "tag:yaml.org,2002:"
_DEEPEST: Final = 32


class _Refused(Exception):
    def __init__(self, message: str, mark: yaml.Mark) -> None:
        super().__init__(message)
        self.place = (mark.line + 1, mark.column + 1)


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """As the base class, but an alias is refused: it can make a small file boundless."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise _Refused("aliases are not read in configs", mark)
        return super().compose_node(parent, index)


def parse_yaml(text: str) -> tuple[dict[str, Any] | None, Mapping[Path, Place], Trouble | None]:
    """The data of a YAML text and the place of each key; floats are read as exact decimals."""
    places: dict[Path, Place] = {}
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            data = {} if node is None else _build(loader, node, (), places)
        finally:
            loader.dispose()
    except _Refused as error:
        return None, {}, Trouble("file.syntax", f"not YAML that can be read: {error}", error.place)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        return None, {}, Trouble("file.syntax", f"not YAML: {error.problem or error.context}", place)
    except (yaml.YAMLError, ValueError, ArithmeticError) as error:
        return None, {}, Trouble("file.syntax", f"not YAML that can be read: {type(error).__name__}")
    except RecursionError:
        return None, {}, Trouble("file.syntax", "not YAML that can be read: nested too deeply")
    if not isinstance(data, dict):
        return None, {}, Trouble("file.syntax", "a config is a mapping of keys at its top")
    return data, places, None


def _build(loader: _Loader, node: yaml.Node, path: Path, places: dict[Path, Place]) -> Any:
    if len(path) > _DEEPEST:
        raise _Refused("nested too deeply", node.start_mark)
    if isinstance(node, yaml.MappingNode):
        return _mapping(loader, node, path, places)
    if isinstance(node, yaml.SequenceNode):
        if node.tag != _PREFIX + "seq":
            raise _Refused("tags are not read in configs", node.start_mark)
        items = []
        for index, inner in enumerate(node.value):
            places[*path, index] = (inner.start_mark.line + 1, inner.start_mark.column + 1)
            items.append(_build(loader, inner, (*path, index), places))
        return items
    return _scalar(loader, node)


def _mapping(
    loader: _Loader, node: yaml.MappingNode, path: Path, places: dict[Path, Place]
) -> dict[str, Any]:
    if node.tag != _PREFIX + "map":
        raise _Refused("tags are not read in configs", node.start_mark)
    built: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == _PREFIX + "merge":
            raise _Refused("a key must be plain text", key_node.start_mark)
        key = key_node.value
        if key in built:
            raise _Refused("this key stands here twice", key_node.start_mark)
        places[*path, key] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        built[key] = _build(loader, value_node, (*path, key), places)
    return built


def _scalar(loader: _Loader, node: yaml.Node) -> Any:
    kind = node.tag.removeprefix(_PREFIX)
    if kind == "float":
        return _decimal(loader, node)
    if kind not in {"str", "int", "bool", "null", "timestamp"}:
        raise _Refused("tags are not read in configs", node.start_mark)
    try:
        value = loader.construct_object(node)
    except ValueError as error:
        raise _Refused(f"this is no {kind}", node.start_mark) from error
    return value if isinstance(value, str | int | date | datetime | None) else str(value)


def _decimal(loader: _Loader, node: yaml.Node) -> Decimal:
    try:
        return Decimal(str(node.value).replace("_", ""))
    except InvalidOperation:
        value = float(loader.construct_object(node))
        if not math.isfinite(value):
            raise _Refused("a number must be finite", node.start_mark) from None
        return Decimal(repr(value))
