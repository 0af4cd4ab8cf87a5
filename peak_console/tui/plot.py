"""Series over time in characters: braille dots, blocks, or ASCII. Pure: points in, lines out.

Braille cells are 2 by 4 dots (Unicode U+2800); a block cell has eight heights. Missing data is a gap
with a dot on the floor, never a zero.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from peak_console.tui.ink import Line, Span, Tone, cell

Points = Sequence[float | None]
Grid = list[list[tuple[str, Tone]]]

_BLOCKS = " ▁▂▃▄▅▆▇█"
_ASCII = " .:-=+*#"
_LEFT_DOTS = (0x40, 0x04, 0x02, 0x01)
_RIGHT_DOTS = (0x80, 0x20, 0x10, 0x08)


class Alphabet(StrEnum):
    """The characters that a terminal can be trusted with."""

    BRAILLE = "braille"
    BLOCK = "block"
    ASCII = "ascii"


@dataclass(frozen=True, slots=True)
class PlotStyle:
    """How a series is drawn. ``show`` turns a value into its axis label; ``limit`` is drawn as a line."""

    show: Callable[[float], str]
    alphabet: Alphabet = Alphabet.BRAILLE
    filled: bool = True
    tone: Tone = Tone.ACCENT
    limit: float | None = None
    floor_top: float = 1.0
    """The least value the axis ends at, so that noise near zero does not fill the plot."""


AXIS_WIDTH = 7
_LEAST_COLUMNS, _LEAST_ROWS = 4, 2
_MIDDLE_FROM = 24
_DAY_S, _HOUR_S = 86_400, 3600


def resample(points: Points, columns: int) -> list[float | None]:
    """The points over ``columns``: the highest of those that share one, ``None`` where there is none."""
    size = len(points)
    if not size or columns <= 0:
        return [None] * max(0, columns)
    sampled: list[float | None] = []
    for column in range(columns):
        first = column * size // columns
        last = max(first + 1, (column + 1) * size // columns)
        known = [point for point in points[first:last] if point is not None]
        sampled.append(max(known) if known else None)
    return sampled


def nice_top(value: float) -> float:
    """The next of 1, 2, 2.5, … times a power of ten at or above ``value``: the end of an axis."""
    if value <= 0:
        return 1.0
    scale = 10.0 ** math.floor(math.log10(value))
    for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8):
        if value <= step * scale * 1.000001:
            return step * scale
    return 10 * scale


def axis_top(points: Points, style: PlotStyle) -> float:
    """Where the axis ends: above the data, and above the limit unless that lies far off."""
    highest = max((point for point in points if point is not None), default=0.0)
    if style.limit is not None and style.limit <= 3 * max(highest, 1e-12):
        highest = max(highest, style.limit * 1.05)
    return nice_top(max(highest, style.floor_top))


def plot(points: Points, width: int, height: int, style: PlotStyle) -> list[Line]:
    """The series in ``width`` by ``height`` cells, the axis labels at the left included."""
    columns = width - AXIS_WIDTH
    if columns < _LEAST_COLUMNS or height < _LEAST_ROWS:
        return []
    top = axis_top(points, style)
    grid = _DRAWERS[style.alphabet](points, columns, height, top, style)
    _draw_limit(grid, top, style)
    return [(*_label(row, height, top, style), *_runs(cells)) for row, cells in enumerate(grid)]


def _label(row: int, height: int, top: float, style: PlotStyle) -> Line:
    corner, side = ("|", "|") if style.alphabet is Alphabet.ASCII else ("┤", "│")
    value = {0: top, height - 1: 0.0}.get(row)
    tone = Tone.DIM
    if value is None and row == _limit_row(height, top, style):
        value, tone = style.limit, Tone.WARN
    if value is None:
        return (Span(" " * (AXIS_WIDTH - 1), Tone.FAINT), Span(side, Tone.FAINT))
    return (cell(style.show(value) + " ", AXIS_WIDTH - 1, tone, right=True), Span(corner, Tone.FAINT))


def _limit_row(height: int, top: float, style: PlotStyle) -> int | None:
    """The row that the limit falls into; ``None`` when it lies above the axis or there is none."""
    if style.limit is None or style.limit > top:
        return None
    return min(height - 1, max(0, height - 1 - math.floor(style.limit / top * height - 1e-9)))


def _runs(cells: Sequence[tuple[str, Tone]]) -> list[Span]:
    """Neighbouring cells of one tone as one span."""
    spans: list[Span] = []
    for mark, tone in cells:
        if spans and spans[-1].tone is tone:
            spans[-1] = Span(spans[-1].text + mark, tone)
        else:
            spans.append(Span(mark, tone))
    return spans


def _draw_limit(grid: Grid, top: float, style: PlotStyle) -> None:
    row = _limit_row(len(grid), top, style)
    if row is None:
        return
    mark = "-" if style.alphabet is Alphabet.ASCII else "╌"
    for column, (char, _) in enumerate(grid[row]):
        if char == " ":
            grid[row][column] = (mark, Tone.WARN)


def _braille(points: Points, columns: int, height: int, top: float, style: PlotStyle) -> Grid:
    dots = resample(points, columns * 2)
    levels = [None if value is None else _level(value, top, height * 4) for value in dots]
    grid: Grid = [[(" ", style.tone) for _ in range(columns)] for _ in range(height)]
    for column in range(columns):
        left, right = levels[2 * column], levels[2 * column + 1]
        if left is None and right is None:
            grid[height - 1][column] = ("·", Tone.FAINT)
            continue
        before = levels[2 * column - 1] if column else None
        spans = (_span(left, before, style), _span(right, left, style))
        for row in range(height):
            bits = _bits(spans[0], height - 1 - row, _LEFT_DOTS) | _bits(
                spans[1], height - 1 - row, _RIGHT_DOTS
            )
            if bits:
                grid[row][column] = (chr(0x2800 + bits), style.tone)
    return grid


def _level(value: float, top: float, dots: int) -> int:
    """Dots from the floor; at least one for what is not zero."""
    level = round(value / top * dots)
    return min(dots, max(1 if value > 0 else 0, level))


def _span(level: int | None, before: int | None, style: PlotStyle) -> tuple[int, int]:
    """The dots [from, to) of one column: all below when filled, else the stroke from its neighbour."""
    if level is None:
        return 0, 0
    if style.filled:
        return 0, level
    top = max(level, 1)
    other = top if before is None else max(before, 1)
    return min(top - 1, other), max(top, other)


def _bits(span: tuple[int, int], floor_row: int, dots: tuple[int, int, int, int]) -> int:
    """The dot bits of one cell column that lie within the span; ``floor_row`` counts from the bottom."""
    low, high = span[0] - 4 * floor_row, span[1] - 4 * floor_row
    return sum(dots[dot] for dot in range(max(0, low), min(4, high)))


def _blocks(points: Points, columns: int, height: int, top: float, style: PlotStyle) -> Grid:
    return _columns(points, columns, height, top, style, steps=_BLOCKS)


def _ascii(points: Points, columns: int, height: int, top: float, style: PlotStyle) -> Grid:
    return _columns(points, columns, height, top, style, steps=_ASCII)


def _columns(points: Points, columns: int, height: int, top: float, style: PlotStyle, *, steps: str) -> Grid:
    """Columns of the characters ``steps``, from empty to full."""
    per_cell = len(steps) - 1
    grid: Grid = [[(" ", style.tone) for _ in range(columns)] for _ in range(height)]
    for column, value in enumerate(resample(points, columns)):
        if value is None:
            grid[height - 1][column] = ("." if steps is _ASCII else "·", Tone.FAINT)
            continue
        level = _level(value, top, height * per_cell)
        for row in range(height):
            part = min(per_cell, max(0, level - (height - 1 - row) * per_cell))
            grid[row][column] = (steps[part], style.tone)
    return grid


_DRAWERS = {Alphabet.BRAILLE: _braille, Alphabet.BLOCK: _blocks, Alphabet.ASCII: _ascii}


def spark(
    points: Points, width: int, *, top: float | None = None, alphabet: Alphabet = Alphabet.BLOCK
) -> str:
    """The series in one row; ``·`` where there is no data, a blank where it is zero."""
    steps = _ASCII if alphabet is Alphabet.ASCII else _BLOCKS
    gap = "_" if alphabet is Alphabet.ASCII else "·"
    columns = resample(points, width)
    highest = top or max((value for value in columns if value), default=0.0) or 1.0
    return "".join(
        gap if value is None else steps[_level(value, highest, len(steps) - 1)] for value in columns
    )


def time_axis(seconds: int, columns: int, *, indent: int = AXIS_WIDTH) -> Line:
    """The foot of a plot of ``columns`` cells: how long ago its left edge, middle and right edge are."""
    left, middle, right = f"-{_ago(seconds)}", f"-{_ago(seconds // 2)}", "now"
    if columns < _MIDDLE_FROM:
        gap = columns - len(left) - len(right)
        return (Span(" " * indent), Span(left + " " * max(1, gap) + right, Tone.FAINT))
    half = columns // 2
    text = left.ljust(half - len(middle) // 2) + middle
    return (Span(" " * indent), Span(text.ljust(columns - len(right)) + right, Tone.FAINT))


def _ago(seconds: int) -> str:
    if seconds % _DAY_S == 0:
        return f"{seconds // _DAY_S}d"
    if seconds >= _DAY_S:
        return f"{seconds / _DAY_S:.1f}d"
    if seconds % _HOUR_S == 0:
        return f"{seconds // _HOUR_S}h"
    return f"{seconds // 60}m" if seconds % 60 == 0 else f"{seconds / 60:.1f}m"
