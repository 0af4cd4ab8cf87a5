"""The scheduler over its book: nothing runs twice, nothing is lost, everything is told."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from scheduling_world import BEGUN, Ledger, desk, job

from peak_console.domain.claims import JobClaim
from peak_console.domain.clock import ManualClock, iso
from peak_console.domain.errors import ControlRefused
from peak_console.domain.events import LedgerEvent
from peak_console.domain.jobs import JobKind, RunCause
from peak_console.node.scheduling import book, scheduler
from peak_console.node.scheduling.claims import claim_of
from peak_console.node.scheduling.record import fold
from peak_console.node.scheduling.scheduler import WORKERS_MOST
from peak_console.node.scheduling.tables import run_of, waiting_row
from peak_console.node.scheduling.telling import listing, read


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the node's state lies."""
    return tmp_path / "state.db"


async def test_a_run_is_claimed_told_started_and_told_again(path: Path) -> None:
    """The claim and ``job.started`` stand before the worker is started; its end is told with its outcome."""
    async with desk(path, job()) as it:
        assert it.running() == []
        assert it.alarms["beat"] == datetime(2026, 11, 23, 8, 1, tzinfo=UTC)
        await it.pass_(30)
        assert it.running() == ["08:01:00Z"]
        (started,) = it.ledger.told("started")
        assert started["key"] == "beat@2026-11-23T08:01:00Z"
        assert (started["cause"], started["attempt"], started["fence"]) == ("due", 1, 1)
        order = it.workers[0].order
        assert (order["key"], order["timeout_s"], order["params"]) == (started["key"], 600, {})
        claim = it.claims.of(order["claim"])
        assert claim == JobClaim("beat", JobKind.TWO_SAMPLE, started["key"], 1)
        await it.look()
        assert len(it.workers) == 1
        it.clock.advance(1.5)
        await it.finish(started["key"])
        (finished,) = it.ledger.told("finished")
        assert finished["state"] == "done"
        assert (finished["outcome"], finished["run_id"], finished["duration_ms"]) == (
            "would_block",
            "run-1",
            1500,
        )
        assert it.claims.of(order["claim"]) is None
        assert await it.states() == {"08:01:00Z": "done"}


async def test_a_doubled_ring_runs_nothing_twice_and_a_lost_one_loses_nothing(path: Path) -> None:
    """What is due is computed from the record: rings are only a reason to look."""
    async with desk(path, job()) as it:
        await it.pass_(30)
        for _ in range(5):
            await it.look()
        await it.finish("beat@2026-11-23T08:01:00Z")
        it.clock.advance(60)
        it.scheduler.look()  # nobody rang
        await it.scheduler.settle()
        assert it.running() == []  # not late yet
        it.clock.advance(3)
        it.scheduler.look()
        await it.scheduler.settle()
        assert it.running() == ["08:02:00Z"]
        assert len(it.ledger.told("started")) == 2


async def test_instances_have_a_limit(path: Path) -> None:
    """While a run goes on the next is missed, or waits where runs are caught up with."""
    async with desk(path, job(), job("last", catch_up="last"), job("two", max_instances=2)) as it:
        for _ in range(3):
            await it.pass_(60)
        assert sorted(it.standing.running) == [
            "beat@2026-11-23T08:01:00Z",
            "last@2026-11-23T08:01:00Z",
            "two@2026-11-23T08:01:00Z",
            "two@2026-11-23T08:02:00Z",
        ]
        missed = [(one["job"], one["first_due"][14:16], one["why"]) for one in it.ledger.told("missed")]
        assert missed == [
            ("beat", "02", "too_many"),
            ("beat", "03", "too_many"),
            ("last", "02", "too_many"),
            ("two", "03", "too_many"),
        ]
        await it.finish("last@2026-11-23T08:01:00Z")
        assert "last@2026-11-23T08:03:00Z" in it.standing.running


