"""``peak gate replay``: every recorded decision of the risk gate made again from its recorded inputs.

Streams over the ledger, newest first. A decision holds where verdict, reasons and digest come out byte for
byte; one whose body was pruned, or that another form of the gate made, cannot be decided and is told so.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import UsageWrong
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.ids import is_run_id
from peak_console.domain.text import one_line
from peak_console.domain.trading import GateVerdict
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.ledger import existing
from peak_console.operations.runs_read import NoSuchRun
from peak_console.operations.views.body_fields import listed, text_of
from peak_console.risk.document import FORM
from peak_console.risk.recorded import disagreement

PRUNED: Final = "its body was pruned: the inputs are gone, their hash stands"
_PAGE: Final = 200
TOLD: Final = 200
"""Places that are named at most, of differences and of what cannot be decided; all are counted."""


@dataclass(frozen=True, slots=True)
class GatePlace:
    """A recorded decision, and what is the matter with it."""

    seq: int
    run_id: str
    why: str

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {"seq": self.seq, "run_id": self.run_id, "why": self.why}


@dataclass(frozen=True, slots=True)
class GateReplay:
    """What came of it: decisions judged again, those that differ, those that cannot be decided."""

    decided: int = 0
    allowed: int = 0
    blocked: int = 0
    differ: int = 0
    undecidable: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    """How often each reason blocked, as recorded."""
    differences: tuple[GatePlace, ...] = ()
    not_decidable: tuple[GatePlace, ...] = ()
    first_seq: int | None = None
    last_seq: int | None = None

    @property
    def holds(self) -> bool:
        """Whether every decision that could be made again came out as recorded."""
        return not self.differ

    def as_json(self) -> dict[str, Any]:
        """The document of ``peak gate replay --json``."""
        return {
            "holds": self.holds,
            "decisions": self.decided + self.undecidable,
            "decided_again": self.decided,
            "allowed": self.allowed,
            "blocked": self.blocked,
            "differ": self.differ,
            "not_decidable": self.undecidable,
            "reasons": dict(self.reasons),
            "differences": [one.as_json() for one in self.differences],
            "left_out": [one.as_json() for one in self.not_decidable],
            "first_seq": self.first_seq,
            "last_seq": self.last_seq,
        }


def replay_gate(ws: Workspace, *, run_id: str | None = None, since: str | None = None) -> GateReplay:
    """Decide again; of one run, or of events at or after ``since`` (a ledger time), or of all.

    Reads only. Raises ``UsageWrong`` for what is no run id, ``NoSuchRun``, ``LedgerUnavailable``.
    """
    with LedgerReader(existing(ws).ledger) as reader:
        if run_id is not None:
            _known(reader, run_id)
        return _replayed(_decisions(reader, run_id, since))


def why_undecidable(body: Mapping[str, Any] | None) -> str | None:
    """Why a recorded decision cannot be made again; ``None`` where it can."""
    if body is None:
        return PRUNED
    if body.get("gate") != FORM:
        return f"another form of the gate made it: {one_line(str(body.get('gate')), 40)}"
    return None


def _known(reader: LedgerReader, run_id: str) -> None:
    if not is_run_id(run_id):
        raise UsageWrong(f"{one_line(run_id, 80)!r} is no run id", remedy="take one of: peak runs list")
    if not reader.by_run(run_id, 0, 1):
        raise NoSuchRun(f"there is no run {run_id} on this ledger", remedy="list them: peak runs list")


def _decisions(reader: LedgerReader, run_id: str | None, since: str | None) -> Iterator[LedgerEvent]:
    wanted = EventFilter(kinds=(EventKind.GATE_DECIDED.value,), run_id=run_id, since=since)
    before: int | None = None
    while True:
        page = reader.find(wanted, before, _PAGE)
        yield from page.events
        if page.next_before is None:
            return
        before = page.next_before


def _replayed(events: Iterator[LedgerEvent]) -> GateReplay:
    counts, reasons = Counter[str](), Counter[str]()
    differences: list[GatePlace] = []
    left_out: list[GatePlace] = []
    seqs: list[int] = []
    for event in events:
        seqs = [event.seq, seqs[-1] if seqs else event.seq]
        why = why_undecidable(event.body)
        if why is not None or event.body is None:
            counts["undecidable"] += 1
            _tell(left_out, event, why or PRUNED)
            continue
        counts["allowed" if event.body.get("verdict") == GateVerdict.ALLOW else "blocked"] += 1
        reasons.update(one for one in map(text_of, listed(event.body.get("reasons"))) if one)
        if (differs := disagreement(event.body)) is not None:
            counts["differ"] += 1
            _tell(differences, event, differs)
    return GateReplay(
        decided=counts["allowed"] + counts["blocked"],
        allowed=counts["allowed"],
        blocked=counts["blocked"],
        differ=counts["differ"],
        undecidable=counts["undecidable"],
        reasons=dict(reasons.most_common()),
        differences=tuple(differences),
        not_decidable=tuple(left_out),
        first_seq=seqs[0] if seqs else None,
        last_seq=seqs[1] if seqs else None,
    )


def _tell(places: list[GatePlace], event: LedgerEvent, why: str) -> None:
    if len(places) < TOLD:
        places.append(GatePlace(event.seq, event.run_id or "", one_line(why, 300)))
