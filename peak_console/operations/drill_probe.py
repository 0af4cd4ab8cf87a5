"""``python -m peak_console.operations.drill_probe --control FOLDER``: a drill's worker, with the real gate.

It looks as a worker does before a send, every two milliseconds, and prints a JSON line when what it finds
changes: whether it may call, whether an arm lease is there, and when it saw that (boot clock).
"""

import argparse
import json
import os
import select
import sys
from pathlib import Path
from typing import Final

from peak_console.control.gate import CallGate
from peak_console.domain.clock import SystemClock

LOOK_S: Final = 0.002


def watch(control: Path) -> None:
    """Look until standard input ends."""
    clock = SystemClock()
    gate = CallGate(control, clock, {})
    seen: tuple[bool, bool] | None = None
    while not select.select((sys.stdin,), (), (), LOOK_S)[0]:
        posture, lease = gate.posture(), gate.lease()
        found = (posture.calls, lease is not None and lease.arm is not None)
        if found != seen:
            seen = found
            sys.stdout.write(
                json.dumps({"calls": found[0], "armed": found[1], "at_us": clock.boot_us()}) + "\n"
            )
            sys.stdout.flush()


def main() -> int:
    """The process."""
    parser = argparse.ArgumentParser(description="A worker of a drill.")
    parser.add_argument("--control", type=Path, required=True)
    watch(parser.parse_args().control)
    os._exit(0)  # nothing is held; a worker that ends leaves nothing behind


if __name__ == "__main__":
    main()
