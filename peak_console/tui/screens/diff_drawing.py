"""A unified diff as lines: sign, place and colour; within a changed line the words that differ stand out."""

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len, chop_cells

from peak_console.tui.ink import EMPTY, Line, Span, Tone, fit
from peak_console.tui.widgets.canvas import clean

_HUNK: Final = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")
_WORDS: Final = re.compile(r"\w+|\s+|[^\w\s]")
_MOST: Final = 4000
_ALIKE: Final = 0.4
"""Share of equal words from which a pair of lines is told word by word."""

Spans = list[Span]


def counted(diff: str) -> tuple[int, int]:
    """Lines that came and lines that went."""
    body = [line for line in diff.split("\n") if not line.startswith(("+++", "---"))]
    return sum(line.startswith("+") for line in body), sum(line.startswith("-") for line in body)


def diff_lines(diff: str, width: int) -> list[Line]:
    """The diff for ``width`` cells; long lines go on below. Cut after 4,000 lines, which is said."""
    lines: list[Line] = []
    for row in _rows(diff):
        lines.extend(_laid(row, width))
        if len(lines) > _MOST:
            cut = (Span(f" … cut after {_MOST:,} lines; y copies the whole", Tone.WARN),)
            return [*lines[:_MOST], cut]
    return lines


def _rows(diff: str) -> Iterator[Spans]:
    """A row for each line of the diff, the name of the file left out."""
    gone: list[str] = []
    came: list[str] = []
    line, inside = 0, False
    for text in diff.split("\n"):
        if inside and text.startswith("-"):
            if came:
                yield from _changed(gone, came)
                gone, came = [], []
            gone.append(text[1:])
            continue
        if inside and text.startswith("+"):
            came.append(text[1:])
            continue
        yield from _changed(gone, came)
        gone, came = [], []
        if hunk := _HUNK.match(text):
            inside, line = True, int(hunk[2])
            yield [Span(f"── line {line} ", Tone.FAINT)]
        elif text.startswith("\\"):
            yield [Span(f"   {text[2:]}", Tone.FAINT)]
        elif inside and text:
            yield [Span("   ", Tone.DIM), Span(clean(text[1:].expandtabs(4)), Tone.DIM)]
    yield from _changed(gone, came)


def _changed(gone: Sequence[str], came: Sequence[str]) -> Iterator[Spans]:
    """Lines that went and lines that came; pairs are told word by word."""
    pairs = dict(_pairs(gone, came))
    back = {new: old for old, new in pairs.items()}
    for at, text in enumerate(gone):
        other = came[pairs[at]] if at in pairs else None
        yield [Span(" - ", Tone.BAD), *_words(text, other, Tone.BAD)]
    for at, text in enumerate(came):
        other = gone[back[at]] if at in back else None
        yield [Span(" + ", Tone.OK), *_words(text, other, Tone.OK)]


def _pairs(gone: Sequence[str], came: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Which line became which, in order, where they are alike enough."""
    if len(gone) != len(came):
        return
    for at, (old, new) in enumerate(zip(gone, came, strict=True)):
        matcher = difflib.SequenceMatcher(None, _WORDS.findall(old), _WORDS.findall(new), autojunk=False)
        if matcher.ratio() >= _ALIKE:
            yield at, at


def _words(text: str, other: str | None, tone: Tone) -> Spans:
    if other is None:
        return [Span(clean(text.expandtabs(4)), tone)]
    mine, theirs = _WORDS.findall(text), _WORDS.findall(other)
    spans: Spans = []
    matcher = difflib.SequenceMatcher(None, theirs, mine, autojunk=False)
    for tag, _, _, start, end in matcher.get_opcodes():
        piece = clean("".join(mine[start:end]).expandtabs(4))
        if piece:
            spans.append(Span(piece, Tone.DIM if tag == "equal" else tone))
    return spans


def _laid(row: Sequence[Span], width: int) -> list[Line]:
    """The row in as many lines as it takes; the sign stands on the first."""
    if sum(span.width for span in row) <= width or len(row) < 2:  # noqa: PLR2004 - a sign and words
        return [fit(row, width)]
    sign, *words = row
    room = max(8, width - sign.width)
    lines: list[Line] = []
    current: Spans = []
    used = 0
    for text, tone in words:
        for piece in _chopped(text, room - used, room):
            if used + cell_len(piece) > room:
                lines.append(tuple(current))
                current, used = [], 0
            current.append(Span(piece, tone))
            used += cell_len(piece)
    lines.append(tuple(current))
    blank = Span(" " * sign.width)
    return [((sign if not at else blank), *line) for at, line in enumerate(lines)]


def _chopped(text: str, first: int, room: int) -> list[str]:
    """Pieces of at most ``room`` cells, the first of at most ``first``."""
    if cell_len(text) <= first:
        return [text]
    head = chop_cells(text, first)[0] if first > 0 else ""
    return [*([head] if head else []), *chop_cells(text[len(head) :], room)]


def nothing_differs(what: str) -> list[Line]:
    """What stands where a diff is empty."""
    return [EMPTY, (Span(f"   {what}", Tone.DIM),)]
