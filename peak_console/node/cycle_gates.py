"""A cycle's end says what the gate said: its word must stand on the ledger, as that very run's.

Asked in the writer's own transactions. Decision and end come in one append, so what was taken in a moment ago
and is not yet in the tables is known here too.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson

from peak_console.domain.errors import ControlRefused, PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ledgering import Refusal
from peak_console.domain.orchestration import Outcome
from peak_console.domain.text import one_line
from peak_console.domain.trading import GateVerdict
from peak_console.ledger.headers import Header
from peak_console.ledger.projections import Body

CODE: Final = "cycle_unproven"

_DECIDED: Final = EventKind.GATE_DECIDED.value
_FINISHED: Final = EventKind.SHADOW_CYCLE_FINISHED.value
_STANDING: Final = (
    "SELECT l.run_id, b.bytes FROM ledger l JOIN body b USING (seq) WHERE l.event_id = ? AND l.kind = ?"
)
_ENDED: Final = "SELECT 1 FROM ledger WHERE run_id = ? AND kind = ? LIMIT 1"
_WOULD: Final = (Outcome.WOULD_ALLOW.value, Outcome.WOULD_BLOCK.value)


class Decision(NamedTuple):
    """What a recorded decision says, and of which run it is."""

    run_id: str | None
    verdict: Any
    reasons: Any


class CycleGates:
    """A projection that writes nothing. Read it in the writer's thread only."""

    def __init__(self) -> None:
        self._db: sqlite3.Connection | None = None
        self._decided: dict[str, Decision] = {}
        """Decisions of this transaction, by event."""
        self._ended: set[str] = set()
        """Runs whose cycle ended in this transaction."""

    def out_of_place(self, draft: EventDraft) -> PeakError | None:
        """Why a cycle's end may not be recorded; ``None`` when it may.

        A run ends one cycle. The gate's decision that its end names is on the ledger, of the same run, with
        the same verdict and reasons; what it would have done follows from it.
        """
        if draft.kind != _FINISHED:
            return None
        why = self._unproven(draft)
        if not why:
            return None
        return ControlRefused(
            f"the end of this cycle does not stand: {why}",
            code=CODE,
            remedy="record the gate's decision first, and its event, verdict and reasons with the end",
        )

    def open(self, db: sqlite3.Connection) -> None:
        """Take the writer's connection."""
        self._db = db

    def admit(self, draft: EventDraft, now: datetime) -> Refusal | None:  # noqa: ARG002 - the protocol's
        """Nothing to say about calls."""
        return None

    def apply(self, event: Header, body: Body) -> Sequence[EventDraft]:
        """Take one event in."""
        if event.kind == _DECIDED:
            self._decided[event.event_id] = _decision(event.run_id, body)
        elif event.kind == _FINISHED and event.run_id:
            self._ended.add(event.run_id)
        return ()

    def flush(self, db: sqlite3.Connection) -> None:  # noqa: ARG002 - the protocol's
        """The tables have it from here on."""
        self._decided.clear()
        self._ended.clear()

    def reset(self) -> None:
        """Begin again; :meth:`open` follows."""
        self._decided.clear()
        self._ended.clear()

    def _unproven(self, draft: EventDraft) -> str:
        """Why its end says more than the ledger; empty where it does not."""
        run_id = draft.run_id
        if not run_id:
            return "it is of no run"
        if run_id in self._ended or self._row(_ENDED, run_id, _FINISHED) is not None:
            return f"the run {one_line(run_id, 60)} has ended a cycle already"
        outcome, gate = draft.body.get("outcome"), draft.body.get("gate")
        if gate is None:
            return f"{outcome} is the gate's word, and it names no decision" if outcome in _WOULD else ""
        return self._disagreement(run_id, outcome, gate if isinstance(gate, Mapping) else {})

    def _disagreement(self, run_id: str, outcome: Any, gate: Mapping[str, Any]) -> str:
        event_id = gate.get("event_id")
        found = self._decision(event_id) if isinstance(event_id, str) else None
        if found is None or found.run_id != run_id:
            return f"no decision of the gate {one_line(str(event_id), 60)} stands for this run"
        if (gate.get("verdict"), _listed(gate.get("reasons"))) != (found.verdict, found.reasons):
            return "the gate decided otherwise in the event that it names"
        if outcome in _WOULD and (outcome == _WOULD[0]) != (found.verdict == GateVerdict.ALLOW.value):
            return f"{outcome} does not follow from the verdict {found.verdict}"
        return ""

    def _decision(self, event_id: str) -> Decision | None:
        if event_id in self._decided:
            return self._decided[event_id]
        row = self._row(_STANDING, event_id, _DECIDED)
        return None if row is None else _decision(row[0], orjson.loads(row[1]))

    def _row(self, query: str, *values: str) -> Any:
        return None if self._db is None else self._db.execute(query, values).fetchone()


def _decision(run_id: str | None, body: Mapping[str, Any]) -> Decision:
    return Decision(run_id, body.get("verdict"), _listed(body.get("reasons")))


def _listed(reasons: Any) -> Any:
    """A draft may hold a tuple where the ledger holds a list."""
    return list(reasons) if isinstance(reasons, tuple) else reasons
