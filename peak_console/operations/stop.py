"""Stop: files first, then orders and the record, then what others still do. No record: the next node's."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.control import sockets
from peak_console.control.history import stop_draft
from peak_console.control.sockets import find_socket
from peak_console.control.stop import StopOutcome, stop_now
from peak_console.control.venues import VenuesStep, begin_cancel_all, venues_of
from peak_console.domain.errors import PeakError
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.stop_background import BackgroundStep, cancel_background
from peak_console.operations.workers import PATIENCE_S as WORKERS_S
from peak_console.operations.workers import Attendance, acknowledgements

NODE_SOCKET: Final = sockets.NODE_SOCKET
"""The node's socket in the control folder; prefer :func:`peak_console.control.sockets.find_socket`."""

PATIENCE_S: Final = 2.0
"""How long the record may take; the stop itself is done before."""

SILENT_S: Final = 0.5
"""How long it may take at a node that gave no answer a moment ago: the node records it from the files."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """Where a stop stands in the ledger, or why it does not yet."""

    seq: int | None
    why: str = ""

    @property
    def line(self) -> str:
        """The outcome for people."""
        if self.seq is not None:
            return f"recorded as #{self.seq:,}"
        return f"not recorded yet ({self.why}); the next node records it from the files"

    def as_dict(self) -> dict[str, Any]:
        """The outcome for programs."""
        return {"seq": self.seq, "why": self.why, "line": self.line}


@dataclass(frozen=True, slots=True)
class Stopped:
    """A stop with its record, who acknowledged it, and what became of orders and background work."""

    outcome: StopOutcome
    recorded: Recorded
    background: BackgroundStep
    venues: VenuesStep
    workers: Attendance


def stop(ws: Workspace, *, reason: str = "", operator: str = "") -> Stopped:
    """Stop the workspace, cancel its orders, record it, cancel its background work. Never refuses.

    Look at ``outcome.effective`` and ``.failed``; neither depends on what comes after them.
    """
    outcome = stop_now(ws.control, reason=reason, operator=operator)
    orders = begin_cancel_all(venues_of(ws.root))
    recorded = record_stop(ws, outcome)
    workers = acknowledgements(ws, outcome.stop_id, patience_s=WORKERS_S)
    background = cancel_background([ws])[0]
    return Stopped(outcome, recorded, background, orders.result(), workers)


def record_stop(ws: Workspace, outcome: StopOutcome, *, patience_s: float = PATIENCE_S) -> Recorded:
    """Record a stop that was done, through the node; never raises."""
    draft = stop_draft(
        outcome.stop_id,
        reason=outcome.reason,
        operator=outcome.operator,
        scope=outcome.scope,
        asked_scope=outcome.asked_scope,
        at=outcome.at,
        # a stop that left STOP ends whatever is in force; one that could not ends the enable it removed
        ended=None if outcome.report.written else outcome.report.enabled_event,
        steps=tuple(asdict(one) for one in outcome.report.steps),
    )
    try:
        path = find_socket(ws.control)
        with BlockingLedgerClient.connect(path, name="stop", deadline_s=patience_s) as client:
            return Recorded(client.append([draft])[0].seq)
    except PeakError as error:
        if error.code == "event_id_taken":
            return _recorded_by_node(ws, draft.event_id)
        return Recorded(None, error.message)
    except OSError as error:
        return Recorded(None, error.strerror or str(error))


def _recorded_by_node(ws: Workspace, event_id: str) -> Recorded:
    """The node saw ``STOP`` first and has recorded it under the same event id."""
    try:
        with LedgerReader(ws.ledger) as reader:
            found = reader.by_event(event_id)
    except PeakError as error:
        return Recorded(None, error.message)
    return Recorded(found.seq) if found else Recorded(None, "it is not to be found")
