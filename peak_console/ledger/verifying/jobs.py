"""Parts of a verification that can be done apart: a piece of the chain, the figures, a batch of notes.

A job and its result are JSON types, so that another process can do it.
"""

import hashlib
import os
import sqlite3
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from peak_console.domain.events import GENESIS_PREV_HASH
from peak_console.ledger.faults import sqlite_faults
from peak_console.ledger.folds.breaker_rows import find_wrong_breaker
from peak_console.ledger.heads.anchor_heads import is_signed, open_regular
from peak_console.ledger.heads.notes import Checkpoint, NoteMalformed, read_note, split_notes
from peak_console.ledger.schema import open_for_reading
from peak_console.ledger.verifying.budget_check import find_wrong_budget
from peak_console.ledger.verifying.chain import Walk, judged, wrong_genesis
from peak_console.ledger.verifying.diagnosis import Break
from peak_console.ledger.verifying.known_limits import KnownLimits
from peak_console.ledger.verifying.parts import Part, cut, whole
from peak_console.ledger.verifying.pruned import Excuses, find_wrong_prune
from peak_console.ledger.verifying.recount import TimeTurnedBack, find_wrong_figures
from peak_console.ledger.verifying.tree import PieceRoots, PieceTree

Job = dict[str, Any]
Tell = Callable[[int, int], None]
"""Told how far a job is: done, and in all where that is known (else 0)."""

PIECE: Final = "piece"
PRUNED: Final = "pruned"
FIGURES: Final = "figures"
NOTES: Final = "notes"
BUDGETS: Final = "budgets"


def perform(job: Job, tell: Tell) -> Job:
    """Do one job; raises ``LedgerUnavailable``."""
    return {PIECE: _piece, PRUNED: _pruned, FIGURES: _figures, BUDGETS: _budgets, NOTES: _notes}[job["op"]](
        job, tell
    )


def read_roots(result: Job) -> PieceRoots:
    """The roots in the result of a piece."""
    told = result["roots"]
    return PieceRoots(
        told["after"],
        told["level"],
        [bytes.fromhex(one) for one in told["blocks"]],
        {int(size): bytes.fromhex(root) for size, root in told["parts"].items()},
        [bytes.fromhex(one) for one in told["rest"]],
        told["rest_leaves"],
    )


def _piece(job: Job, tell: Tell) -> Job:
    path, after = Path(job["path"]), job["after"]
    db = open_for_reading(path)
    try:
        with sqlite_faults(path):
            head, found = _begin(db, after)
            tree = PieceTree(after, job["sizes"], job["level"]) if job["tree"] else None
            walk = Walk(db, after, head, job["upto"], Excuses(db), tree, found)
            if found is None:
                walk.run(lambda seq: tell(seq - after, 0), job["chunk"])
    finally:
        db.close()
    return {
        "seq": walk.seq,
        "head": walk.head,
        "began": head,
        "found": walk.found,
        "roots": _told(tree.finish()) if tree is not None else None,
        "pruned": [walk.excuses.events, walk.excuses.before, walk.excuses.last_seq],
    }


def _begin(db: Any, after: int) -> tuple[str, Break | None]:
    """The hash that a piece goes on from."""
    if after == 0:
        return GENESIS_PREV_HASH, judged(lambda: wrong_genesis(db), 1)
    rows: list[Any] = []

    def look() -> Break | None:
        rows.extend(db.execute("SELECT hash FROM ledger WHERE seq = ?", (after,)).fetchall())
        return None if rows else Break(after, "deleted_row", f"event {after} is gone")

    found = judged(look, after)
    return (str(rows[0][0]) if rows else "", found)


def _told(roots: PieceRoots) -> Job:
    return {
        "after": roots.after,
        "level": roots.level,
        "blocks": [one.hex() for one in roots.blocks],
        "parts": {str(size): root.hex() for size, root in roots.parts.items()},
        "rest": [one.hex() for one in roots.rest],
        "rest_leaves": roots.rest_leaves,
    }


def _pruned(job: Job, tell: Tell) -> Job:
    """Compare every ``ledger.pruned`` with the headers in its range."""
    path = Path(job["path"])
    db = open_for_reading(path)
    try:
        with sqlite_faults(path):
            return {"found": judged(lambda: find_wrong_prune(db, tell), None)}
    finally:
        db.close()


def figure_jobs(path: Path, db: sqlite3.Connection, last: int, step: int) -> list[Job]:
    """The figures in parts of about ``step`` events and whole minutes; in one for 0."""
    whole_job: Job = {"op": FIGURES, "path": str(path), "part": None}
    try:
        return [{**whole_job, "part": asdict(one)} for one in cut(db, last, step)] if step else [whole_job]
    except (sqlite3.DatabaseError, ValueError, TypeError):
        return [whole_job]  # the walk over the chain names what is damaged


def _figures(job: Job, tell: Tell) -> Job:
    """Count the figures of a part again, of all events where none is named; the last has the breakers."""
    path = Path(job["path"])
    db = open_for_reading(path)

    def wrong() -> Break | None:
        part = Part(**job["part"]) if job["part"] else whole(db)
        said = find_wrong_figures(db, part, tell)
        if said:
            return Break(None, "wrong_rollup", said)
        said = find_wrong_breaker(db) if part.is_last else None
        return Break(None, "wrong_breaker", said) if said else None

    try:
        with sqlite_faults(path):
            return {"found": judged(wrong, None)}
    except TimeTurnedBack:
        return {"found": Break(None, "wrong_rollup", "a clock was set back between two parts")}
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
        told = f"an event cannot be counted: {type(error).__name__}"
        return {"found": Break(None, "wrong_rollup", told)}
    finally:
        db.close()


def _budgets(job: Job, tell: Tell) -> Job:
    """Fold what is kept of budgets again from the events, and compare."""
    path = Path(job["path"])
    db = open_for_reading(path)
    known = KnownLimits.read(job["limits"])
    unknown: list[str] = []

    def wrong() -> Break | None:
        said = find_wrong_budget(db, known, tell, unknown, bare=job["bare"])
        return Break(None, "wrong_budget", said) if said else None

    try:
        with sqlite_faults(path):
            return {"found": judged(wrong, None), "unknown": unknown}
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
        told = f"an event or a row cannot be read: {type(error).__name__}"
        return {"found": Break(None, "wrong_budget", told), "unknown": unknown}
    finally:
        db.close()


def _notes(job: Job, tell: Tell) -> Job:
    """Check the signatures of one stretch of a file of notes; it must be the one that was read before."""
    with os.fdopen(open_regular(Path(job["path"])), "rb") as file:
        file.seek(job["offset"])
        data = file.read(job["length"])
    if hashlib.sha256(data).hexdigest() != job["sha256"]:
        return {"found": "it changed while it was being read"}
    key = bytes.fromhex(job["key"])
    for number, text in enumerate(split_notes(data.decode("utf-8", "surrogateescape"))):
        wrong = unsigned_note(text, key)
        if wrong:
            return {"found": f"{wrong}, after byte {job['offset']}, note {number + 1}"}
        tell(0, 0)
    return {"found": ""}


def unsigned_note(text: str, key: bytes) -> str:
    """Why a note is not one that the key signed; empty where it is."""
    try:
        note = read_note(text)
        head = Checkpoint.of_text(note.text)
    except NoteMalformed as error:
        return f"no signed head: {error}"
    if not is_signed(note, head.origin, key):
        return f"the head of {head.size} events is not signed with the workspace's key"
    return ""
