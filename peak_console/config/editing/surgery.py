"""Cuts and insertions in a TOML text: one key put in, one key taken out, everything else as it stands.

A new pair comes after the last pair of its own table, never behind the comment that heads the next one; a
new table after the last of its family. A table that goes takes along the comment directly above its header,
except where it is the first of several: that comment heads those that stay, too.
"""

import re
from typing import Final

from peak_console.config.editing.spans import Item, Section, Value
from peak_console.config.toml_tokens import GAP

Cut = tuple[int, int]

_COMMA: Final = re.compile(GAP.pattern + ",")


def line_start(text: str, offset: int) -> int:
    """The offset at which the line of an offset begins."""
    return text.rfind("\n", 0, offset) + 1


def line_end(text: str, offset: int) -> int:
    """The offset behind the line of an offset, its end included."""
    found = text.find("\n", offset)
    return len(text) if found < 0 else found + 1


def newline_of(text: str) -> str:
    """How the text ends its lines."""
    return "\r\n" if "\r\n" in text else "\n"


def without(text: str, cuts: list[Cut]) -> str:
    """The text without these parts."""
    for start, end in sorted(cuts, reverse=True):
        text = text[:start] + text[end:]
    return text


def with_lines(text: str, offset: int, lines: list[str]) -> str:
    """Whole lines put in at the start of a line, or at the end of the text."""
    newline = newline_of(text)
    if offset >= len(text) and text and not text.endswith("\n"):
        return text + "".join(newline + line for line in lines)
    return text[:offset] + "".join(line + newline for line in lines) + text[offset:]


def with_pair(text: str, section: Section, first_header: int | None, line: str) -> str:
    """A pair put into a section: behind its last pair, its header, or at the top of the file."""
    if section.pairs:
        last = section.pairs[-1]
        indent = text[line_start(text, last.start) : last.start]
        line = indent + line if not indent.strip() else line
        return with_lines(text, line_end(text, last.value.end), [line])
    if section.end:
        return with_lines(text, line_end(text, section.end), [line])
    if first_header is None:
        return with_lines(text, len(text), [line])
    offset = _comment_above(text, line_start(text, first_header)) or line_start(text, first_header)
    return with_lines(text, offset, [line, ""])


def with_block(text: str, offset: int, lines: list[str]) -> str:
    """A table put in at the start of a line, a blank line before it and one behind it."""
    before, after = text[:offset].rstrip(" \t"), text[offset:]
    if before.strip() and not re.search(r"\n[ \t]*\r?\n\Z", before):
        lines = ["", *lines]
    if after.strip() and line_of(after, 0).strip():
        lines = [*lines, ""]
    return with_lines(text, offset, lines)


def line_of(text: str, offset: int) -> str:
    """The line that begins at an offset."""
    return text[offset : line_end(text, offset)]


def tail(text: str, section: Section) -> int:
    """The end of a section: its last line, and comments directly below that head nothing that follows."""
    end = line_end(text, section.last)
    after = end
    while after < len(text) and line_of(text, after).lstrip().startswith("#"):
        after = line_end(text, after)
    return after if after >= len(text) or not line_of(text, after).strip() else end


def section_cut(text: str, section: Section, *, keep_comment: bool) -> Cut:
    """What goes with a section: its comment where that heads it alone, and one of the gaps around it."""
    start = line_start(text, section.start)
    if not keep_comment and (above := _comment_above(text, start)):
        start = above
    end = tail(text, section)
    before = text[:start]
    gap_before = not before.strip() or not before.endswith(("\n",)) or _ends_blank(before)
    if gap_before or keep_comment:
        while end < len(text) and not line_of(text, end).strip():
            end = line_end(text, end)
    if end >= len(text) and before.strip():
        while _ends_blank(text[:start]):
            start = line_start(text, start - 1)
    return start, end


def _ends_blank(before: str) -> bool:
    """Whether a text ends with a blank line."""
    if not before.endswith("\n"):
        return False
    return not before[line_start(before, len(before) - 1) :].strip() and "\n" in before[:-1]


def _comment_above(text: str, start: int) -> int:
    """Where the comment directly above a line begins; 0 where there is none, or it heads the file."""
    above = start
    while above > 0:
        previous = line_start(text, above - 1)
        if not text[previous:above].lstrip().startswith("#"):
            break
        above = previous
    return above if above < start else 0


def pair_cut(text: str, item: Item) -> Cut:
    """The line, or lines, of a pair."""
    return line_start(text, item.start), line_end(text, item.value.end)


def item_cut(text: str, around: Value, item: Item) -> Cut:
    """An element of an array, or a pair of an inline table, with its comma."""
    place = around.items.index(item)
    start, end = line_start(text, item.start), line_end(text, item.value.end)
    comma = _COMMA.match(text, item.value.end)
    behind = comma.end() if comma else item.value.end
    rest = text[behind:end].strip()
    own_lines = not text[start : item.start].strip() and (not rest or rest.startswith("#"))
    if around.opening == "[" and own_lines and behind <= end <= around.end:
        return start, end
    if place + 1 < len(around.items):
        return item.start, around.items[place + 1].start
    if place:
        return around.items[place - 1].value.end, item.value.end
    return item.start, behind


def with_element(text: str, around: Value, index: int, new: str) -> str:
    """An element put into an array before the one at ``index``, or at its end, as its neighbours are."""
    if not around.items:
        return text[: around.start + 1] + new + text[around.start + 1 :]
    neighbour = around.items[min(index, len(around.items) - 1)]
    indent = text[line_start(text, neighbour.start) : neighbour.start]
    gap = newline_of(text) + indent if not indent.strip() else " "
    if index < len(around.items):
        return f"{text[: neighbour.start]}{new},{gap}{text[neighbour.start :]}"
    end = neighbour.value.end
    comma = _COMMA.match(text, end)
    if gap == " ":
        return f"{text[:end]}, {new}{text[end:]}"
    if comma is None:
        text, comma_end = f"{text[:end]},{text[end:]}", end + 1
    else:
        comma_end = comma.end()
    rest = text[comma_end : line_end(text, comma_end)]
    if rest.strip() and not rest.lstrip().startswith("#"):
        return f"{text[:comma_end]}{gap}{new}{text[comma_end:]}"
    at = comma_end + len(rest.rstrip("\r\n"))
    return f"{text[:at]}{gap}{new}{',' if comma else ''}{text[at:]}"


def with_inner_pair(text: str, around: Value, new: str) -> str:
    """A pair put at the end of an inline table."""
    if not around.items:
        return f"{text[: around.start]}{{ {new} }}{text[around.end :]}"
    end = around.items[-1].value.end
    return f"{text[:end]}, {new}{text[end:]}"
