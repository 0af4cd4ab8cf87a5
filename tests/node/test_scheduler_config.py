"""What a scheduler makes of its config: a file with an error, a job of another name, one that comes back."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from peak_console.domain.clock import ManualClock
from peak_console.domain.errors import ControlRefused
from peak_console.domain.events import EventDraft
from peak_console.domain.jobs import RunState
from peak_console.node.scheduling.telling import listing, read
from tests.node.scheduling_world import BEGUN, Desk, Ledger, desk, job

BROKEN = "configs/shadow/jobs.toml:3: there is no key job[0].kin"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The node's state."""
    return tmp_path / "state.db"


async def lines(it: Desk) -> dict[str, dict[str, Any]]:
    """Jobs as they are listed."""
    found = await it.book.read(lambda db: read(db, 9))
    return {one["name"]: one for one in listing(found, it.standing, it.stopped, it.paused)["jobs"]}


class Folding(Ledger):
    """A ledger whose pauses hold as soon as it has them, as a node's do."""

    def __init__(self, **paused: str) -> None:
        super().__init__()
        self.paused = paused

    async def append(self, drafts: Sequence[EventDraft]) -> None:
        """Take events in."""
        await super().append(drafts)
        for one in drafts:
            if one.kind == "job.paused":
                self.paused[str(one.body["job"])] = f"paused by node: {one.body['reason']}"


async def test_while_the_jobs_file_has_an_error_what_was_read_goes_on(path: Path) -> None:
    """It is told; no run is asked for meanwhile, and the definition goes to the worker."""
    async with desk(path, job()) as it:
        it.problem = BROKEN
        await it.pass_(30)
        assert it.running() == ["08:01:00Z"]
        assert (it.standing.problem, it.standing.unusable) == (BROKEN, True)
        assert '"name": "beat"' in it.workers[0].order["definition"]
        with pytest.raises(ControlRefused) as caught:
            await it.scheduler.ask("beat")
        assert (caught.value.code, caught.value.remedy) == ("jobs_unreadable", "peak lint")
        it.problem = ""
        assert (await it.scheduler.ask("beat")).startswith("beat@")


async def test_a_node_that_begins_with_a_broken_file_schedules_nothing(path: Path) -> None:
    """What was due meanwhile is missed because of it; runs that were cut off go on when it is mended."""
    clock, ledger = ManualClock(BEGUN), Ledger()
    jobs = (job(), job("caught", schedule="every 1h", catch_up="last"))
    async with desk(path, *jobs, clock=clock, ledger=ledger) as it:
        cut = await it.scheduler.ask("caught")
        await it.look()
        await it.pass_(30)
        assert len(it.workers) == 2
    async with desk(path, clock=clock, ledger=ledger, session="s2", problem=BROKEN) as it:
        await it.pass_(600)
        assert (it.workers, it.alarms, it.standing.problem) == ([], {}, BROKEN)
        told = (await lines(it))["beat"]
        assert (told["state"], told["next_at"]) == ("unknown", None)
        assert "the jobs' file has an error" in told["note"]
        it.problem, it.jobs = "", list(jobs)
        await it.look()
        assert list(it.standing.running) == [cut]
        assert not it.standing.schedules["beat"].gone
    assert (10, "jobs_unreadable") in ledger.missed()


async def test_a_new_name_does_not_lift_a_pause(path: Path) -> None:
    """The heir is paused before anything of it begins, though the ledger cannot be written at first."""
    ledger = Folding(beat="paused by anna: bad data")
    async with desk(path, job(), ledger=ledger) as it:
        it.paused = ledger.paused
        await it.look()
        it.ledger.broken = True
        it.jobs = [job("pulse")]
        await it.pass_(90)
        assert it.workers == []
        it.ledger.broken = False
        await it.look()
        await it.pass_(90)
        assert it.workers == []
        (told,) = it.ledger.told("paused")
        assert (told["job"], told["operator"]) == ("pulse", "node")
        assert told["reason"] == "inherited from beat, paused by anna: bad data"
        it.paused.pop("pulse")  # it is resumed
        await it.look()
        await it.pass_(60)
        assert len(it.workers) == 1


async def test_a_name_that_was_there_before_inherits_a_pause_too(path: Path) -> None:
    """Renamed, paused under its new name, and named back: it stays paused."""
    ledger = Folding()
    async with desk(path, job(), ledger=ledger) as it:
        it.paused = ledger.paused
        it.jobs = [job("pulse")]
        await it.look()
        it.paused["pulse"] = "paused by anna: bad data"
        it.jobs = [job()]
        await it.look()
        assert [one["job"] for one in it.ledger.told("paused")] == ["beat"]
        it.jobs = []
        await it.look()
        it.jobs = [job()]  # deleted, and put back
        await it.pass_(90)
        assert it.workers == []
        assert (await lines(it))["beat"]["state"] == "paused"


async def test_a_new_name_inherits_counts_and_the_last_run(path: Path) -> None:
    """And says so; a run that was missed is counted, and is nobody's last run."""
    async with desk(path, job()) as it:
        await it.pass_(30)
        await it.pass_(60)
        await it.finish("beat@2026-11-23T08:01:00Z", RunState.FAILED, "key_missing")
        it.jobs = [job("pulse")]
        await it.look()
        told = (await lines(it))["pulse"]
        assert (told["runs"], told["failed"], told["missed"]) == (1, 1, 1)
        assert (told["last"]["state"], told["last"]["outcome"]) == ("failed", "key_missing")
        assert told["note"] == "renamed from beat, counts and last run inherited"
