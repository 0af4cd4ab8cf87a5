"""What the node's parts share: the workspace, who this node is, and what it last saw."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from peak_console.config.load import ConfigCache
from peak_console.config.workspace import Workspace
from peak_console.control.breakers import Latches
from peak_console.control.history import Observed
from peak_console.control.lowering import Lower, Wish
from peak_console.control.slowing import SLOWING, slowing_of
from peak_console.domain.arming import ArmLease
from peak_console.domain.clock import Clock, unix_us
from peak_console.domain.errors import PeakError
from peak_console.ledger.folds.breakers import Breakers, OpenBreaker
from peak_console.ledger.folds.reservations import Reservations
from peak_console.node.facts import Facts
from peak_console.node.health import Verified
from peak_console.node.matrix_approvals import MatrixApprovals


@dataclass
class NodeState:
    """Read and changed on the node's loop only."""

    ws: Workspace
    clock: Clock
    configs: ConfigCache
    facts: Facts
    breakers: Breakers
    reservations: Reservations
    boot_id: str
    session: str
    leasing: bool
    """Whether this node renews a lease; one that serves a single command does not."""
    approvals: MatrixApprovals = field(default_factory=MatrixApprovals)
    seen: Observed = field(default_factory=lambda: Observed(None, None, None))
    digests: Mapping[str, str] = field(default_factory=dict)
    config_error: str = ""
    config_file: str = ""
    """The file that ``config_error`` is about, as far as one is named."""
    verified: Verified = field(default_factory=Verified)
    fault: str = ""
    """Why the ledger cannot be written, as a reason code; empty while it can."""
    last_tick_us: int = 0
    metrics_url: str | None = None
    arm: ArmLease | None = None
    """What is armed. Memory only: a restart disarms. Ended by the watch when the posture falls."""
    lowering: dict[str, Wish] = field(default_factory=dict)
    """Scope stops and marks that hold and are not on record yet, by their stop's id."""
    ramp_pct: int = 100
    """The share of limits that holds after a recovery."""
    latches: Latches = field(default_factory=Latches)
    """Breakers that only an operator resets, on record or not yet."""

    @property
    def stopped_scopes(self) -> tuple[str, ...]:
        """The scopes that are stopped, on record or not yet."""
        held = {one.scope for one in self.lowering.values() if one.what is Lower.STOP}
        return tuple(sorted(held | self.facts.lowered.scopes.keys() | self.latches.stopped_scopes()))

    @property
    def reducing(self) -> bool:
        """Whether only risk-reducing orders pass."""
        held = any(one.what is Lower.REDUCE for one in self.lowering.values())
        return held or self.facts.lowered.reduce is not None

    @property
    def reduced_at(self) -> str | None:
        """When *reduce* was recorded; ``None`` while it is not on record."""
        mark = self.facts.lowered.reduce
        return None if mark is None else mark.since

    @property
    def quarantined(self) -> tuple[str, ...]:
        """Models out of use, as ``PROVIDER:MODEL``."""
        return tuple(sorted(self.facts.quarantined))

    def slowing(self) -> dict[str, Any]:
        """The figures of ``configs/control.toml`` as events tell them; empty while configs are broken."""
        try:
            control = self.configs.current(self.facts.phase.level).control
        except PeakError:
            return {}
        return {SLOWING: slowing_of(control).told()}

    def open_breakers(self) -> tuple[OpenBreaker, ...]:
        """Breakers that let nothing through now, those first that last longest."""
        return (*self.reservations.latched(), *self.breakers.open_now(unix_us(self.clock.now())))
