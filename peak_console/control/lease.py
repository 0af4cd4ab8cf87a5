"""The lease: the node's folded posture, valid for five seconds on the boot clock of this boot.

A client believes a lease only while it can check every bit of it: size, checksum, canonical form, boot id,
session, and issue and expiry on the boot clock. Whatever is wrong with it permits nothing.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from peak_console.control.files import SIZE_LIMIT
from peak_console.control.folder import FILE_MODE
from peak_console.domain.arming import CLOCK_STEP_US, ArmEnd, ArmLease
from peak_console.domain.posture import Orders, PostureReason, PostureState

VERSION: Final = 1
LIFETIME_US: Final = 5_000_000
"""A lease of a longer life is not believed."""

RENEW_S: Final = 1.0

ARM_LIFETIME_US: Final = 3_600_000_000
"""An arm lease of a longer life arms nothing."""


BREAKERS_LISTED: Final = 24
"""The most open breakers that a lease names."""


class LeaseTooLarge(ValueError):
    """The lease does not fit its size limit; the node shortens what it lists."""


@dataclass(frozen=True, slots=True)
class BreakerOpen:
    """A provider's model that is left alone; ``until_us`` in microseconds since 1970, on the wall clock."""

    provider: str
    model_id: str
    until_us: int
    latched: bool = False
    """Whether it is never free by itself; ``until_us`` is far away then."""


@dataclass(frozen=True, slots=True)
class Lease:
    """What the node said, when, and under which enable."""

    boot_id: str
    session: str
    generation: int
    issued_us: int
    expires_us: int
    phase: str
    calls: bool
    orders: Orders
    state: PostureState
    reasons: tuple[str, ...]
    enabled: str | None
    """The enable event under which this lease permits; ``ENABLED`` must name the same."""
    seq: int
    """The ledger's head when the lease was made."""
    simulated: bool = False
    since: datetime | None = None
    conflicts: tuple[str, ...] = ()
    digests: dict[str, str] = field(default_factory=dict)
    stopped_scopes: tuple[str, ...] = ()
    metrics_url: str | None = None
    breakers: tuple[BreakerOpen, ...] = ()
    """Breakers that were open when the lease was made; a lease without the field names none."""
    reduce: bool = False
    """Whether only risk-reducing orders pass."""
    arm: ArmLease | None = None
    """What is armed; the gate of an order holds it against the order and the clocks."""
    quarantined: tuple[str, ...] = ()
    """Models that are out of use, as ``PROVIDER:MODEL``, until an operator releases them."""
    ramp_pct: int = 100
    """The share of limits that holds after a recovery."""


def encode(lease: Lease) -> bytes:
    """The lease's bytes: canonical JSON with a SHA-256 over the rest; raises :class:`LeaseTooLarge`."""
    fields: dict[str, Any] = {
        "v": VERSION,
        "boot_id": lease.boot_id,
        "session": lease.session,
        "generation": lease.generation,
        "issued_us": lease.issued_us,
        "expires_us": lease.expires_us,
        "phase": lease.phase,
        "calls": lease.calls,
        "orders": lease.orders.value,
        "state": lease.state.value,
        "reasons": list(lease.reasons),
        "enabled": lease.enabled,
        "seq": lease.seq,
        "simulated": lease.simulated,
        "since": lease.since.isoformat() if lease.since else None,
        "conflicts": list(lease.conflicts),
        "digests": lease.digests,
        "stopped_scopes": list(lease.stopped_scopes),
        "metrics_url": lease.metrics_url,
        "breakers": [asdict(one) for one in lease.breakers],
        "reduce": lease.reduce,
        "arm": None if lease.arm is None else asdict(lease.arm),
        "quarantined": list(lease.quarantined),
        "ramp_pct": lease.ramp_pct,
    }
    data = _canonical({**fields, "checksum": _checksum(fields)})
    if len(data) > SIZE_LIMIT:
        raise LeaseTooLarge(f"the lease has {len(data)} bytes, at most {SIZE_LIMIT} are allowed")
    return data


def decode(data: bytes) -> Lease | None:
    """The lease of these bytes; ``None`` unless they are exactly what :func:`encode` writes."""
    if not data or len(data) > SIZE_LIMIT:
        return None
    try:
        fields = json.loads(data)
        if _canonical(fields) != data or fields.pop("checksum") != _checksum(fields):
            return None
        return _from_fields(fields)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def invalid(lease: Lease, *, now_us: int, boot_id: str) -> PostureReason | None:
    """Why a lease does not count now, by the boot clock; ``None`` when it does. Pure."""
    if lease.boot_id != boot_id:
        return PostureReason.LEASE_FOREIGN_BOOT
    if lease.expires_us - lease.issued_us > LIFETIME_US or lease.expires_us < lease.issued_us:
        return PostureReason.LEASE_CORRUPT
    if lease.issued_us > now_us:
        return PostureReason.LEASE_FUTURE
    if now_us > lease.expires_us:
        return PostureReason.LAPSED
    return None


