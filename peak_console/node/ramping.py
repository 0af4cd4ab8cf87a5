"""The ramp after a recovery: limits come back in steps, counted from the enable that lifted a stop."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from peak_console.budget.limits import BudgetLimits, Limit
from peak_console.config.control import RampStep
from peak_console.control.slowing import ENABLE, KIND, slowing_of
from peak_console.domain.clock import Clock, from_iso
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventKind
from peak_console.node.facts import RampBegun
from peak_console.node.state import NodeState

WHOLE = 100


@dataclass(frozen=True, slots=True)
class RampStand:
    """Where a ramp stands: the step (from 0), the share in percent, and seconds to the next step, if any."""

    step: int
    pct: int
    next_in_s: int | None


def passed_s(begun: RampBegun, clock: Clock) -> float:
    """Seconds since the enable, by whichever clock says less; by the wall clock after a reboot."""
    wall_s = max(0.0, (clock.now() - from_iso(begun.ts)).total_seconds())
    boot_s = (clock.boot_us() - begun.boot_us) / 1_000_000
    return wall_s if boot_s < 0 else min(boot_s, wall_s)


def standing(steps: Sequence[RampStep], seconds: float) -> RampStand:
    """The step that holds after ``seconds``; before the first step's time it is the first. Pure."""
    ordered = sorted(steps, key=lambda one: one.after_s)
    reached = max(0, sum(one.after_s <= seconds for one in ordered) - 1)
    following = ordered[reached + 1].after_s if reached + 1 < len(ordered) else None
    next_in_s = None if following is None else max(1, -int(-(following - seconds) // 1))
    return RampStand(reached, int(ordered[reached].limit_pct), next_in_s)


@lru_cache(maxsize=16)
def ramped(limits: BudgetLimits, pct: int) -> BudgetLimits:
    """``limits`` with ``max_calls_per_min`` at ``pct`` percent, rounded down, but never to nothing."""
    if pct >= WHOLE:
        return limits
    return replace(limits, limits=tuple(_ramped(one, pct) for one in limits.limits))


def _ramped(limit: Limit, pct: int) -> Limit:
    most = limit.max_calls_per_min
    return limit if not most else replace(limit, max_calls_per_min=max(1, most * pct // WHOLE))


class Ramping:
    """Follows the ramp of one node, and has each step recorded as ``control.ramped``."""

    def __init__(self, state: NodeState, append: Callable[[EventKind, dict[str, Any]], object]) -> None:
        self._state = state
        self._append = append
        self._told: tuple[str, int] | None = None

    def share(self) -> int:
        """The percent of limits that holds now; a step that is new is recorded."""
        state = self._state
        begun = state.facts.ramp
        if begun is None:
            return WHOLE
        try:
            configs = state.configs.current(state.facts.phase.level)
        except PeakError:
            return state.ramp_pct  # a broken config permits no calls anyway
        now = slowing_of(configs.control)
        held = state.facts.slowed.since(ENABLE, now, configs.digests.get(KIND))
        steps = configs.control.enable.ramp if held.ramp == now.ramp else held.steps()
        stand = standing(steps, passed_s(begun, state.clock))
        if state.leasing and begun.step != stand.step and self._told != (begun.enabled, stand.step):
            self._told = (begun.enabled, stand.step)
            body = {"enabled": begun.enabled, "step": stand.step, "pct": stand.pct}
            self._append(EventKind.CONTROL_RAMPED, {**body, "of": len(steps), "next_in_s": stand.next_in_s})
        return stand.pct
