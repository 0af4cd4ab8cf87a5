"""Calls per minute: never fewer than there were, forgotten after a minute."""

from hypothesis import given
from hypothesis import strategies as st
from ledger_desk import Desk
from ledger_events import note, requested

from peak_console.ledger.folds.rates import Rates, calls_of_last_minute

SECOND = 1_000_000


@given(st.lists(st.integers(0, 200 * SECOND), max_size=60), st.integers(0, 300 * SECOND))
def test_the_count_is_never_below_the_truth_nor_much_above(moments: list[int], later: int) -> None:
    """Every call of the last minute is counted; none older than a minute and a second."""
    rates = Rates()
    for moment in sorted(moments):
        rates.count("k", moment)
    now = max([later, *moments])
    found = rates.recent("k", now)
    assert found >= sum(moment > now - 60 * SECOND for moment in moments)
    assert found <= sum(moment >= now - 61 * SECOND for moment in moments)


def test_keys_are_counted_apart_and_forgotten() -> None:
    """An unknown key has no calls; an old one takes no room."""
    rates = Rates()
    rates.count("a", SECOND)
    assert (rates.recent("a", SECOND), rates.recent("b", SECOND)) == (1, 0)
    assert rates.recent("a", 100 * SECOND) == 0
    assert not rates._seconds


def test_many_keys_do_not_gather() -> None:
    """Runs come and go by the thousand: those that are over are dropped."""
    rates = Rates()
    for number in range(25_000):
        rates.count(f"run:{number}", number * SECOND)
    assert len(rates._seconds) < 10_100


def test_after_a_start_only_this_boots_last_minute_counts(desk: Desk) -> None:
    """Requests of the last sixty seconds of the boot clock; after a reboot the clock began anew."""
    desk.write(requested("old"))
    desk.clock.advance(100)
    desk.write(requested("one"), note(), requested("two"))
    db = desk.writer._db
    assert [event.call_id for event in calls_of_last_minute(db, desk.clock.boot_us())] == ["one", "two"]
    assert calls_of_last_minute(db, 5 * SECOND) == []