async def test_workers_have_a_limit_over_all_jobs(path: Path) -> None:
    """Two hundred jobs of the same minute do not become two hundred processes; each has its turn."""
    many = [job(f"j{one:02}") for one in range(WORKERS_MOST + 4)]
    async with desk(path, *many) as it:
        await it.pass_(30)
        assert len(it.standing.running) == WORKERS_MOST
        for key in tuple(it.standing.running):
            await it.finish(key)
        assert len(it.ledger.told("started")) == len(many)
        assert it.ledger.missed() == []


@pytest.mark.parametrize(
    ("catch_up", "turns", "missed"),
    [
        ("none", [], [(3, "node_down")]),
        ("last", ["09:00:00Z"], [(2, "node_down")]),
        ("all", ["08:30:00Z", "08:45:00Z", "09:00:00Z"], []),
    ],
)
async def test_missed_runs_are_found_after_a_restart(
    path: Path, catch_up: str, turns: list[str], missed: list[tuple[int, str]]
) -> None:
    """By the job's policy they are told, or the last is run, or each, one after the other."""
    beat, clock, ledger = job(schedule="every 15m", catch_up=catch_up), ManualClock(BEGUN), Ledger()
    async with desk(path, beat, clock=clock, ledger=ledger) as it:
        await it.pass_(900)
        await it.finish("beat@2026-11-23T08:15:00Z")
    clock.advance(50 * 60)
    async with desk(path, beat, clock=clock, ledger=ledger, session="s2") as it:
        for turn in turns:
            assert it.running() == [turn]
            await it.finish(f"beat@2026-11-23T{turn}")
        assert it.running() == []
        assert ledger.missed() == missed
        assert {one["cause"] for one in ledger.told("started")[1:]} <= {"catch_up"}
        await it.pass_(600)
        assert it.running() == ["09:15:00Z"]


async def test_what_was_to_be_caught_up_with_outlives_another_kill(path: Path) -> None:
    """Runs that wait for their turn stand in the book, not in a node's memory."""
    beat, clock, ledger = job(schedule="every 15m", catch_up="all"), ManualClock(BEGUN), Ledger()
    async with desk(path, beat, clock=clock, ledger=ledger):
        pass
    clock.advance(50 * 60)
    async with desk(path, beat, clock=clock, ledger=ledger, session="s2") as it:
        await it.finish("beat@2026-11-23T08:15:00Z")
    async with desk(path, beat, clock=clock, ledger=ledger, session="s3") as it:
        assert it.running() == ["08:30:00Z"]
        assert ledger.told("interrupted")[0]["key"].endswith("08:30:00Z")
        assert ledger.told("started")[-1]["attempt"] == 2


@pytest.mark.parametrize("catch_up", ["none", "last", "all"])
async def test_a_run_that_a_node_left_is_interrupted_and_follows_its_jobs_policy(
    path: Path, catch_up: str
) -> None:
    """Told once; ``none`` leaves it, the others run it again by the same key, twice at most."""
    beat, clock, ledger = job(catch_up=catch_up), ManualClock(BEGUN), Ledger()
    key = "beat@2026-11-23T08:01:00Z"
    async with desk(path, beat, clock=clock, ledger=ledger) as it:
        await it.pass_(30)
    for number in range(2, 6):
        async with desk(path, beat, clock=clock, ledger=ledger, session=f"s{number}") as it:
            again = catch_up != "none" and number <= 3
            assert it.running() == (["08:01:00Z"] if again else [])
            row = await it.book.read(lambda db: run_of(db, key))
            assert row is not None
            assert row.state == ("running" if again else "interrupted")
    told = ledger.told("interrupted")
    fences = [(one["fence"], one["attempt"], one["again"]) for one in told]
    assert fences == ([(1, 1, False)] if catch_up == "none" else [(1, 1, True), (2, 2, True), (3, 3, False)])
    assert [one["cause"] for one in ledger.told("started")][1:] == ["again"] * (len(fences) - 1)


