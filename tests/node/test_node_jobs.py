"""Jobs of a real node: its operations, who may do what, three nodes at once, a kill, a state that is lost."""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from node_world import World, node_here, node_process, soon, until

from peak_console.domain.errors import ControlRefused, PeakError, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.ledger.service.client import SocketLedgerClient
from peak_console.node.scheduling.tables import newest_runs
from peak_console.node.status import report
from peak_console.operations.jobs.asking import pause_job, resume_job
from peak_console.operations.stop import stop

HERE = str(Path(__file__).parent)
NODE = str(Path(__file__).with_name("job_node.py"))


@pytest.fixture(autouse=True)
def _workers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", HERE)
    monkeypatch.setenv("PEAK_STATE_DIR", str(tmp_path / "state"))


def write_jobs(world: World, *names: str, schedule: str = "", catch_up: str = "none") -> None:
    """The workspace's jobs."""
    lines = [
        f'[[job]]\nname = "{name}"\nkind = "two_sample"\ncatch_up = "{catch_up}"\n{schedule}\n'
        "[job.two_sample]\n"
        for name in names
    ]
    (world.ws.root / "configs/shadow/jobs.toml").write_text("\n".join(lines), encoding="utf-8")


def ran(world: World) -> list[dict[str, Any]]:
    """The orders of every worker that began."""
    path = world.ws.root / "ran.txt"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def told(world: World, kind: EventKind) -> list[dict[str, Any]]:
    """Bodies of a kind on the ledger."""
    return [dict(one.body or {}) for one in world.events() if one.kind == kind]


async def claimed(socket: Path, claim: str, asked: str = "", key: str = "") -> None:
    """A client that says it is the worker of ``long``: it records what only such a one does, or asks."""
    connected = await SocketLedgerClient.connect(socket, name="worker", actor="job:long", claim=claim)
    async with connected as client:
        if asked:
            await client.request(asked, job="long")
            return
        slot = {"layer": "L2", "role": "primary", "provider": "openai", "model_id": "gpt-5"}
        body = {"tier": "two_sample", "job": "long", "key": key, **slot}
        kind = EventKind.DRIFT_CHECKED.value
        await client.append([EventDraft(new_event_id(secrets.token_bytes), kind, body, **slot)])


async def test_what_is_asked_of_jobs(world: World) -> None:
    """Run, list, cancel, pause, resume: who may, and what only a worker with its claim may record."""
    write_jobs(world, "long")

    def within(socket: Path) -> None:
        world.enable(socket)
        with world.client(socket) as client:
            key = client.request(
                "jobs.run", job="long", params={"wait": True, "layer": "L2"}, operator="anna", reason="now"
            )["key"]
            (order,) = until(lambda: ran(world), "its worker")
            assert (order["key"], order["cause"], order["params"]["wait"]) == (key, "asked", True)
            until(lambda: client.request("jobs.list")["jobs"][0]["running"], "its running")
            until(lambda: client.request("jobs.list")["jobs"][0]["running"][0]["step"], "its step")
            (line,) = client.request("jobs.list", runs=5)["jobs"]
            assert (line["state"], line["running"][0]["asked_by"]) == ("running", "anna")
            asyncio.run(claimed(socket, order["claim"], key=key))
            for token, of in (("0" * 48, key), (order["claim"], "long@2026-11-23T08:00:00Z")):
                with pytest.raises(ControlRefused) as caught:
                    asyncio.run(claimed(socket, token, key=of))
                assert caught.value.code == "kind_reserved"
            with pytest.raises(ControlRefused) as caught:
                asyncio.run(claimed(socket, order["claim"], "jobs.run"))
            assert caught.value.code == "not_an_operator"
            client.request("jobs.cancel", key=key, operator="anna", reason="enough")
            until(lambda: told(world, EventKind.JOB_FINISHED), "its end")
            for fields in ({"job": 1}, {"job": "long", "params": [1]}, {"job": "long", "params": {"x": 0.5}}):
                with pytest.raises(UsageWrong):
                    client.request("jobs.run", **fields)
            with pytest.raises(PeakError):
                client.append([EventDraft(new_event_id(secrets.token_bytes), "job.started", {"job": "long"})])
        pause_job(world.ws, "long", reason="quiet")
        with world.client(socket) as client:
            (line,) = client.request("jobs.list")["jobs"]
            assert line["state"] == "paused"
            assert "quiet" in line["note"]
            with pytest.raises(ControlRefused) as caught:
                client.request("jobs.run", job="long")
            assert caught.value.code == "job_paused"
        resume_job(world.ws, "long", reason="on")
        with pytest.raises(ControlRefused) as caught:
            resume_job(world.ws, "long", reason="on")
        assert caught.value.code == "job_not_paused"
        stop(world.ws, reason="test", operator="anna")
        with world.client(socket) as client:
            until(lambda: client.request("jobs.list")["jobs"][0]["state"] == "held", "that it is held")

    async with node_here(world, job_module="fake_job") as node:
        await asyncio.to_thread(within, node.socket_path)
        jobs = report(node)["jobs"]
    assert (jobs["runs"], jobs["running"], jobs["problem"]) == (1, 0, "")
    (finished,) = told(world, EventKind.JOB_FINISHED)
    assert (finished["state"], finished["outcome"], finished["run_id"]) == ("aborted", "cancelled", "run-1")
    assert (finished["by"], finished["reason"]) == ("anna", "enough")
    assert [one["job"] for one in told(world, EventKind.JOB_PAUSED)] == ["long"]


