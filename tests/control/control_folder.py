"""A control folder with whatever lease and files a test wants."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from peak_console.control import lease as leases
from peak_console.control.files import ENABLED, LEASE, STOP, encode
from peak_console.control.gate import CallGate
from peak_console.domain.clock import ManualClock
from peak_console.domain.posture import Orders, PostureState

BOOT = "11111111-2222-3333-4444-555555555555"


@dataclass
class Folder:
    """A control folder and the clock it is judged by."""

    path: Path
    clock: ManualClock

    def lease(self, **changes: Any) -> leases.Lease:
        """A lease that permits calls under ``ev_1``, issued now, with changes."""
        now = self.clock.boot_us()
        whole = leases.Lease(
            boot_id=BOOT,
            session="s1",
            generation=1,
            issued_us=now,
            expires_us=now + leases.LIFETIME_US,
            phase="bootstrap",
            calls=True,
            orders=Orders.NONE,
            state=PostureState.DISARMED,
            reasons=("enabled",),
            enabled="ev_1",
            seq=7,
        )
        return replace(whole, **changes)

    def enable(self, event_id: str = "ev_1") -> None:
        """``ENABLED`` as an enable leaves it."""
        (self.path / ENABLED).write_bytes(encode({"event_id": event_id}))

    def stop(self) -> None:
        """``STOP`` as a stop leaves it."""
        (self.path / STOP).write_bytes(encode({"stop_id": "stop_1", "at": "2026-11-22T12:00:00.000000Z"}))

    def renew(self, **changes: Any) -> None:
        """Write a lease."""
        leases.write(self.path / LEASE, leases.encode(self.lease(**changes)))

    def gate(self, **environ: str) -> CallGate:
        """A gate of this folder."""
        return CallGate(self.path, self.clock, environ, boot=lambda: BOOT)
