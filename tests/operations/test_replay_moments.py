"""What is replayed: moments as an operator writes them, and what cannot be."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from ledger_seed import seed_ledger

from peak_console.domain.clock import from_iso
from peak_console.domain.errors import UsageWrong
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.views.replay_clock import SPEEDS, ReplayClock, ReplaySpan
from peak_console.operations.views.replay_moments import ledger_times, read_span

END = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
NOW = END + timedelta(minutes=10)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerReader]:
    """A ledger of half an hour that ends at 14:00."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    seed_ledger(path, end=END, calls=360, per_second=0.2)
    with LedgerReader(path) as one:
        yield one


@pytest.mark.parametrize(
    ("begin", "end", "start", "stop"),
    [
        ("13:40", "13:50", "13:40", "13:50"),
        ("13:40:00Z", "+5m", "13:40", "13:45"),
        ("-20m", None, "13:50", None),
        ("20m ago", "15m ago", "13:50", "13:55"),
        ("2026-11-22T14:40+01:00", "2026-11-22 13:45", "13:40", "13:45"),
    ],
)
def test_moments_are_read(reader: LedgerReader, begin: str, end: str | None, start: str, stop: str) -> None:
    """Clock times, ISO times and spans back and on are what they say, in UTC unless they say otherwise."""
    span = read_span(reader, begin, end, NOW)
    assert f"{span.start:%H:%M}" == start
    assert span.end == (ledger_times(reader)[1] if stop is None else from_iso(f"2026-11-22T{stop}:00+00:00"))


def test_a_day_is_all_of_it_that_the_ledger_has(reader: LedgerReader) -> None:
    """A date begins where the ledger does and ends with it; what was cut is said."""
    first, last = ledger_times(reader)
    span = read_span(reader, "2026-11-22", None, NOW)
    assert (span.start, span.end) == (first, last)
    assert "begins at" in span.note


def test_a_run_is_its_own_span(reader: LedgerReader) -> None:
    """A run is replayed from its first event to its last; an event from its moment on."""
    event = reader.read(100, 1)[0]
    events = reader.by_run(event.run_id or "")
    span = read_span(reader, event.run_id or "", None, NOW)
    assert (span.start, span.end) == (from_iso(events[0].ts), from_iso(events[-1].ts))
    assert read_span(reader, f"#{event.seq}", None, NOW).start == from_iso(event.ts)


@pytest.mark.parametrize(
    ("begin", "end", "code"),
    [
        ("yesterday", None, "replay_no_moment"),
        ("25:00", None, "replay_no_moment"),
        ("2026-13-01", None, "replay_no_moment"),
        ("#999999", None, "replay_outside"),
        ("2027-01-01", None, "replay_outside"),
        ("2026-11-01", "2026-11-02", "replay_outside"),
        ("13:50", "13:40", "replay_backwards"),
        ("\x1b]52;c;x\x07", None, "replay_no_moment"),
    ],
)
def test_what_is_no_moment_is_said(reader: LedgerReader, begin: str, end: str | None, code: str) -> None:
    """What cannot be replayed has a code, a message without controls, and a remedy."""
    with pytest.raises(UsageWrong) as caught:
        read_span(reader, begin, end, NOW)
    assert caught.value.code == code
    assert caught.value.remedy
    assert "\x1b" not in caught.value.message


def test_a_replay_clock_runs_as_fast_as_it_is_told() -> None:
    """It stands until it plays, passes its speed's seconds a second, and ends held at the end."""
    seconds = [100.0]
    span = ReplaySpan(END, END + timedelta(minutes=30))
    clock = ReplayClock(span, seconds=lambda: seconds[0])
    seconds[0] += 50
    assert clock.position() == clock.now() == END
    assert clock.toggle()
    seconds[0] += 5
    assert clock.position() == END + timedelta(seconds=5)
    assert clock.now() == END
    assert clock.latch() == clock.now() == END + timedelta(seconds=5)
    assert clock.faster(1) == SPEEDS[1]
    seconds[0] += 2
    assert clock.position() == END + timedelta(seconds=25)
    assert clock.faster(9) == SPEEDS[-1]
    seconds[0] += 60
    assert clock.position() == span.end
    assert not clock.playing
    assert clock.step(-60) == span.end - timedelta(seconds=60)
    assert clock.step(9999) == span.end
    assert clock.toggle()
    assert clock.position() == span.start
