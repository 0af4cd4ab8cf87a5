"""Stops and recovers in a process of its own: ``python stopping_process.py ROOT ROUNDS SEED``.

Prints one line a step: ``stop STOP_ID`` once a stop was made, ``enable EVENT_ID`` or ``refused CODE`` once an
enable ended; the last step is a stop that was effective.
"""

import random
import sys
import time
from pathlib import Path

from peak_console.config.workspace import Workspace
from peak_console.control.sockets import find_socket
from peak_console.control.stop import stop_now
from peak_console.domain.errors import PeakError
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.enable import enable_workspace


def say(*words: str) -> None:
    """Tell one step."""
    print(*words, flush=True)  # noqa: T201 - its only output


def main(root: str, rounds: int, seed: int) -> None:
    """Stop and enable in turn."""
    ws, chance = Workspace(Path(root)), random.Random(seed)  # noqa: S311 - moments
    with BlockingLedgerClient.connect(
        find_socket(ws.control), name=f"operator {seed}", deadline_s=30
    ) as client:
        say("ready")
        sys.stdin.readline()
        for _ in range(rounds):
            say("stop", stop_now(ws.control, reason=f"process {seed}").stop_id)
            time.sleep(chance.uniform(0, 0.02))
            try:
                done = enable_workspace(ws, client, reason="again", confirm="ENABLE", operator="anna")
            except PeakError as error:
                say("refused", error.code)
            else:
                say("enable", done.event_id)
    stopped = stop_now(ws.control, reason="the end")
    assert stopped.effective
    say("stop", stopped.stop_id)


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
