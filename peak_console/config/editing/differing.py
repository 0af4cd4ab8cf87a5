"""How two versions of a config differ: line by line, and key by key."""

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from peak_console.config.document import parse_document
from peak_console.config.editing.intending import same
from peak_console.config.editing.merging import lines_of
from peak_console.config.lint.schema import dotted
from peak_console.config.positions import Path
from peak_console.domain.text import one_line

_SHOWN: Final = 200
_MOST: Final = 2000
_UNENDED: Final = "\n\\ No newline at end of file\n"


@dataclass(frozen=True, slots=True)
class KeyChange:
    """One key that differs, as text: ``L2.primary.model_id``. ``None`` where it is absent."""

    key: str
    old: str | None
    new: str | None


def text_diff(old: str, new: str, name: str) -> str:
    """The unified diff of two texts of the file ``name``, as ``patch`` reads it; empty for equal ones."""
    lines = difflib.unified_diff(lines_of(old), lines_of(new), f"a/{name}", f"b/{name}")
    return "".join(line if line.endswith("\n") else line + _UNENDED for line in lines)


def key_changes(old: str | None, new: str | None, path: str) -> tuple[KeyChange, ...]:
    """The keys of a TOML or YAML config that differ, in the order of the new text, then those that are gone.

    ``None`` is a file that is not there. Tables in a list are compared each with the one it became: the index
    is that of the new text, of the old one where the element is gone. A text that does not parse,
    and one without keys (a prompt), has no changes by key. At most 2,000 are given.
    """
    before, after = _data(old, path), _data(new, path)
    if before is None or after is None:
        return ()
    changes = []
    for change in _differences(before, after, ()):
        changes.append(change)
        if len(changes) == _MOST:
            break
    return tuple(changes)


def _data(text: str | None, path: str) -> dict[str, Any] | None:
    return {} if text is None else parse_document(text.encode("utf-8", "surrogatepass"), path).data


def _differences(old: Any, new: Any, path: Path) -> Iterator[KeyChange]:
    if same(old, new):
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*new, *(key for key in old if key not in new)]:
            yield from _differences(old.get(key, _GONE), new.get(key, _GONE), (*path, key))
    elif (ours := _tables(old)) is not None and (theirs := _tables(new)) is not None and (ours or theirs):
        lone = isinstance(old, Mapping | _Gone) and isinstance(new, Mapping | _Gone)
        for index, before, after in _paired(ours, theirs):
            yield from _branch(before, after, path if lone else (*path, index))
    else:
        yield KeyChange(one_line(dotted(path), _SHOWN), _text(old), _text(new))


def _branch(old: Any, new: Any, path: Path) -> Iterator[KeyChange]:
    """A table that came, went or changed; an empty one is a change by itself."""
    before, after = ({} if one is _GONE else one for one in (old, new))
    if before == after or not (before or after):
        yield KeyChange(one_line(dotted(path), _SHOWN), _text(old), _text(new))
    else:
        yield from _differences(before, after, path)


class _Gone:
    """The mark of a key that is not there."""


_GONE: Final = _Gone()


def _tables(value: Any) -> list[Any] | None:
    """The tables of a list of tables, of a lone table, and of nothing; ``None`` for any other value."""
    if value is _GONE:
        return []
    if isinstance(value, Mapping):
        return [value]
    is_list = isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value)
    return value if is_list else None


def _paired(old: list[Any], new: list[Any]) -> Iterator[tuple[int, Any, Any]]:
    """Each table with the one it became; equal ones are not told."""
    before, after = [_toml(one) for one in old], [_toml(one) for one in new]
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, first, last, start, end in matcher.get_opcodes():
        if tag == "equal":
            continue
        together = min(last - first, end - start)
        for step in range(together):
            yield start + step, old[first + step], new[start + step]
        for index in range(start + together, end):
            yield index, _GONE, new[index]
        for index in range(first + together, last):
            yield index, old[index], _GONE


def _text(value: Any) -> str | None:
    """A value as TOML writes it, on one line."""
    return None if value is _GONE else one_line(_toml(value), _SHOWN)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Decimal):
        return f"{value:f}" if value.is_finite() else str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, Mapping):
        pairs = (f"{dotted((key,))} = {_toml(inner)}" for key, inner in value.items())
        return f"{{ {', '.join(pairs)} }}" if value else "{}"
    return "" if value is None else str(value)
