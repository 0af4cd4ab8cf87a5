"""Bars from hostile files: what is wrong is refused with its code and place, and never taken for a bar."""

import contextlib
import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peak_console.shadow import tables
from peak_console.shadow.bars import Bar, DataUnusable, between, gaps
from peak_console.shadow.tables import FORMATS, bars_of

HEAD = "time,open,high,low,close,volume\n"
ROW = "2026-11-20T{hour:02}:00:00Z,1.1,1.2,1.0,1.15,10\n"
THREE = HEAD + "".join(ROW.format(hour=hour) for hour in range(3))


def read(text: str, form: str = "csv", zone: str = "UTC") -> tuple[Bar, ...]:
    """The hourly bars of a text."""
    return bars_of(text.encode(), form, zone=zone, bar_s=3600)


def row(**changes: str) -> str:
    """A file of one bar with some values changed."""
    told = {"time": "2026-11-20T00:00:00Z", "open": "1.1", "high": "1.2", "low": "1.0", "close": "1.15"}
    told |= {"volume": "10"} | changes
    return f"{','.join(told)}\n{','.join(told.values())}\n"


def test_formats_hold_the_same_bars() -> None:
    """A CSV file, with other separators and names too, JSON, JSON Lines: one sequence of bars."""
    bars = read(THREE)
    assert bars[0] == Bar(
        datetime(2026, 11, 20, tzinfo=UTC), *map(Decimal, ("1.1", "1.2", "1.0", "1.15", "10"))
    )
    rows = [dict(zip(HEAD.strip().split(","), line.split(","), strict=True)) for line in THREE.split()[1:]]
    assert (
        read("\ufeff" + THREE.replace(",", ";").replace("time", "Date").upper().replace("\u0130", "I"))
        == bars
    )
    assert read(json.dumps(rows), "json") == bars
    assert read(json.dumps({"bars": [list(one.values()) for one in rows]}), "json") == bars
    assert read("\n".join(map(json.dumps, rows)), "jsonl") == bars
    epoch = [one | {"time": int(bar.start.timestamp())} for one, bar in zip(rows, bars, strict=True)]
    assert read(json.dumps(epoch), "json") == bars
    in_ms = [
        one | {"time": f"{bar.start.timestamp() * 1000:.0f}"} for one, bar in zip(rows, bars, strict=True)
    ]
    assert read(json.dumps(in_ms), "json") == bars


