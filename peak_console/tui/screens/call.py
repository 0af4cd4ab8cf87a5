"""One call's page: what happened, the route and why, hops, money, texts, and its place in the chain."""

import json
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from peak_console.operations.views.call_detail import CallDetail
from peak_console.operations.views.source import Source
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import Line, Span, Tone
from peak_console.tui.messages import SnapshotTaken
from peak_console.tui.screens.base import PeakScreen, age_line
from peak_console.tui.screens.call_drawing import call_lines, call_text, event_lines
from peak_console.tui.widgets.document import Document

Neighbour = Callable[[int], str | None]


class CallScreen(PeakScreen):
    """A call, opened from a list; ``n`` and ``N`` walk that list."""

    NAME = "call"
    CSS_PATH = "call.tcss"
    AUTO_FOCUS = "#page"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("call")]

    def __init__(self, call_id: str, neighbours: Neighbour | None = None) -> None:
        super().__init__()
        self.call_id = call_id
        self._neighbours = neighbours
        self._detail: CallDetail | None = None
        self._as_events = False

    def body(self) -> Iterable[Widget]:
        """The page."""
        yield Document(id="page")

    @property
    def page(self) -> Document:
        """The page."""
        return self.query_one(Document)

    def on_mount(self) -> None:
        """Say that it is being read."""
        super().on_mount()
        self.page.show_lines(lambda _: [(), (Span("  reading the ledger …", Tone.DIM),)])

    def subject(self) -> Callable[[Source], Any]:
        """The call: one in flight goes on."""
        call_id = self.call_id
        return lambda source: source.call(call_id)

    def trail(self) -> list[str]:
        """The list, and the call."""
        below = self.app.screen_stack[0]
        origin = below.trail() if isinstance(below, PeakScreen) and below is not self else []
        return [*origin, self.call_id]

    def note_line(self) -> Line:
        """Whether events are shown."""
        return (Span("events", Tone.ACCENT),) if self._as_events else ()

    def state_line(self) -> Line:
        """How old it is."""
        if self._detail is None:
            return (Span("reading …", Tone.UNKNOWN),)
        return age_line(self._detail.freshness, self.peak.now(), self.stale_s)

    def on_snapshot_taken(self, message: SnapshotTaken) -> None:
        """Show the call; keep the place while it only grows."""
        call: CallDetail = message.snapshot
        if call.call_id != self.call_id:
            return
        before, self._detail = self._detail, call
        waits = any(hop.line.pending for hop in call.hops)
        if before is None or waits or _said(before) != _said(call):
            self._show(top=before is None)
        if call.moment_due:
            self.peak.feed.poke()
        self.show_crumbs()

    def _show(self, *, top: bool) -> None:
        call, now = self._detail, self.peak.now()
        if call is None:
            return
        if self._as_events:
            self.page.show_lines(lambda width: event_lines(call, width), top=top)
        else:
            self.page.show_lines(lambda width: call_lines(call, width, now), top=top)

    def do_call_events(self) -> None:
        """The events as JSON, and back."""
        self._as_events = not self._as_events
        self._show(top=True)
        self.show_crumbs()

    def do_call_next(self) -> None:
        """The next older call of the list."""
        self._walk(1, "older")

    def do_call_previous(self) -> None:
        """The next newer call of the list."""
        self._walk(-1, "newer")

    def _walk(self, by: int, word: str) -> None:
        found = self._neighbours(by) if self._neighbours else None
        if found is None:
            self.peak.say(f"no {word} call in this list")
            return
        self.call_id, self._detail = found, None
        self.on_mount()
        self.peak.feed.watch(self, self.subject())

    def do_call_run(self) -> None:
        """All calls of this run."""
        if self._detail is not None and self._detail.run_id:
            self.peak.go("calls", f"run:{self._detail.run_id}")

    def do_call_page(self) -> None:
        """The timeline of the call's run."""
        from peak_console.tui.screens.run import RunScreen  # noqa: PLC0415 - loaded when it is first opened

        if self._detail is not None and self._detail.run_id:
            self.app.push_screen(RunScreen(self._detail.run_id))

    def has_selection(self) -> bool:
        """Whether there is a page to copy."""
        return self._detail is not None

    def do_copy(self) -> None:
        """Copy the page, or the events while those are shown."""
        call = self._detail
        if call is None:
            return
        text = (
            json.dumps(list(call.events), indent=2, ensure_ascii=False)
            if self._as_events
            else _copied(call, self)
        )
        self.peak.copy(text, call.call_id)


def _said(call: CallDetail) -> tuple[Any, ...]:
    """What of a page is drawn anew when it changes."""
    return call.events, call.missing, call.told, call.moment_due


def _copied(call: CallDetail, screen: PeakScreen) -> str:
    return call_text(call, screen.peak.now())