async def test_an_end_that_was_not_told_is_told_by_the_next_node_and_not_run_again(path: Path) -> None:
    """Killed between the row and the event: the run is over, and the ledger gets to know it, once."""
    beat, clock, ledger = job(catch_up="all"), ManualClock(BEGUN), Ledger()
    async with desk(path, beat, clock=clock, ledger=ledger) as it:
        await it.pass_(30)
        ledger.broken = True
        await it.finish("beat@2026-11-23T08:01:00Z")
        assert ledger.told("finished") == []
        assert "disk" in it.standing.trouble
        ledger.broken = False
    async with desk(path, beat, clock=clock, ledger=ledger, session="s2") as it:
        assert len(ledger.told("finished")) == 1
        assert it.running() == []
        assert await it.states() == {"08:01:00Z": "done"}
        assert it.standing.trouble == ""


async def test_nothing_begins_that_the_ledger_does_not_take(path: Path) -> None:
    """No worker without its ``job.started``; when it can be written again the run has its turn."""
    async with desk(path, job(catch_up="last")) as it:
        it.ledger.broken = True
        await it.pass_(30)
        assert it.standing.running == {}
        assert all(not one.order for one in it.workers)
        it.ledger.broken = False
        await it.look()
        assert it.running() == ["08:01:00Z"]
        assert [one["fence"] for one in it.ledger.told("started")] == [1, 2]
        assert [one["outcome"] for one in it.ledger.told("interrupted")] == ["not_started"]


async def test_an_event_that_is_refused_holds_up_no_other(path: Path) -> None:
    """What the ledger will never take is logged and left out."""
    async with desk(path, job(), job("other")) as it:
        it.ledger.refuses = "job.missed"
        it.stopped = "stop_present"
        await it.pass_(90)
        it.stopped = ""
        await it.look()
        await it.pass_(60)
        assert it.running() == ["08:03:00Z", "08:03:00Z"]
        assert it.ledger.missed() == []


async def test_a_worker_that_cannot_be_started_is_as_one_that_was_cut_off(path: Path) -> None:
    """The machine has no more processes: told, and tried again where the job wants it, not for ever."""
    async with desk(path, job(catch_up="last"), job("once")) as it:
        it.breaks_workers = True
        await it.pass_(30)
        await it.look()
        await it.look()
        await it.look()
        assert it.standing.running == {}
        told = [(one["job"], one["attempt"], one["again"]) for one in it.ledger.told("interrupted")]
        assert sorted(told) == [("beat", 1, True), ("beat", 2, True), ("beat", 3, False), ("once", 1, False)]


async def test_a_stop_holds_jobs_and_ends_what_runs(path: Path) -> None:
    """Nothing begins in a stop; what was due then is missed; who still runs after the grace is ended."""
    async with desk(path, job(), job("last", catch_up="last")) as it:
        await it.pass_(30)
        assert len(it.standing.running) == 2
        it.stopped = "stop_present"
        it.scheduler.posture_changed(calls=False)
        for key in tuple(it.standing.running):
            await it.ended(key)
        await it.look()
        assert [(one["state"], one["outcome"]) for one in it.ledger.told("finished")] == [
            ("aborted", "stopped")
        ] * 2
        assert it.alarms == {}
        await it.pass_(120)
        with pytest.raises(ControlRefused) as caught:
            await it.scheduler.ask("beat")
        assert caught.value.code == "jobs_held"
        assert it.standing.running == {}
        it.stopped = ""
        it.scheduler.posture_changed(calls=True)
        await it.scheduler.settle()
        assert list(it.standing.running) == ["last@2026-11-23T08:03:00Z"]
        assert sorted(it.ledger.missed()) == [(1, "stopped"), (2, "stopped")]
        assert it.ledger.told("started")[-1]["cause"] == "catch_up"


