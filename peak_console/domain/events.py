"""Ledger events: their kinds, drafts, headers, and the hash that chains them (contract "Ledger event")."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from peak_console.domain.canonical import digest

GENESIS_PREV_HASH: Final = "0" * 64
"""``prev_hash`` of the first event."""

HEADER_FIELDS: Final = (
    "seq",
    "event_id",
    "ts",
    "boot_us",
    "kind",
    "actor",
    "run_id",
    "call_id",
    "layer",
    "role",
    "provider",
    "model_id",
    "body_sha256",
    "prev_hash",
    "hash",
)
"""The header's fields, in the table's order; absent ones are NULL there and omitted in JSON."""


class EventKind(StrEnum):
    """Kinds of events: dotted, past tense. More come with the systems that write them."""

    WORKSPACE_INITIALISED = "workspace.initialised"
    RUN_STARTED = "run.started"
    RUN_FINISHED = "run.finished"
    CALL_REQUESTED = "llm.call.requested"
    CALL_ACCEPTED = "llm.call.accepted"
    CALL_COMPLETED = "llm.call.completed"
    CALL_FAILED = "llm.call.failed"
    CALL_REFUSED = "llm.call.refused"
    FALLBACK_TAKEN = "llm.fallback.taken"
    POLICY_DENIED = "policy.denied"
    BUDGET_WARNED = "budget.warned"
    BUDGET_EXCEEDED = "budget.exceeded"
    BUDGET_SETTLED = "budget.settled"
    BREAKER_TRIPPED = "breaker.tripped"
    BREAKER_RESET = "breaker.reset"
    CRITIC_JUDGED = "critic.judged"
    CONTROL_ENABLED = "control.enabled"
    CONTROL_STOPPED = "control.stopped"
    CONTROL_REDUCED = "control.reduced"
    CONTROL_RAMPED = "control.ramped"
    CONTROL_DISARMED = "control.disarmed"
    CONTROL_ACKNOWLEDGED = "control.acknowledged"
    ARM_REQUESTED = "control.arm.requested"
    ARM_APPROVED = "control.arm.approved"
    ARM_GRANTED = "control.arm.granted"
    ARM_REFUSED = "control.arm.refused"
    ARM_EXPIRED = "control.arm.expired"
    ARM_ENDED = "control.arm.ended"
    NODE_STARTED = "node.started"
    NODE_STOPPED = "node.stopped"
    PHASE_CHANGED = "phase.changed"
    CONFIG_CHANGED = "config.changed"
    MATRIX_APPROVED = "matrix.approved"
    MATRIX_CHANGED = "matrix.changed"
    MATRIX_ROLLED_BACK = "matrix.rolled_back"
    PRICES_CHANGED = "prices.changed"
    LOCK_WRITTEN = "lock.written"
    LOCK_ROLLED_BACK = "lock.rolled_back"
    MODEL_QUARANTINED = "model.quarantined"
    MODEL_RELEASED = "model.released"
    CHECKLIST_SIGNED = "checklist.signed"
    DRILL_FINISHED = "drill.finished"
    INCIDENT_OPENED = "incident.opened"
    INCIDENT_ACKNOWLEDGED = "incident.acknowledged"
    INCIDENT_ASSIGNED = "incident.assigned"
    INCIDENT_NOTED = "incident.noted"
    INCIDENT_HANDED_OVER = "incident.handed_over"
    INCIDENT_SILENCED = "incident.silenced"
    INCIDENT_ACTION_TAKEN = "incident.action_taken"
    INCIDENT_CLOSED = "incident.closed"
    GATE_DECIDED = "gate.decided"
    SHADOW_CYCLE_FINISHED = "shadow.cycle.finished"
    JOB_STARTED = "job.started"
    JOB_FINISHED = "job.finished"
    JOB_MISSED = "job.missed"
    JOB_INTERRUPTED = "job.interrupted"
    JOB_PAUSED = "job.paused"
    JOB_RESUMED = "job.resumed"
    DRIFT_CHECKED = "drift.checked"
    DRIFT_DETECTED = "drift.detected"
    OPERATOR_ENROLLED = "operator.enrolled"
    OPERATOR_REMOVED = "operator.removed"
    EVIDENCE_SEALED = "evidence.sealed"
    LEDGER_CHECKPOINTED = "ledger.checkpointed"
    LEDGER_MIGRATED = "ledger.migrated"
    LEDGER_PRUNED = "ledger.pruned"
    LEDGER_RECOVERED = "ledger.recovered"


@dataclass(frozen=True, slots=True)
class EventDraft:
    """An event as a client hands it to the ledger; sequence, time and hashes are the writer's.

    ``event_id`` is made by the client and unique: a repeated append returns the first event's place.
    """

    event_id: str
    kind: str
    body: Mapping[str, Any] = field(default_factory=dict)
    run_id: str | None = None
    call_id: str | None = None
    layer: str | None = None
    role: str | None = None
    provider: str | None = None
    model_id: str | None = None


@dataclass(frozen=True, slots=True)
class LedgerEvent:
    """An event as it stands in the ledger: its header, and its body unless that was pruned (``None``)."""

    seq: int
    event_id: str
    ts: str
    boot_us: int
    kind: str
    actor: str
    body_sha256: str
    prev_hash: str
    hash: str
    run_id: str | None = None
    call_id: str | None = None
    layer: str | None = None
    role: str | None = None
    provider: str | None = None
    model_id: str | None = None
    body: Mapping[str, Any] | None = None

    def header(self) -> dict[str, Any]:
        """The header as JSON shows it: absent fields omitted."""
        fields = ((name, getattr(self, name)) for name in HEADER_FIELDS)
        return {name: value for name, value in fields if value is not None}


def header_hash(header: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON of the header: every present field but ``hash``."""
    return digest({name: value for name, value in header.items() if name != "hash" and value is not None})
