"""Drift of a model: its streams with their evidence, the names it answered under, its checks one by one."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from peak_console.operations.views.freshness import Health
from peak_console.operations.views.shadow import DriftLine, ShadowFacts
from peak_console.tui.action import ActionState, ShadowChosen
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import Line, Span, Tone, text_of
from peak_console.tui.messages import SnapshotTaken
from peak_console.tui.screens.base import PeakScreen, age_line
from peak_console.tui.screens.shadow_doing import ShadowDoing
from peak_console.tui.screens.shadow_drift_drawing import model_lines
from peak_console.tui.widgets.document import Document

if TYPE_CHECKING:
    from peak_console.operations.views.source import Source

Bodies = Mapping[int, Mapping[str, Any]]


class ShadowModelScreen(ShadowDoing, PeakScreen):
    """Opened from the drift list."""

    NAME = "shadow-model"
    AUTO_FOCUS = "#shadow-model"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("shadow-model")]
    DEFAULT_CSS = "ShadowModelScreen #shadow-model { height: 1fr; padding: 0 1; }"

    def __init__(self, name: str, slots: tuple[str, ...] = ()) -> None:
        """``slots`` are those whose line was chosen; they stand first."""
        super().__init__()
        self.model_name, self._slots = name, slots
        self._facts: ShadowFacts | None = None
        self._bodies: Bodies = {}

    def body(self) -> Iterable[Widget]:
        """The page."""
        yield Document(id="shadow-model")

    def on_mount(self) -> None:
        """Say that it is being read."""
        super().on_mount()
        self.query_one(Document).show_lines(lambda _: [(Span("reading …", Tone.DIM),)])

    def subject(self) -> "Callable[[Source], Any]":
        """The facts, and the events of the model's checks."""
        name = self.model_name

        def read(source: "Source") -> tuple[ShadowFacts, Bodies]:
            facts = source.shadow()
            mine = [line for line in facts.drift if line.name == name]
            checks = [check for one in mine for check in (one.canary, one.two_sample)]
            bodies = {check.seq: body_of(source, check.seq) for check in checks if check and check.seq}
            return facts, bodies

        return read

    @property
    def models(self) -> list[DriftLine]:
        """The model in each of its slots as it stands, the chosen one first."""
        found = self._facts.drift if self._facts else ()
        mine = [one for one in found if one.name == self.model_name]
        return sorted(mine, key=lambda one: one.slots != self._slots)

    def trail(self) -> list[str]:
        """Shadow, and the model."""
        return ["Shadow", self.model_name]

    def state_line(self) -> Line:
        """The age of the facts."""
        if self._facts is None:
            return (Span("reading …", Tone.UNKNOWN),)
        return age_line(self._facts.freshness, self.peak.now(), self.stale_s)

    def on_snapshot_taken(self, message: SnapshotTaken) -> None:
        """Show it."""
        self._facts, self._bodies = message.snapshot
        self._show()
        self.show_crumbs()
        self.refresh_keys()

    def tick(self) -> None:
        """Ages move on."""
        super().tick()
        if self.is_mounted and self._facts is not None:
            self._show()

    def _show(self) -> None:
        self.query_one(Document).show_lines(self._lines)

    def _lines(self, width: int) -> list[Line]:
        found, facts, now = self.models, self._facts, self.peak.now()
        if not found or facts is None:
            return [(Span("nothing is known of this model", Tone.WARN),)]
        stale = self.peak.replay is None and facts.freshness.health(now, self.stale_s) is not Health.FRESH
        return [line for one in found for line in model_lines(one, self._bodies, now, width, stale=stale)]

    def chosen(self) -> ShadowChosen:
        """The model."""
        return ShadowChosen(None, next(iter(self.models), None))

    def action_state(self) -> ActionState:
        """With the model."""
        state = super().action_state()
        return self.with_chosen(state) if self._facts is not None else state

    def do_copy(self) -> None:
        """Copy the page."""
        self.peak.copy("\n".join(text_of(line).rstrip() for line in self._lines(120)) + "\n", "drift")


def body_of(source: "Source", seq: int) -> Mapping[str, Any]:
    """What an event says; nothing where it was pruned or is not there."""
    body = source.event(seq).event.get("body")
    return body if isinstance(body, dict) else {}
