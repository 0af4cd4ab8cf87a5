"""The filter over the Shadow screen: a term narrows the lists that know its key."""

import pytest
from shadow_scenes import CYCLES, DRIFT, JOBS, QUARANTINED

from peak_console.operations.views.shadow_filter import EXAMPLES, read_shadow_filter
from peak_console.operations.views.terms import FilterInvalid


def test_a_term_narrows_the_lists_that_know_its_key() -> None:
    """``reason`` is the cycles' own; ``state`` is said of jobs and models; others stay whole."""
    blocked = read_shadow_filter("reason:max_*")
    assert {one.outcome for one in CYCLES if blocked.matches(one)} == {"would_block"}
    assert all(blocked.matches(one) for one in (*JOBS, *DRIFT))
    running = read_shadow_filter("state:running,quarantined")
    assert [one.name for one in JOBS if running.matches(one)] == ["eurusd-15m"]
    assert running.matches(QUARANTINED)
    assert not running.matches(DRIFT[0])
    assert not any(read_shadow_filter("-outcome:*").matches(one) for one in CYCLES)


def test_a_word_is_looked_for_everywhere() -> None:
    """A free word finds names, reasons and reasons of drift; negated, what has none of it."""
    word = read_shadow_filter("canary")
    assert [one.name for one in JOBS if word.matches(one)] == ["canary-nightly"]
    assert sum(read_shadow_filter("Drawdown").matches(one) for one in CYCLES) == 1
    assert read_shadow_filter("2026-02-01").matches(QUARANTINED)
    assert not read_shadow_filter("-2026-02-01").matches(QUARANTINED)


def test_what_cannot_be_read_is_refused() -> None:
    """An unknown key and an order of words are said; every example can be read."""
    for wrong in ("layer:L2", "state>1", 'job:"x'):
        with pytest.raises(FilterInvalid):
            read_shadow_filter(wrong)
    assert all(read_shadow_filter(one).terms for one in EXAMPLES)
