"""``python -m peak_console.node.notarychild --root ROOT``: the node's child that signs the ledger's head.

It follows the ledger read-only and needs nobody to tell it what happened. What it signed it prints, for the
node to record; a line ``checkpoint ID`` has it sign at once. When the node ends it looks a last time.
"""

import fcntl
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore, state_folder
from peak_console.domain.clock import SystemClock
from peak_console.domain.errors import EnvironmentUnfit
from peak_console.ledger.heads.anchors import Anchor, open_anchors, survey
from peak_console.ledger.heads.checkpoint_files import CheckpointFiles
from peak_console.ledger.heads.notary import Means, Notary
from peak_console.ledger.heads.notary_heads import Held
from peak_console.operations.child import Lifeline, announce, run_child
from peak_console.operations.settings import ledger_settings
from peak_console.operations.succession import proved_by

POLL_S: Final = 0.05
"""How often the ledger is asked for news."""

CLAIM_S: Final = 10.0
"""How long the notary of an earlier node may take to end."""

LAST_LOOK_S: Final = 4.0
"""How long the end may take, to sign what came last."""

_ASK: Final = "checkpoint "


def keep_signing(ws: Workspace, lifeline: Lifeline) -> None:
    """Sign the heads of a workspace's ledger until the lifeline ends."""
    handle = _claimed(ws.checkpoints, lifeline)
    if handle is None:
        return
    notary = Notary(means_of(ws), _print)
    try:
        announce()
        _serve(notary, lifeline)
    finally:
        notary.close()
        os.close(handle)


def means_of(ws: Workspace, environ: Mapping[str, str] | None = None) -> Means:
    """What a notary of this workspace works with, as it is configured now."""
    keys = KeyStore(ws.keys, environ)
    settings = ledger_settings(ws)

    def anchors(public: bytes) -> Sequence[Anchor]:
        return open_anchors(ws.root, ledger_settings(ws).anchors, public, state_folder(environ))

    def witnesses(public: bytes) -> Sequence[Held]:
        git = survey(ws.root, ledger_settings(ws).anchors, public, state_folder(environ)).git
        found = git.witnesses() if git is not None else ()
        return [(name, one.note, one.checkpoint) for name, one in found if one.note and one.checkpoint]

    return Means(
        ledger=ws.ledger,
        tree=ws.audits / "tree.json",
        files=CheckpointFiles(ws.checkpoints),
        public=keys.raw_public,
        signer=keys.signer,
        anchors=anchors,
        rules=settings.checkpoints,
        anchor_every_s=settings.anchors.every_s,
        clock=SystemClock(),
        proved=proved_by(ws, environ),
        witnesses=witnesses,
    )


def _serve(notary: Notary, lifeline: Lifeline) -> None:
    asked: list[str] = []
    pause = 0.0
    while not lifeline.wait(pause):
        asked += [line.removeprefix(_ASK) for line in lifeline.lines() if line.startswith(_ASK)]
        more = notary.round(asked=bool(asked))
        if asked and not more and notary.settled:
            for one in asked:
                _print({"asked": one, "status": notary.status()})
            asked = []
        pause = 0.0 if more else POLL_S
    ends = time.monotonic() + LAST_LOOK_S
    while notary.round(ending=True) and time.monotonic() < ends:
        pass


def _claimed(folder: Path, lifeline: Lifeline) -> int | None:
    """The folder of checkpoints, locked: one notary at a time; ``None`` when the lifeline ended first."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise EnvironmentUnfit(
            f"{folder} cannot be used: {error.strerror or error}",
            code="checkpoints_unwritable",
            remedy="free disk space, check the rights of audits/checkpoints/",
        ) from error
    ends = time.monotonic() + CLAIM_S
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        if lifeline.wait(POLL_S):
            break
        if time.monotonic() > ends:
            os.close(handle)
            raise EnvironmentUnfit(
                "another process signs this workspace's ledger",
                code="notary_claimed",
                remedy="end the notary of an earlier node",
            )
    os.close(handle)
    return None


def _print(fields: dict[str, Any]) -> None:
    with suppress(OSError):  # nobody reads it any more: the lifeline tells
        sys.stdout.write(json.dumps(fields) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(run_child("peak_console.node.notarychild", keep_signing))
