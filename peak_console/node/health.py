"""Whether the ledger may be relied on: its head at the start, its appends, its disk, its whole chain."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from peak_console.control.boot import boot_id
from peak_console.domain.canonical import canonical, sha256_hex
from peak_console.domain.errors import EnvironmentUnfit, LedgerUnavailable
from peak_console.domain.events import LedgerEvent, header_hash
from peak_console.domain.posture import PostureReason
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.schema import missing_guard

HEAD_EVENTS: Final = 200
"""How many events at the head are checked before the node serves; the rest is a child's work."""

DISK_RESERVE_BYTES: Final = 16 * 1024 * 1024
"""With less than this free, no call may begin: its end might not find room on the ledger."""

STUCK_US: Final = 5_000_000
STILL_US: Final = 2_000_000


@dataclass(slots=True)
class Verified:
    """What is known of the chain: checked up to where, when, and what broke."""

    ok: bool | None = None
    """``None`` until it was checked: what is new since the last verification, then the whole of it."""
    events: int = 0
    at: str = ""
    whole: bool = False
    """Whether every event was looked at since the node began."""
    signed: int = 0
    """Events under the largest signed head that agreed."""
    anchor: str = ""
    """The anchor that agreed; empty without one."""
    broken: str = ""
    """The first broken row and how; empty while none is known."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {
            "ok": self.ok,
            "events": self.events,
            "at": self.at,
            "whole": self.whole,
            "signed": self.signed,
            "anchor": self.anchor,
            "broken": self.broken,
        }


def problems(
    *,
    broken: str,
    fault: str,
    disk_free: int | None,
    oldest_wait_us: int,
    since_tick_us: int,
    configs_ok: bool,
    approved: bool = True,
) -> tuple[str, ...]:
    """Why nothing may be permitted now, as posture reasons. Pure."""
    found = []
    if broken:
        found.append(PostureReason.LEDGER_BROKEN.value)
    full = disk_free is None or disk_free < DISK_RESERVE_BYTES
    if fault or full or oldest_wait_us > STUCK_US or since_tick_us > STILL_US:
        found.append(PostureReason.LEDGER_UNAVAILABLE.value)
    if not configs_ok:
        found.append(PostureReason.MATRIX_INVALID.value)
    if not approved:
        found.append(PostureReason.MATRIX_UNAPPROVED.value)
    return tuple(found)


def disk_free(path: Path) -> int | None:
    """Bytes free on the disk of ``path``; ``None`` when it does not say."""
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def wal_size(ledger: Path) -> int:
    """Bytes of the ledger's write-ahead log; 0 without one."""
    try:
        return ledger.with_name(ledger.name + "-wal").stat().st_size
    except OSError:
        return 0


def check_head(path: Path, count: int = HEAD_EVENTS) -> str:
    """What is broken among the last events, empty when they chain; raises ``LedgerUnavailable``."""
    with LedgerReader(path) as reader:
        seq, _ = reader.head()
        if seq == 0:
            return ""
        return check_chain(reader.read(max(seq - count - 1, 0), count + 1))


def check_chain(events: Sequence[LedgerEvent]) -> str:
    """The first of these events that does not follow from its own bytes and the one before it."""
    before: LedgerEvent | None = None
    for event in events:
        if header_hash(event.header()) != event.hash:
            return f"row {event.seq}: its hash is not that of its header"
        if event.body is not None and sha256_hex(canonical(dict(event.body))) != event.body_sha256:
            return f"row {event.seq}: its body is not the one it was written with"
        if before is not None and (event.prev_hash != before.hash or event.seq != before.seq + 1):
            return f"row {event.seq}: it does not follow row {before.seq}"
        before = event
    return ""


def broken_head(path: Path) -> str:
    """:func:`check_head`, with a ledger that cannot be read, or lost a trigger, counted as broken there."""
    try:
        gone = missing_guard(path)
        if gone:
            return (
                f"the trigger {gone} is gone: somebody opened the file to change it; see peak ledger verify"
            )
        return check_head(path)
    except LedgerUnavailable as error:
        return error.message


def this_boot() -> str:
    """The kernel's boot id; raises ``EnvironmentUnfit``."""
    try:
        return boot_id()
    except OSError as error:
        raise EnvironmentUnfit(
            "the kernel does not tell its boot id",
            code="boot_id_unknown",
            remedy="without it no lease can be believed; check /proc/sys/kernel/random/boot_id",
        ) from error
