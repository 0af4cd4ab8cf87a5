"""A run's process: its order, what it says, how it is ended with everything it started."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from node_world import soon, until
from support.loop_time import let_pass

from peak_console.domain.jobs import RunState
from peak_console.domain.redaction import redactor
from peak_console.node.scheduling.book import Ended
from peak_console.node.scheduling.orphans import Orphan, born_of, end_orphan
from peak_console.node.scheduling.worker_process import LINE_LIMIT, WorkerProcess

HERE = {"PYTHONPATH": str(Path(__file__).parent)}


class Heard(list[tuple[str, str]]):
    """What a worker said."""

    def __call__(self, name: str, text: str) -> None:
        """Take it."""
        self.append((name, text))


def order(**params: Any) -> dict[str, Any]:
    """What the node tells it."""
    return {"job": "beat", "key": "beat@2026-11-23T08:00:00Z", "claim": "token", "params": params}


async def run_of(
    root: Path,
    *,
    timeout_s: float = 120,
    grace_s: float = 0.1,
    during: Callable[[WorkerProcess], None] | None = None,
    **params: Any,
) -> tuple[Ended, Heard]:
    """One run, and what was heard of it."""
    worker, heard = WorkerProcess(root, module="fake_job", environment=HERE, grace_s=grace_s), Heard()
    await worker.start(order(**params))
    if during is not None:
        during(worker)
    return await worker.wait(timeout_s, heard), heard


async def test_a_worker_is_told_its_order_and_says_how_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs in a group of its own, later than the node, with the key file's values and no other key."""
    monkeypatch.setenv("OPENAI_API_KEY", "no-key-of-the-node")
    ended, heard = await run_of(tmp_path)
    assert ended == Ended(RunState.DONE, "would_block", "as asked")
    assert heard == [("run_id", "run-1"), ("step", "at work")]
    told = json.loads((tmp_path / "ran.txt").read_text())
    assert (told["claim"], told["group"] == told["pid"]) == ("token", True)
    assert told["nice"] >= 5
    assert "PYTHONPATH" in told["env"]
    assert "OPENAI_API_KEY" not in told["env"]


@pytest.mark.parametrize("why", ["timed_out", "cancelled"])
async def test_what_hangs_is_killed_with_everything_it_started(tmp_path: Path, why: str) -> None:
    """At its timeout, or when it is told to end: SIGTERM, which it ignores, then SIGKILL to its group."""
    worker, heard = WorkerProcess(tmp_path, module="fake_job", environment=HERE, grace_s=0.1), Heard()
    await worker.start(order(hang=True))
    waiting = asyncio.create_task(worker.wait(600, heard))
    await soon(lambda: any("child" in text for _, text in heard), "its child")
    child = int(heard[-1][1].split()[1])
    if why == "cancelled":
        worker.end("cancelled")
    else:
        let_pass(600)
    ended = await waiting
    state = RunState.ABORTED if why == "cancelled" else RunState.TIMED_OUT
    assert (ended.state, ended.outcome) == (state, why)
    for pid in (worker.pid, child):
        await soon(partial(is_over, pid), f"the end of {pid}")
    worker.end("late")  # its number may be another's: nothing is signalled


