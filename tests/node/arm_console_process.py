"""Walks the arm dialogue's way and is killed on it: ``python arm_console_process.py ROOT SOCKET``.

For each line ``POINT`` on standard input a child of its own asks for a drill and confirms it, and dies by
SIGKILL: ``asking`` and ``confirming`` once the operation was sent and before its answer was read, ``asked``
with the token on its screen, ``typed`` with the token typed and not sent, ``armed`` with the answer. Prints
``dead`` then.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from peak_console.config.workspace import Workspace
from peak_console.ledger.service import blocking
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations import arming


def die(*_: object) -> None:
    """As the kernel's memory killer, or a closed lid's battery."""
    os.kill(os.getpid(), signal.SIGKILL)


class Dying(BlockingLedgerClient):
    """A client that dies once an operation was sent."""

    dies_at = ""

    def _exchange(self, message: Any, until: float) -> Any:
        if message.get("op") != self.dies_at or self._socket is None:
            return super()._exchange(message, until)
        self._socket.sendall(blocking.frame([message]))
        self._socket.recv(1)  # it was done, and what came of it is never read
        return die()


def walk(ws: Workspace, socket: Path, point: str) -> None:
    """The way of the dialogue to where it dies."""
    client = Dying.connect(socket, name="console", deadline_s=30)
    client.dies_at = {"asking": "arm.request", "confirming": "arm.confirm"}.get(point, "")
    asked: dict[str, Any] = {"scope": "venue:paper", "run_id": "", "purpose": "kill", "reason": "kill"}
    got = arming.request(ws, client, **asked, ttl_s=2, drill=True, operator="anna")
    if point == "asked":
        die()
    typed: dict[str, Any] = {"request_id": got.request_id, "token": got.token, "phrase": got.phrase}
    if point == "typed":
        die()
    arming.confirm(ws, client, **typed, operator="anna")
    die()


for line in sys.stdin:
    child = os.fork()
    if not child:
        walk(Workspace(Path(sys.argv[1])), Path(sys.argv[2]), line.strip())
        os._exit(1)
    print("dead" if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9 else "alive", flush=True)  # noqa: T201
