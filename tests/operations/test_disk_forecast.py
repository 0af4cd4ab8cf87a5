"""How long the disk lasts: from what was measured, and honest where nothing was."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.node.health import DISK_RESERVE_BYTES
from peak_console.operations.views.disk import RESERVE_BYTES, DiskForecast, DiskState, Written, forecast

GB = 1024**3
DAY = 86_400.0


def told(
    free: int | None = 100 * GB, per_day: int = 1000, history_s: float = 10 * DAY, wal: int = 0
) -> DiskForecast:
    """A ledger of a thousand events of a kilobyte each, to which ``per_day`` are added."""
    return forecast(
        free=free,
        ledger=1_000_000,
        wal=wal,
        events=1000,
        history_s=history_s,
        written=(Written(per_day, DAY), Written(0, 3600.0)),
    )


def test_the_reserve_is_the_nodes() -> None:
    """The forecast ends where the node begins to refuse."""
    assert RESERVE_BYTES == DISK_RESERVE_BYTES


def test_growth_and_days() -> None:
    """A thousand events a day at a kilobyte each are a megabyte a day."""
    found = told(free=RESERVE_BYTES + 100_000_000)
    assert found.growth_per_day == 1_000_000
    assert found.days_left == pytest.approx(100)
    assert found.state is DiskState.OK


@pytest.mark.parametrize(
    ("days", "state"), [(1.9, DiskState.BAD), (13.9, DiskState.WARN), (14.1, DiskState.OK)]
)
def test_amber_and_red(days: float, state: DiskState) -> None:
    """Amber below two weeks, red below two days."""
    free = 10 * GB
    per_day = round((free - RESERVE_BYTES) / days / 1000)
    assert told(free=free, per_day=per_day).state is state


def test_near_the_reserve_is_red_whatever_the_rate() -> None:
    """Also where nobody knows the rate."""
    assert told(free=RESERVE_BYTES * 2, per_day=0).state is DiskState.BAD
    assert told(free=RESERVE_BYTES * 2, history_s=1).state is DiskState.BAD


def test_without_history_nothing_is_forecast() -> None:
    """No figure is made up."""
    found = told(history_s=600)
    assert (found.growth_per_day, found.days_left) == (None, None)
    assert (found.state, found.why) == (DiskState.UNKNOWN, "not enough history")


def test_a_ledger_at_rest_lasts() -> None:
    """No growth is no days, and no alarm."""
    found = told(per_day=0)
    assert (found.growth_per_day, found.days_left, found.state) == (0, None, DiskState.OK)


def test_a_burst_of_the_last_hour_counts() -> None:
    """The faster of the last hour and the last day is what fills the disk."""
    found = forecast(
        free=GB,
        ledger=1_000_000,
        wal=0,
        events=1000,
        history_s=DAY,
        written=(Written(1000, DAY), Written(1_000_000, 3600.0)),
    )
    assert found.state is DiskState.BAD


def test_a_disk_that_does_not_say() -> None:
    """Unknown, not fine."""
    assert told(free=None).state is DiskState.UNKNOWN


def test_the_log_has_an_alarm_of_its_own() -> None:
    """A reader that stays too long is seen by it."""
    assert not told(wal=64 * 1024**2).wal_alarm
    assert told(wal=64 * 1024**2 + 1).wal_alarm


@given(
    free=st.none() | st.integers(0, 2**50),
    ledger=st.integers(0, 2**45),
    events=st.integers(0, 2**40),
    history_s=st.floats(0, 1e9),
    rate=st.integers(0, 2**40),
)
def test_it_never_fails_and_never_promises_below_the_reserve(
    free: int | None, ledger: int, events: int, history_s: float, rate: int
) -> None:
    """Whatever is measured: days are not negative, and a nearly full disk is never fine."""
    found = forecast(
        free=free,
        ledger=ledger,
        wal=0,
        events=events,
        history_s=history_s,
        written=(Written(rate, max(history_s, 1.0)),),
    )
    assert found.days_left is None or found.days_left >= 0
    if free is not None and free < RESERVE_BYTES:
        assert found.state is DiskState.BAD


def test_status_tells_the_disk(tmp_path: Path) -> None:
    """``peak status --json`` carries it, beside the ledger's other sizes."""
    document = DiskForecast().as_json()
    assert {"free_bytes", "ledger_bytes", "wal_bytes", "growth_bytes_per_day", "days_left"} <= set(document)
