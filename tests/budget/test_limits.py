"""Limits: what binds a call, and the one rule by which it is admitted."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.budget.limits import (
    BudgetLimits,
    Limit,
    Scope,
    Spend,
    Unit,
    account,
    admit,
    admit_rate,
    missing,
    overspent,
    scope_keys,
    warned,
)
from peak_console.domain.calls import CallReason
from peak_console.domain.money import NanoEur

AMOUNTS = st.integers(0, 10**12)
SPENDS = st.builds(Spend, AMOUNTS, AMOUNTS, st.integers(0, 1000))
MOST = st.none() | AMOUNTS
LIMITS = st.builds(
    Limit,
    st.sampled_from(Scope),
    max_tokens=MOST,
    max_cost=MOST.map(lambda one: None if one is None else NanoEur(one)),
    max_calls=st.none() | st.integers(0, 1000),
)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def budget(*limits: Limit, timezone: str = "Europe/Berlin") -> BudgetLimits:
    """Limits with a warning at 80 %."""
    return BudgetLimits(limits, Decimal(80), timezone, "digest")


def keys(limits: BudgetLimits, *, at: datetime = NOON, layer: str = "L2", phase: str = "") -> list[str]:
    """The counters that bind a call of this layer."""
    bound = scope_keys(limits, call_id="c1", run_id="r1", layer=layer, at=at, phase_since=phase)
    return [key for _, key in bound]


@given(LIMITS, SPENDS, SPENDS, SPENDS)
def test_admitted_means_that_everything_together_fits(
    limit: Limit, spent: Spend, reserved: Spend, asked: Spend
) -> None:
    """``spent + reserved + asked <= limit`` in every unit, no more and no less; zero denies."""
    refusal = admit(limit, spent, reserved, asked)
    pairs = zip((limit.max_cost, limit.max_tokens, limit.max_calls), spent, reserved, asked, strict=True)
    fits = all(most is None or (most > 0 and sum(amounts) <= most) for most, *amounts in pairs)
    assert (refusal is None) == fits


@given(LIMITS, SPENDS, SPENDS, SPENDS)
def test_a_refusal_says_which_limit_and_by_how_much(
    limit: Limit, spent: Spend, reserved: Spend, asked: Spend
) -> None:
    """Its details are the figures of the decision, in the event's form."""
    refusal = admit(limit, spent, reserved, asked, key="day:2026-11-22")
    if refusal is None:
        return
    assert refusal.code in {CallReason.BUDGET_ZERO, CallReason.BUDGET_EXCEEDED}
    assert refusal.details["key"] == "day:2026-11-22"
    assert refusal.details["scope"] == limit.scope
    unit = Unit(refusal.details["unit"])
    assert refusal.details == account(
        limit, unit, "day:2026-11-22", spent=spent, reserved=reserved, asked=asked
    )
    assert refusal.remedy


@given(LIMITS, SPENDS, SPENDS)
def test_a_limit_that_is_overspent_was_warned_of(limit: Limit, spent: Spend, reserved: Spend) -> None:
    """Whatever is over its limit is over its warning too."""
    assert set(overspent(limit, spent)) <= set(warned(limit, spent, reserved, Decimal(80))) | {
        unit
        for unit, most in zip(Unit, (limit.max_cost, limit.max_tokens, limit.max_calls), strict=False)
        if most == 0
    }


def test_the_warning_comes_at_its_per_cent_exactly() -> None:
    """80 of 100 warns, 79 does not; what is reserved counts."""
    limit = Limit(Scope.DAY, max_cost=NanoEur(100))
    assert warned(limit, Spend(79), Spend(), Decimal(80)) == []
    assert warned(limit, Spend(40), Spend(40), Decimal(80)) == [Unit.EUR]


def test_zero_denies_in_every_unit() -> None:
    """A limit of zero lets nothing through, not even a free call."""
    for limit in (
        Limit(Scope.RUN, max_cost=NanoEur(0)),
        Limit(Scope.RUN, max_tokens=0),
        Limit(Scope.RUN, max_calls=0),
    ):
        refusal = admit(limit, Spend(), Spend(), Spend())
        assert refusal is not None
        assert refusal.code == CallReason.BUDGET_ZERO
    refused = admit_rate(Limit(Scope.RUN, max_calls_per_min=0), 0)
    assert refused is not None
    assert refused.code == CallReason.BUDGET_ZERO


