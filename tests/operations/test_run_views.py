"""Runs as screens read them: filters, timelines, pages of runs and events, with and without the index."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.composed import RUN, Composer, bare_workspace, composing

from peak_console.config.workspace import Workspace
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.clock import ManualClock
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.node.indexchild import Filler
from peak_console.operations.runs import RunLine
from peak_console.operations.runs_read import step_words
from peak_console.operations.views.body_fields import EPOCH
from peak_console.operations.views.event_page import why_in_a_line
from peak_console.operations.views.live_source import LiveSource
from peak_console.operations.views.run_filter import EXAMPLES, read_run_filter
from peak_console.operations.views.run_rows import line_of_row, row_of
from peak_console.operations.views.terms import FilterInvalid
from peak_console.operations.views.timeline import Mark, Place, timeline
from peak_console.operations.views.work import WorkCancelled, WorkspaceWork

NOW = EPOCH + timedelta(days=20_000)
LINE = RunLine(
    RUN,
    5,
    19,
    NOW,
    None,
    NOW,
    phase="shadow",
    layers=("L2", "L3"),
    purpose="leverage check",
    cost=700_000_000,
    outcome="failed",
    verdict="FAIL",
    evidence="audits/x",
    calls=3,
)


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    """A workspace without a ledger."""
    return bare_workspace(tmp_path / "ws")


def write_run(ledger: Composer, artefacts: list[dict[str, Any]] | None = None) -> str:
    """A run with one call, and its end; gives the call's id."""
    ledger.event(EventKind.RUN_STARTED, {"purpose": "leverage check", "phase": "shadow"}, run_id=RUN)
    call_id = ledger.call()
    ledger.event(EventKind.RUN_FINISHED, {"outcome": "ok", "artefacts": artefacts or []}, run_id=RUN)
    return call_id


def index(ws: Workspace) -> None:
    """Fill the index."""
    filler = Filler(ws)
    while not filler.round():
        pass
    filler.close()


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("", True),
        ("layer:L3", True),
        ("layer:L0,L1", False),
        ("-layer:L0 critic:FAIL", True),
        ("critic:none", False),
        ("cost>0.5", True),
        ("cost>0.5€ calls>3", False),
        ("outcome:failed,aborted is:sealed", True),
        ("is:pruned", False),
        ("-is:pruned phase:shadow", True),
        ("phase:sha*", True),
        ("since:1h", True),
        ("until:1h", False),
        ("20261122", True),
        ("20261123", False),
        ("purpose:*lever*", True),
        ("leverage", True),
        ("-text:leverage", False),
        ('text:"leverage check"', True),
    ],
)
def test_a_filter_means_what_it_says(text: str, *, fits: bool) -> None:
    """Every key, alone and with others, on one line."""
    assert read_run_filter(text, NOW).matches(LINE) is fits


@pytest.mark.parametrize(
    "text",
    [
        "layer:L9",
        "critic:MAYBE",
        "cost>much",
        "is:a",
        "is:sealed,pruned",
        "what:x",
        "...",
        "since:soon",
        "layer>L2",
    ],
)
def test_a_filter_that_cannot_be_read_says_where(text: str) -> None:
    """The error names the column, and what would be right."""
    with pytest.raises(FilterInvalid) as refused:
        read_run_filter(text, NOW)
    assert refused.value.details["column"] >= 1
    assert refused.value.remedy


def test_the_examples_can_be_read() -> None:
    """What the console offers as an example is a filter."""
    for text in EXAMPLES:
        assert not read_run_filter(text, NOW).everything


@given(
    st.builds(
        RunLine,
        run_id=st.just(RUN),
        seq=st.integers(1, 2**31),
        last_seq=st.integers(1, 2**31),
        started=st.just(NOW),
        finished=st.none() | st.just(NOW),
        last=st.just(NOW),
        layers=st.sets(st.sampled_from(["L0", "L1", "L6"])).map(lambda one: tuple(sorted(one))),
        purpose=st.text(),
        cost=st.integers(0, 2**53),
        simulated=st.booleans(),
    )
)
def test_a_row_of_the_index_gives_its_line_back(line: RunLine) -> None:
    """Nothing of a run's line is lost on the way into the index and out of it."""
    assert line_of_row(row_of(line)) == line


def event(seq: int, kind: str, call_id: str | None = None, **body: Any) -> LedgerEvent:
    """An event of a run, a second after the one before it."""
    ts = f"2026-11-22T12:00:{seq:02}.000000Z"
    return LedgerEvent(
        seq, f"ev_{seq}", ts, 0, kind, "mara", "", "", "", run_id=RUN, call_id=call_id, layer="L2", body=body
    )