def is_over(pid: int) -> bool:
    """Whether a process is gone, or is a zombie that nobody waits for."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize(
    ("said", "exit_code", "outcome"),
    [
        ("", 1, "worker_lost"),
        ("no json\n[]\n{}\n\x1b[31m\n", 0, "worker_lost"),
        ('{"ended": "x", "state": "running"}\n', 0, "worker_lost"),
        ('{"ended": "x", "state": ["done"]}\n', 0, "worker_lost"),
        ("x" * (3 * LINE_LIMIT) + '\n{"ended": "late", "state": "failed"}\n', 0, "late"),
        ('{"ended": "' + "y" * 500 + '", "state": "failed", "detail": "a\\u001b[31mb"}', 1, "y" * 59 + "…"),
    ],
)
async def test_what_a_worker_prints_is_foreign(
    tmp_path: Path, said: str, exit_code: int, outcome: str
) -> None:
    """What is no line of the protocol is passed over; a death without a last line is a failure."""
    ended, _ = await run_of(tmp_path, say=said, exit=exit_code)
    assert (ended.state, ended.outcome) == (RunState.FAILED, outcome)
    assert "\x1b" not in ended.detail


@pytest.mark.parametrize("before", ["", "x" * 280])
async def test_no_key_of_the_key_file_leaves_a_worker(tmp_path: Path, before: str) -> None:
    """Whatever it prints, whole or where it is cut: names may be told, values never."""
    value = "k3y-of-a-provider-of-no-known-form" * 4
    lines: list[dict[str, str]] = [
        {"run_id": f"{before}{value}"},
        {"step": f"{before} OPENAI_API_KEY {value}"},
        {"ended": f"no {value}", "state": "failed", "detail": f"{before} {value}"},
    ]
    environment = HERE | {"OPENAI_API_KEY": value, "SHORT": "fail"}
    told = []
    for said in (lines, lines[:2]):
        worker = WorkerProcess(
            tmp_path, module="fake_job", environment=environment, redact=redactor(environment.values())
        )
        text, heard = "".join(json.dumps(line) + "\n" for line in said), Heard()
        await worker.start(order(say=text, err=f"{before} {value}\n"))
        told.append((await worker.wait(120, heard), heard))
    assert value[:8] not in str(told)
    assert "[redacted]" in told[0][0].outcome
    assert told[1][0].outcome == "worker_lost"
    assert before or "OPENAI_API_KEY [redacted]" in str(told[0][1])


async def test_a_worker_that_is_killed_failed(tmp_path: Path) -> None:
    """By the kernel, say; and one that was told to end before it began does not begin to work."""
    ended, _ = await run_of(tmp_path, wait=True, during=lambda worker: os.kill(worker.pid, signal.SIGKILL))
    assert (ended.state, ended.outcome) == (RunState.FAILED, "worker_lost")
    assert "signal 9" in ended.detail
    early = WorkerProcess(tmp_path, module="fake_job", environment=HERE, grace_s=0.1)
    early.end("cancelled")
    await early.start(order(wait=True))
    assert await early.wait(120, Heard()) == Ended(RunState.ABORTED, "cancelled", "")


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel shows command lines in /proc")
def test_a_worker_that_outlived_its_node_is_ended_and_no_other_process(tmp_path: Path) -> None:
    """It is known by its birth and its command line; a number that is another's now is left alone."""
    words = [sys.executable, "-m", "fake_job", "--root", str(tmp_path)]
    environment = {**os.environ, **HERE}
    with subprocess.Popen(words, stdin=subprocess.PIPE, env=environment, start_new_session=True) as process:
        until(lambda: Path(f"/proc/{process.pid}/cmdline").read_bytes().count(b"\0") == 5, "its command line")
        orphan = Orphan(process.pid, born_of(process.pid))
        boot, _, ticks = orphan.born.partition("/")
        assert len(boot) == 36
        for another in (Orphan(process.pid, ""), Orphan(process.pid, f"{boot}/{int(ticks) + 1}")):
            assert not end_orphan(another, tmp_path, "fake_job")
        assert not end_orphan(Orphan(process.pid, f"another-boot/{ticks}"), tmp_path, "fake_job")
        assert not end_orphan(orphan, tmp_path / "other", "fake_job")
        assert not end_orphan(orphan, tmp_path, "fake")
        assert not end_orphan(orphan, tmp_path, "fake_job", ours={process.pid})
        assert process.poll() is None
        assert end_orphan(orphan, tmp_path, "fake_job")
        assert process.wait(120) == -signal.SIGKILL
    assert not end_orphan(orphan, tmp_path, "fake_job")


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel shows command lines in /proc")
def test_a_command_line_that_goes_on_is_another_programs(tmp_path: Path) -> None:
    """Whoever only begins as a worker does is none; nor is this process, whatever is written down of it."""
    words = [sys.executable, "-m", "fake_job", "--root", str(tmp_path), "--more"]
    environment = {**os.environ, **HERE}
    with subprocess.Popen(words, stdin=subprocess.PIPE, env=environment, start_new_session=True) as process:
        until(lambda: Path(f"/proc/{process.pid}/cmdline").read_bytes().count(b"\0") == 6, "its command line")
        assert not end_orphan(Orphan(process.pid, born_of(process.pid)), tmp_path, "fake_job")
        process.kill()
    mine = Orphan(os.getpid(), born_of(os.getpid()))
    proc, told = tmp_path / "proc", tmp_path / "proc" / str(mine.pid)
    told.mkdir(parents=True)
    (told / "stat").write_bytes(Path(f"/proc/{mine.pid}/stat").read_bytes())
    (told / "cmdline").write_bytes(
        b"\0".join([b"python", b"-m", b"x", b"--root", os.fsencode(tmp_path), b""])
    )
    assert born_of(mine.pid, proc) == mine.born
    assert not end_orphan(mine, tmp_path, "x", proc=proc)
