"""A node whose jobs cannot be scheduled or given keys: it goes on, says why, and can be stopped."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from node.node_world import World, node_here, until

from peak_console.domain.errors import EnvironmentUnfit, PeakError
from peak_console.node import state_db
from peak_console.node.spawn import begin_ledger
from peak_console.node.status import report
from peak_console.operations.init import init_workspace
from peak_console.operations.jobs.asking import run_now
from peak_console.operations.jobs.listing import list_jobs
from peak_console.operations.stop import stop

WORKERS = str(Path(__file__).parents[1] / "node")
JOB = '[[job]]\nname = "{}"\nkind = "two_sample"\n[job.two_sample]\n'


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A workspace with the job ``beat``, whose workers do as they are told."""
    monkeypatch.setenv("PEAK_KEYS_DIR", str(tmp_path / "keys"))
    monkeypatch.setenv("PEAK_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHONPATH", WORKERS)
    made = init_workspace(tmp_path / "w", operator="anna")
    begin_ledger(made.ws, operator=made.operator, public_key=made.public_key)
    world = World(made.ws)
    world.set_control(cooldown_s=0)
    write_jobs(world, JOB.format("beat"))
    return world


def write_jobs(world: World, text: str) -> None:
    """The workspace's jobs."""
    (world.ws.root / "configs/shadow/jobs.toml").write_text(text, encoding="utf-8")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process holds the file."""
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.close()


def ended(world: World, key: str) -> bool:
    """Whether the list says that the run is over."""
    now = list_jobs(world.ws)
    found = now.run(key)
    return now.whole and found is not None and found.state.is_over


def ran(world: World) -> list[dict[str, Any]]:
    """The orders of every worker that began."""
    path = world.ws.root / "ran.txt"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


async def test_while_the_state_is_locked_the_node_serves(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lease, list and stop work; jobs are told with reason and remedy, none is begun then or afterwards."""
    monkeypatch.setattr(state_db, "BUSY_S", 0.1)

    def within(socket: Path) -> None:
        world.enable(socket)
        first = run_now(world.ws, "beat").key
        until(lambda: ended(world, first), "a run before")
        with locked(world.ws.state):
            now = list_jobs(world.ws)
            assert now.told_by_node
            assert [one.name for one in now.jobs] == ["beat"]
            assert "database is locked; another process holds it" in now.problem
            assert now.run(first), "what ran is known from the ledger"
            with pytest.raises(EnvironmentUnfit) as caught:
                run_now(world.ws, "beat")
            assert caught.value.code == "state_unavailable"
            assert world.calls(), "it goes on renewing"
            assert stop(world.ws, reason="test", operator="anna").outcome.report.effective
            assert not world.calls()
        world.enable(socket)
        again = run_now(world.ws, "beat").key
        until(lambda: ended(world, again), "a run afterwards")
        assert [one["key"] for one in ran(world)] == [first, again]

    async with node_here(world, job_module="fake_job") as node:
        await asyncio.to_thread(within, node.socket_path)


async def test_a_broken_config_of_jobs_is_told_and_mended_while_it_runs(world: World) -> None:
    """What was read stays known; who asks is told what is wrong; with the mended file it works again."""

    def within(socket: Path) -> None:
        world.enable(socket)
        write_jobs(world, "[[job]\nname = ")
        now = until(lambda: (found := list_jobs(world.ws)).problem and found, "the problem")
        assert "jobs.toml" in now.problem
        assert [one.name for one in now.jobs] == ["beat"]
        assert world.calls(), "what is broken there stops no call"
        with pytest.raises(PeakError) as caught:
            run_now(world.ws, "beat")
        assert caught.value.code == "jobs_unreadable"
        write_jobs(world, JOB.format("beat") + JOB.format("other"))
        until(lambda: len(list_jobs(world.ws).jobs) == 2, "the mended file")
        key = run_now(world.ws, "other").key
        until(lambda: ended(world, key), "its run")

    async with node_here(world, job_module="fake_job") as node:
        await asyncio.to_thread(within, node.socket_path)


async def test_keys_that_others_may_read_are_no_keys(world: World, tmp_path: Path) -> None:
    """A worker gets none of them; the node's status says why and what to do."""
    file = tmp_path / "environment"
    file.write_text("OPENAI_API_KEY=sk-not-a-real-key\n", encoding="utf-8")
    file.chmod(0o644)

    def within(socket: Path) -> None:
        world.enable(socket)
        key = run_now(world.ws, "beat").key
        until(lambda: ended(world, key), "its run")

    async with node_here(world, job_module="fake_job", environment_file=file) as node:
        await asyncio.to_thread(within, node.socket_path)
        told = report(node)["environment_file"]
    (order,) = ran(world)
    assert "OPENAI_API_KEY" not in order["env"]
    assert (told["names"], told["problem"]) == ([], "it is open to others")
