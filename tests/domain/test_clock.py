"""Clocks and stored times."""

import time
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from peak_console.domain.clock import ManualClock, SystemClock, from_iso, iso

MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds


@given(MOMENTS)
def test_stored_time_reads_back_to_the_microsecond(moment: datetime) -> None:
    """ISO 8601 with microseconds and Z loses nothing."""
    text = iso(moment)
    assert from_iso(text) == moment
    assert len(text) == 27
    assert text.endswith("Z")


@given(st.lists(MOMENTS, min_size=2, max_size=10))
def test_stored_times_sort_as_text(moments: list[datetime]) -> None:
    """The order of the texts is the order of the moments: filters compare text."""
    assert sorted(map(iso, moments)) == [iso(one) for one in sorted(moments)]


def test_a_time_of_another_zone_is_stored_in_utc() -> None:
    """Stored times are UTC, wherever they come from."""
    berlin = timezone(timedelta(hours=1))
    assert iso(datetime(2026, 1, 1, 0, 30, tzinfo=berlin)) == "2025-12-31T23:30:00.000000Z"


def test_the_manual_clock_moves_only_when_told() -> None:
    """Both clocks advance together; a step moves the wall alone."""
    clock = ManualClock()
    wall, boot = clock.now(), clock.boot_us()
    assert (clock.now(), clock.boot_us()) == (wall, boot)
    clock.advance(1.5)
    assert (clock.now() - wall).total_seconds() == 1.5
    assert clock.boot_us() - boot == 1_500_000
    clock.step_wall(-3600)
    assert (clock.now() - wall).total_seconds() == 1.5 - 3600
    assert clock.boot_us() - boot == 1_500_000


def test_the_system_clock_is_aware_and_runs_forward() -> None:
    """The wall is UTC; the boot clock never runs back, and agrees with the kernel's."""
    clock = SystemClock()
    first, second = clock.boot_us(), clock.boot_us()
    assert first <= second
    assert clock.now().tzinfo is UTC
    assert abs(time.time() - clock.now().timestamp()) < 60
