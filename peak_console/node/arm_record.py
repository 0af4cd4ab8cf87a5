"""What the ledger tells of arming, folded in the writer's own transactions; and which runs have ended."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from peak_console.control.arm_rules import Moment
from peak_console.domain.arming import LOCKOUT_S, ArmEnd
from peak_console.domain.clock import from_iso, unix_us
from peak_console.domain.errors import ControlRefused, PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ledgering import Refusal
from peak_console.domain.stopping import GLOBAL
from peak_console.ledger.filters import RARE_SQL
from peak_console.ledger.headers import Header
from peak_console.ledger.projections import Body

_KINDS: Final = (
    EventKind.ARM_GRANTED.value,
    EventKind.ARM_REFUSED.value,
    EventKind.ARM_EXPIRED.value,
    EventKind.ARM_ENDED.value,
)
_ASKED: Final = frozenset({EventKind.ARM_REQUESTED.value, EventKind.ARM_APPROVED.value})
_STIRS: Final = frozenset(
    {
        EventKind.CONTROL_ENABLED.value,
        EventKind.CONTROL_STOPPED.value,
        EventKind.PHASE_CHANGED.value,
        EventKind.BREAKER_TRIPPED.value,
        EventKind.OPERATOR_REMOVED.value,
    }
)
_LOCKOUT_US: Final = LOCKOUT_S * 1_000_000


@dataclass(frozen=True, slots=True)
class Granted:
    """A grant without an end: of a node that is no more, unless it is this one's."""

    lease_id: str
    run_id: str
    operator: str
    drill: bool


class ArmRecord:
    """A projection that writes nothing. Read it between transactions only.

    ``on_stir`` is called when an event was written under which no request or lease of before stands: it is
    called within the transaction, so that one that is taken back has stirred in vain, which is the safe way.
    """

    def __init__(self) -> None:
        self.unended: dict[str, Granted] = {}
        self.lockout: Mapping[str, Any] | None = None
        """The body of the last refusal that locked arming."""
        self.on_stir: Callable[[], object] = lambda: None
        self.expected: set[str] = set()
        """Ids of the requests and approvals that the node itself is writing down for an operator."""
        self.watched: set[str] = set()
        """Runs of which an end is to be known."""
        self.ended_runs: set[str] = set()

    def watch(self, run_id: str) -> None:
        """From now on know whether this run ends."""
        self.watched.add(run_id)

    def out_of_place(self, draft: EventDraft) -> PeakError | None:
        """Why a request or an approval may not be recorded: it is none unless the node was asked for it."""
        if draft.kind not in _ASKED or draft.event_id in self.expected:
            return None
        return ControlRefused(
            "arming is asked for, and approved, through the node's own operations",
            code="arm_out_of_place",
            remedy="use: peak arm request, peak arm approve",
        )

    # -- the projection

    def open(self, db: sqlite3.Connection) -> None:
        """Fold what is committed."""
        marks = ",".join("?" * len(_KINDS))
        rows = db.execute(
            "SELECT l.kind, l.run_id, b.bytes FROM ledger l INDEXED BY ledger_kind "  # noqa: S608 - marks only
            f"JOIN body b ON b.seq = l.seq WHERE {RARE_SQL} AND l.kind IN ({marks}) ORDER BY l.seq",
            _KINDS,
        )
        for kind, run_id, data in rows:
            self._take(kind, run_id, orjson.loads(data))

    def admit(self, draft: EventDraft, now: datetime) -> Refusal | None:  # noqa: ARG002 - the protocol's
        """Nothing to say about calls."""
        return None

    def apply(self, event: Header, body: Body) -> Sequence[EventDraft]:
        """Take one event in."""
        if event.kind in _KINDS:
            self._take(event.kind, event.run_id, body)
        elif event.kind in _STIRS:
            if body.get("scope", GLOBAL) == GLOBAL or event.kind == EventKind.BREAKER_TRIPPED:
                self.on_stir()
        elif event.run_id in self.watched:
            if event.kind == EventKind.RUN_FINISHED:
                self.ended_runs.add(event.run_id)
            elif event.kind == EventKind.RUN_STARTED:
                self.ended_runs.discard(event.run_id)
        return ()

    def flush(self, db: sqlite3.Connection) -> None:
        """Nothing is stored."""

    def reset(self) -> None:
        """Begin again; :meth:`open` follows."""
        self.unended, self.lockout = {}, None

    def _take(self, kind: str, run_id: str | None, body: Mapping[str, Any]) -> None:
        lease_id = str(body.get("lease_id"))
        if kind == EventKind.ARM_GRANTED:
            drill = body.get("drill") is True
            self.unended[lease_id] = Granted(lease_id, run_id or "", str(body.get("operator")), drill)
            return
        self.unended.pop(lease_id, None)
        if kind == EventKind.ARM_REFUSED and body.get("why") == ArmEnd.TRIES_USED_UP:
            self.lockout = body


def locked_until(lockout: Mapping[str, Any] | None, now: Moment) -> int | None:
    """Until when on the boot clock arming is still locked by a lockout on record; ``None`` when it is not.

    Of the same boot by the boot clock; of another by the wall clock, and never for longer than a lockout.
    One that cannot be read locks as long as one that begins now.
    """
    if lockout is None:
        return None
    left_us = lockout_left_us(lockout, now.boot_id, now.boot_us, now.wall_us)
    return now.boot_us + left_us if left_us > 0 else None


def lockout_left_us(lockout: Mapping[str, Any], boot_id: str, boot_us: int, wall_us: int) -> int:
    """Microseconds for which a lockout on record still locks; 0 and less where it is over."""
    try:
        if lockout["boot_id"] == boot_id:
            left_us = int(lockout["locked_until_us"]) - boot_us
        else:
            left_us = unix_us(from_iso(str(lockout["locked_until"]))) - wall_us
    except (KeyError, ValueError, TypeError, OverflowError):
        left_us = _LOCKOUT_US
    return min(left_us, _LOCKOUT_US)
