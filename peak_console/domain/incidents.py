"""Incidents: what opens one, what may happen by itself, and where it stands. Pure vocabulary."""

from enum import StrEnum


class Trigger(StrEnum):
    """What opens an incident. ``operator`` and ``test`` are people's; the others are the node's."""

    POLICY_VIOLATION = "policy_violation"
    BUDGET_RUNAWAY = "budget_runaway"
    MODEL_DRIFT = "model_drift"
    LATENCY_SPIKE = "latency_spike"
    LEDGER_BROKEN = "ledger_broken"
    LAPSE = "lapse"
    CRITIC_FAIL_RATE = "critic_fail_rate"
    POSTURE_CONFLICT = "posture_conflict"
    WORKER_LOST = "worker_lost"
    ARM_LOCKOUT = "arm_lockout"
    OPERATOR = "operator"
    TEST = "test"


class Auto(StrEnum):
    """What an incident does by itself. None of these ever raises the posture."""

    NONE = "none"
    DISARM = "disarm"
    STOP_SCOPE = "stop_scope"
    STOP = "stop"
    QUARANTINE = "quarantine"
    """Take the model out of use; for ``model_drift``."""


class IncidentState(StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


class DrillKind(StrEnum):
    """Actions that can be rehearsed on a mirrored scope that stops nothing real."""

    DISARM = "disarm"
    STOP = "stop"
    CAPTURE = "capture"
    CONTAIN = "contain"
    """``! a``: all three."""
    ARM = "arm"
    ROLLBACK = "rollback"
    ALERT = "alert"
