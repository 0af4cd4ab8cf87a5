"""Saves a config and dies by SIGKILL at a named step: ``saving_process.py ROOT SOCKET CONFIG STEP FILE``."""

import os
import signal
import sys
from pathlib import Path

from peak_console.config.editing.targets import target_named
from peak_console.config.workspace import Workspace
from peak_console.domain.canonical import sha256_hex
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.workbench.saving import Stage, save


def main() -> None:
    """Save what FILE holds; the step is told by ``save`` itself."""
    root, socket, config, step, file = sys.argv[1:]
    ws, target = Workspace(Path(root)), target_named(config)
    base = sha256_hex((ws.root / target.path).read_bytes())

    def die(stage: Stage) -> None:
        if stage == step:
            os.kill(os.getpid(), signal.SIGKILL)

    with BlockingLedgerClient.connect(Path(socket), name="saver", deadline_s=30) as client:
        save(ws, client, target, Path(file).read_text(), base=base, reason=step, told=die)


if __name__ == "__main__":
    main()
