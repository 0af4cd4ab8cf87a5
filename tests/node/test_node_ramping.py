"""The ramp after a recovery: steps by time, the lesser of two clocks, what is scaled, what is on record."""

from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peak_console.budget.limits import BudgetLimits, Limit, Scope
from peak_console.config.control import ControlConfig, EnableRules, RampStep
from peak_console.control.slowing import SLOWING, slowing_of
from peak_console.domain.clock import ManualClock, iso
from peak_console.domain.events import EventKind
from peak_console.node.facts import Facts, RampBegun
from peak_console.node.ramping import Ramping, passed_s, ramped, standing

STEPS = EnableRules().ramp
LIMITS = BudgetLimits((Limit(Scope.DAY, max_calls_per_min=60, max_calls=100),), Decimal(80), "UTC", "d")


@pytest.mark.parametrize(
    ("seconds", "step", "pct", "following"),
    [
        (0, 0, 50, 3600),
        (3599.5, 0, 50, 1),
        (3600, 1, 75, 3600),
        (7199, 1, 75, 1),
        (7200, 2, 100, None),
        (1e9, 2, 100, None),
    ],
)
def test_limits_come_back_in_steps(seconds: float, step: int, pct: int, following: int | None) -> None:
    """Half at once, three quarters after an hour, all after two; with the time of the next."""
    stand = standing(STEPS, seconds)
    assert (stand.step, stand.pct, stand.next_in_s) == (step, pct, following)


def test_steps_in_any_order_and_one_that_begins_late() -> None:
    """Before the first step's time the first step holds: never more than it."""
    late = (RampStep(after_s=60, limit_pct=Decimal(30)), RampStep(after_s=10, limit_pct=Decimal(20)))
    assert [standing(late, one).pct for one in (0, 10, 59, 60)] == [20, 20, 20, 30]


@settings(deadline=None)  # the machine of a test run is shared
@given(st.integers(-10_000, 10_000), st.integers(-400 * 86_400, 400 * 86_400))
def test_no_clock_shortens_the_ramp(later_s: int, step_s: int) -> None:
    """Never more time than the boot clock says; after a reboot, never more than the wall clock does."""
    clock = ManualClock(boot_us=20_000_000_000)
    begun = RampBegun("ev_1", iso(clock.now()), clock.boot_us() - later_s * 1_000_000)
    clock.step_wall(step_s)
    seconds = passed_s(begun, clock)
    assert seconds >= 0
    if later_s >= 0:
        assert seconds <= later_s
    assert seconds <= max(0, step_s)


def test_only_calls_per_minute_are_scaled() -> None:
    """Rounded down and never to nothing; a whole ramp changes nothing."""
    assert ramped(LIMITS, 100) is LIMITS
    assert ramped(LIMITS, 75).limits == (Limit(Scope.DAY, max_calls_per_min=45, max_calls=100),)
    least = BudgetLimits((Limit(Scope.DAY, max_calls_per_min=1), Limit(Scope.DAY)), Decimal(80), "UTC", "d")
    assert [one.max_calls_per_min for one in ramped(least, 50).limits] == [1, None]


def folded(*events: tuple[EventKind, dict[str, Any]]) -> Facts:
    """The node's facts after these events, a second apart."""
    facts, clock = Facts(), ManualClock()
    for number, (kind, body) in enumerate(events):
        facts._take(kind, f"ev_{number}", iso(clock.now() + timedelta(seconds=number)), number, body)
    return facts


ENABLE = (EventKind.CONTROL_ENABLED, {"scope": "global"})
STOP = (EventKind.CONTROL_STOPPED, {"scope": "global", "stop_id": "s"})
SCOPED = (EventKind.CONTROL_STOPPED, {"scope": "layer:L2", "stop_id": "l"})


def test_only_an_enable_after_a_stop_begins_a_ramp() -> None:
    """Not the first of a workspace, not one while enabled, not that of a scope; a stop ends it."""
    assert folded(ENABLE).ramp is None
    assert folded((EventKind.CONTROL_ENABLED, {"scope": "global", "after_stop": "s0"})).ramp is not None
    recovered = folded(ENABLE, STOP, ENABLE)
    assert recovered.ramp is not None
    assert (recovered.ramp.enabled, recovered.ramp.boot_us) == ("ev_2", 2)
    assert folded(ENABLE, STOP, ENABLE, ENABLE).ramp == recovered.ramp
    assert folded(ENABLE, STOP, ENABLE, SCOPED, (ENABLE[0], {"scope": "layer:L2"})).ramp == recovered.ramp
    assert folded(ENABLE, STOP, ENABLE, STOP).ramp is None


def test_an_edit_of_the_file_alone_hastens_no_ramp() -> None:
    """The share stays that of the ramp that held at the enable, until an operator saved another."""
    rushed = ControlConfig(enable=EnableRules(ramp=(RampStep(after_s=0, limit_pct=Decimal(100)),)))
    begun = {"digests": {"control": "a"}, SLOWING: slowing_of(ControlConfig()).told()}
    facts = folded((EventKind.NODE_STARTED, begun), ENABLE, STOP, ENABLE)
    configs = SimpleNamespace(control=rushed, digests={"control": "b"})
    state: Any = SimpleNamespace(
        facts=facts,
        clock=ManualClock(),
        leasing=False,
        ramp_pct=100,
        configs=SimpleNamespace(current=lambda _: configs),
    )
    ramping = Ramping(state, lambda *_: None)
    assert ramping.share() == 50
    facts._take("config.changed", "ev_9", "t", 0, {"kind": "control", "new": "b"}, actor="x/operator:anna")
    assert ramping.share() == 100


def test_the_last_step_on_record_is_known() -> None:
    """So that the next node records no step twice; a step of another enable is none of this one."""
    told = (EventKind.CONTROL_RAMPED, {"enabled": "ev_2", "step": 1})
    other = (EventKind.CONTROL_RAMPED, {"enabled": "ev_0", "step": 2})
    found = folded(ENABLE, STOP, ENABLE, told, other).ramp
    assert found is not None
    assert found.step == 1
