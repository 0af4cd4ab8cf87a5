"""Which cells of a row are written again: those that differ, whatever stands around them."""

import random

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from peak_console.tui.widgets.canvas import cells_of, changes

_STYLES = (Style(bold=True), Style(italic=True), Style())
_WORDS = ("", "a", "ab ", "12s", "日本", "e\u0301", "\u0301x", "✓ ok", "█▌", "é")


def _row(chance: random.Random) -> list[Segment]:
    return [Segment(chance.choice(_WORDS), chance.choice(_STYLES)) for _ in range(chance.randint(0, 6))]


def test_what_is_written_again_makes_the_new_row() -> None:
    """The old row with the runs of the new one over it is the new row; no run is of the same alone."""
    chance = random.Random(11)  # noqa: S311 - a course of rows
    for _ in range(1500):
        old = _row(chance)
        new = [chance.choice((one, one, *_row(chance)[:1])) for one in old] + _row(chance)[
            : chance.randint(0, 1)
        ]
        was, now = cells_of(Strip(old)), cells_of(Strip(new))
        width = max(len(was), len(now))
        was, now = was + [("", None)] * (width - len(was)), now + [("", None)] * (width - len(now))
        runs = changes(Strip(old), Strip(new))
        for start, end in runs:
            assert any(was[at] != now[at] for at in range(start, end))
            was[start:end] = now[start:end]
        assert was == now


def test_one_figure_of_a_long_row_is_all_that_is_written() -> None:
    """A second that passed is one cell."""
    row = [Segment("state ", _STYLES[0]), Segment("1", _STYLES[1]), Segment("s and the rest ✓", _STYLES[2])]
    later = [row[0], Segment("2", _STYLES[1]), row[2]]
    assert changes(Strip(row), Strip(later)) == [(6, 7)]
