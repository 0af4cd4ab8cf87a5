"""Whether a stretch of the chain is whole: events between two places, and how they join those before."""

from pathlib import Path

from peak_console.domain.events import GENESIS_PREV_HASH
from peak_console.ledger.faults import sqlite_faults
from peak_console.ledger.schema import open_for_reading
from peak_console.ledger.verifying.chain import CHUNK, Walk
from peak_console.ledger.verifying.pool import cancellation
from peak_console.ledger.verifying.pruned import Excuses
from peak_console.ledger.verifying.result import Cancelled, Progress, RangeResult, VerifyStage, never, silent


def verify_range(
    path: Path, first: int, last: int, progress: Progress | None = None, *, cancelled: Cancelled = never
) -> RangeResult:
    """Whether events ``first`` to ``last`` are whole and follow each other and the event before them.

    Raises ``LedgerUnavailable`` and ``VerifyCancelled``.
    """
    first, tell = max(first, 1), progress or silent
    if last < first:
        return RangeResult(ok=True, first=first, last=last)
    db = open_for_reading(path)

    def told(seq: int) -> None:
        if cancelled():
            raise cancellation()
        tell(VerifyStage.CHAIN, seq - first + 1, last - first + 1)

    try:
        with sqlite_faults(path):
            row = db.execute("SELECT hash FROM ledger WHERE seq = ?", (first - 1,)).fetchone()
            head = GENESIS_PREV_HASH if first == 1 else str(row[0]) if row else ""
            walk = Walk(db, first - 1, head, last, Excuses(db))
            walk.run(told, CHUNK)
    finally:
        db.close()
    if walk.found is None:
        return RangeResult(ok=True, first=first, last=walk.seq)
    return RangeResult(False, first, walk.seq, *walk.found)  # noqa: FBT003 - ``ok``
