"""Child processes of the node, with a pipe as standard input, as the node starts them; but by fork."""

import json
import os
import selectors
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import Any

from support import forking

PATIENCE_S = 60.0


@dataclass
class Child:
    """A child that said its first line."""

    process: forking.Forked
    first: dict[str, Any]

    def end(self) -> int:
        """End its standard input, as the death of its parent does; its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait(PATIENCE_S)


@contextmanager
def child(module: str, root: Path, **variables: str) -> Iterator[Child]:
    """``python -m MODULE --root ROOT``, from its first line on; ended when the test is over."""
    environ = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    process = forking.start(
        ["-m", module, "--root", root], stdin=PIPE, stdout=PIPE, env=environ | variables, cwd=root
    )
    try:
        yield Child(process, _first_line(process))
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE_S)
        process.close()


def eventually(holds: Callable[[], Any], what: str, within_s: float = PATIENCE_S) -> Any:
    """The first true value that ``holds`` gives; fails when there is none in time."""
    ends, pause_s = time.monotonic() + within_s, 0.01
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < ends, f"not in {within_s} s: {what}"
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.3, 0.05)


def _first_line(process: forking.Forked) -> dict[str, Any]:
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        assert selector.select(PATIENCE_S), "the child said nothing"
    line = process.stdout.readline()
    assert line, f"the child ended with {process.wait(PATIENCE_S)}"
    found: dict[str, Any] = json.loads(line)
    return found
