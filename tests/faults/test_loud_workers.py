"""Workers that flood their output or close it: heard to their end, and told as failed."""

import tracemalloc
from pathlib import Path

import pytest

from peak_console.domain.jobs import RunState
from peak_console.node.scheduling.worker_process import WorkerProcess

MEMORY = 4 * 1024 * 1024


@pytest.mark.parametrize("how", ["flood", "mute"])
async def test_what_speaks_no_protocol_failed(tmp_path: Path, how: str) -> None:
    """No line of it is kept, and the node needs no memory for what it said."""
    environment = {"PYTHONPATH": str(Path(__file__).parent)}
    worker = WorkerProcess(tmp_path, module="loud_job", environment=environment, grace_s=0.1)
    heard: list[str] = []
    tracemalloc.start()
    try:
        await worker.start({"job": "beat", "params": {"how": how}})
        ended = await worker.wait(30, lambda name, text: heard.append(name + text))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (ended.state, ended.outcome, heard) == (RunState.FAILED, "worker_lost", [])
    assert "exit code 0" in ended.detail
    assert most < MEMORY