@pytest.mark.parametrize(("recent", "admitted"), [(0, True), (4, True), (5, False), (50, False)])
def test_the_rate_admits_up_to_its_limit(recent: int, admitted: bool) -> None:  # noqa: FBT001 - a table's column
    """Five calls a minute are five, not six."""
    refusal = admit_rate(Limit(Scope.DAY, max_calls_per_min=5), recent, key="day:x")
    assert (refusal is None) is admitted
    if refusal:
        assert refusal.details["unit"] == "calls_per_min"
        assert refusal.details["spent"] == recent


def test_no_rate_limit_admits() -> None:
    """A limit that names no rate says nothing of it."""
    assert admit_rate(Limit(Scope.DAY, max_calls=1), 10**6) is None


def test_every_scope_has_its_own_key() -> None:
    """A call is held against its call, run, layer, day, month and phase at once."""
    limits = budget(
        *(Limit(scope, "L2" if scope.startswith("layer") else None, max_calls=1) for scope in Scope)
    )
    assert keys(limits, phase="2026-11-01T00:00:00.000000Z") == [
        "call:c1",
        "run:r1",
        "layer_run:L2:r1",
        "layer_day:L2:2026-11-22",
        "day:2026-11-22",
        "month:2026-11",
        "phase:2026-11-01T00:00:00.000000Z",
    ]
    assert keys(limits)[-1] == "phase:genesis"


def test_a_limit_of_another_layer_does_not_bind() -> None:
    """Limits of L3 say nothing to a call of L2; limits without a layer bind every call."""
    limits = budget(Limit(Scope.LAYER_DAY, "L3", max_calls=1), Limit(Scope.DAY, max_calls=1))
    assert keys(limits) == ["day:2026-11-22"]


def test_a_day_ends_in_the_limits_timezone() -> None:
    """23:30 UTC in November is tomorrow in Berlin and today in New York; DST is reckoned with."""
    late = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
    day = Limit(Scope.DAY, max_calls=1)
    assert keys(budget(day), at=late) == ["day:2026-11-23"]
    assert keys(budget(day, timezone="America/New_York"), at=late) == ["day:2026-11-22"]
    summer = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    assert keys(budget(day), at=summer) == ["day:2026-07-02"]


def test_a_month_ends_in_the_limits_timezone_too() -> None:
    """The last half hour of a UTC month belongs to the next one in Berlin."""
    late = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)
    assert keys(budget(Limit(Scope.MONTH, max_calls=1)), at=late) == ["month:2026-12"]


@pytest.mark.parametrize(
    ("limits", "level"),
    [
        ([], "run"),
        ([Limit(Scope.RUN, max_cost=NanoEur(1))], "day"),
        ([Limit(Scope.DAY, max_cost=NanoEur(1))], "run"),
        ([Limit(Scope.RUN, max_calls=1), Limit(Scope.DAY, max_cost=NanoEur(1))], "run"),
        ([Limit(Scope.LAYER_RUN, "L2", max_cost=NanoEur(1)), Limit(Scope.DAY, max_tokens=1)], None),
    ],
)
def test_missing_at_run_or_day_level_denies(limits: list[Limit], level: str | None) -> None:
    """No limit on money or tokens at a level is never "unlimited"."""
    refusal = missing(limits)
    assert (None if refusal is None else refusal.details["scope"]) == level
    if refusal is not None:
        assert refusal.code == CallReason.BUDGET_MISSING


def test_a_call_without_a_run_has_no_run_budget() -> None:
    """So it is denied as missing."""
    limits = budget(Limit(Scope.RUN, max_cost=NanoEur(1)), Limit(Scope.DAY, max_cost=NanoEur(1)))
    bound = scope_keys(limits, call_id="c1", run_id=None, layer="L2", at=NOON, phase_since="")
    assert missing(limit for limit, _ in bound) is not None


def test_an_account_of_a_unit_that_is_not_limited_is_a_mistake() -> None:
    """There are no figures to give."""
    with pytest.raises(ValueError, match="names no tokens"):
        account(
            Limit(Scope.DAY, max_calls=1), Unit.TOKENS, "k", spent=Spend(), reserved=Spend(), asked=Spend()
        )
