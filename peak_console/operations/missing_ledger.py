"""What is said where there is no ledger: that it never began, or that signed events of it are known."""

from contextlib import suppress
from typing import Final

from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore, state_folder
from peak_console.domain.errors import LedgerUnavailable, PeakError
from peak_console.ledger.heads.anchor_heads import is_signed
from peak_console.ledger.heads.anchors import open_anchors
from peak_console.ledger.heads.checkpoint_files import CheckpointFiles
from peak_console.operations.settings import ledger_settings

REMEDY: Final = (
    'put a backup back: peak ledger recover --from BACKUP --reason "..."; '
    'without one: peak ledger recover --reason "..."'
)


def is_missing(ws: Workspace) -> bool:
    """Whether the ledger's file is gone or empty; one that cannot be asked for is there."""
    try:
        return ws.ledger.stat().st_size == 0
    except FileNotFoundError:
        return True
    except OSError:
        return False


def missing_ledger(ws: Workspace) -> LedgerUnavailable:
    """The error ``ledger_missing``, with the remedy that fits what is known of the ledger."""
    size, where = newest_size(ws)
    if not size:
        return LedgerUnavailable(
            "there is no ledger yet",
            code="ledger_missing",
            remedy="start the node, which makes it: peak node start",
        )
    return LedgerUnavailable(
        f"the ledger is gone: {size:,} signed events are known ({where})",
        code="ledger_missing",
        remedy=REMEDY,
        signed=size,
    )


def newest_size(ws: Workspace) -> tuple[int, str]:
    """Events under the newest head that the workspace's key signed, and where it is; 0 without one.

    Never raises ``PeakError``.
    """
    with suppress(PeakError, OSError):
        key = KeyStore(ws.keys).raw_public()
        if key is None:
            return 0, ""
        files = CheckpointFiles(ws.checkpoints)
        for path in reversed(files.files()):
            for kept in reversed(list(files.of(path))):
                head = kept.checkpoint
                if head is not None and kept.note is not None and is_signed(kept.note, head.origin, key):
                    return head.size, f"{ws.checkpoints.name}/{kept.file}"
        for anchor in open_anchors(ws.root, ledger_settings(ws).anchors, key, state_folder()):
            held = anchor.newest().checkpoint
            if held is not None:
                return held.size, f"{anchor.kind} {anchor.place}"
    return 0, ""
