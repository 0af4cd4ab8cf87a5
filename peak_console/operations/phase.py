"""The phase of a workspace: a ledger fact (decision 17)."""

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import LedgerUnavailable
from peak_console.domain.events import EventKind
from peak_console.domain.vocabulary import Phase, PhaseLevel
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.ledger import existing


def phase_of(ws: Workspace) -> Phase:
    """The phase by the last ``phase.changed``; a workspace without one is in bootstrap.

    Raises ``LedgerUnavailable`` when there is a ledger that cannot be read.
    """
    if not ws.ledger.exists():
        return Phase.BOOTSTRAP
    with LedgerReader(existing(ws).ledger) as reader:
        event = reader.last(EventKind.PHASE_CHANGED)
    if event is None:
        return Phase.BOOTSTRAP
    try:
        return Phase(str((event.body or {}).get("to")))
    except ValueError:
        return Phase.LIVE


def rules_of(ws: Workspace) -> PhaseLevel:
    """The level of rules to judge by: no ledger = research, an unreadable one = the strictest."""
    try:
        return phase_of(ws).level
    except LedgerUnavailable:
        return PhaseLevel.LIVE
