"""Child of the node: verifies the ledger and prints each result as a line of JSON.

First from the last verified head on, so that a restarted node soon knows how it stands; then all of it.
"""

import argparse
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import PeakError
from peak_console.operations import ledger

_NICE: Final = 10
_WORKERS: Final = 2
"""Calls come first: the rest of the machine is theirs."""


def main() -> None:
    """Verify the ledger of ``--root``; exits when the node ends."""
    parser = argparse.ArgumentParser(prog="python -m peak_console.node.verifychild")
    parser.add_argument("--root", type=Path, required=True)
    ws = Workspace(parser.parse_args().root)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.nice(_NICE)
    if (ws.audits / ledger.MEMORY).exists():
        quick = _verified(ws, incremental=True)
        if not quick["ok"] or not quick["whole"]:
            _say(quick)
    _say(_verified(ws, incremental=False))


def _verified(ws: Workspace, *, incremental: bool) -> dict[str, Any]:
    """One verification as the node takes it."""
    try:
        found = ledger.verify(ws, incremental=incremental, workers=_most_workers(ws))
    except PeakError as error:
        return {"ok": False, "events": 0, "broken": error.message, "whole": True}
    place = "" if found.broken_seq is None else f"row {found.broken_seq}: "
    # An anchor that takes nothing says nothing against the ledger: the notary tells of it.
    ok = found.ok or found.broken_how == "anchor_lags"
    broken = "" if ok else f"{place}{found.broken_how} {found.detail}".strip()
    return {
        "ok": ok,
        "events": found.events,
        "broken": broken,
        "whole": found.incremental_from is None,
        "signed": found.checkpoints.size,
        "anchor": found.anchor_used,
    }


def _most_workers(ws: Workspace) -> int | None:
    """``None`` leaves a small ledger to one process."""
    try:
        return None if ws.ledger.stat().st_size < _LARGE_BYTES else _WORKERS
    except OSError:
        return None


_LARGE_BYTES: Final = 64 * 1024 * 1024


def _say(result: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()


def _end_with_parent() -> None:
    while sys.stdin.buffer.read(1024):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
