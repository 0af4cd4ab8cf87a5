"""Shadow cycles and paper books as the ledger has them, for the command line."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.domain.clock import iso
from peak_console.domain.events import EventKind
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.ledger import existing
from peak_console.operations.shadow.books import book_lines
from peak_console.operations.shadow.cycles import cycle_lines
from peak_console.operations.shadow.ending_words import with_endings
from peak_console.operations.shadow.job_lines import RecordedJobs
from peak_console.operations.shadow.newest import NewestEvents
from peak_console.operations.views.shadow import BookLine, CycleLine

CYCLES_READ: Final = 1000
"""Cycles that are looked at, the newest."""


@dataclass(frozen=True, slots=True)
class ShadowRecord:
    """What shadow left on the ledger."""

    cycles: tuple[CycleLine, ...]
    """The newest first."""
    books: tuple[BookLine, ...]
    whole: bool
    """Whether these are all the cycles there ever were."""


def shadow_record(ws: Workspace) -> ShadowRecord:
    """The newest cycles, and each book as of its last one. Raises ``LedgerUnavailable``."""
    newest = NewestEvents((EventKind.SHADOW_CYCLE_FINISHED,), CYCLES_READ)
    with LedgerReader(existing(ws).ledger) as reader:
        events = newest.read(reader)
        runs = RecordedJobs()
        runs.read(reader)
    cycles = with_endings(cycle_lines(events), runs.newest(CYCLES_READ))
    return ShadowRecord(cycles, book_lines(events), newest.whole)


def cycle_json(line: CycleLine) -> dict[str, Any]:
    """A cycle."""
    return {
        "run_id": line.run_id,
        "seq": line.seq,
        "at": iso(line.at),
        "job": line.job,
        "instrument": line.instrument,
        "outcome": line.outcome,
        "reasons": list(line.reasons),
        "details": list(line.details),
        "as_of": _time(line.as_of),
        "idea": line.idea,
        "outlook": line.outlook,
        "critic": line.critic,
        "cost_eur": _text(line.cost_eur),
        "duration_ms": None if line.duration_s is None else round(line.duration_s * 1000),
        "models": list(line.models),
        "replayed": line.replayed,
    }


def book_json(line: BookLine) -> dict[str, Any]:
    """A book; money in EUR, exact, as text."""
    return {
        "name": line.name,
        "equity_eur": _text(line.equity_eur),
        "day_pnl_eur": _text(line.day_pnl_eur),
        "drawdown_pct": _text(line.drawdown_pct),
        "positions": [{"instrument": name, "quantity": str(size)} for name, size in line.positions],
        "fees_eur": _text(line.fees_eur),
        "fills": line.fills,
        "at": _time(line.at),
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)


def _text(number: Any) -> str | None:
    return None if number is None else str(number)
