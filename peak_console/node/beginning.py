"""A new ledger begins once: never by itself where signed heads of an earlier one are known."""

from contextlib import closing

from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore, state_folder
from peak_console.domain.errors import PeakError
from peak_console.ledger.faults import sqlite_faults
from peak_console.ledger.heads.anchors import survey
from peak_console.ledger.heads.checkpoint_files import CheckpointFiles
from peak_console.ledger.heads.first_events import read_beginning
from peak_console.ledger.heads.notary_heads import other_logs
from peak_console.ledger.heads.notes import NoteKey, origin_of
from peak_console.ledger.heads.succession import OtherHead, foreign
from peak_console.ledger.schema import open_for_reading
from peak_console.operations.missing_ledger import is_missing, missing_ledger, newest_size
from peak_console.operations.settings import ledger_settings
from peak_console.operations.succession import proved_by


def foreign_beginning(ws: Workspace) -> str:
    """Why the ledger may not stand beside the signed heads of other logs; empty where it may.

    Never raises ``PeakError``: what cannot be read is told by whoever opens it.
    """
    try:
        key = KeyStore(ws.keys).raw_public()
        if key is None:
            return ""
        with closing(open_for_reading(ws.ledger)) as db, sqlite_faults(ws.ledger):
            row = db.execute("SELECT hash FROM ledger WHERE seq = 1").fetchone()
            if row is None:
                return ""
            own = NoteKey(origin_of(key, str(row[0])), key)
            begun = read_beginning(db, own.name)
        found = survey(ws.root, ledger_settings(ws).anchors, key, state_folder())
        held = [(f"the {one.kind} {one.place}", one.newest()) for one in found.anchors]
        held += found.git.witnesses() if found.git else ()
        others = [OtherHead(one.checkpoint, where) for where, one in held if one.checkpoint]
        others = [one for one in others if one.head.origin != own.name]
        why = foreign(begun, [*other_logs(CheckpointFiles(ws.checkpoints), own), *others], proved_by(ws))
    except PeakError:
        return ""
    return f"foreign_genesis: {why}" if why else ""


def refuse_a_second_beginning(ws: Workspace) -> None:
    """Raise ``LedgerUnavailable`` (``ledger_missing``) where the ledger is gone and heads of it are known."""
    if is_missing(ws) and newest_size(ws)[0]:
        raise missing_ledger(ws)
