"""A panel with one series over time: head with the last value, plot with axis and limit line, time axis."""

from collections.abc import Callable, Sequence

from peak_console.tui.figures import NONE
from peak_console.tui.ink import Line, Span, Tone, rule
from peak_console.tui.plot import AXIS_WIDTH, Alphabet, PlotStyle, Points, axis_top, plot, time_axis
from peak_console.tui.widgets.canvas import Canvas

_AXIS_FROM = 6
"""Rows from which the time axis is worth one."""


class TimeSeries(Canvas):
    """One series. ``unit`` stands in the head, ``show`` writes a value; ``limit`` is drawn where it fits."""

    def __init__(
        self,
        title: str,
        unit: str,
        show: Callable[[float], str],
        *,
        tone: Tone = Tone.ACCENT,
        filled: bool = True,
        limit_name: str = "limit",
        floor_top: float = 1.0,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(id=id)
        self._title, self._unit, self._show = title, unit, show
        self._tone, self._filled = tone, filled
        self._limit_name, self._floor_top = limit_name, floor_top
        self._points: Points = ()
        self._limit: float | None = None
        self._seconds = 3600
        self.alphabet = Alphabet.BRAILLE

    def show_points(self, points: Points, *, seconds: int, limit: float | None = None) -> None:
        """Draw ``points`` over the last ``seconds``."""
        self._points, self._seconds, self._limit = points, seconds, limit
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Head, plot, and the time axis where there is room for it."""
        style = PlotStyle(
            show=self._show,
            alphabet=self.alphabet,
            filled=self._filled,
            tone=self._tone,
            limit=self._limit,
            floor_top=self._floor_top,
        )
        head = rule(self._head(), width, self._last())
        inner = width - 1
        if not any(point is not None for point in self._points):
            return [head, (), (Span("  no data in this window", Tone.DIM),)]
        axis = height >= _AXIS_FROM
        rows = plot(self._points, inner, height - 1 - axis, style)
        return [head, *rows, *([time_axis(self._seconds, inner - AXIS_WIDTH)] if axis else [])]

    def _head(self) -> Line:
        spans = [Span(self._title, Tone.TEXT)]
        if self._unit:
            spans.append(Span(f" {self._unit}", Tone.DIM))
        return tuple(spans)

    def _last(self) -> Line:
        last = next((point for point in reversed(self._points) if point is not None), None)
        value = NONE if last is None else self._show(last)
        over = self._limit is not None and last is not None and last > self._limit
        spans = [Span(f"▲ {value}" if over else value, Tone.WARN if over else Tone.STRONG)]
        if self._limit is not None:
            far = self._limit > axis_top(self._points, PlotStyle(self._show, limit=self._limit))
            spans.append(
                Span(f"  {self._limit_name} {self._show(self._limit)}{' ↑' if far else ''}", Tone.DIM)
            )
        return tuple(spans)
