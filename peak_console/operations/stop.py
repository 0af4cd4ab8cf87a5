"""Stop: files first, record last. What cannot be recorded now, the next node records from the files."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.control.history import stop_draft
from peak_console.control.sockets import check_socket, socket_path
from peak_console.control.stop import StopOutcome, stop_now
from peak_console.domain.errors import PeakError
from peak_console.ledger.blocking import BlockingLedgerClient

NODE_SOCKET: Final = "node.sock"
"""The node's socket in the control folder."""

_PATIENCE_S: Final = 2.0
"""How long the record may take; the stop itself is done before."""


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
    """A stop with its record."""

    outcome: StopOutcome
    recorded: Recorded


def stop(ws: Workspace, *, reason: str = "", operator: str = "") -> Stopped:
    """Stop the workspace and record it. Never refuses; look at ``outcome.effective`` and ``.failed``."""
    outcome = stop_now(ws.control, reason=reason, operator=operator)
    return Stopped(outcome, record_stop(ws, outcome))


def record_stop(ws: Workspace, outcome: StopOutcome) -> Recorded:
    """Record a stop that was done, through the node; never raises."""
    draft = stop_draft(
        outcome.stop_id,
        reason=outcome.reason,
        operator=outcome.operator,
        scope=outcome.scope,
        ended=outcome.report.enabled_event,
        steps=tuple(asdict(one) for one in outcome.report.steps),
    )
    path = socket_path(ws.control, NODE_SOCKET)
    try:
        check_socket(path)
        with BlockingLedgerClient.connect(path, name="stop", deadline_s=_PATIENCE_S) as client:
            return Recorded(client.append([draft])[0].seq)
    except PeakError as error:
        return Recorded(None, error.message)
    except OSError as error:
        return Recorded(None, error.strerror or str(error))
