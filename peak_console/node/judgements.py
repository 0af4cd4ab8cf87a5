"""A critic's verdict stands on calls that were made: a word about none, or of nobody, is no verdict.

Asked in the writer's own transactions. What was taken in a moment ago and is not yet in the tables is known
here too: a judge's answer, and the verdicts of one append.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson

from peak_console.critic.parse import ReportReason
from peak_console.domain.errors import ControlRefused, PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ledgering import Refusal
from peak_console.domain.text import one_line
from peak_console.domain.verdict import Verdict
from peak_console.domain.vocabulary import Layer, Role
from peak_console.ledger.headers import Header
from peak_console.ledger.projections import Body

CODE: Final = "verdict_unproven"

_JUDGED: Final = EventKind.CRITIC_JUDGED.value
_COMPLETED: Final = EventKind.CALL_COMPLETED.value
_CALL: Final = (
    "SELECT l.run_id, l.layer, l.role, l.provider, l.model_id, b.bytes FROM ledger l INDEXED BY ledger_call "
    "LEFT JOIN body b USING (seq) WHERE l.call_id = ? AND l.kind = ? ORDER BY l.seq DESC LIMIT 1"
)
_USED: Final = "SELECT 1 FROM ledger INDEXED BY ledger_call WHERE call_id = ? AND kind = ? LIMIT 1"

_WITHOUT_A_CALL: Final = frozenset({ReportReason.UNANSWERED.value, ReportReason.FORBIDDEN_OUTPUT.value})
"""Why something fails that no judge answered: nobody could be asked, or its scope alone says so."""


class Answered(NamedTuple):
    """A call that was answered: of which run, asked in which slot, by whom."""

    run_id: str | None
    layer: str | None
    role: str | None
    """As it was asked; who stood in for it does not matter."""
    provider: str | None
    model_id: str | None

    @property
    def judges(self) -> bool:
        """Whether it was asked in a slot of judges: a critic, or the policy critic of L4."""
        return self.role == Role.CRITIC.value or (self.layer, self.role) == (
            Layer.L4.value,
            Role.PRIMARY.value,
        )


class Judgements:
    """A projection that writes nothing. Read it in the writer's thread only."""

    def __init__(self) -> None:
        self._db: sqlite3.Connection | None = None
        self._answered: dict[str, Answered] = {}
        """Calls that were answered in this transaction."""
        self._used: set[str] = set()
        """Calls whose verdict was recorded in this transaction."""

    def out_of_place(self, draft: EventDraft) -> PeakError | None:
        """Why a verdict may not be recorded; ``None`` when it may.

        It is about a call that was answered, and rests on another of the same run: one that was asked in a
        slot of judges, and that no verdict rested on before. A FAIL rests on none where nobody answered, or
        where the scope alone forbids the output.
        """
        if draft.kind != _JUDGED:
            return None
        why = self._unproven(draft)
        if not why:
            return None
        return ControlRefused(
            f"this verdict does not stand: {why}",
            code=CODE,
            remedy="nothing of it counts: have a critic judge the output again",
        )

    def open(self, db: sqlite3.Connection) -> None:
        """Take the writer's connection."""
        self._db = db

    def admit(self, draft: EventDraft, now: datetime) -> Refusal | None:  # noqa: ARG002 - the protocol's
        """Nothing to say about calls."""
        return None

    def apply(self, event: Header, body: Body) -> Sequence[EventDraft]:
        """Take one event in."""
        if event.call_id is not None:
            if event.kind == _COMPLETED:
                self._answered[event.call_id] = _answered(event, body)
            elif event.kind == _JUDGED:
                self._used.add(event.call_id)
        return ()

    def flush(self, db: sqlite3.Connection) -> None:  # noqa: ARG002 - the protocol's
        """The tables have it from here on."""
        self._answered.clear()
        self._used.clear()

    def reset(self) -> None:
        """Begin again; :meth:`open` follows."""
        self._answered.clear()
        self._used.clear()

    def _unproven(self, draft: EventDraft) -> str:
        """Why it says more than the ledger; empty where it does not."""
        body, judged_id = draft.body, draft.body.get("judged_call_id")
        judged = self._call(judged_id)
        if judged is None:
            return f"no call {_shown(judged_id)} was answered"
        told = (draft.run_id, draft.layer, body.get("judged_layer"))
        if told != (judged.run_id, judged.layer, judged.layer):
            return f"the call {_shown(judged_id)} is of another run or layer"
        judge = None if draft.call_id == judged_id else self._call(draft.call_id)
        if judge is None:
            failed = body.get("verdict") == Verdict.FAIL.value and body.get("reason") in _WITHOUT_A_CALL
            return "" if failed else f"no judge answered in the call {_shown(draft.call_id)}"
        return self._no_judge(draft, judged, judge)

    def _no_judge(self, draft: EventDraft, judged: Answered, judge: Answered) -> str:
        call_id = _shown(draft.call_id)
        if not judge.judges or draft.body.get("judge_layer") != judge.layer:
            return f"the call {call_id} asked no judge of {_shown(draft.body.get('judge_layer'))}"
        if judge.run_id != judged.run_id:
            return f"the call {call_id} judged in another run"
        if (draft.provider, draft.model_id) != (judge.provider, judge.model_id):
            return f"another model answered in the call {call_id}"
        if draft.call_id in self._used or self._row(_USED, draft.call_id, _JUDGED) is not None:
            return f"a verdict rests on the call {call_id} already"
        return ""

    def _call(self, call_id: Any) -> Answered | None:
        if not isinstance(call_id, str):
            return None
        if call_id in self._answered:
            return self._answered[call_id]
        row = self._row(_CALL, call_id, _COMPLETED)
        if row is None:
            return None
        *slot, data = row
        asked = _asked_role(orjson.loads(data)) if data is not None else None
        found = Answered(*slot)
        return found._replace(role=asked or found.role)

    def _row(self, query: str, *values: Any) -> Any:
        return None if self._db is None else self._db.execute(query, values).fetchone()


def _answered(event: Header, body: Mapping[str, Any]) -> Answered:
    asked = _asked_role(body) or event.role
    return Answered(event.run_id, event.layer, asked, event.provider, event.model_id)


def _asked_role(body: Mapping[str, Any]) -> str | None:
    asked = body.get("asked_role")
    return asked if isinstance(asked, str) else None


def _shown(text: Any) -> str:
    return one_line(str(text), 60)
