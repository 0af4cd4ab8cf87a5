"""The node's lease: written each second, and at once when what it says has changed."""

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

from peak_console.control import lease as leases
from peak_console.control.files import LEASE, NODE
from peak_console.control.folder import RealFolder
from peak_console.control.lease import BREAKERS_LISTED, BreakerOpen
from peak_console.domain.posture import UNUSABLE, Orders, PostureReason, PostureState
from peak_console.node.folding import NOT_YET, Folded, Within, fold
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
        self._shown = NOT_YET
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

    def fold(self, oldest_wait_us: int) -> Folded:
        """What holds now, by ledger, files, memory and health."""
        state = self._state
        return fold(state.facts.history, state.seen, self.problems(oldest_wait_us), self._within())

    def renew(self, seq: int, oldest_wait_us: int) -> Folded:
        """Write the lease when it is due; gives what holds."""
        state = self._state
        now_us = state.clock.boot_us()
        folded = self.fold(oldest_wait_us)
        due = self._written_us is None or now_us - self._written_us >= leases.RENEW_S * 1_000_000
        said = (folded, self._breakers(), state.facts.phase.value)
        if said == self._said and not due:
            return self._shown
        if said != self._said:
            self._generation += 1
        self._shown, data = _shown(self._lease(*said[:2], seq, now_us), folded)
        try:
            leases.write(self.path, data)
        except OSError as error:
            self.error = str(error)
            self._take_back(said)
        else:
            self.error, self._said, self._written_us = "", said, now_us
        return self._shown

    def _take_back(self, said: tuple[Folded, tuple[BreakerOpen, ...], str]) -> None:
        """Remove what says what no longer holds and cannot be written over: without a lease, nothing."""
        if said == self._said:
            return  # it is still true, and lapses by itself
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
            self._said = self._written_us = None

    def _within(self) -> Within:
        state = self._state
        return Within(
            stopped_scopes=state.stopped_scopes,
            quarantined=state.quarantined,
            reduce=state.reducing,
            reduced_at=state.reduced_at,
            arm=state.arm,
            phase=state.facts.phase,
            ramp_pct=state.ramp_pct,
        )

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

    def _unusable(self, folded: Folded) -> tuple[str, ...]:
        """Which config it is: the reason alone names the matrix, whatever file is broken."""
        file = self._state.config_file
        broken = PostureReason.MATRIX_INVALID.value in folded.reasons
        return (f"{file} {UNUSABLE}: mend it with peak lint",) if file and broken else ()

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
            conflicts=(*folded.conflicts, *self._unusable(folded)),
            digests={name: state.digests[name] for name in _DIGESTS if name in state.digests},
            metrics_url=state.metrics_url,
            breakers=breakers,
            stopped_scopes=folded.stopped_scopes,
            reduce=folded.reduce,
            arm=folded.arm,
            quarantined=folded.quarantined,
            ramp_pct=folded.ramp_pct,
        )


def _shown(lease: leases.Lease, folded: Folded) -> tuple[Folded, bytes]:
    """What is shown, and its bytes: scopes that do not fit a lease stop everything, and say so."""
    try:
        return folded, _fitting(lease)
    except leases.LeaseTooLarge:
        nothing: dict[str, Any] = {
            "calls": False,
            "orders": Orders.NONE,
            "state": PostureState.STOPPED,
            "reasons": (PostureReason.TOO_MANY_SCOPES.value, *folded.reasons[:8]),
            "stopped_scopes": (),
            "quarantined": (),
            "conflicts": (),
            "arm": None,
        }
        return replace(folded, **nothing), leases.encode(replace(lease, breakers=(), **nothing))


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
