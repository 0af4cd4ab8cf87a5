"""A new ledger begins once: never by itself where signed heads of an earlier one are known."""

from typing import Final

from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore, state_folder
from peak_console.domain.errors import LedgerUnavailable, PeakError
from peak_console.ledger.heads.anchors import open_anchors
from peak_console.ledger.heads.known_heads import known_heads
from peak_console.operations.settings import ledger_settings

REMEDY: Final = 'put a backup back, or go on without it: peak ledger recover --reason "..."'


def refuse_a_second_beginning(ws: Workspace) -> None:
    """Raise ``LedgerUnavailable`` (``ledger_missing``) where the ledger is gone and heads of it are known."""
    try:
        if ws.ledger.stat().st_size:
            return
    except FileNotFoundError:
        pass
    except OSError:
        return  # opening it tells what is wrong
    try:
        key = KeyStore(ws.keys).raw_public()
    except PeakError:
        key = None
    if key is None:
        return
    anchors = open_anchors(ws.root, ledger_settings(ws).anchors, key, state_folder())
    heads = known_heads(ws.checkpoints, key, anchors)
    if heads.newest is not None:
        raise LedgerUnavailable(
            f"the ledger is gone: {heads.newest.size:,} events of it were signed ({heads.where})",
            code="ledger_missing",
            remedy=REMEDY,
            signed=heads.newest.size,
        )
