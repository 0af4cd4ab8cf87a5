"""Which matrix may be in force, folded in the writer's own transactions; and what may be recorded of it."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import orjson

from peak_console.domain.clock import from_iso, iso
from peak_console.domain.errors import ControlRefused, PeakError, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ledgering import Refusal
from peak_console.ledger.filters import RARE_SQL
from peak_console.ledger.headers import Header
from peak_console.ledger.projections import Body
from peak_console.operations.workbench.approvals import KINDS, Approvals

MATRIX_UNAPPROVED: Final = "matrix_unapproved"
"""The config error of a matrix in live for which no two operators stand."""

_SAVES: Final = frozenset({EventKind.MATRIX_CHANGED.value, EventKind.MATRIX_ROLLED_BACK.value})
_SLACK: Final = timedelta(seconds=60)


class MatrixApprovals:
    """A projection that writes nothing. Read it between transactions only."""

    def __init__(self) -> None:
        self._known = Approvals()

    def refused(self, digest: str, now: datetime) -> bool:
        """Whether this matrix may not be in force now."""
        return bool(digest) and not self._known.may_hold(digest, iso(now))

    def may_begin(self, digest: str, operator: str, now: datetime) -> bool:
        """Whether ``operator`` may promote into live with this matrix in force."""
        return self._known.may_begin(digest, operator, iso(now))

    def out_of_place(self, draft: EventDraft, now: datetime, valid_s: int) -> PeakError | None:
        """Why a save or an approval of the matrix may not be recorded; ``None`` when it may.

        The body's operator is the proof's: the ledger's server refuses any other.
        """
        if draft.kind in _SAVES:
            return self._save(draft.body, now)
        if draft.kind == EventKind.MATRIX_APPROVED:
            return _approval(draft.body, now + timedelta(seconds=valid_s) + _SLACK)
        return None

    def _save(self, body: Body, now: datetime) -> PeakError | None:
        digest, operator = str(body.get("new")), str(body.get("operator"))
        if self._known.may_save(digest, operator, iso(now)):
            return None
        return ControlRefused(
            f"in live another operator approves the matrix {digest[:12]} before it is saved",
            code="approval_required",
            remedy=f'ask another operator to run: peak matrix approve {digest[:12]} --reason "..."',
            digest=digest,
        )

    # -- the projection

    def open(self, db: sqlite3.Connection) -> None:
        """Fold what is committed."""
        marks = ",".join("?" * len(KINDS))
        rows = db.execute(
            "SELECT l.kind, l.ts, l.actor, b.bytes FROM ledger l INDEXED BY ledger_kind "  # noqa: S608 - marks only
            f"JOIN body b ON b.seq = l.seq WHERE {RARE_SQL} AND l.kind IN ({marks}) ORDER BY l.seq",
            KINDS,
        )
        for kind, ts, actor, data in rows:
            self._known.take(kind, ts, actor, orjson.loads(data))

    def admit(self, draft: EventDraft, now: datetime) -> Refusal | None:  # noqa: ARG002 - the protocol's
        """Nothing to say about calls here; the node's guard asks :meth:`refused`."""
        return None

    def apply(self, event: Header, body: Body) -> Sequence[EventDraft]:
        """Take one event in."""
        if event.kind in KINDS:
            self._known.take(event.kind, event.ts, event.actor, body)
        return ()

    def flush(self, db: sqlite3.Connection) -> None:
        """Nothing is stored."""

    def reset(self) -> None:
        """Begin again; :meth:`open` follows."""
        self._known = Approvals()


def _approval(body: Body, latest: datetime) -> PeakError | None:
    """An approval names a time until which it holds that is not beyond the one allowed."""
    try:
        until = from_iso(str(body.get("valid_until")))
        fits = until.utcoffset() is not None and until <= latest
    except ValueError:
        fits = False
    if fits:
        return None
    return UsageWrong("an approval says until when it holds", code="event_malformed", remedy="try again")