def test_parquet_holds_the_same_bars() -> None:
    """Floats count as they are written; times to the nanosecond are read to the microsecond."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    bars = read(THREE)
    columns = {
        "time": pa.array([bar.start for bar in bars], pa.timestamp("ns", tz="UTC")),
        **{name: [float(getattr(bar, name)) for bar in bars] for name in ("open", "high", "low", "close")},
        "volume": [10, 10, 10],
        "other": ["x"] * 3,
    }
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    assert bars_of(sink.getvalue(), "parquet", zone="UTC", bar_s=3600) == bars
    with pytest.raises(DataUnusable) as told:
        bars_of(sink.getvalue()[:-20], "parquet", zone="UTC", bar_s=3600)
    assert told.value.code == "data_unreadable"


def test_times_without_a_zone_are_of_the_one_named() -> None:
    """Across the hour that clocks skip, too."""
    text = HEAD + "2026-03-29 01:00:00,1,1,1,1,1\n2026-03-29 03:00:00,1,1,1,1,1\n"
    first, second = read(text, zone="Europe/Berlin")
    assert (first.start.hour, second.start - first.start) == (0, timedelta(hours=1))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (row(close="NaN"), "data_not_a_number"),
        (row(close="Infinity", high="Infinity"), "data_not_a_number"),
        (row(open=""), "data_not_a_number"),
        (row(open="1,1".replace(",", "'")), "data_not_a_number"),
        (row(high="9" * 40), "data_not_a_number"),
        (row(high="1e30"), "data_not_a_number"),
        (row(high="\uff11.\uff12"), "data_not_a_number"),
        (row(high="\u0661.\u0662"), "data_not_a_number"),
        (row(high="1_2"), "data_not_a_number"),
        (row(time="\uff12\uff10\uff12\uff16-11-20"), "data_time"),
        (row(low="-1.0"), "data_negative"),
        (row(low="0"), "data_negative"),
        (row(volume="-1"), "data_negative"),
        (row(high="1.12"), "data_inconsistent"),
        (row(low="1.12"), "data_inconsistent"),
        (row(time="yesterday"), "data_time"),
        (row(time="1890-01-01"), "data_time"),
        (row(time="99999999999999999"), "data_time"),
        (THREE + ROW.format(hour=2), "data_duplicate"),
        (THREE + ROW.format(hour=1), "data_out_of_order"),
        (THREE + "2026-11-20T02:30:00Z,1.1,1.2,1.0,1.15,10\n", "data_bar_length"),
        ("time,open,high,low\n1,1,1,1\n", "data_columns"),
        (HEAD, "data_empty"),
        ("", "data_empty"),
        (HEAD + "1,2\n", "data_unreadable"),
        ("time,TIME,open,high,low,close\n1,1,1,1,1,1\n", "data_unreadable"),
        (HEAD + '"' + "x" * 9000 + "\n", "data_unreadable"),
        (",".join(f"c{one}" for one in range(70)) + "\n", "data_unreadable"),
    ],
)
def test_what_is_no_bar_is_refused(text: str, code: str) -> None:
    """With a code, where it stands, and what to do."""
    with pytest.raises(DataUnusable) as told:
        read(text)
    assert (told.value.code, bool(told.value.remedy)) == (code, True)


@pytest.mark.parametrize("text", ['[{"time": NaN}]', '{"rows": []}', "[1]", "[" * 5000, "nul", '{"bars": 7}'])
def test_json_that_is_no_list_of_bars_is_refused(text: str) -> None:
    """NaN, which some writers put there, included."""
    with pytest.raises(DataUnusable):
        read(text, "json")


def test_a_file_of_secrets_shows_none() -> None:
    """Who names one as market data reads nothing of it in the error."""
    with pytest.raises(DataUnusable) as told:
        read("OPENAI_API_KEY=sk-not-a-real-key-but-one-in-form\n")
    assert "sk-" not in str(told.value)


def test_sources_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """In bytes and in bars."""
    monkeypatch.setattr(tables, "MOST_BYTES", 50)
    with pytest.raises(DataUnusable) as told:
        read(THREE)
    assert told.value.code == "data_too_large"
    monkeypatch.undo()
    monkeypatch.setattr("peak_console.shadow.bars.MOST_ROWS", 2)
    with pytest.raises(DataUnusable) as told:
        read(THREE)
    assert told.value.code == "data_too_large"


def test_gaps_are_told() -> None:
    """They are no error: markets close."""
    bars = read(HEAD + ROW.format(hour=0) + ROW.format(hour=1) + ROW.format(hour=5))
    assert [(one.after.hour, one.missing) for one in gaps(bars, 3600)] == [(1, 3)]


def test_bars_between_two_moments() -> None:
    """Those that begin at the first or later and have ended by the second."""
    bars = read(THREE)
    start = bars[0].start
    assert between(bars, start, start + timedelta(hours=2), 3600) == bars[:2]
    assert between(bars, start + timedelta(minutes=1), start + timedelta(hours=3), 3600) == bars[1:]


VALUE = st.sampled_from(
    ["1.1", "1.2", "NaN", "", "-1", "1e9", "1e-99", "2026-11-20", "\x00", "é", '"', "0x10", "1_000", "\u0661"]
)


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(sorted(set(FORMATS.values()))),
    st.binary(max_size=120)
    | st.lists(VALUE, min_size=6, max_size=6).map(lambda row: (HEAD + ",".join(row)).encode()),
)
def test_no_bytes_break_the_reader(form: str, data: bytes) -> None:
    """They are bars, every figure finite and above zero, or refused."""
    with contextlib.suppress(DataUnusable):
        for bar in bars_of(data, form, zone="UTC", bar_s=3600):
            assert bar.low > 0
            assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
