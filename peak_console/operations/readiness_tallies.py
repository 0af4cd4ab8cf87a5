"""Cycles and gate decisions as readiness counts them: a few words of each, kept between judgements.

Events never change, so what was looked at once is not read again: a decision is made again from its recorded
inputs, which takes a while where there are thousands.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, TypeVar

from peak_console.domain.clock import iso
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.orchestration import Outcome
from peak_console.domain.trading import GateVerdict
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.shadow.words import word
from peak_console.operations.views.body_fields import mapping, time_of
from peak_console.risk.recorded import disagreement

MOST: Final = 100_000
"""How many events of a kind are counted at most, the newest."""
_PAGE: Final = 500
_VERDICTS: Final = frozenset({Outcome.WOULD_ALLOW.value, Outcome.WOULD_BLOCK.value, Outcome.NO_TRADE.value})
"""Outcomes of cycles that came to a verdict."""

Mark = TypeVar("Mark")


@dataclass(frozen=True, slots=True)
class CycleMark:
    """A finished cycle."""

    seq: int
    at: datetime
    outcome: str
    replayed: bool
    """Whether it played history: that shows nothing outside simulated workspaces."""
    stale: bool = True
    """Whether its data were old, or it had none."""
    gate_id: str = ""
    """The event of the gate's decision in it; empty where the gate was not asked."""

    @property
    def shows(self) -> bool:
        """Whether it saw usable data and came to a verdict on them; one that was aborted never did."""
        return not self.stale and self.outcome in _VERDICTS


@dataclass(frozen=True, slots=True)
class DecisionMark:
    """A decision of the gate."""

    seq: int
    at: datetime
    allowed: bool
    differs: str
    """Where the gate, asked again, says otherwise; empty where it agrees."""
    pruned: bool = False
    """Whether only its hash is left: then nobody can decide it again, and what it said is not known."""
    event_id: str = ""
    intent_id: str = ""
    """What it decided on; empty where that is not known any more."""


class _Kept(Generic[Mark]):
    """Marks of one kind since a moment, ascending."""

    def __init__(self, kind: EventKind, mark: Callable[[LedgerEvent], Mark]) -> None:
        self._kind = kind
        self._mark = mark
        self._since = ""
        self._at: tuple[int, str] = (0, "")
        self._marks: list[Mark] = []

    def read(self, reader: LedgerReader, since: datetime) -> tuple[Mark, ...]:
        """Those since then or since an earlier look; raises ``LedgerUnavailable``."""
        head = reader.head()
        upto, hashed = self._at
        if iso(since) < self._since or not self._since or not _same(reader, upto, hashed):
            self._since, upto, self._marks = iso(since), 0, []
        new = [self._mark(event) for event in self._after(reader, upto, head[0])]
        self._marks = (self._marks + new[::-1])[-MOST:]
        self._at = head
        return tuple(self._marks)

    def _after(self, reader: LedgerReader, upto: int, head: int) -> Iterator[LedgerEvent]:
        """Events after ``upto``, the newest first."""
        wanted = EventFilter(kinds=(self._kind.value,), since=self._since)
        before: int | None = head + 1
        for _ in range(MOST // _PAGE):
            if before is None or before <= upto + 1:
                return
            page = reader.find(wanted, before, _PAGE)
            yield from (event for event in page.events if event.seq > upto)
            before = page.next_before


class Tallies:
    """Cycles and decisions of one ledger. Used by one thread."""

    def __init__(self) -> None:
        self._cycles = _Kept(EventKind.SHADOW_CYCLE_FINISHED, cycle_mark)
        self._decisions = _Kept(EventKind.GATE_DECIDED, decision_mark)

    def cycles(self, reader: LedgerReader, since: datetime) -> tuple[CycleMark, ...]:
        """Finished cycles since then, ascending. Raises ``LedgerUnavailable``."""
        return tuple(one for one in self._cycles.read(reader, since) if one.at >= since)

    def decisions(self, reader: LedgerReader, since: datetime) -> tuple[DecisionMark, ...]:
        """Decisions of the gate since then, ascending. Raises ``LedgerUnavailable``."""
        return tuple(one for one in self._decisions.read(reader, since) if one.at >= since)


def cycle_mark(event: LedgerEvent) -> CycleMark:
    """What is kept of a cycle; one that cannot be read was played history, which shows nothing."""
    body = mapping(event.body)
    return CycleMark(
        event.seq,
        time_of(event),
        word(body.get("outcome")),
        replayed=body.get("replayed") is not False,
        stale=body.get("stale") is not False,
        gate_id=word(mapping(body.get("gate")).get("event_id"), 100),
    )


def decision_mark(event: LedgerEvent) -> DecisionMark:
    """What is kept of a decision, made again from its inputs; of one that was pruned, that it was made."""
    body = event.body
    if body is None:
        return DecisionMark(
            event.seq, time_of(event), allowed=False, differs="", pruned=True, event_id=event.event_id
        )
    return DecisionMark(
        event.seq,
        time_of(event),
        allowed=body.get("verdict") == GateVerdict.ALLOW,
        differs=word(disagreement(body) or "", 120),
        event_id=event.event_id,
        intent_id=word(body.get("intent_id"), 100),
    )


def _same(reader: LedgerReader, seq: int, hashed: str) -> bool:
    """Whether the ledger still holds what was read of it."""
    if not seq:
        return True
    found = reader.read(seq - 1, 1, bodies=False)
    return bool(found) and found[0].hash == hashed