async def test_a_pause_holds_one_job_also_over_a_restart(path: Path) -> None:
    """Its runs are missed because of the pause; others go on."""
    clock, ledger = ManualClock(BEGUN), Ledger()
    jobs = (job(schedule="every 15m"), job("other", schedule="every 15m"))
    async with desk(path, *jobs, clock=clock, ledger=ledger) as it:
        it.paused = {"beat": "paused by anna: quiet"}
        await it.pass_(900)
        assert list(it.standing.running) == ["other@2026-11-23T08:15:00Z"]
        with pytest.raises(ControlRefused) as caught:
            await it.scheduler.ask("beat")
        assert caught.value.code == "job_paused"
        assert 'peak jobs resume beat --reason "..."' in (caught.value.remedy or "")
        await it.finish("other@2026-11-23T08:15:00Z")
    clock.advance(900)
    async with desk(path, *jobs, clock=clock, ledger=ledger, session="s2") as it:
        await it.look()
    told = [(one["job"], one["count"], one["why"]) for one in ledger.told("missed")]
    assert ("beat", 2, "paused") in told


async def test_run_now_and_cancel(path: Path) -> None:
    """An asked run has a key of its own moment; it is ended while it runs, and while it waits.

    Who ended it first, and why, is kept with its end.
    """
    async with desk(path, job(schedule=None)) as it:
        first = await it.scheduler.ask("beat", params={"slot": "L2"}, asked_by="anna", reason="look")
        second = await it.scheduler.ask("beat", cause=RunCause.SUSPICION)
        assert first != second
        await it.scheduler.settle()
        assert list(it.standing.running) == [first]
        found = await it.book.read(lambda db: read(db, 9))
        listed = listing(found, it.standing, "", {})
        assert [one["state"] for one in listed["jobs"][0]["running"]] == ["running"]
        assert {one["key"]: one["state"] for one in listed["runs"]} == {first: "running", second: "claimed"}
        assert it.workers[0].order["params"] == {"slot": "L2"}
        (started,) = it.ledger.told("started")
        assert (started["asked_by"], started["reason"], started["cause"]) == ("anna", "look", "asked")
        await it.scheduler.cancel(second, by="anna", reason="twice")
        await it.scheduler.cancel(first, by="ben", reason="too slow")
        await it.scheduler.cancel(first, by="carl", reason="me too")
        await it.ended(first)
        await it.look()
        assert sorted(one.state for one in (await it.runs()).values()) == ["aborted", "aborted"]
        told = [(one["outcome"], one["by"], one["reason"]) for one in it.ledger.told("finished")]
        assert sorted(told) == [("cancelled", "anna", "twice"), ("cancelled", "ben", "too slow")]
        assert {one.detail for one in (await it.runs()).values()} == {"by anna: twice", "by ben: too slow"}
        for name, code in (("nobody", "no_such_job"),):
            with pytest.raises(ControlRefused) as caught:
                await it.scheduler.ask(name)
            assert caught.value.code == code
        with pytest.raises(ControlRefused) as caught:
            await it.scheduler.cancel(first)
        assert caught.value.code == "run_over"
        assert "aborted cancelled" in caught.value.message
        with pytest.raises(ControlRefused) as caught:
            await it.scheduler.cancel("other@2026-11-23T11:28:45Z")
        assert caught.value.code == "no_such_run"


async def test_a_node_that_is_asked_to_end_ends_its_workers(path: Path) -> None:
    """Their runs are interrupted and told so before it goes; the next node runs them again."""
    beat, clock, ledger = job(catch_up="last"), ManualClock(BEGUN), Ledger()
    async with desk(path, beat, clock=clock, ledger=ledger) as it:
        await it.pass_(30)
        await it.scheduler.end()
        assert it.standing.running == {}
        (told,) = ledger.told("interrupted")
        assert (told["outcome"], told["again"]) == ("node_ended", True)
        await it.look()
        assert len(it.workers) == 1
    async with desk(path, beat, clock=clock, ledger=ledger, session="s2") as it:
        assert it.running() == ["08:01:00Z"]


