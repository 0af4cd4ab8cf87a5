"""A cycle's end says what the gate said: its word must stand on the ledger, as that very run's.

What is decided and ended once is not decided and ended again: no intent in two runs, no attempt of a key
twice.

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
from peak_console.ledger.filters import RARE_SQL
from peak_console.ledger.headers import Header
from peak_console.ledger.projections import Body

CODE: Final = "cycle_unproven"
DECIDED_BEFORE: Final = "intent_decided"

NEWEST: Final = 1000
"""Decisions and ends that are looked back at after a start. A claim that is older has no worker any more."""

_DECIDED: Final = EventKind.GATE_DECIDED.value
_FINISHED: Final = EventKind.SHADOW_CYCLE_FINISHED.value
_STANDING: Final = (
    "SELECT l.run_id, b.bytes FROM ledger l JOIN body b USING (seq) WHERE l.event_id = ? AND l.kind = ?"
)
_ENDED: Final = "SELECT 1 FROM ledger WHERE run_id = ? AND kind = ? LIMIT 1"
_LAST_DECIDED: Final = (
    "SELECT json_extract(CAST(b.bytes AS TEXT), '$.intent_id'), l.run_id "  # noqa: S608 - constant text
    f"FROM ledger l INDEXED BY ledger_kind JOIN body b USING (seq) WHERE {RARE_SQL} AND l.kind = ? "
    "ORDER BY l.seq DESC LIMIT ?"
)
_LAST_ENDED: Final = (
    "SELECT json_extract(CAST(b.bytes AS TEXT), '$.key'), json_extract(CAST(b.bytes AS TEXT), '$.attempt') "  # noqa: S608 - the same
    f"FROM ledger l INDEXED BY ledger_kind JOIN body b USING (seq) WHERE {RARE_SQL} AND l.kind = ? "
    "ORDER BY l.seq DESC LIMIT ?"
)
_WOULD: Final = (Outcome.WOULD_ALLOW.value, Outcome.WOULD_BLOCK.value)


class Decision(NamedTuple):
    """What a recorded decision says, and of which run it is."""

    run_id: str | None
    verdict: Any
    reasons: Any
    intent_id: Any


class CycleGates:
    """A projection that writes nothing. Read it in the writer's thread only."""

    def __init__(self) -> None:
        self._db: sqlite3.Connection | None = None
        self._decided: dict[str, Decision] = {}
        """Decisions of this transaction, by event."""
        self._ended: set[str] = set()
        """Runs whose cycle ended in this transaction."""
        self._intents: dict[str, str | None] | None = None
        """The run in which each intent was decided; ``None`` until it is first asked for."""
        self._attempts: set[tuple[str, int]] | None = None
        """Keys and attempts whose cycle ended; ``None`` until it is first asked for."""

    def out_of_place(self, draft: EventDraft) -> PeakError | None:
        """Why a cycle's end may not be recorded; ``None`` when it may.

        A run ends one cycle. The gate's decision that its end names is on the ledger, of the same run, with
        the same verdict, reasons and intent; what it would have done follows from it. And why a decision may
        not: what was decided on in another run is never allowed again; that it is a duplicate may be said.
        """
        if draft.kind == _DECIDED:
            return self._decided_before(draft)
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
            self._decided[event.event_id] = found = _decision(event.run_id, body)
            if isinstance(found.intent_id, str) and found.intent_id:
                self._known_intents().setdefault(found.intent_id, event.run_id)
        elif event.kind == _FINISHED and event.run_id:
            self._ended.add(event.run_id)
            if (attempt := _attempt(body)) is not None:
                self._known_attempts().add(attempt)
        return ()

    def flush(self, db: sqlite3.Connection) -> None:  # noqa: ARG002 - the protocol's
        """The tables have it from here on."""
        self._decided.clear()
        self._ended.clear()

    def reset(self) -> None:
        """Begin again; :meth:`open` follows."""
        self._decided.clear()
        self._ended.clear()
        self._intents = self._attempts = None

    def _unproven(self, draft: EventDraft) -> str:
        """Why its end says more than the ledger; empty where it does not."""
        run_id = draft.run_id
        if not run_id:
            return "it is of no run"
        if run_id in self._ended or self._row(_ENDED, run_id, _FINISHED) is not None:
            return f"the run {one_line(run_id, 60)} has ended a cycle already"
        attempt = _attempt(draft.body)
        if attempt is not None and attempt in self._known_attempts():
            return f"attempt {attempt[1]} of {one_line(attempt[0], 80)} has ended a cycle already"
        outcome, gate = draft.body.get("outcome"), draft.body.get("gate")
        if gate is None:
            return f"{outcome} is the gate's word, and it names no decision" if outcome in _WOULD else ""
        intent = draft.body.get("intent")
        named = intent.get("intent_id") if isinstance(intent, Mapping) else None
        return self._disagreement(run_id, outcome, gate if isinstance(gate, Mapping) else {}, named)

    def _disagreement(self, run_id: str, outcome: Any, gate: Mapping[str, Any], intent: Any) -> str:
        event_id = gate.get("event_id")
        found = self._decision(event_id) if isinstance(event_id, str) else None
        if found is None or found.run_id != run_id:
            return f"no decision of the gate {one_line(str(event_id), 60)} stands for this run"
        if (gate.get("verdict"), _listed(gate.get("reasons"))) != (found.verdict, found.reasons):
            return "the gate decided otherwise in the event that it names"
        if outcome in _WOULD and intent != found.intent_id:
            return "its intent is not the one that was decided on"
        if outcome in _WOULD and (outcome == _WOULD[0]) != (found.verdict == GateVerdict.ALLOW.value):
            return f"{outcome} does not follow from the verdict {found.verdict}"
        return ""

    def _decision(self, event_id: str) -> Decision | None:
        if event_id in self._decided:
            return self._decided[event_id]
        row = self._row(_STANDING, event_id, _DECIDED)
        return None if row is None else _decision(row[0], orjson.loads(row[1]))

    def _decided_before(self, draft: EventDraft) -> PeakError | None:
        intent_id = draft.body.get("intent_id")
        if draft.body.get("verdict") != GateVerdict.ALLOW.value or not isinstance(intent_id, str):
            return None
        if self._known_intents().get(intent_id, draft.run_id) == draft.run_id:
            return None
        return ControlRefused(
            f"the intent {one_line(intent_id, 80)} was decided on in another run",
            code=DECIDED_BEFORE,
            remedy="nothing of this run counts: what it would do was decided before it was tried again",
        )

    def _known_intents(self) -> dict[str, str | None]:
        if self._intents is None:
            self._intents = {one: run for one, run in self._newest(_LAST_DECIDED, _DECIDED) if one}
        return self._intents

    def _known_attempts(self) -> set[tuple[str, int]]:
        if self._attempts is None:
            told = (
                _attempt({"key": key, "attempt": one}) for key, one in self._newest(_LAST_ENDED, _FINISHED)
            )
            self._attempts = {one for one in told if one is not None}
        return self._attempts

    def _newest(self, query: str, kind: str) -> list[Any]:
        """The newest events of a kind, the oldest last: of an intent that stands twice, the first counts."""
        return [] if self._db is None else self._db.execute(query, (kind, NEWEST)).fetchall()

    def _row(self, query: str, *values: str) -> Any:
        return None if self._db is None else self._db.execute(query, values).fetchone()


def _decision(run_id: str | None, body: Mapping[str, Any]) -> Decision:
    reasons = _listed(body.get("reasons"))
    return Decision(run_id, body.get("verdict"), reasons, body.get("intent_id"))


def _attempt(body: Mapping[str, Any]) -> tuple[str, int] | None:
    """Which attempt of which key a cycle's end is of; ``None`` where it does not say."""
    key, attempt = body.get("key"), body.get("attempt")
    return (key, attempt) if isinstance(key, str) and key and type(attempt) is int else None


def _listed(reasons: Any) -> Any:
    """A draft may hold a tuple where the ledger holds a list."""
    return list(reasons) if isinstance(reasons, tuple) else reasons
