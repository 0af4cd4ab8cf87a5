"""The log: read backwards from its end, over rotations, whatever stands in it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from peak_console.operations.logs import follow_log, read_line, read_log, rotated
from peak_console.operations.views.log import told
from peak_console.operations.views.terms import FilterInvalid

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)


def _line(number: int, **more: object) -> str:
    ts = (NOW - timedelta(seconds=1000 - number)).isoformat().replace("+00:00", "Z")
    return json.dumps({"ts": ts, "level": "info", "logger": "llm", "event": f"event {number}", **more})


def _write(path: Path, numbers: range, **more: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(_line(number, **more) + "\n" for number in numbers), encoding="utf-8")


def test_the_newest_lines_come_first_over_rotations(tmp_path: Path) -> None:
    """Older files follow the newest, each from its end."""
    log = tmp_path / "logs" / "peak.log"
    _write(log, range(20, 30))
    _write(log.with_name("peak.log.1"), range(10, 20))
    _write(log.with_name("peak.log.2"), range(10))
    (log.with_name("peak.log.old")).write_text("not one of them\n", encoding="utf-8")
    assert [path.name for path in rotated(log)] == ["peak.log", "peak.log.1", "peak.log.2"]
    page = read_log(log, "", now=NOW, limit=25)
    assert [line.event for line in page.lines] == [f"event {number}" for number in range(29, 4, -1)]


def test_long_files_are_read_in_blocks(tmp_path: Path) -> None:
    """Lines that cross the edges of blocks are whole."""
    log = tmp_path / "peak.log"
    _write(log, range(900), pad="ä" * 400)
    page = read_log(log, "", now=NOW, limit=900)
    assert [line.event for line in page.lines] == [f"event {number}" for number in range(899, -1, -1)]


def test_a_filter_leaves_out_and_counts(tmp_path: Path) -> None:
    """What the filter leaves out is counted, so that nobody takes a filter for silence."""
    log = tmp_path / "peak.log"
    log.write_text(_line(1) + "\n" + _line(2, level="error") + "\n" + _line(3) + "\n", encoding="utf-8")
    page = read_log(log, "level:error", now=NOW)
    assert [line.event for line in page.lines] == ["event 2"]
    assert page.skipped == 2


def test_since_ends_the_reading(tmp_path: Path) -> None:
    """Lines before the asked time are not looked at."""
    log = tmp_path / "peak.log"
    _write(log, range(500, 1000))
    page = read_log(log, "since:10s", now=NOW)
    assert [line.event for line in page.lines] == [f"event {number}" for number in range(999, 989, -1)]


@pytest.mark.parametrize(
    "raw", [b"{broken", b"[1, 2]", b"null", b"\xff\xfe", b'"text"', b"\x1b[2J", b"[" * 5000]
)
def test_a_line_that_is_no_object_is_given_as_it_stands(raw: bytes) -> None:
    """It is never lost, never raises, and holds nothing a terminal would obey."""
    line = read_line(raw)
    assert line.level == "unreadable"
    assert "\x1b" not in line.raw


def test_a_log_that_is_not_there_is_an_empty_page(tmp_path: Path) -> None:
    """A workspace whose node never ran has no log; that is no fault."""
    page = read_log(tmp_path / "peak.log", "", now=NOW)
    assert page.lines == ()
    assert not page.freshness.why


def test_a_log_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    """A folder in its place is told, with a remedy."""
    (tmp_path / "peak.log").mkdir()
    page = read_log(tmp_path / "peak.log", "", now=NOW)
    assert "directory" in page.freshness.why
    assert page.freshness.remedy


def test_a_filter_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """The page carries the problem; nothing is raised."""
    assert "not a filter key" in read_log(tmp_path / "peak.log", "colour:red", now=NOW).problem
    with pytest.raises(FilterInvalid):
        follow_log(tmp_path / "peak.log", "colour:red", now=NOW)


def test_following_goes_on_over_a_rotation(tmp_path: Path) -> None:
    """Lines are given as they are written, also to the file that takes a rotated one's place."""
    log = tmp_path / "peak.log"
    _write(log, range(3))
    steps = iter(["append", "half", "rest", "rotate"])

    def wait(_: float) -> None:
        step = next(steps)
        if step == "append":
            _append(log, _line(3) + "\n")
        elif step == "half":
            _append(log, _line(4)[:20])
        elif step == "rest":
            _append(log, _line(4)[20:] + "\n")
        elif step == "rotate":
            log.rename(log.with_name("peak.log.1"))
            _write(log, range(5, 7))

    lines = follow_log(log, "", now=NOW, wait=wait)
    assert [next(lines).event for _ in range(4)] == ["event 3", "event 4", "event 5", "event 6"]


def test_fields_are_told_for_people() -> None:
    """Who, how it went, latency and cost; ids at the end, whatever their place in the line."""
    fields = {
        "seq": 7, "event_id": "ev_1", "run_id": "r1", "call_id": "c1", "layer": "L2", "role": "primary",
        "provider": "openai", "model_id": "gpt-5-mini", "hop": 1, "request_hash": None, "outcome": "failed",
        "latency_ms": 12.5, "cost_eur": "0.000000100", "reason": "timeout",
    }  # fmt: skip
    shown = " ".join(told(fields))
    assert shown == (
        "L2 primary openai:gpt-5-mini failed timeout 12.5 ms 0.000000100 EUR hop=1 "
        "seq=7 event_id=ev_1 run_id=r1 call_id=c1"
    )
    assert told({"waited_ms": 3}) == ["waited_ms=3"]


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)
