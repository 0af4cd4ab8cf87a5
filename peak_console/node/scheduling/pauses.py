"""Which jobs an operator paused, folded in the writer's own transactions: the ledger is the truth of it."""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

import orjson

from peak_console.domain.errors import ControlRefused, PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ledgering import Refusal
from peak_console.domain.text import one_line
from peak_console.ledger.headers import Header
from peak_console.ledger.projections import Body

_KINDS: Final = (EventKind.JOB_PAUSED.value, EventKind.JOB_RESUMED.value)


class Pauses:
    """A projection that writes nothing. Read it between transactions only."""

    def __init__(self) -> None:
        self._paused: dict[str, str] = {}
        self.version = 0
        """Counts changes."""

    @property
    def paused(self) -> Mapping[str, str]:
        """The jobs that are paused, with who did it and why."""
        return MappingProxyType(self._paused)

    def out_of_place(self, draft: EventDraft) -> PeakError | None:
        """A condition of the writer: what is resumed is paused, and has a reason."""
        if draft.kind != EventKind.JOB_RESUMED:
            return None
        job, reason = draft.body.get("job"), draft.body.get("reason")
        if not isinstance(job, str) or job not in self._paused:
            return ControlRefused(
                f"the job {str(job)!r:.60} is not paused",
                code="job_not_paused",
                remedy="see them with: peak jobs list",
            )
        if not isinstance(reason, str) or not reason.strip():
            return ControlRefused("a job is resumed for a reason", code="reason_missing")
        return None

    # -- the projection

    def open(self, db: sqlite3.Connection) -> None:
        """Fold what is committed."""
        rows = db.execute(
            "SELECT kind, bytes FROM ledger l JOIN body b USING (seq) WHERE l.kind IN (?, ?) ORDER BY seq",
            _KINDS,
        )
        for kind, data in rows:
            self._take(kind, orjson.loads(data))

    def admit(self, draft: EventDraft, now: datetime) -> Refusal | None:  # noqa: ARG002 - the protocol's
        """Nothing to say about calls."""
        return None

    def apply(self, event: Header, body: Body) -> Sequence[EventDraft]:
        """Take one event in."""
        if event.kind in _KINDS:
            self._take(event.kind, body)
        return ()

    def flush(self, db: sqlite3.Connection) -> None:
        """Nothing is stored."""

    def reset(self) -> None:
        """Begin again; :meth:`open` follows."""
        self._paused.clear()

    def _take(self, kind: str, body: Body) -> None:
        job = str(body.get("job"))
        self.version += 1
        if kind == EventKind.JOB_PAUSED:
            who, why = str(body.get("operator", "")), str(body.get("reason", ""))
            self._paused[job] = one_line(f"paused by {who or 'somebody'}: {why or 'no reason'}", 200)
        else:
            self._paused.pop(job, None)
