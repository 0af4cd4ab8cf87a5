"""What the node must know of the ledger at every moment, folded in the writer's own transactions."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from peak_console.control.history import ControlHistory
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ledgering import Refusal
from peak_console.domain.vocabulary import Phase
from peak_console.ledger.headers import Header
from peak_console.ledger.projections import Body

_KINDS = (
    EventKind.WORKSPACE_INITIALISED,
    EventKind.CONTROL_ENABLED,
    EventKind.CONTROL_STOPPED,
    EventKind.OPERATOR_ENROLLED,
    EventKind.OPERATOR_REMOVED,
    EventKind.PHASE_CHANGED,
    EventKind.LOCK_WRITTEN,
    EventKind.LOCK_ROLLED_BACK,
)


@dataclass(frozen=True, slots=True)
class LastStop:
    """When the last global stop was recorded: wall time, and boot clock for the same boot."""

    ts: str
    boot_us: int


@dataclass
class Facts:
    """A projection that writes nothing. Read its fields between transactions only."""

    history: ControlHistory = field(default_factory=ControlHistory)
    operators: dict[str, str] = field(default_factory=dict)
    """Enrolled operators and their public keys."""
    phase: Phase = Phase.BOOTSTRAP
    lock_digest: str | None = None
    """The lock of verified models that was last written or put back; ``None`` where none was."""
    simulated: bool = False
    made_by: str = ""
    genesis_ts: str = ""
    last_stop: LastStop | None = None

    def open(self, db: sqlite3.Connection) -> None:
        """Fold what is committed."""
        marks = ",".join("?" * len(_KINDS))
        rows = db.execute(
            "SELECT l.kind, l.event_id, l.ts, l.boot_us, b.bytes FROM ledger l JOIN body b ON b.seq = l.seq "  # noqa: S608 - marks only
            f"WHERE l.kind IN ({marks}) ORDER BY l.seq",
            [kind.value for kind in _KINDS],
        )
        for kind, event_id, ts, boot_us, data in rows:
            self._take(kind, event_id, ts, boot_us, orjson.loads(data))

    def admit(self, draft: EventDraft, now: datetime) -> Refusal | None:  # noqa: ARG002 - the protocol's
        """Nothing to say about calls."""
        return None

    def apply(self, event: Header, body: Body) -> Sequence[EventDraft]:
        """Take one event in."""
        if event.kind in _KINDS:
            self._take(event.kind, event.event_id, event.ts, event.boot_us, body)
        return ()

    def flush(self, db: sqlite3.Connection) -> None:
        """Nothing is stored."""

    def reset(self) -> None:
        """Begin again; :meth:`open` follows."""
        self.__init__()  # type: ignore[misc]  # the same fields, as new

    def _take(self, kind: str, event_id: str, ts: str, boot_us: int, body: Mapping[str, Any]) -> None:
        before = self.history
        self.history = before.after(kind, event_id, body, ts)
        if self.history is not before and kind == EventKind.CONTROL_STOPPED:
            self.last_stop = LastStop(ts, boot_us)
        elif kind == EventKind.WORKSPACE_INITIALISED:
            self.simulated = body.get("simulated") is True
            self.made_by = str(body.get("made_by", ""))
            self.genesis_ts = ts
        elif kind == EventKind.OPERATOR_ENROLLED:
            self.operators[str(body.get("operator"))] = str(body.get("public_key"))
        elif kind == EventKind.OPERATOR_REMOVED:
            self.operators.pop(str(body.get("operator")), None)
        elif kind == EventKind.PHASE_CHANGED:
            self.phase = _phase(body.get("to"))
        elif kind in {EventKind.LOCK_WRITTEN, EventKind.LOCK_ROLLED_BACK}:
            self.lock_digest = str(body.get("digest"))


def _phase(name: object) -> Phase:
    """A phase that cannot be read is the strictest."""
    try:
        return Phase(str(name))
    except ValueError:
        return Phase.LIVE
