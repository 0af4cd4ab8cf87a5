"""Child of the node: checks the whole chain once and prints the result as one line of JSON."""

import argparse
import json
import os
import sys
import threading
from pathlib import Path

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import PeakError
from peak_console.ledger.verify import verify

_NICE = 10


def main() -> None:
    """Verify the ledger of ``--root``; exits when the node ends."""
    parser = argparse.ArgumentParser(prog="python -m peak_console.node.verifychild")
    parser.add_argument("--root", type=Path, required=True)
    ws = Workspace(parser.parse_args().root)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.nice(_NICE)
    try:
        found = verify(ws.ledger)
        broken = "" if found.ok else f"row {found.broken_seq}: {found.broken_how} {found.detail}".strip()
        result = {"ok": found.ok, "events": found.events, "broken": broken}
    except PeakError as error:
        result = {"ok": False, "events": 0, "broken": error.message}
    sys.stdout.write(json.dumps(result) + "\n")


def _end_with_parent() -> None:
    while sys.stdin.buffer.read(1024):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
