"""Breakers and rate limits as screens and documents show them: what is fresh, stale, unknown."""

from dataclasses import replace
from datetime import timedelta

import pytest
from ledger_seed import NOW

from peak_console.domain.clock import unix_us
from peak_console.ledger.folds.breaker_rows import BreakerRow
from peak_console.ledger.folds.breakers import RateSeen
from peak_console.ledger.folds.budget_breaker import BudgetLatch
from peak_console.operations.views.breaker_fold import fold_breakers
from peak_console.operations.views.breakers import (
    BreakerLine,
    BreakerState,
    RateHealth,
    RateLine,
    breaker_of,
    breaker_words,
    not_closed,
)
from peak_console.policy import breaker as policy
from peak_console.policy.breaker import Breaker

OPEN = Breaker(
    state=policy.BreakerState.OPEN,
    reason="overloaded",
    opened_us=unix_us(NOW - timedelta(seconds=18)),
    until_us=unix_us(NOW + timedelta(seconds=42)),
    trips=2,
)


def test_the_words_are_those_of_the_policy() -> None:
    """A state that the policy knows has a line here."""
    assert {one.value for one in BreakerState} == {one.value for one in policy.BreakerState}


def test_an_open_breaker_tells_when_it_is_probed() -> None:
    """The line, the document and the words agree."""
    (line,) = fold_breakers([BreakerRow("openai", "gpt-5.2", OPEN, None)], [], NOW)
    assert line.state is BreakerState.OPEN
    assert line.probe_in_s(NOW) == 42
    document = line.as_json(NOW)
    assert (document["state"], document["probe_in_s"], document["trips"]) == ("open", 42, 2)
    assert breaker_words(line, NOW) == "open, probe in 42 s (overloaded)"


def test_an_opening_whose_time_is_over_is_half_open() -> None:
    """Nobody has to ask for the state to be told."""
    later = NOW + timedelta(seconds=50)
    (line,) = fold_breakers([BreakerRow("openai", "gpt-5.2", OPEN, None)], [], later)
    assert line.state is BreakerState.HALF_OPEN
    assert line.probe_in_s(later) == 0
    assert "the next call probes it" in breaker_words(line, later)
    assert "a probe is out" in breaker_words(replace(line, probing=True), later)


def test_a_model_that_never_failed_is_closed_and_one_never_asked_is_not_listed() -> None:
    """The count of breakers is that of the models asked; refused calls without a model are none."""
    lines = fold_breakers([], [("google", "gemini-2.5-pro"), ("", ""), ("google", "gemini-2.5-pro")], NOW)
    assert lines == (BreakerLine("google", "gemini-2.5-pro", BreakerState.CLOSED),)
    assert lines[0].as_json(NOW)["until"] is None


def test_what_keeps_calls_away_stands_first_open_before_half_open() -> None:
    """The one that is probed first leads."""
    late = BreakerLine("a", "late", BreakerState.OPEN, until=NOW + timedelta(seconds=90))
    soon = BreakerLine("b", "soon", BreakerState.OPEN, until=NOW + timedelta(seconds=9))
    half = BreakerLine("c", "half", BreakerState.HALF_OPEN, until=NOW)
    closed = BreakerLine("d", "closed", BreakerState.CLOSED)
    assert not_closed([half, closed, late, soon]) == [soon, late, half]


@pytest.mark.parametrize(
    ("reset_s", "age_s", "health"),
    [
        (0.2, 3, RateHealth.FRESH),
        (41.0, 61, RateHealth.STALE),
        (90.0, 61, RateHealth.FRESH),
        (90.0, 91, RateHealth.STALE),
        (None, 59, RateHealth.FRESH),
        (None, 61, RateHealth.STALE),
    ],
)
def test_a_rate_limit_is_stale_after_a_minute_or_its_longer_window(
    reset_s: float | None, age_s: int, health: RateHealth
) -> None:
    """Then nobody may rely on it; a reset within the minute only makes more of it."""
    rate = RateLine(NOW - timedelta(seconds=age_s), 12, 500, reset_s=reset_s)
    assert rate.health(NOW) is health
    assert rate.as_json(NOW)["age_s"] == age_s


def test_the_scarcer_of_requests_and_tokens_is_named() -> None:
    """By what is left of each; nothing told is nothing named."""
    assert RateLine(NOW, 400, 500, 10, 1000).scarcest() == ("tokens", 10, 1000)
    assert RateLine(NOW, 4, 500, 900, 1000).scarcest() == ("requests", 4, 500)
    assert RateLine(NOW).scarcest() is None


def test_a_rate_limit_is_read_from_the_ledgers_row() -> None:
    """Milliseconds become seconds; what was not told stays unknown."""
    seen = RateSeen({"remaining_requests": 12, "reset_ms": 1500}, unix_us(NOW), 7)
    (line,) = fold_breakers([BreakerRow("openai", "gpt-5.2", Breaker(), seen)], [], NOW)
    assert line.rate == RateLine(NOW, remaining_requests=12, reset_s=1.5)


def test_a_latched_budget_breaker_is_a_line_of_its_own_and_comes_first() -> None:
    """It has no time, names its reset, and stands before the provider's breaker of the same model."""
    latch = BudgetLatch(
        "openai",
        "gpt-5-mini",
        latched=True,
        trips=1,
        changed_us=unix_us(NOW),
        seq=7,
        call_id="call_1",
        hop=1,
        cost=9,
        bound=5,
        tokens=10,
        bound_tokens=10,
    )
    row = BreakerRow(
        "openai",
        "gpt-5-mini",
        replace(OPEN, reason="bill_above_bound", until_us=policy.LATCHED_UNTIL_US),
        None,
        "budget",
        latch,
    )
    lines = fold_breakers([row], [("openai", "gpt-5-mini"), ("google", "gemini")], NOW)
    assert [(one.model_id, one.kind) for one in lines] == [
        ("gemini", "provider"),
        ("gpt-5-mini", "provider"),
        ("gpt-5-mini", "budget"),
    ]
    first = not_closed(lines)[0]
    assert (first.latched, first.until, first.probe_in_s(NOW)) == (True, None, None)
    document = first.as_json(NOW)
    assert (document["breaker"], document["latched"], document["until"]) == ("budget", True, None)
    words = 'latched (bill above its bound): peak breaker reset budget openai:gpt-5-mini --reason "..."'
    assert breaker_words(breaker_of(lines, "openai", "gpt-5-mini"), NOW) == words
    assert fold_breakers([replace(row, latch=replace(latch, latched=False))], [], NOW) == ()
