"""What the node must know of the ledger at every moment, folded in the writer's own transactions."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import orjson

from peak_console.control.history import GLOBAL, ControlHistory
from peak_console.control.lowered import Lowered
from peak_console.control.slowing import KINDS as _SLOWING_KINDS
from peak_console.control.slowing import Slowed
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ledgering import Refusal
from peak_console.domain.vocabulary import Phase
from peak_console.ledger.headers import Header
from peak_console.ledger.projections import Body

_KINDS = (
    EventKind.WORKSPACE_INITIALISED,
    EventKind.CONTROL_ENABLED,
    EventKind.CONTROL_STOPPED,
    EventKind.CONTROL_REDUCED,
    EventKind.CONTROL_RAMPED,
    EventKind.MODEL_QUARANTINED,
    EventKind.MODEL_RELEASED,
    EventKind.OPERATOR_ENROLLED,
    EventKind.OPERATOR_REMOVED,
    EventKind.PHASE_CHANGED,
    EventKind.LOCK_WRITTEN,
    EventKind.LOCK_ROLLED_BACK,
    *_SLOWING_KINDS,
)


@dataclass(frozen=True, slots=True)
class LastStop:
    """When the last global stop was recorded: wall time, and boot clock for the same boot."""

    ts: str
    boot_us: int


@dataclass(frozen=True, slots=True)
class RampBegun:
    """The enable after a stop from which limits come back in steps, and the last step on record."""

    enabled: str
    ts: str
    boot_us: int
    step: int | None = None


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
    lowered: Lowered = field(default_factory=Lowered)
    quarantined: frozenset[str] = frozenset()
    """Models that are out of use, as ``PROVIDER:MODEL``."""
    slowed: Slowed = field(default_factory=Slowed)
    """Cooldown, ramp and number of persons as they stood; an edit of the file alone makes none laxer."""
    ramp: RampBegun | None = None
    """``None`` where limits stand whole: nobody ever stopped, or nothing is enabled."""

    def open(self, db: sqlite3.Connection) -> None:
        """Fold what is committed."""
        marks = ",".join("?" * len(_KINDS))
        rows = db.execute(
            "SELECT kind, event_id, ts, boot_us, actor, bytes FROM ledger l JOIN body b USING (seq) "  # noqa: S608 - marks only
            f"WHERE l.kind IN ({marks}) ORDER BY seq",
            [kind.value for kind in _KINDS],
        )
        for kind, event_id, ts, boot_us, actor, data in rows:
            self._take(kind, event_id, ts, boot_us, orjson.loads(data), actor=actor)

    def admit(self, draft: EventDraft, now: datetime) -> Refusal | None:  # noqa: ARG002 - the protocol's
        """Nothing to say about calls."""
        return None

    def apply(self, event: Header, body: Body) -> Sequence[EventDraft]:
        """Take one event in."""
        if event.kind in _KINDS:
            self._take(event.kind, event.event_id, event.ts, event.boot_us, body, actor=event.actor)
        return ()

    def flush(self, db: sqlite3.Connection) -> None:
        """Nothing is stored."""

    def reset(self) -> None:
        """Begin again; :meth:`open` follows."""
        self.__init__()  # type: ignore[misc]  # the same fields, as new

    def _take(
        self, kind: str, event_id: str, ts: str, boot_us: int, body: Mapping[str, Any], *, actor: str = ""
    ) -> None:
        before = self.history
        self.history = before.after(kind, event_id, body, ts)
        self.slowed = self.slowed.after(kind, body)
        if kind.startswith("control."):
            self.lowered = self.lowered.after(kind, event_id, body, ts, boot_us, actor=actor)
            self._take_ramp(before, kind, body, RampBegun(event_id, ts, boot_us))
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
        elif kind == EventKind.MODEL_QUARANTINED:
            self.quarantined |= {_model(body)}
        elif kind == EventKind.MODEL_RELEASED:
            self.quarantined -= {_model(body)}

    def _take_ramp(
        self, before: ControlHistory, kind: str, body: Mapping[str, Any], begun: RampBegun
    ) -> None:
        """A global enable after a stop begins a ramp; one while enabled goes on with what there is."""
        if kind == EventKind.CONTROL_RAMPED:
            step = body.get("step")
            if self.ramp is not None and body.get("enabled") == self.ramp.enabled and type(step) is int:
                self.ramp = replace(self.ramp, step=step)
        elif body.get("scope") == GLOBAL and self.history.in_force != before.in_force:
            new = before.untouched and not body.get("after_stop")
            if self.history.in_force is None:
                self.ramp = None
            elif before.in_force is None:
                self.ramp = None if new else begun


def _model(body: Mapping[str, Any]) -> str:
    """The model that a quarantine names, as ``PROVIDER:MODEL``."""
    return f"{body.get('provider')}:{body.get('model_id')}"


def _phase(name: object) -> Phase:
    """A phase that cannot be read is the strictest."""
    try:
        return Phase(str(name))
    except ValueError:
        return Phase.LIVE
