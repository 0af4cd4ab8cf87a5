"""What stands besides the posture, as status and bar read it: arming, reduce, scopes, ramp, workers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from peak_console.control.lease import Lease, invalid
from peak_console.domain.clock import unix_us
from peak_console.domain.events import EventKind
from peak_console.domain.posture import Posture, PostureReason
from peak_console.domain.text import one_line
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.views.bar import Armed

_NAME: Final = 60
_MISSING_LISTED: Final = 32


@dataclass(frozen=True, slots=True)
class Standing:
    """What the node said last, besides the posture."""

    armed: Armed | None = None
    reduce: bool = False
    stopped_scopes: tuple[str, ...] = ()
    quarantined: tuple[str, ...] = ()
    ramp_pct: int = 100


def standing(lease: Lease | None, posture: Posture, *, now: datetime, boot_us: int, boot_id: str) -> Standing:
    """What the lease tells besides the posture. Pure.

    What lowers is told from a lease that ceased to count too: it stands on the ledger and holds for the next
    node. What permits, the arming, is told only of a lease that counts.
    """
    if lease is None:
        return Standing()
    counts = invalid(lease, now_us=boot_us, boot_id=boot_id) is None
    acts = posture.calls or PostureReason.AI_ENABLED_FALSE in posture.reasons
    return Standing(
        armed=armed_by(lease, now=now, boot_us=boot_us) if counts and acts else None,
        reduce=lease.reduce,
        stopped_scopes=lease.stopped_scopes,
        quarantined=lease.quarantined,
        ramp_pct=lease.ramp_pct,
    )


def armed_by(lease: Lease, *, now: datetime, boot_us: int) -> Armed | None:
    """The arming that a lease names, while both clocks let it hold; the first to end ends it. Pure."""
    arm = lease.arm
    if arm is None:
        return None
    left_us = min(arm.expires_us - boot_us, arm.expires_wall_us - unix_us(now))
    if left_us <= 0 or boot_us < arm.granted_us:
        return None
    return Armed(
        scope=arm.scope,
        run_id=arm.run_id or None,
        expires_at=now + timedelta(microseconds=left_us),
        drill=arm.drill,
        lease_id=arm.lease_id,
        actor=arm.actor,
    )


def workers_missing(reader: LedgerReader) -> tuple[str, ...]:
    """Workers whose acknowledgement of the last stop is missing; none once calls were enabled again.

    Raises ``LedgerUnavailable``.
    """
    told = reader.last(EventKind.CONTROL_ACKNOWLEDGED)
    if told is None:
        return ()
    enabled = reader.last(EventKind.CONTROL_ENABLED)
    if enabled is not None and enabled.seq > told.seq:
        return ()
    missing = (told.body or {}).get("missing")
    return tuple(_worker(one) for one in missing[:_MISSING_LISTED]) if isinstance(missing, list) else ()


def _worker(told: object) -> str:
    """A worker as people know it: its name and process."""
    if not isinstance(told, Mapping):
        return one_line(str(told), _NAME)
    name, pid = str(told.get("name") or told.get("actor") or "worker"), told.get("pid")
    return one_line(f"{name} (pid {pid})" if isinstance(pid, int) else name, _NAME)


def rebooted_at(left_behind: str | None, this_boot: str, *, now: datetime, boot_us: int) -> datetime | None:
    """When this machine was started, where what a node left behind names another boot than this one. Pure."""
    if not left_behind or not this_boot or left_behind == this_boot:
        return None
    return now - timedelta(microseconds=boot_us)