def test_a_timeline_keeps_the_events_of_a_call_together() -> None:
    """Calls made side by side stand one after the other, each where it began; nothing is lost."""
    events = [
        event(1, "run.started"),
        event(2, "llm.call.requested", "call_a"),
        event(3, "llm.call.requested", "call_b"),
        event(4, "llm.call.failed", "call_a", reason="timeout", latency_us=2_000_000, cost_eur="0.000000000"),
        event(5, "llm.call.completed", "call_b", usage={"input": 3, "output": 4}),
        event(6, "critic.judged", None, verdict="REVIEW"),
        event(7, "gate.decided", None, verdict="BLOCK"),
        event(8, "order.cancelled", None),
    ]
    lines = timeline(events)
    assert [line.seq for line in lines] == [1, 2, 4, 3, 5, 6, 7, 8]
    assert [line.place for line in lines[:5]] == [
        Place.ALONE,
        Place.FIRST,
        Place.LAST,
        Place.FIRST,
        Place.LAST,
    ]
    assert [line.mark for line in lines] == [
        Mark.BEGIN, Mark.ASK, Mark.BAD, Mark.ASK, Mark.OK, Mark.WARN, Mark.BAD, Mark.ORDER,
    ]  # fmt: skip
    assert lines[2].offset_ms == 3000.0
    assert (lines[2].latency_ms, lines[2].cost, lines[4].tokens_out) == (2000.0, 0, 4)


@pytest.mark.parametrize("kind", [one.value for one in EventKind] + ["order.filled", "new.kind"])
@pytest.mark.parametrize(
    "body", [None, {}, {"findings": 3, "usage": [], "reasons": "x", "from": 1, "to": []}]
)
def test_every_kind_has_its_line(kind: str, body: dict[str, Any] | None) -> None:
    """Any kind, pruned or with a body that is not as it should be, is one line with a title."""
    (line,) = timeline([replace(event(1, kind, "call_a"), body=body)])
    assert line.title
    assert line.pruned is (body is None)


def test_runs_come_from_the_index_and_without_it_from_the_ledger(ws: Workspace) -> None:
    """Both ways give the same lines; without the index it is said, and words are refused in words."""
    with composing(ws) as ledger:
        write_run(ledger)
        source = LiveSource(ws, clock=ManualClock(NOW))
        before = source.runs()
        assert before.index.problem == "there is no index yet"
        assert source.runs("leverage").problem.startswith("words cannot be searched for")
        index(ws)
        after = source.runs()
        assert after.index.usable
        assert after.lines == before.lines
        assert [line.run_id for line in source.runs("leverage").lines] == [RUN]
        ledger.call()
        assert source.runs().index.behind == 2
        source.close()


def test_a_run_is_found_by_what_belongs_to_it(ws: Workspace) -> None:
    """The id of a call or an event, or its place, finds the run; an unknown one finds none."""
    with composing(ws) as ledger:
        call_id = write_run(ledger)
    index(ws)
    source = LiveSource(ws, clock=ManualClock(NOW))
    for text, found in ((call_id, 1), ("#3", 1), ("#1", 0), ("call_zzz", 0)):
        assert len(source.runs(text).lines) == found, text
    source.close()


def test_the_index_of_another_ledger_is_not_believed(ws: Workspace, tmp_path: Path) -> None:
    """Runs of a ledger that was replaced are never listed."""
    other = bare_workspace(tmp_path / "other")
    for one, prefix in ((ws, "a"), (other, "b")):
        with composing(one, prefix=prefix) as ledger:
            write_run(ledger)
    index(other)
    ws.search.write_bytes(other.search.read_bytes())
    page = LiveSource(ws, clock=ManualClock(NOW)).runs()
    assert page.index.problem == "the index is of another ledger"
    assert len(page.lines) == 1


def test_a_run_page_checks_its_artefacts(ws: Workspace) -> None:
    """A file is as hashed, changed, gone, or not looked at because its path leads elsewhere."""
    sha256 = sha256_hex(b"text")
    names = ("a/result.md", "a/changed.md", "a/gone.md", "../outside.md", "a/link.md", "/etc/passwd")
    with composing(ws) as ledger:
        write_run(ledger, [{"path": name, "sha256": sha256, "bytes": 4} for name in names])
    folder = ws.runs / RUN / "a"
    folder.mkdir(parents=True)
    (folder / "result.md").write_bytes(b"text")
    (folder / "changed.md").write_bytes(b"texts")
    (ws.runs / "outside.md").write_bytes(b"text")
    (folder / "link.md").symlink_to(folder / "result.md")
    source = LiveSource(ws, clock=ManualClock(NOW))
    page = source.run(RUN)
    states = {one.path: one.state for one in page.artefacts}
    assert states == {
        "a/result.md": "ok",
        "a/changed.md": "changed",
        "a/gone.md": "missing",
        "../outside.md": "unchecked",
        "a/link.md": "unchecked",
        "/etc/passwd": "unchecked",
    }
    assert page.line is not None
    assert (page.line.outcome, len(page.events), page.more) == ("ok", 4, False)
    assert source.run(RUN, 2).more
    assert source.run("20261122_000000_zzzzzz").missing
    source.close()


