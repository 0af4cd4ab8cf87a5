"""A shadow cycle's page: data, ideas, critics, intent, gate with its figures, fill, book, steps."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from peak_console.domain.events import EventKind
from peak_console.operations.shadow.ending_words import ENDED
from peak_console.operations.shadow.gate_figures import gate_figures
from peak_console.operations.views.shadow import CycleLine
from peak_console.tui.action import ActionState, ShadowChosen
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import Line, Span, Tone, text_of
from peak_console.tui.messages import SnapshotTaken
from peak_console.tui.screens.base import PeakScreen, age_line
from peak_console.tui.screens.shadow_cycle_drawing import CyclePage, cycle_lines
from peak_console.tui.screens.shadow_doing import ShadowDoing
from peak_console.tui.screens.shadow_model import body_of
from peak_console.tui.widgets.document import Document

if TYPE_CHECKING:
    from peak_console.operations.views.source import Source

Neighbour = Callable[[int, int], CycleLine | None]


class ShadowCycleScreen(ShadowDoing, PeakScreen):
    """Opened from the cycles; ``n`` and ``N`` walk that list."""

    NAME = "shadow-cycle"
    AUTO_FOCUS = "#shadow-cycle-page"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("shadow-cycle")]
    DEFAULT_CSS = "ShadowCycleScreen #shadow-cycle-page { height: 1fr; padding: 0 1; }"

    def __init__(self, seq: int, run_id: str, neighbour: Neighbour | None = None) -> None:
        super().__init__()
        self.seq, self.run_id = seq, run_id
        self._neighbour = neighbour
        self._page: CyclePage | None = None

    def body(self) -> Iterable[Widget]:
        """The page."""
        yield Document(id="shadow-cycle-page")

    def on_mount(self) -> None:
        """Say that it is being read."""
        super().on_mount()
        self._draw_reading()

    def _draw_reading(self) -> None:
        self._page = None
        self.query_one(Document).show_lines(lambda _: [(Span("reading the ledger …", Tone.DIM),)], top=True)

    def subject(self) -> "Callable[[Source], Any]":
        """The cycle's event, and the gate's of the same run: both never change."""
        seq, run_id = self.seq, self.run_id

        def read(source: "Source") -> CyclePage:
            event = source.event(seq)
            run = source.run(run_id) if run_id else None
            decided = [one for one in (run.events if run else ()) if one.kind == EventKind.GATE_DECIDED.value]
            gate = body_of(source, decided[-1].seq) if decided else {}
            body = event.event.get("body")
            return CyclePage(
                seq,
                run_id,
                event.at,
                with_ending(source, seq, body) if isinstance(body, dict) else {},
                gate_figures(gate.get("inputs")),
                decided[-1].seq if decided else 0,
                event.missing or ("its body was pruned" if event.pruned else ""),
                event.freshness,
            )

        return read

    def trail(self) -> list[str]:
        """Shadow, and the run."""
        return ["Shadow", self.run_id or f"#{self.seq:,}"]

    def state_line(self) -> Line:
        """The age of what is shown."""
        if self._page is None:
            return (Span("reading …", Tone.UNKNOWN),)
        return age_line(self._page.freshness, self.peak.now(), self.stale_s)

    def on_snapshot_taken(self, message: SnapshotTaken) -> None:
        """Show it; what was read of another cycle is not shown."""
        page = message.snapshot
        if not isinstance(page, CyclePage) or page.seq != self.seq:
            return
        self._page = page
        self.query_one(Document).show_lines(self._lines)
        self.show_crumbs()
        self.refresh_keys()

    def _lines(self, width: int) -> list[Line]:
        return [] if self._page is None else list(cycle_lines(self._page, self.peak.now(), width))

    def chosen(self) -> ShadowChosen:
        """The cycle's run."""
        return ShadowChosen(run_id=self.run_id)

    def action_state(self) -> ActionState:
        """With the run."""
        return self.with_chosen(super().action_state())

    def do_shadow_timeline(self) -> None:
        """The run's page."""
        from peak_console.tui.screens.run import RunScreen  # noqa: PLC0415 - when it is opened

        if self.run_id:
            self.app.push_screen(RunScreen(self.run_id))

    def do_shadow_older(self) -> None:
        """The cycle below in the list."""
        self._walk(1)

    def do_shadow_newer(self) -> None:
        """The cycle above in the list."""
        self._walk(-1)

    def _walk(self, by: int) -> None:
        found = self._neighbour(self.seq, by) if self._neighbour is not None else None
        if found is None:
            self.peak.say("this is the last one of the list" if by > 0 else "this is the newest of the list")
            return
        self.seq, self.run_id = found.seq, found.run_id
        self._draw_reading()
        self.show_crumbs()
        self.peak.feed.watch(self, self.subject())

    def do_copy(self) -> None:
        """Copy the page."""
        self.peak.copy("\n".join(text_of(line).rstrip() for line in self._lines(120)) + "\n", "cycle")


def with_ending(source: "Source", seq: int, body: dict[str, Any]) -> dict[str, Any]:
    """The body of a cycle; of one that was told to end, with why, as the list of cycles has it."""
    if body.get("reasons") != [ENDED]:
        return body
    known = next((one for one in source.shadow().cycles if one.seq == seq), None)
    return {**body, "reasons": list(known.reasons)} if known is not None and known.reasons else body
