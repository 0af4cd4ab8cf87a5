"""Where a change belongs in a TOML text, for each way in which TOML can write a table or a list."""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from peak_console.config.editing import surgery
from peak_console.config.editing.intending import (
    MISSING,
    at,
    is_list_of_one,
    lone_before,
    plain_value,
    same,
    straight,
)
from peak_console.config.editing.rendering import block, is_block, key_of, rendered
from peak_console.config.editing.spans import Item, Section, Value, sections_of, values_of
from peak_console.config.positions import Path


@dataclass(frozen=True, slots=True)
class _Text:
    """A text with what it says and where."""

    text: str
    data: dict[str, Any]
    sections: list[Section]
    values: dict[Path, tuple[Item, Value | None]]

    @classmethod
    def of(cls, text: str) -> "_Text":
        sections = sections_of(text)
        values = {path: (item, around) for path, item, around in values_of(sections)}
        return cls(text, tomllib.loads(text, parse_float=Decimal), sections, values)

    def family(self, path: Path) -> list[Section]:
        """The sections at a path and below it."""
        return [one for one in self.sections if one.end and one.path[: len(path)] == path]

    def section(self, path: Path) -> Section | None:
        """The section of a table that has a header of its own, or of the root."""
        return next((one for one in self.sections if one.path == path), None)


def put(text: str, path: Path, value: Any) -> str:
    """The text with a value at a path, which is made where it is not there."""
    read = _Text.of(text)
    if (lone := lone_before(read.data, path)) is not None:
        return put(_as_array(read, lone), path, value)
    path = straight(read.data, path)
    existing = at(read.data, path)
    if existing is MISSING:
        return _new(read, path, value)
    if same(existing, plain_value(value)):
        return text
    if isinstance(existing, Mapping) and is_block(value):
        return _reshaped(read, path, existing, value)
    found = read.values.get(path)
    listed = isinstance(existing, list) and isinstance(value, list | tuple)
    if listed and (found is not None or is_block(value)):
        return _realigned(text, path, existing, value)
    if found is not None:
        span = found[0].value
        return text[: span.start] + rendered(value) + text[span.end :]
    return put(taken_out(text, path), path, value)


def _reshaped(read: _Text, path: Path, old: Mapping[str, Any], new: Any) -> str:
    """A table changed key by key; a list of tables in its place begins with it."""
    if not isinstance(new, Mapping):
        return put(read.text if is_list_of_one(new) else _as_array(read, path), path, _lone(new))
    text = read.text
    if not new and path not in read.values and read.section(path) is None:
        return put(taken_out(text, path), path, new)  # it stands by dotted keys or tables in it alone
    for key, value in new.items():
        text = put(text, (*path, key), value)
    for key in old:
        if key not in new:
            text = taken_out(text, (*path, key))
    return text


def _lone(tables: Sequence[Any]) -> Any:
    return tables[0] if is_list_of_one(tables) else tables


def _realigned(text: str, path: Path, old: Sequence[Any], new: Sequence[Any]) -> str:
    """A list changed element by element, those that stay untouched; from the end, so that indices hold."""
    before, after = [rendered(one) for one in old], [rendered(one) for one in new]
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, first, last, start, end in reversed(matcher.get_opcodes()):
        if tag == "equal":
            continue
        together = min(last - first, end - start)
        for index in range(last - 1, first + together - 1, -1):
            text = taken_out(text, (*path, index))
        for index in range(end - 1, start + together - 1, -1):
            text = _inserted(text, path, first + together, new[index])
        for step in range(together):
            text = put(text, (*path, first + step), new[start + step])
    return text


def _inserted(text: str, path: Path, index: int, value: Any) -> str:
    """An element put into a list before the one at ``index``, or at its end."""
    read = _Text.of(text)
    found = read.values.get(path)
    if found is not None:
        return surgery.with_element(text, found[0].value, index, rendered(value))
    if not isinstance(value, Mapping):
        raise TypeError("a list of tables holds tables only")
    following = read.family((*path, index))
    if following:
        start = surgery.line_start(text, following[0].start)
        return surgery.with_block(text, start, block(path, [value]))
    family = read.family(path)
    if not family:  # its last element went on the way: a list of tables begins anew
        return _new(read, path, [value])
    return surgery.with_block(text, surgery.tail(text, family[-1]), block(path, [value]))


