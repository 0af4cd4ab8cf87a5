"""The reference page of the config keys: ``python -m peak_console.config.reference`` writes it to stdout."""

import re
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from peak_console.config.keys import fields_of, mapped, models_in
from peak_console.config.lint.schema import CANARY_SHAPE, SCOPE_SHAPE, SHAPES
from peak_console.config.schema import ConfigModel
from peak_console.config.sources import MAIN_FILES, REQUIRED

PAGE: Final = "docs/reference/config-keys.md"
"""Where the page stands in the repository."""

_HEAD: Final = """# Config keys

Made from the program by `python -m peak_console.config.reference > docs/reference/config-keys.md`; do not
edit it here. Unknown keys, wrong types and values out of range are refused (`peak lint`). Values are not
converted: a number in quotes is text. Percentages end in `_pct` and hold the number of percent; `_eur`,
`_usd`, `_s`, `_ms` and `_tokens` name their unit. A `.yaml` file of the same name is read where the `.toml`
is absent; both together are refused.
"""
_SCOPES: Final = """## configs/ai/capability_scopes/L<n>.toml

One a layer, in either of two forms ([scopes.md](../scopes.md)). Optional in research; from shadow on a layer
without one is not called.
"""
_CANARIES: Final = """## configs/ai/canaries/<set>.toml

Gold cases, for jobs of kind canary ([drift.md](../drift.md)). Optional.
"""
_PROMPTS: Final = """## configs/ai/prompts/<name>/<version>.md

Prompts are taken word for word as the system message. The matrix refers to one as `<name>@<version>`. A
version that was used is never edited: write the next one beside it.
"""
_BOUNDS: Final = (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))
_WORDS: Final = {date: "date", bool: "true or false", int: "integer", Decimal: "number", str: "text"}


def render() -> str:
    """The page as Markdown."""
    parts = [_HEAD]
    for kind, shape in SHAPES.items():
        need = "Required." if kind in REQUIRED else "Optional; every key has a default."
        parts.append(f"## {MAIN_FILES[kind]}\n\n{need}\n")
        rows = [_row(path, field) for path, field in _leaves(shape, "")]
        parts.append("\n".join(["| Key | Value | Default | Meaning |", "|---|---|---|---|", *rows, ""]))
    for head, shape in ((_SCOPES, SCOPE_SHAPE), (_CANARIES, CANARY_SHAPE)):
        parts.append(head)
        rows = [_row(path, field) for path, field in _leaves(shape, "")]
        parts.append("\n".join(["| Key | Value | Default | Meaning |", "|---|---|---|---|", *rows, ""]))
    parts.append(_PROMPTS)
    return "\n".join(parts)


def _leaves(model: type[ConfigModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    """Every key below a table; layers that are alike stand once."""
    layers = [key for key, _ in fields_of(model) if re.fullmatch(r"L[0-4]", key)]
    for key, field in fields_of(model):
        if key in layers[1:]:
            continue
        path = f"{prefix}{'Lx' if key in layers else key}"
        yield from _below(path, field, field.annotation)


def _below(path: str, field: FieldInfo, annotation: Any) -> Iterator[tuple[str, FieldInfo]]:
    inner = mapped(annotation)
    if inner is not None:
        path, annotation = f"{path}.{'<phase>' if list(models_in(inner)) else '<name>'}", inner
    models = list(models_in(annotation))
    if not models:
        yield path, field
    listed = "[]" if _is_tuple(annotation) else ""
    for model in models:
        yield from _leaves(model, f"{path}{listed}.")


def _row(path: str, field: FieldInfo) -> str:
    return f"| `{path}` | {_type(field)} | {_default(field)} | {field.description} |"


def _type(field: FieldInfo) -> str:
    base, metadata = _unwrapped(field.annotation, list(field.metadata))
    many = get_origin(base) is tuple
    if many:
        base, metadata = _unwrapped(get_args(base)[0], [])
    word = _words(base)
    bounds = [
        f"{sign} {getattr(one, name)}" for one in metadata for name, sign in _BOUNDS if hasattr(one, name)
    ]
    if bounds and base in {int, Decimal}:
        word += f" {', '.join(bounds)}"
    return f"list of {word}" if many else word


def _words(base: Any) -> str:
    if get_origin(base) is dict:
        return _words(_unwrapped(get_args(base)[1], [])[0])
    if get_origin(base) in {Union, UnionType}:
        choices = [one for one in get_args(base) if one is not type(None)]
        return " or ".join(_words(_unwrapped(one, [])[0]) for one in choices)
    if isinstance(base, type) and issubclass(base, Enum):
        return ", ".join(f"`{one.value}`" for one in base)
    return _WORDS.get(base, getattr(base, "__name__", str(base)))


def _unwrapped(annotation: Any, metadata: list[Any]) -> tuple[Any, list[Any]]:
    """A type without ``Annotated`` and ``| None``, and all the bounds on the way."""
    while True:
        arguments = [one for one in get_args(annotation) if one is not type(None)]
        if get_origin(annotation) is Annotated:
            extra = arguments[1:]
            metadata = [*metadata, *(inner for one in extra for inner in getattr(one, "metadata", [one]))]
            annotation = arguments[0]
        elif len(arguments) == 1 and get_origin(annotation) is not tuple:
            annotation = arguments[0]
        else:
            return annotation, metadata


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is None or value is PydanticUndefined or value == ():
        return "none"
    if isinstance(value, tuple) and all(isinstance(one, Enum) for one in value):
        return ", ".join(f"`{one.value}`" for one in value)
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        value = str(value).lower()
    return f"`{value}`" if value != "" else "none"


def _is_tuple(annotation: Any) -> bool:
    return get_origin(_unwrapped(annotation, [])[0]) is tuple


if __name__ == "__main__":
    sys.stdout.write(render())