async def test_a_node_for_one_command_runs_no_jobs(world: World) -> None:
    """It has no lease, so nothing would be permitted; it says where jobs run."""
    write_jobs(world, "long")

    def within(socket: Path) -> None:
        with world.client(socket) as client, pytest.raises(ControlRefused) as caught:
            client.request("jobs.run", job="long")
        assert caught.value.code == "not_scheduling"

    async with node_here(world, leasing=False) as node:
        await asyncio.to_thread(within, node.socket_path)


def test_three_nodes_one_killed_its_state_lost(world: World) -> None:
    """Of three that start at once one schedules; what a kill cut off is run again by its key, once.

    The next node has no working state: it knows from the ledger what ran, and lets nothing run twice.
    """
    write_jobs(world, "beat", "long", schedule='schedule = "every 1s"', catch_up="last")
    (world.ws.root / "wait").touch()
    words = [sys.executable, NODE, "--nodes", "3", "--root", str(world.ws.root), "--no-children"]
    ended, told_of = world.ws.root / "ended.txt", world.ws.control / "node.json"
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as begun:
        try:
            until(lambda: ended.exists() and ended.read_text() == "3\n3\n", "two nodes give way")
            node = json.loads(until(lambda: told_of.exists() and told_of.read_text(), "the node's file"))
            world.enable(Path(node["socket"]))
            until(lambda: {one["job"] for one in ran(world)} == {"beat", "long"}, "both jobs begin")
            os.kill(node["pid"], signal.SIGKILL)
        finally:
            begun.kill()
            if told_of.exists():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(json.loads(told_of.read_text())["pid"], signal.SIGKILL)
    before = ran(world)
    until(lambda: not any(alive(one["pid"]) for one in before), "workers end with their node")
    for path in world.ws.audits.glob("state.db*"):
        path.unlink()
    (world.ws.root / "go").touch()
    with node_process(world, program=[NODE]):
        until(lambda: len(told(world, EventKind.JOB_FINISHED)) >= 3, "runs end")
    after = ran(world)
    claims = Counter((one["key"], one["attempt"]) for one in after)
    assert set(claims.values()) == {1}
    cut_off = {one["key"] for one in told(world, EventKind.JOB_INTERRUPTED) if one["again"]}
    assert {one["key"] for one in before} <= cut_off
    again = [one for one in after if one["attempt"] == 2]
    assert {one["key"] for one in again} <= cut_off
    assert {one["cause"] for one in again} == {"again"}
    assert len(again) >= 2


def alive(pid: int) -> bool:
    """Whether a process is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_corrupt_state_is_set_aside_and_jobs_go_on(world: World) -> None:
    """The node starts, says so, and schedules from a new file. Of its keys no worker tells."""
    write_jobs(world, "long")
    world.ws.state.write_bytes(b"this is no database" * 100)
    keys = world.ws.root.parent / "keys.env"
    keys.write_text("OPENAI_API_KEY=k3y-of-no-known-form\n", encoding="utf-8")
    keys.chmod(0o600)
    said = json.dumps({"ended": "bad", "state": "failed", "detail": "k3y-of-no-known-form"}) + "\n"

    def within(socket: Path) -> None:
        world.enable(socket)
        with world.client(socket) as client:
            client.request("jobs.run", job="long", params={"say": said})
            reply = until(lambda: (found := client.request("jobs.list"))["runs"] and found, "the run")
            assert "begun" in reply["scheduler"]["note"]

    async with node_here(world, job_module="fake_job", environment_file=keys) as node:
        await asyncio.to_thread(within, node.socket_path)
        (finished,) = await soon(lambda: told(world, EventKind.JOB_FINISHED), "its end")
        (run,) = await node.scheduling.book.read(lambda db: newest_runs(db, 5))
    assert finished["detail"] == run.detail == "[redacted]"
