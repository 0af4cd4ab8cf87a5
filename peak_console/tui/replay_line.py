"""The scrub line of a replay: where it stands, how fast it runs, and what happened along the way."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, cast

from textual.events import Click

from peak_console.operations.views.replay_clock import ReplaySpan
from peak_console.tui import figures
from peak_console.tui.ink import Line, Span, Tone, width_of
from peak_console.tui.widgets.canvas import Canvas

if TYPE_CHECKING:
    from peak_console.tui.app import PeakApp

SIGNS: Final = {
    "stopped": ("■", Tone.BAD),
    "enabled": ("●", Tone.OK),
    "denied": ("✗", Tone.BAD),
    "tripped": ("▲", Tone.WARN),
    "node": ("◆", Tone.ACCENT),
    "changed": ("◇", Tone.ACCENT),
    "failed": ("╵", Tone.WARN),
}
"""A sign and a tone for each mark."""

_ROOMY: Final = 100
_GONE, _TO_COME, _HERE = "━", "─", "┃"


class ReplayLine(Canvas):
    """One row, the second of every screen; a click goes to the moment under the pointer."""

    DEFAULT_CSS = """
    ReplayLine {
        height: 1;
        background: $ink-bar;
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._bar = (0, 1)

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """State, moment, and the bar of all that is replayed."""
        app = cast("PeakApp", self.app)
        clock = app.replay
        if clock is None or not height:
            return []
        at, playing = clock.position(), clock.playing
        left = head_of(clock.span, at, playing=playing, speed=clock.speed, roomy=width >= _ROOMY)
        right = (Span(f" {edge(clock.span.end, at)} ", Tone.DIM),)
        cells = width - width_of(left) - width_of(right)
        self._bar = (width_of(left), max(1, cells))
        app.ask_for_marks(cells)
        return [(*left, *bar_of(clock.span, at, app.replay_marks.get(cells, ()), cells), *right)]

    def on_click(self, event: Click) -> None:
        """Go there."""
        app, (first, cells) = cast("PeakApp", self.app), self._bar
        if app.replay is not None and first <= event.x < first + cells:
            share = (event.x - first) / max(1, cells - 1)
            app.replay.seek(app.replay.span.start + (app.replay.span.end - app.replay.span.start) * share)
            self.redraw()
            app.feed.poke()


def head_of(span: ReplaySpan, at: datetime, *, playing: bool, speed: int, roomy: bool) -> Line:
    """Whether it runs, how fast, and the moment; where there is room, when it all began. Pure."""
    chip = Span(" ▶ ", Tone.CHIP_OK) if playing else Span(" ‖ ", Tone.CHIP_WARN)
    word = "end" if at >= span.end and not playing else "play" if playing else "held"
    moment = at.astimezone(UTC)
    begin = (Span(f"{edge(span.start, at)} ", Tone.DIM),) if roomy else ()
    return (
        chip,
        Span(f" {word:<4}", Tone.DIM),
        Span(f" {speed}\N{MULTIPLICATION SIGN}".rjust(5), Tone.STRONG if playing else Tone.DIM),
        Span(f"  {moment:%m-%d} ", Tone.DIM),
        Span(f"{figures.clock(moment)}  ", Tone.STRONG),
        *begin,
    )


def edge(moment: datetime, at: datetime) -> str:
    """An end of what is replayed: its clock, with the date in front on another day than the moment's."""
    moment, at = moment.astimezone(UTC), at.astimezone(UTC)
    return f"{moment:%H:%M:%S}Z" if moment.date() == at.date() else f"{moment:%m-%d %H:%M}Z"


def bar_of(span: ReplaySpan, at: datetime, marks: Sequence[str], cells: int) -> Line:
    """The bar: what is past strong, what is to come thin, marks in their places. Pure."""
    if cells <= 0:
        return ()
    here = round(span.share(at) * (cells - 1))
    spans: list[Span] = []
    for cell in range(cells):
        mark = SIGNS.get(marks[cell] if cell < len(marks) else "")
        if cell == here:
            piece = Span(mark[0] if mark else _HERE, Tone.CURSOR if mark else Tone.STRONG)
        elif mark is not None:
            piece = Span(*mark)
        else:
            piece = Span(_GONE, Tone.ACCENT) if cell < here else Span(_TO_COME, Tone.FAINT)
        if spans and spans[-1].tone is piece.tone:
            spans[-1] = Span(spans[-1].text + piece.text, piece.tone)
        else:
            spans.append(piece)
    return tuple(spans)
