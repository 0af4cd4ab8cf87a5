"""Posture: whether anything may act right now, in words that every room shares."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class PostureState(StrEnum):
    """Names of combinations of the two axes ``calls`` and ``orders``; ``UNKNOWN`` acts as ``STOPPED``."""

    STOPPED = "STOPPED"
    DISARMED = "DISARMED"
    REDUCE = "REDUCE"
    ARMED = "ARMED"
    UNKNOWN = "UNKNOWN"


class Orders(StrEnum):
    """Which orders the posture lets through."""

    NONE = "none"
    REDUCE = "reduce"
    ALL = "all"


class PostureReason(StrEnum):
    """Why the posture is what it is."""

    NEW_WORKSPACE = "new_workspace"
    STOPPED_BY_OPERATOR = "stopped_by_operator"
    STOP_PRESENT = "stop_present"
    NOT_ENABLED = "not_enabled"
    ENABLED_UNREADABLE = "enabled_unreadable"
    LAPSED = "lapsed"
    LEASE_MISSING = "lease_missing"
    LEASE_CORRUPT = "lease_corrupt"
    LEASE_FUTURE = "lease_future"
    LEASE_FOREIGN_BOOT = "lease_foreign_boot"
    AI_ENABLED_FALSE = "ai_enabled_false"
    AI_ARMED_FALSE = "ai_armed_false"
    NODE_SAYS_STOPPED = "node_says_stopped"
    MATRIX_INVALID = "matrix_invalid"
    MATRIX_UNAPPROVED = "matrix_unapproved"
    LEDGER_UNAVAILABLE = "ledger_unavailable"
    LEDGER_BROKEN = "ledger_broken"
    CONTROL_FOLDER_UNREADABLE = "control_folder_unreadable"
    NO_WORKSPACE = "no_workspace"
    ENABLED = "enabled"
    REDUCE_ONLY = "reduce_only"
    ARMED = "armed"
    SCOPE_STOPPED = "scope_stopped"
    TOO_MANY_SCOPES = "too_many_scopes"
    INCIDENT_STOPPED = "incident_stopped"


UNUSABLE: Final = "cannot be used as it stands"
"""How a conflict reads that names the config file behind ``matrix_invalid``."""


@dataclass(frozen=True, slots=True)
class Posture:
    """The effective posture, with its reasons, conflicts between sources, and how fresh it is."""

    state: PostureState
    calls: bool
    orders: Orders
    reasons: tuple[str, ...]
    conflicts: tuple[str, ...] = ()
    since: datetime | None = None
    age_ms: int | None = None
    """Age of the lease the posture was read from; ``None`` when there was none."""
