"""Reads: pages that neither miss nor repeat, filters that an index answers, errors that say why."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_desk import Desk
from ledger_events import completed, failed, judged, note, requested

from peak_console.domain.errors import LedgerUnavailable
from peak_console.domain.events import GENESIS_PREV_HASH, LedgerEvent
from peak_console.ledger import reader as reading
from peak_console.ledger.filters import ENDED, EventFilter
from peak_console.ledger.reader import LedgerReader

MODELS = ("gpt-5", "gemini-2.5-pro")


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A ledger of a few hundred events of every sort, and a reader of it."""
    desk = Desk(tmp_path_factory.mktemp("busy") / "ledger.db").open()
    for number in range(60):
        call, layer, model = f"c{number}", f"L{number % 3}", MODELS[number % 2]
        header = {"layer": layer, "model_id": model, "run_id": f"r{number // 10}"}
        desk.write(note(run_id=header["run_id"]), requested(call, bound=10**6, **header))
        if number % 7 == 0:
            desk.write(failed(call, reason="timeout" if number % 2 else "overloaded", **header))
        else:
            body = {"fallback": number % 5 == 0}
            desk.write(completed(call, cost=number * 1000, latency_us=number * 100_000, body=body, **header))
        if number % 4 == 0:
            desk.write(judged("FAIL" if number % 8 else "PASS", layer))
        desk.clock.advance(1)
    with desk.reader() as one:
        yield one
    desk.writer.close()


def test_reading_goes_on_after_a_place(desk: Desk) -> None:
    """Ascending pages cover everything once; bodies can be left out."""
    desk.write(*(note(str(number)) for number in range(10)))
    with desk.reader() as reader:
        first, second = reader.read(limit=6), reader.read(6, limit=6)
        assert [event.seq for event in first + second] == list(range(1, 12))
        assert reader.read(11) == []
        assert [event.body for event in reader.read(limit=2, bodies=False)] == [None, None]
        assert [event.seq for event in reader.latest(3)] == [9, 10, 11]
        assert reader.head() == desk.writer.head


def test_an_empty_ledger_has_no_head(ledger_path: Path, desk: Desk) -> None:
    """Zero and the genesis' predecessor."""
    with sqlite3.connect(desk.path) as db:
        for trigger in ("ledger_no_delete", "body_no_delete"):
            db.execute(f"DROP TRIGGER {trigger}")
        db.execute("DELETE FROM body")
        db.execute("DELETE FROM ledger")
    db.close()
    with desk.reader() as reader:
        assert reader.head() == (0, GENESIS_PREV_HASH)
        assert reader.find(EventFilter()).events == ()


def test_one_event_is_found_by_its_names(busy: LedgerReader) -> None:
    """By id, by place, by call, by run, and the last of a kind."""
    (event,) = busy.latest(1)
    assert busy.by_event(event.event_id) == busy.by_seq(event.seq) == event
    assert busy.by_event("ev_none") is None
    assert busy.by_seq(10**6) is None
    call = busy.by_call("c5")
    assert [one.kind for one in call] == ["llm.call.requested", "llm.call.completed"]
    run = busy.by_run("r2")
    assert {one.run_id for one in run} == {"r2"}
    assert busy.by_run("r2", after=run[0].seq) == run[1:]
    last = busy.last("llm.call.completed")
    assert last is not None
    assert last.call_id == "c59"
    assert busy.last("workspace.initialised") == busy.by_seq(1)
    assert busy.last("node.started") is None


def expected(events: list[LedgerEvent], wanted: EventFilter) -> list[int]:
    """What the filter means, said in Python."""

    def fits(event: LedgerEvent) -> bool:
        body = event.body or {}
        cost = body.get("cost_eur")
        return all(
            (
                not wanted.kinds or event.kind in wanted.kinds,
                not wanted.layers or event.layer in wanted.layers,
                not wanted.model_ids or event.model_id in wanted.model_ids,
                not wanted.roles or event.role in wanted.roles,
                wanted.run_id in {None, event.run_id},
                wanted.call_id in {None, event.call_id},
                wanted.reason is None or body.get("reason") == wanted.reason,
                wanted.verdict is None or body.get("verdict") == wanted.verdict,
                wanted.fallback is None or body.get("fallback") == wanted.fallback,
                wanted.since is None or event.ts >= wanted.since,
                wanted.until is None or event.ts < wanted.until,
                wanted.min_latency_us is None or body.get("latency_us", -1) >= wanted.min_latency_us,
                wanted.max_latency_us is None or body.get("latency_us", 10**12) <= wanted.max_latency_us,
                wanted.min_cost_eur is None or (cost is not None and cost >= wanted.min_cost_eur),
            )
        )

    return [event.seq for event in reversed(events) if fits(event)]