async def test_a_renamed_job_is_told_and_goes_on_where_it_stood(path: Path) -> None:
    """The old row is kept and says where it went; the new one misses and doubles nothing."""
    clock, ledger = ManualClock(BEGUN), Ledger()
    async with desk(path, job(schedule="every 15m", catch_up="last"), clock=clock, ledger=ledger) as it:
        await it.pass_(900)
        await it.finish("beat@2026-11-23T08:15:00Z")
        it.jobs = [job("pulse", schedule="every 15m", catch_up="last")]
        clock.advance(1000)
        it.scheduler.look()
        await it.scheduler.settle()
        rows = it.standing.schedules
        assert (rows["pulse"].note, rows["beat"].note) == ("renamed from beat", "renamed to pulse")
        assert (rows["beat"].gone, rows["beat"].runs) == (1, 1)
        assert list(it.standing.running) == ["pulse@2026-11-23T08:30:00Z"]
        assert ledger.missed() == []
        it.jobs = []
        await it.look()
        rows = it.standing.schedules
        assert rows["pulse"].gone
        assert "not in the config since" in rows["pulse"].note
        assert it.alarms == {}
        it.jobs = [job(schedule="every 15m")]
        await it.look()
        assert (it.standing.schedules["beat"].gone, it.standing.schedules["beat"].note) == (0, "")
        assert it.ledger.missed() == []


async def test_a_schedule_that_changes_is_due_from_then_on(path: Path) -> None:
    """What the old one still owed is told as missed; a job that is disabled owes nothing meanwhile."""
    clock, ledger = ManualClock(BEGUN), Ledger()
    async with desk(path, job(schedule="every 15m"), clock=clock, ledger=ledger):
        pass
    clock.advance(2000)
    async with desk(path, job(schedule="every 1h"), clock=clock, ledger=ledger, session="s2") as it:
        assert it.ledger.missed() == [(2, "disabled_since")]
        assert it.alarms["beat"] == datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
        it.jobs = [job(schedule="every 1h", enabled=False)]
        await it.pass_(0)
        await it.pass_(7200)
        it.jobs = [job(schedule="every 1h")]
        await it.pass_(0)
        assert it.running() == []
        assert len(it.ledger.missed()) == 1
        await it.pass_(1600)
        assert it.running() == ["11:00:00Z"]


async def test_a_schedule_that_cannot_be_read_stops_no_other_job(path: Path) -> None:
    """It is told of by its job; the others go on."""
    async with desk(path, job(schedule="61 * * * *"), job("other")) as it:
        await it.pass_(30)
        assert list(it.standing.running) == ["other@2026-11-23T08:01:00Z"]
        assert "61" in it.standing.unreadable["beat"]


@pytest.mark.parametrize("step_s", [-7200, 7200])
async def test_a_wall_clock_that_is_set_loses_and_doubles_nothing(path: Path, step_s: int) -> None:
    """Forward: what was skipped is missed, the last one caught up with. Back: no due time runs twice."""
    async with desk(path, job(schedule="every 15m", catch_up="last")) as it:
        it.scheduler.look()
        for _ in range(4):
            await it.pass_(900)
            for key in tuple(it.standing.running):
                await it.finish(key)
        it.clock.step_wall(step_s)
        it.scheduler.look()
        await it.scheduler.settle()
        for _ in range(16):
            for key in tuple(it.standing.running):
                await it.finish(key)
            await it.pass_(900)
        keys = [one["key"] for one in it.ledger.told("started")]
        assert len(keys) == len(set(keys))
        missed = sum(count for count, _ in it.ledger.missed())
        last = max(keys)
        begun = datetime(2026, 11, 23, 8, 15, tzinfo=UTC)
        if step_s > 0:
            span = datetime.fromisoformat(last.partition("@")[2]) - begun
            assert len(keys) + missed == span.total_seconds() // 900 + 1
            assert {why for _, why in it.ledger.missed()} == {"late"}
        else:
            assert min(keys).endswith("07:15:00Z")
            assert missed == 0
            assert len(keys) == 4 + 12  # 07:15 to 11:00, without the four that ran