def test_a_run_whose_folder_is_gone_is_no_alarm(ws: Workspace) -> None:
    """Where old runs are tidied away nothing is wrong with their artefacts: they are not here any more."""
    with composing(ws) as ledger:
        write_run(ledger, [{"path": "a/result.md", "sha256": "00" * 32, "bytes": 4}])
    source = LiveSource(ws, clock=ManualClock(NOW))
    page = source.run(RUN)
    source.close()
    assert [one.state for one in page.artefacts] == ["removed"]


def test_an_event_page_holds_header_body_and_place(ws: Workspace) -> None:
    """What is shown is what the ledger has, recomputed; a place beyond the end is said."""
    with composing(ws) as ledger:
        call_id = write_run(ledger)
    source = LiveSource(ws, clock=ManualClock(NOW))
    page = source.event(3)
    assert (page.call_id, page.run_id, page.kind) == (call_id, RUN, EventKind.CALL_REQUESTED)
    assert page.place is not None
    assert (page.place.header_holds, page.place.link_holds, page.place.body_holds) == (True, True, True)
    assert page.event["body"]["hop"] == 1
    assert "there is no event #99" in source.event(99).missing
    source.close()


def test_no_ledger_is_said_on_every_page(ws: Workspace) -> None:
    """Without a ledger nothing raises."""
    source = LiveSource(ws, clock=ManualClock(NOW))
    assert source.runs().lines == ()
    assert source.run(RUN).missing
    assert source.event(1).missing
    assert source.packs().rows == ()
    source.close()


def test_a_stretch_of_the_chain_is_verified_with_progress_and_can_be_given_up(ws: Workspace) -> None:
    """The result names first and last; cancelling is an error of its own."""
    with composing(ws) as ledger:
        write_run(ledger)
    told: list[tuple[str, int, int]] = []
    found = WorkspaceWork(ws).verify_range(2, 5, lambda *one: told.append(one), lambda: False)
    assert (found.ok, found.first, found.last) == (True, 2, 5)
    assert told[-1] == ("chain", 4, 4)
    with pytest.raises(WorkCancelled):
        WorkspaceWork(ws).verify_range(2, 5, lambda *_: None, lambda: True)


def test_a_shadow_runs_gate_and_cycle_say_what_would_have_been_ordered() -> None:
    """The intent, every reason, that nothing was ordered, how the cycle came out on which data."""
    intent = {"side": "buy", "quantity": "800.00", "instrument": "EUR/USD"}
    decided = event(
        1, "gate.decided", None, verdict="BLOCK", reasons=["stale_data", "daily_loss"], venue_kind="none",
        inputs={"intent": intent}, inputs_digest="ab" * 32,
    )  # fmt: skip
    ended = event(
        2, "shadow.cycle.finished", None, job="eurusd", instrument="EUR/USD", outcome="would_block",
        reasons=["stale_data"], as_of="2026-11-22T14:00:00.000000Z", intent=intent, replayed=True,
        outlook={"scenarios": [{"name": "up\u202e", "probability_pct": 60}], "confidence": "0.7"},
        hypothesis={"view": "up", "conviction": "0.6"},
    )  # fmt: skip
    gate, cycle = timeline([decided, ended])
    assert (gate.mark, gate.title) == (Mark.BAD, "gate BLOCK")
    assert gate.words == "stale_data, daily_loss · buy 800 EUR/USD · nothing is ordered"
    assert (cycle.mark, cycle.title) == (Mark.WARN, "cycle would_block")
    assert cycle.words == (
        "EUR/USD · buy 800 EUR/USD · stale_data · up\ufffd 60 %, confidence 0.7, view up (0.6)"
        " · history replayed"
    )
    assert why_in_a_line(decided).startswith("stale_data, daily_loss; decided on inputs abababa")
    assert why_in_a_line(ended).startswith("job eurusd, data of 2026-11-22T14:00:00")
    assert step_words(decided).startswith("BLOCK · stale_data, daily_loss · buy 800 EUR/USD")
    assert step_words(ended).startswith("would_block · EUR/USD")
    assert read_run_filter("gate:allow", NOW).matches(replace(LINE, gate="ALLOW"))
    assert not read_run_filter("gate:allow", NOW).matches(replace(LINE, gate="BLOCK"))
    assert read_run_filter("gate:none", NOW).matches(LINE)
