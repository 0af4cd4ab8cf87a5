"""One event's page: what it says, its place in the chain, its proof, and itself as JSON."""

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from peak_console.operations.views.source import Source
from peak_console.operations.views.work import EventProved
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import Line, Span, Tone
from peak_console.tui.long_work import LongWork, WorkDone
from peak_console.tui.messages import SnapshotTaken
from peak_console.tui.screens.base import PeakScreen, age_line
from peak_console.tui.screens.chain_check import ChainChecking
from peak_console.tui.screens.event_drawing import event_page_lines
from peak_console.tui.widgets.document import Document

if TYPE_CHECKING:
    from peak_console.operations.views.run_detail import EventDetail

Neighbour = Callable[[int], int | None]


class EventScreen(ChainChecking, PeakScreen):
    """An event, opened from a timeline; ``n`` and ``N`` walk that timeline."""

    NAME = "event"
    AUTO_FOCUS = "#page"
    DEFAULT_CSS = "EventScreen #page { height: 1fr; padding: 0 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("event")]

    def __init__(self, seq: int, neighbours: Neighbour | None = None) -> None:
        super().__init__()
        self.seq = seq
        self._neighbours = neighbours
        self._detail: EventDetail | None = None
        self._proof: EventProved | None = None
        self._proving: LongWork | None = None

    def body(self) -> Iterable[Widget]:
        """The page."""
        yield Document(id="page")

    @property
    def page(self) -> Document:
        """The page."""
        return self.query_one(Document)

    def on_mount(self) -> None:
        """Say that it is being read, and have it proved meanwhile."""
        super().on_mount()
        self.page.show_lines(lambda _: [(), (Span("  reading the ledger …", Tone.DIM),)])
        self._prove()

    def proving(self) -> LongWork:
        """What proves the event."""
        if self._proving is None:
            self._proving = LongWork(self)
        return self._proving

    def _prove(self) -> None:
        work, seq = self.peak.work(), self.seq
        self._proof = None
        if work is not None:
            self.proving().begin(f"proof {seq}", lambda _progress, _cancelled: work.prove(seq))

    def do_read(self) -> None:
        """Read again, and prove again what was not proved yet."""
        super().do_read()
        if self._proof is None or self._proof.state != "proved":
            self._prove()

    def subject(self) -> Callable[[Source], Any]:
        """The event: it never changes, but may be pruned."""
        seq = self.seq
        return lambda source: source.event(seq)

    def trail(self) -> list[str]:
        """The run, and the event."""
        stack = self.app.screen_stack
        place = stack.index(self) if self in stack else 0
        below = stack[place - 1] if place else None
        origin = below.trail() if isinstance(below, PeakScreen) else []
        return [*origin[-2:], f"#{self.seq:,}"]

    def state_line(self) -> Line:
        """A verification, and how old the page is."""
        if self._detail is None:
            return (Span("reading …", Tone.UNKNOWN),)
        return (*self.chain_line(), *age_line(self._detail.freshness, self.peak.now(), self.stale_s))

    def on_snapshot_taken(self, message: SnapshotTaken) -> None:
        """Show the event."""
        event: EventDetail = message.snapshot
        if event.seq != self.seq:
            return
        before, self._detail = self._detail, event
        if before is None or (before.missing, before.pruned) != (event.missing, event.pruned):
            self._show(top=before is None)
        self.show_crumbs()
        self.refresh_keys()

    def on_work_done(self, message: WorkDone) -> None:
        """The proof came; verifications are told by the mix-in."""
        if message.topic != f"proof {self.seq}":
            return
        if isinstance(message.result, EventProved):
            self._proof = message.result
        elif message.problem:
            self._proof = EventProved("unproved", message.problem, remedy=message.remedy)
        self._show(top=False)

    def _show(self, *, top: bool) -> None:
        event, proof, now = self._detail, self._proof, self.peak.now()
        if event is not None:
            self.page.show_lines(lambda width: event_page_lines(event, proof, width, now), top=top)

    def shown_range(self) -> tuple[int, int] | None:
        """The event itself."""
        event = self._detail
        return None if event is None or event.missing else (self.seq, self.seq)

    def do_event_next(self) -> None:
        """The next event of the timeline."""
        self._walk(1, "later")

    def do_event_previous(self) -> None:
        """The event before it in the timeline."""
        self._walk(-1, "earlier")

    def _walk(self, by: int, word: str) -> None:
        found = self._neighbours(by) if self._neighbours else None
        if found is None:
            self.peak.say(f"no {word} event in this timeline")
            return
        self.seq, self._detail, self._verified = found, None, None
        self.on_mount()
        self.peak.feed.watch(self, self.subject())

    def do_run_why(self) -> None:
        """The page of the event's call."""
        event = self._detail
        if event is None or not event.call_id:
            self.peak.say("this event belongs to no call")
            return
        from peak_console.tui.screens.call import CallScreen  # noqa: PLC0415 - loaded when it is first opened

        self.app.push_screen(CallScreen(event.call_id))

    def has_selection(self) -> bool:
        """Whether there is an event."""
        return self._detail is not None and not self._detail.missing

    def do_copy(self) -> None:
        """Copy the event as JSON."""
        if self._detail is not None:
            text = json.dumps(self._detail.event, indent=2, ensure_ascii=False) + "\n"
            self.peak.copy(text, f"event-{self.seq}")