async def test_a_state_that_is_lost_is_read_again_from_the_ledger(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also under a running scheduler: no run is begun twice, its worker's end is still written."""
    clock, ledger = ManualClock(BEGUN), Ledger()
    monkeypatch.setattr(book, "recorded", lambda _: fold(recorded_events(ledger, clock)))
    async with desk(path, job(catch_up="all"), clock=clock, ledger=ledger) as it:
        await it.pass_(30)
        await it.finish("beat@2026-11-23T08:01:00Z")
        await it.pass_(60)
        assert it.running() == ["08:02:00Z"]
        with closing(sqlite3.connect(path)) as db:
            db.executescript("DELETE FROM run; DELETE FROM schedule; DELETE FROM job_event")
        await it.look()
        assert it.running() == ["08:02:00Z"]
        await it.finish("beat@2026-11-23T08:02:00Z")
        assert await it.states() == {"08:01:00Z": "done", "08:02:00Z": "done"}
        assert "ledger" in it.book.rebuilt
    await asyncio.to_thread(path.unlink)
    async with desk(path, job(catch_up="all"), clock=clock, ledger=ledger, session="s2") as it:
        assert it.running() == []
        assert [one["key"][-9:] for one in ledger.told("started")] == ["08:01:00Z", "08:02:00Z"]
        await it.pass_(60)
        assert it.running() == ["08:03:00Z"]


def recorded_events(ledger: Ledger, clock: ManualClock) -> list[LedgerEvent]:
    """Events as a ledger would give them."""
    return [
        LedgerEvent(seq, one.event_id, iso(clock.now()), 0, one.kind, "node", "", "", "", body=one.body)
        for seq, one in enumerate(ledger.events.values(), 1)
    ]


async def test_a_worker_is_written_down_with_its_birth(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number alone may be another process's when a later node reads it; over, none is kept."""
    monkeypatch.setattr(scheduler, "born_of", "boot/{}".format)
    async with desk(path, job()) as made:
        await made.pass_(30)
        ((key, run),) = made.standing.running.items()
        ((_, row),) = (await made.runs()).items()
        assert (row.pid, row.born) == (run.worker.pid, f"boot/{run.worker.pid}")
        await made.finish(key)
        assert [(one.pid, one.born) for one in (await made.runs()).values()] == [(0, "")]


def test_what_a_run_may_speak_for_follows_from_its_job_and_its_params() -> None:
    """The slots of its settings, but for the one that a suspicion names; the book of a cycle."""
    named = waiting_row("beat", 0, RunCause.ASKED, params='{"layer": "L4", "role": "critic"}', attempt=2)
    slots = [{"layer": "L2"}, {"layer": "L1", "role": "critic"}]
    configured = frozenset({("L2", "primary"), ("L1", "critic")})
    plain = waiting_row("beat", 0, RunCause.DUE)
    tests = job(two_sample={"slots": slots})
    assert claim_of(plain, tests).slots == configured
    assert claim_of(named, tests).slots == {("L4", "critic")}
    assert claim_of(waiting_row("beat", 0, RunCause.DUE, params='{"layer": "L3"}'), job()).slots == {
        ("L3", "primary")
    }
    gold = job(kind="canary", two_sample=None, canary={"cases": "gold", "slots": slots})
    assert claim_of(named, gold) == JobClaim("beat", JobKind.CANARY, named.key, 2, "", configured)
    source = {"file": {"path": "x.csv"}, "sizing": {"risk_eur": Decimal(1), "max_notional_eur": Decimal(1)}}
    rate = {"eur_per_quote": Decimal(1), "eur_as_of": date(2026, 11, 20)}
    cycle = {"instrument": "EUR/USD", "book": "paper", **rate, **source}
    made = claim_of(plain, job(kind="shadow_cycle", two_sample=None, shadow_cycle=cycle))
    assert (made.book, made.slots) == ("paper", frozenset())