KINDS = st.lists(
    st.sampled_from([*ENDED, "llm.call.requested", "run.started", "critic.judged"]), unique=True, max_size=4
)
TIMES = st.none() | st.integers(0, 60).map(lambda second: f"2026-11-22T12:00:{second % 60:02d}.000000Z")
FILTERS = st.builds(
    EventFilter,
    kinds=KINDS.map(tuple) | st.just(ENDED),
    layers=st.lists(st.sampled_from(["L0", "L1", "L2", "L4"]), unique=True, max_size=2).map(tuple),
    model_ids=st.lists(st.sampled_from([*MODELS, "none"]), unique=True, max_size=2).map(tuple),
    roles=st.sampled_from([(), ("primary",), ("critic", "primary")]),
    run_id=st.none() | st.sampled_from(["r1", "r9"]),
    call_id=st.none() | st.sampled_from(["c7", "c8"]),
    reason=st.none() | st.just("timeout"),
    verdict=st.none() | st.just("FAIL"),
    fallback=st.none() | st.booleans(),
    since=TIMES,
    until=TIMES,
    min_latency_us=st.none() | st.just(3_000_000),
    max_latency_us=st.none() | st.just(4_000_000),
    min_cost_eur=st.none() | st.just("0.000030000"),
)


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(wanted=FILTERS, limit=st.sampled_from([1, 3, 50, 500]), scan=st.sampled_from([7, 40, 10_000]))
def test_pages_of_a_filter_hold_every_event_that_fits_once(
    busy: LedgerReader, monkeypatch: pytest.MonkeyPatch, wanted: EventFilter, limit: int, scan: int
) -> None:
    """Newest first, whatever the index, the page and how far one query may look."""
    monkeypatch.setattr(reading, "SCAN_LIMIT", scan)
    found: list[int] = []
    before = None
    while True:
        page = busy.find(wanted, before, limit)
        assert len(page.events) <= limit
        found += [event.seq for event in page.events]
        before = page.next_before
        if before is None:
            break
    assert found == expected(busy.read(limit=10_000), wanted)


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (EventFilter(call_id="c1"), "ledger_call"),
        (EventFilter(run_id="r1", kinds=("run.started",)), "ledger_run"),
        (EventFilter(kinds=("policy.denied", "llm.call.failed")), "ledger_kind"),
        (EventFilter(kinds=ENDED, layers=("L1",)), "ledger_layer"),
        (EventFilter(kinds=ENDED, model_ids=MODELS), "ledger_model"),
    ],
)
def test_what_a_screen_asks_is_answered_by_an_index(
    busy: LedgerReader, wanted: EventFilter, index: str
) -> None:
    """Without sorting and without a bound on how far to look."""
    for walk in wanted.walks():
        assert walk.exact
        asked = f"l.seq < 9 AND l.seq > 0 AND {walk.condition} ORDER BY l.seq DESC LIMIT 5"
        query = f"EXPLAIN QUERY PLAN SELECT l.seq FROM ledger l {walk.index} WHERE {asked}"  # noqa: S608
        plan = busy._rows(query, walk.values)
        text = " ".join(row[3] for row in plan)
        assert index in text
        assert "TEMP B-TREE" not in text


async def test_following_gives_events_as_they_are_committed(desk: Desk) -> None:
    """Those that are there, then those that come, in order, in batches."""
    desk.write(note("a"))
    with desk.reader() as reader:
        stream = reader.follow(1, poll_s=0.01, limit=3)
        first = await anext(stream)
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        desk.write(*(note(str(number)) for number in range(5)))
        second = await asyncio.wait_for(waiting, 60)
        third = await asyncio.wait_for(anext(stream), 60)
        await stream.aclose()
    assert [event.seq for event in (*first, *second, *third)] == [2, 3, 4, 5, 6, 7]
    assert len(second) == 3


def test_small_questions(desk: Desk) -> None:
    """The times of the last events for a rate; a number that changes with every commit."""
    desk.write(note())
    with desk.reader() as reader:
        version = reader.data_version()
        assert reader.data_version() == version
        desk.clock.advance(1)
        desk.write(note())
        assert reader.data_version() != version
        assert reader.times(2) == ["2026-11-22T12:00:00.000000Z", "2026-11-22T12:00:01.000000Z"]


def test_a_ledger_without_its_node_can_be_read(desk: Desk) -> None:
    """After the writer is gone and its log folded in."""
    desk.write(note())
    desk.writer.close()
    with desk.reader() as reader:
        assert reader.head() == desk.writer.head


def test_a_missing_ledger_says_so(tmp_path: Path) -> None:
    """With a code, not a traceback of SQLite's."""
    with pytest.raises(LedgerUnavailable) as caught:
        LedgerReader(tmp_path / "none.db")
    assert caught.value.code == "ledger_unopenable"


def test_a_reader_holds_no_transaction_open(desk: Desk) -> None:
    """Between two questions the log can be folded in whole: a reader never lets it grow."""
    with desk.reader() as reader:
        for _ in range(20):
            desk.write(*(note() for _ in range(20)))
            reader.head()
            reader.read(limit=5)
            reader.find(EventFilter(kinds=("run.started",)))
        desk.writer.checkpoint()
        assert desk.path.with_name("ledger.db-wal").stat().st_size == 0
