import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from support import forking

COMMAND = ["-m", "peak_console.simulator", "--latency-scale", "0", "--error-rate", "0"]


def wait_for(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


async def _post(url: str, body: dict[str, Any]) -> Any:
    headers = {"authorization": "Bearer k"}
    async with aiohttp.ClientSession() as session, session.post(url, json=body, headers=headers) as response:
        return await response.json()


def test_it_serves_on_loopback_and_ends_on_a_signal(tmp_path: Path) -> None:
    """The ready file tells pid and addresses, the server answers there, and SIGTERM ends it cleanly."""
    ready = tmp_path / "ready.json"
    process = forking.start([*COMMAND, "--ready-file", ready, "--seed", "3"])
    try:
        wait_for(ready.exists)
        told = json.loads(ready.read_bytes())
        assert told["pid"] == process.pid
        assert told["urls"]["openai"] == f"http://127.0.0.1:{told['port']}/openai/v1"
        body = {"model": "gpt-5-nano", "messages": [{"role": "user", "content": "x"}]}
        answer = asyncio.run(_post(told["urls"]["openai"] + "/chat/completions", body))
        assert answer["model"] == "gpt-5-nano-2025-08-07"
    finally:
        process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def test_it_tells_its_addresses_on_standard_output() -> None:
    """Without a ready file one line of JSON says where it listens."""
    process = forking.start(COMMAND, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout as told:
        assert json.loads(told.readline())["urls"]["google"].endswith("/gemini/v1beta")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    """A simulator started with ``--with-parent`` does not outlive who started it."""
    ready = tmp_path / "ready.json"
    command = [sys.executable, *COMMAND, "--with-parent", "--ready-file", str(ready)]
    script = f"import subprocess; subprocess.Popen({command!r}); input()"
    parent = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE)
    wait_for(ready.exists)
    pid = json.loads(ready.read_bytes())["pid"]
    assert parent.stdin is not None
    parent.stdin.close()
    parent.wait(60)

    def gone() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False

    wait_for(gone)


@pytest.mark.parametrize(
    "wrong", [["--faults", "nonsense"], ["--latency-scale", "-1"], ["--port", "x"], ["--rpm", "0"]]
)
def test_wrong_options_are_usage_errors(wrong: list[str]) -> None:
    """Exit 2 and a line that says what is wrong."""
    done = forking.run([*COMMAND, *wrong], timeout=120)
    assert done.code == 2
    assert wrong[0] in done.err.decode()


def test_a_taken_port_is_an_environment_error(tmp_path: Path) -> None:
    """Exit 3 and one line, no traceback."""
    ready = tmp_path / "ready.json"
    first = forking.start([*COMMAND, "--ready-file", ready])
    try:
        wait_for(ready.exists)
        port = str(json.loads(ready.read_bytes())["port"])
        second = forking.run([*COMMAND, "--port", port], timeout=120)
        assert second.code == 3
        assert b"Traceback" not in second.err
    finally:
        first.terminate()
        first.wait(60)