def _new(read: _Text, path: Path, value: Any) -> str:
    """A value at a path that is not there, in the nearest table or list around it that is."""
    length = len(path) - 1
    while length and at(read.data, path[:length]) is MISSING:
        length -= 1
    for step in reversed(path[length + 1 :]):
        if isinstance(step, int) and step:
            raise ValueError(f"there is no element {step}, and 0 would be the next")
        value = [value] if isinstance(step, int) else {step: value}
    return _placed(read, path[:length], path[length], value)


def _placed(read: _Text, parent: Path, key: str | int, value: Any) -> str:
    place = at(read.data, parent)
    if isinstance(key, int):
        if not isinstance(place, list) or key != len(place):
            raise ValueError(f"there is no element {key}")
        return _inserted(read.text, parent, key, value)
    if not isinstance(place, Mapping):
        raise TypeError(f"{key} would stand in what is no table")
    found = read.values.get(parent)
    if found is not None:
        return surgery.with_inner_pair(read.text, found[0].value, _pair((key,), value))
    dotted = _dotted_home(read, parent)
    if dotted is not None:
        return _beside_dotted(read, dotted, parent, key, value)
    family = read.family(parent)
    if is_block(value):
        lines = block((*parent, key), value)
        at_end = not parent or not family
        offset = len(read.text) if at_end else surgery.tail(read.text, family[-1])
        return surgery.with_block(read.text, offset, lines)
    section = read.section(parent)
    if section is None:
        start = surgery.line_start(read.text, family[0].start)
        return surgery.with_lines(read.text, start, [f"[{key_of(parent)}]", _pair((key,), value), ""])
    headers = [one.start for one in read.sections if one.end]
    return surgery.with_pair(read.text, section, headers[0] if headers else None, _pair((key,), value))


def _dotted_home(read: _Text, parent: Path) -> tuple[Path, Item, Value | None] | None:
    """The last pair that makes up ``parent`` by dotted keys, with the path of the table it is written in."""
    found = None
    for full, (item, around) in read.values.items():
        base = full[: len(full) - len(item.key)]
        if len(base) < len(parent) < len(full) and full[: len(parent)] == parent:
            found = (base, item, around)
    return found


def _beside_dotted(
    read: _Text, home: tuple[Path, Item, Value | None], parent: Path, key: str, value: Any
) -> str:
    base, item, around = home
    line = _pair((*parent[len(base) :], key), value)
    if around is not None:
        return surgery.with_inner_pair(read.text, around, line)
    indent = read.text[surgery.line_start(read.text, item.start) : item.start]
    return surgery.with_lines(read.text, surgery.line_end(read.text, item.value.end), [indent + line])


def _pair(path: Path, value: Any) -> str:
    return f"{key_of(path)} = {rendered(value)}"


def _as_array(read: _Text, path: Path) -> str:
    """A lone table as an array of tables with one element."""
    found = read.values.get(path)
    if found is not None:
        span = found[0].value
        return f"{read.text[: span.start]}[{read.text[span.start : span.end]}]{read.text[span.end :]}"
    section = read.section(path)
    if section is None:
        raise ValueError(f"{key_of(path)} has no header of its own")
    header = read.text[section.start : section.end]
    return f"{read.text[: section.start]}[{header}]{read.text[section.end :]}"


def taken_out(text: str, path: Path) -> str:
    """The text without what stands at a path; as it is where nothing does."""
    read = _Text.of(text)
    path = straight(read.data, path)
    if at(read.data, path) is MISSING:
        return text
    family = read.family(path)
    parent = read.family(path[:-1])
    heads_others = bool(family) and parent[:1] == family[:1] and len(parent) > len(family)
    cuts = [surgery.section_cut(text, one, keep_comment=heads_others and one is family[0]) for one in family]
    for full, (item, around) in read.values.items():
        base = full[: len(full) - len(item.key)]
        if full[: len(path)] == path and len(base) < len(path):
            cut = surgery.pair_cut(text, item) if around is None else surgery.item_cut(text, around, item)
            cuts.append(cut)
    return surgery.without(text, _joined(cuts))


def _joined(cuts: list[surgery.Cut]) -> list[surgery.Cut]:
    """Cuts that touch or overlap as one."""
    joined: list[surgery.Cut] = []
    for start, end in sorted(cuts):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