def arm_ended(arm: ArmLease, *, now_us: int, wall_us: int) -> ArmEnd | None:
    """Why an arm lease is over, by both clocks; ``None`` while it holds. Pure.

    Either expiry ends it, and so does a step of the wall clock: one that is set back lengthens nothing.
    """
    lives = (arm.expires_us - arm.granted_us, arm.expires_wall_us - arm.granted_wall_us)
    if not all(0 < one <= ARM_LIFETIME_US for one in lives) or now_us < arm.granted_us:
        return ArmEnd.UNKNOWN
    if now_us >= arm.expires_us:
        return ArmEnd.TTL
    if wall_us >= arm.expires_wall_us:
        return ArmEnd.WALL_TTL
    if abs((wall_us - arm.granted_wall_us) - (now_us - arm.granted_us)) > CLOCK_STEP_US:
        return ArmEnd.CLOCK_STEP
    return None


def write(path: Path, data: bytes) -> None:
    """Replace the lease at once. Not synced: a lease of before a power cut is of another boot anyway."""
    private = path.with_name(f".{path.name}.new")
    private.unlink(missing_ok=True)  # of a node that died in mid-write, perhaps another user's
    handle = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        if os.write(handle, data) != len(data):
            raise OSError(f"{private.name} was written in part only")
    finally:
        os.close(handle)
    private.replace(path)


_OPTIONAL_TEXT: Final = (str, type(None))
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    **dict.fromkeys(("boot_id", "session", "phase", "orders", "state"), (str,)),
    **dict.fromkeys(("generation", "issued_us", "expires_us", "seq", "ramp_pct"), (int,)),
    **dict.fromkeys(("calls", "simulated", "reduce"), (bool,)),
    **dict.fromkeys(("enabled", "since", "metrics_url"), _OPTIONAL_TEXT),
    **dict.fromkeys(("reasons", "conflicts", "stopped_scopes", "quarantined", "breakers"), (list,)),
    "digests": (dict,),
    "arm": (dict, type(None)),
}
"""What each field of a lease is in JSON; a lease that lacks one, or has one more, is none."""

_TEXTS: Final = ("reasons", "conflicts", "stopped_scopes", "quarantined")


def _from_fields(fields: dict[str, Any]) -> Lease | None:
    fields = {"breakers": [], **fields}  # a lease without the field names none
    if type(fields["v"]) is not int or fields.pop("v") != VERSION or not _typed(fields):
        return None
    since, arm = fields["since"], fields["arm"]
    return Lease(
        **{
            **fields,
            **{name: tuple(fields[name]) for name in _TEXTS},
            "orders": Orders(fields["orders"]),
            "state": PostureState(fields["state"]),
            "since": None if since is None else datetime.fromisoformat(since),
            "breakers": tuple(_breaker(one) for one in fields["breakers"]),
            "arm": None if arm is None else _arm(arm),
        }
    )


def _typed(fields: dict[str, Any]) -> bool:
    """Whether every field is there and of its type: what is not said plainly permits nothing."""
    if fields.keys() != _TYPES.keys():
        return False
    if any(type(fields[name]) not in types for name, types in _TYPES.items()):
        return False
    texts = [text for name in _TEXTS for text in fields[name]]
    texts += [*fields["digests"], *fields["digests"].values()]
    return all(type(text) is str for text in texts) and 0 <= fields["ramp_pct"] <= 100  # noqa: PLR2004 - percent


def _breaker(fields: dict[str, Any]) -> BreakerOpen:
    one = BreakerOpen(**fields)
    if fields.keys() != BreakerOpen.__dataclass_fields__.keys():
        raise TypeError("a breaker has all of its fields")
    names = type(one.provider) is str and type(one.model_id) is str
    if not names or type(one.until_us) is not int or type(one.latched) is not bool:
        raise TypeError("a breaker names a provider, a model and a time")
    return one


def _arm(fields: dict[str, Any]) -> ArmLease:
    arm = ArmLease(**fields)
    if fields.keys() != ArmLease.__dataclass_fields__.keys():
        raise TypeError("an arm lease has all of its fields")
    texts = (arm.lease_id, arm.scope, arm.run_id, arm.actor)
    numbers = (arm.granted_us, arm.expires_us, arm.granted_wall_us, arm.expires_wall_us, arm.generation)
    if not all(type(one) is str for one in texts) or type(arm.drill) is not bool:
        raise TypeError("an arm lease names a scope, a run and who asked")
    if not all(type(one) is int for one in numbers):
        raise TypeError("an arm lease has its times")
    return arm


def _canonical(fields: Any) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def _checksum(fields: dict[str, Any]) -> str:
    return hashlib.sha256(_canonical(fields)).hexdigest()
