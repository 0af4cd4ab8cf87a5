"""The node's lease: written each second, and at once when what it says has changed."""

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

from peak_console.control import lease as leases
from peak_console.control.files import LEASE, NODE
from peak_console.control.folder import RealFolder
from peak_console.control.lease import BREAKERS_LISTED, BreakerOpen
from peak_console.domain.posture import PostureReason
from peak_console.node.folding import Folded, fold
from peak_console.node.health import disk_free, problems
from peak_console.node.matrix_approvals import MATRIX_UNAPPROVED
from peak_console.node.state import NodeState

_DIGESTS = ("matrix", "models", "prices", "budgets", "lock", "limits", "scopes", "prompts", "control")


class LeaseKeeper:
    """Writes the lease of one node session; a write that fails leaves the last one to lapse."""

    def __init__(self, state: NodeState) -> None:
        self._state = state
        self._generation = 0
        self._said: tuple[Folded, tuple[BreakerOpen, ...], str] | None = None
        self._written_us: int | None = None
        self.path = state.ws.control / LEASE
        self.error = ""
        """Why the lease could not be written last; empty when it could."""

    def problems(self, oldest_wait_us: int) -> tuple[str, ...]:
        """What forbids calls now, besides stop and enable."""
        state = self._state
        return problems(
            broken=state.verified.broken,
            fault=state.fault,
            disk_free=disk_free(state.ws.audits),
            oldest_wait_us=oldest_wait_us,
            since_tick_us=state.clock.boot_us() - state.last_tick_us,
            configs_ok=state.config_error in {"", MATRIX_UNAPPROVED},
            approved=state.config_error != MATRIX_UNAPPROVED,
        )

    def renew(self, seq: int, oldest_wait_us: int) -> Folded:
        """Write the lease when it is due; gives what holds."""
        state = self._state
        now_us = state.clock.boot_us()
        folded = fold(state.facts.history, state.seen, self.problems(oldest_wait_us))
        due = self._written_us is None or now_us - self._written_us >= leases.RENEW_S * 1_000_000
        said = (folded, self._breakers(), state.facts.phase.value)
        if said == self._said and not due:
            return folded
        if said != self._said:
            self._generation += 1
        try:
            leases.write(self.path, _fitting(self._lease(*said[:2], seq, now_us)))
        except (OSError, leases.LeaseTooLarge) as error:
            self.error = str(error)
        else:
            self.error, self._said, self._written_us = "", said, now_us
        return folded

    def withdraw(self) -> None:
        """At a clean end: remove the lease, so that every console sees the lapse at once."""
        for path in (self.path, self._state.ws.control / NODE):
            with suppress(OSError):
                path.unlink(missing_ok=True)

    @property
    def age_ms(self) -> int | None:
        """How old the last written lease is."""
        if self._written_us is None:
            return None
        return (self._state.clock.boot_us() - self._written_us) // 1000

    def _breakers(self) -> tuple[BreakerOpen, ...]:
        held = self._state.open_breakers()[:BREAKERS_LISTED]
        return tuple(BreakerOpen(one.provider, one.model_id, one.until_us, one.latched) for one in held)

    def _lease(
        self, folded: Folded, breakers: tuple[BreakerOpen, ...], seq: int, now_us: int
    ) -> leases.Lease:
        state = self._state
        return leases.Lease(
            boot_id=state.boot_id,
            session=state.session,
            generation=self._generation,
            issued_us=now_us,
            expires_us=now_us + leases.LIFETIME_US,
            phase=state.facts.phase.value,
            calls=folded.calls,
            orders=folded.orders,
            state=folded.state,
            reasons=folded.reasons,
            enabled=folded.enabled,
            seq=seq,
            simulated=state.facts.simulated,
            since=folded.since,
            conflicts=folded.conflicts,
            digests={name: state.digests[name] for name in _DIGESTS if name in state.digests},
            metrics_url=state.metrics_url,
            breakers=breakers,
        )


def _fitting(lease: leases.Lease) -> bytes:
    """The lease's bytes; breakers with long names are left out, the shortest openings first, until it fits.

    A client that is not told of one is refused by the ledger instead.
    """
    while True:
        try:
            return leases.encode(lease)
        except leases.LeaseTooLarge:
            if not lease.breakers:
                raise
            lease = replace(lease, breakers=lease.breakers[:-1])


def write_node_file(state: NodeState, fields: dict[str, Any]) -> None:
    """Write ``node.json``: how to find this node."""
    data = json.dumps(fields, sort_keys=True).encode() + b"\n"
    RealFolder(state.ws.control).replace(NODE, data)


def is_healthy(reasons: tuple[str, ...]) -> bool:
    """Whether none of these reasons is one of health."""
    ill = {
        PostureReason.LEDGER_BROKEN,
        PostureReason.LEDGER_UNAVAILABLE,
        PostureReason.MATRIX_INVALID,
        PostureReason.MATRIX_UNAPPROVED,
    }
    return not ill & set(reasons)
