"""The incident panel, over any screen: ``!`` opens it; in it one key disarms, stops, captures, or all three.

Each key works in a thread of its own, from the files first: nothing that hangs on the screen, in the feed or
in the node can hold it up.
"""

import math
import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget

from peak_console.config.workspace import Workspace
from peak_console.domain.posture import PostureState
from peak_console.operations.views.incidents import IncidentLine, IncidentsFacts
from peak_console.operations.views.source import Source
from peak_console.tui.actions import bindings_for
from peak_console.tui.containing import PARTS
from peak_console.tui.messages import SnapshotTaken
from peak_console.tui.screens.base import PeakModal
from peak_console.tui.screens.incident_panel_drawing import PanelFacts, panel_lines
from peak_console.tui.widgets.lines import Lines

_LEAST: Final = (72, 18)
_WIDEST: Final = 104
_FRAME: Final = (8, 4)
"""Columns and rows that frame, margins and bars take."""


class CooldownTold(Message):
    """What the node says of the cooldown."""

    def __init__(self, left_s: int) -> None:
        super().__init__()
        self.left_s = left_s


class IncidentPanel(PeakModal):
    """Posture in the runbook's words, what is open, the keys that make it safer, and what they did."""

    NAME = "incident"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("incident")]
    DEFAULT_CSS = """
    IncidentPanel .panel { border: round $ink-bad; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._facts: IncidentsFacts | None = None
        self._ready_at: datetime | None = None
        self._asked_cooldown = False

    def panel(self) -> Iterable[Widget]:
        """The lines."""
        framed = Vertical(Lines(id="incident-lines"), classes="panel")
        framed.border_title = "incident"
        yield framed

    def on_mount(self) -> None:
        """Draw at once what is known."""
        self.peak.forget_old_results()
        self.peak.clear_notifications()  # what they say stands in the panel
        self.draw()

    def subject(self) -> Callable[[Source], Any]:
        """Incidents, and whom to call."""
        return lambda source: source.incidents()

    def on_resize(self) -> None:
        """Draw for the new size."""
        super().on_resize()
        if self.is_mounted:
            self.draw()

    def tick(self) -> None:
        """A second has passed: ages and the cooldown move on."""
        super().tick()
        self.draw()

    def bar_taken(self) -> None:
        """The posture is new: the read-back stands in the panel too."""
        super().bar_taken()
        self._read_cooldown()
        self.draw()

    def on_snapshot_taken(self, message: SnapshotTaken) -> None:
        """Incidents and contacts were read."""
        self._facts = message.snapshot
        self.draw()

    # -- what is shown

    @property
    def incidents(self) -> tuple[IncidentLine, ...]:
        """The open ones: of now, also in a replay."""
        if self._facts is not None:
            return self._facts.open
        return self.peak.bar.incidents

    def facts(self) -> PanelFacts:
        """All that is drawn."""
        read = self._facts
        return PanelFacts(
            self.peak.bar,
            self.peak.now(),
            self.incidents,
            () if read is None else read.contacts,
            "" if read is None else read.contacts_problem,
            tuple(self.peak.contained.values()),
            self._cooldown_left(),
            doing_s=self.peak.since_the_key_s(),
            reading=read is None,
            readonly=self.peak.flags.readonly,
        )

    def draw(self) -> None:
        """Draw anew: as many lines as there is room for."""
        columns, rows = self.app.size
        width = max(_LEAST[0], min(_WIDEST, columns - _FRAME[0]))
        height = max(_LEAST[1], rows - _FRAME[1])
        for panel in self.query(".panel"):
            panel.styles.width, panel.styles.margin = width + 4, (0, 1)
        for shown in self.query("#incident-lines").results(Lines):
            shown.show_lines(panel_lines(self.facts(), width, height))

    # -- the cooldown

    def _read_cooldown(self) -> None:
        """Ask the node once for each stop that is seen."""
        workspace, posture = self.peak.opening.workspace, self.peak.bar.live_posture or self.peak.bar.posture
        if posture.state is not PostureState.STOPPED or workspace is None:
            self._asked_cooldown, self._ready_at = False, None
        elif not self._asked_cooldown:
            self._asked_cooldown = True
            threading.Thread(
                target=lambda: self._tell_cooldown(workspace), name="peak-cooldown", daemon=True
            ).start()

    def _tell_cooldown(self, workspace: Workspace) -> None:
        from peak_console.tui.screens.enable import read_cooldown  # noqa: PLC0415 - loads the keys

        self.post_message(CooldownTold(read_cooldown(workspace)))

    def on_cooldown_told(self, message: CooldownTold) -> None:
        """Count down from what the node says."""
        if message.left_s > 0:
            self._ready_at = self.peak.now() + timedelta(seconds=message.left_s)
            self.draw()

    def _cooldown_left(self) -> int:
        if self._ready_at is None:
            return 0
        return max(0, math.ceil((self._ready_at - self.peak.now()).total_seconds()))

    # -- the keys

    def do_incident_open(self) -> None:
        """It is open."""

    def do_incident_disarm(self, reason: str = "") -> None:
        """Disarm now."""
        self.begin(("disarm",), reason)

    def do_incident_stop(self, reason: str = "") -> None:
        """Stop now."""
        self.begin(("stop",), reason)

    def do_incident_capture(self, reason: str = "") -> None:
        """Capture now."""
        self.begin(("capture",), reason)

    def do_incident_contain(self, reason: str = "") -> None:
        """All three, in their order."""
        self.begin(PARTS, reason)

    def begin(self, names: tuple[str, ...], reason: str = "") -> None:
        """Do the parts, in a thread of their own."""
        self.peak.contain(names, reason, self._incident_id())
        self.draw()

    def _incident_id(self) -> str:
        """The newest open incident of now; in a replay those of now are not known here."""
        known = self.incidents if self.peak.replay is None else ()
        return known[0].incident_id if known else ""

    # -- ways on

    def do_incident_show(self) -> None:
        """The Incident screen, on the newest open incident."""
        incident_id = self._incident_id()
        self.dismiss()
        self.app.call_later(self.peak.do_go_incidents, incident_id)
