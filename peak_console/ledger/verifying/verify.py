"""Whether the ledger is what was written and signed: every body, header, link, figure and head.

The chain is followed from the stored bytes; signed heads show what a chain cannot: that its tail was cut,
that it was written anew, that an older copy took its place. What none of this can show, the result says.
"""

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from peak_console.domain.clock import SystemClock, iso
from peak_console.ledger.faults import sqlite_faults
from peak_console.ledger.heads.notes import origin_of
from peak_console.ledger.heads.succession import succeeded
from peak_console.ledger.schema import open_for_reading
from peak_console.ledger.verifying.anchors_beside import anchors_beside
from peak_console.ledger.verifying.anchors_seen import find_lagging, seen_anchors
from peak_console.ledger.verifying.chain import CHUNK, END, judged
from peak_console.ledger.verifying.diagnosis import Break, find_stray_body
from peak_console.ledger.verifying.heads import Heads, Sources, read_heads
from peak_console.ledger.verifying.heads_judging import (
    find_beyond,
    find_changed_key,
    find_foreign,
    find_forged,
    find_missing,
    find_rewritten,
)
from peak_console.ledger.verifying.jobs import BUDGETS, FIGURES, PIECE, PRUNED, Job, figure_jobs
from peak_console.ledger.verifying.joining import Chain, joined
from peak_console.ledger.verifying.known_limits import KnownLimits
from peak_console.ledger.verifying.limits import cannot_know, strongest
from peak_console.ledger.verifying.memory import Verified
from peak_console.ledger.verifying.pool import default_workers, run_all
from peak_console.ledger.verifying.result import (
    AnchorSeen,
    Cancelled,
    CheckpointsSeen,
    Progress,
    VerifyResult,
    VerifyStage,
    never,
    silent,
)
from peak_console.ledger.verifying.tables import find_wrong_guards, find_wrong_tables
from peak_console.ledger.verifying.tree import BLOCK_LEVEL

__all__ = [
    "Plan",
    "Progress",
    "Sources",
    "VerifyResult",
    "VerifyStage",
    "verify",
]

SMALL: Final = 100_000
"""Events up to which further processes cost more time than they save."""

PARTS_EACH: Final = 4
"""Parts of the figures for each process, so that none waits long for another."""

PIECE_BLOCKS: Final = 64
"""Blocks of the tree in one piece of the chain."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a verification is done."""

    figures: bool = True
    """Whether figures are folded again."""
    workers: int | None = None
    """Processes; ``None`` for as many as are worth it."""
    incremental: bool = False
    """Whether it begins at the last verified head, where that proves itself."""
    memory: Path | None = None
    """``audits/verified.json``: read when incremental, written after a good result."""
    limits: KnownLimits | None = None
    """The budgets' limits as they stand, so that counters are known exactly."""
    level: int = BLOCK_LEVEL
    piece_blocks: int = PIECE_BLOCKS
    chunk: int = CHUNK


def verify(
    path: Path,
    progress: Progress | None = None,
    *,
    figures: bool = True,
    plan: Plan | None = None,
    sources: Sources | None = None,
    cancelled: Cancelled = never,
) -> VerifyResult:
    """Verify the ledger at ``path``, while it may be written; names the first broken event and how.

    With ``sources`` signed heads are compared too; without, the result says what a chain alone cannot show.
    Raises ``LedgerUnavailable`` when the file cannot be read at all, ``VerifyCancelled`` within a fraction of
    a second after ``cancelled`` says so, ``UsageWrong`` for a witness that is none.
    """
    began = time.monotonic()
    plan = plan or Plan(figures=figures)
    db = open_for_reading(path)
    try:
        with sqlite_faults(path):
            one = _Verification(path, db, plan, sources or Sources(), progress or silent, cancelled=cancelled)
            result = one.run()
    finally:
        db.close()
    return replace(result, seconds=round(time.monotonic() - began, 3))


class _Verification:
    """One verification."""

    def __init__(
        self,
        path: Path,
        db: sqlite3.Connection,
        plan: Plan,
        sources: Sources,
        progress: Progress,
        *,
        cancelled: Cancelled,
    ) -> None:
        self._path, self._db, self._plan, self._sources = path, db, plan, sources
        self._tell, self._cancelled = progress, cancelled
        self._last = self._total()
        self._done: dict[int, int] = {}
        self._counted: dict[int, int] = {}
        self._jobs: list[Job] = []
        self._workers = 1
        self._tables = judged(lambda: find_wrong_tables(self._db), None)

    def run(self) -> VerifyResult:
        heads = self._read_heads()
        start = self._start(heads)
        results = self._work(heads, start)
        pieces = [one for job, one in zip(self._jobs, results, strict=True) if job["op"] == PIECE]
        chain = joined(pieces, self._jobs[0]["after"], heads.sizes() if heads is not None else (), start)
        found = chain.found or judged(lambda: find_stray_body(self._db), None)
        figures = _found_of(results, self._jobs, FIGURES)
        anchors = anchors_beside(heads, self._sources, chain.tree.roots, chain.seq)
        if found is None and heads is not None:
            forged = next(
                (one["found"] for one in results if one and isinstance(one["found"], str) and one["found"]),
                "",
            )
            anchors = seen_anchors(
                self._db, heads, chain.tree.roots, self._sources, after=self._jobs[0]["after"]
            )
            found = self._judge(heads, chain, anchors, forged, figures)
        found = (
            found
            or _found_of(results, self._jobs, PRUNED)
            or self._tables
            or figures
            or _found_of(results, self._jobs, BUDGETS)
            or judged(lambda: find_wrong_guards(self._db), None)
        )
        result = VerifyResult(
            ok=found is None,
            events=chain.seq,
            head=chain.head,
            broken_seq=found.seq if found else None,
            broken_how=found.how if found else None,
            detail=found.detail if found else "",
            checkpoints=self._checkpoints(heads, chain),
            anchors=anchors,
            anchor_used=strongest(anchors),
            incremental_from=start.border.size if start else None,
            pruned=chain.pruned,
            succeeded=succeeded(heads.begun, heads.others()) if heads else None,
            workers=self._workers,
        )
        named = bool(heads and heads.key_named)
        unknown = cannot_know(result, self._sources, figures=self._figures(start), key_named=named)
        told = (text for one in results for text in (one or {}).get("unknown", ()))
        result = replace(result, cannot_know=(*unknown, *told))
        if result.ok:
            self._remember(heads, chain, start)
        return result

    # -- reading

    def _total(self) -> int:
        """The number of the last event; 0 where it cannot be read."""
        try:
            return int(self._db.execute("SELECT ifnull(max(seq), 0) FROM ledger").fetchone()[0])
        except sqlite3.DatabaseError:
            return 0

    def _read_heads(self) -> Heads | None:
        """The signed heads; ``None`` where none are asked for or the ledger does not even begin."""
        if self._sources.key is None and self._sources.notes is None:
            return None
        try:
            row = self._db.execute("SELECT hash FROM ledger WHERE seq = 1").fetchone()
            if row is None:
                return self._of_nothing() if not self._last else None
            origin = origin_of(self._sources.key or b"", str(row[0]))
            return read_heads(self._db, self._sources, origin, str(row[0]))
        except sqlite3.DatabaseError:
            return None  # the walk over the chain names what is damaged

    def _of_nothing(self) -> Heads | None:
        """Signed heads beside a ledger without events."""
        if self._sources.key is None:
            return None
        return read_heads(self._db, self._sources, origin_of(self._sources.key, ""), "")

    def _start(self, heads: Heads | None) -> Verified | None:
        """Where an incremental verification begins: a signed head of this log that was verified before."""
        if not self._plan.incremental or self._plan.memory is None or heads is None:
            return None
        found = Verified.read(self._plan.memory)
        if found is None or found.border.size % (1 << self._plan.level) or found.size > self._last:
            return None
        return found if found.root in heads.notes.roots.get(found.size, ()) else None

    # -- working

    def _work(self, heads: Heads | None, start: Verified | None) -> list[Job | None]:
        sizes = sorted(heads.sizes()) if heads is not None else []
        if start is not None:
            sizes = [size for size in sizes if size > start.border.size]
        self._jobs = self._pieces(sizes, start.border.size if start else 0)
        if start is None:
            self._jobs.append({"op": PRUNED, "path": str(self._path)})
        workers = self._plan.workers or (1 if self._last <= SMALL else default_workers())
        if self._figures(start):
            step = max(self._plan.piece_blocks << self._plan.level, self._last // (workers * PARTS_EACH))
            self._jobs += figure_jobs(self._path, self._db, self._last, 0 if workers == 1 else step)
            self._jobs.append(self._budgets())
        if heads is not None:
            self._jobs += heads.notes.jobs
        self._workers = min(workers, len(self._jobs))
        return run_all(self._jobs, workers, self._told, self._cancelled)

    def _budgets(self) -> Job:
        limits, sources = self._plan.limits, self._sources
        return {
            "op": BUDGETS,
            "path": str(self._path),
            "limits": asdict(limits) if limits else None,
            "bare": not sources.own or sources.notes is None,
        }

    def _figures(self, start: Verified | None) -> bool:
        return self._plan.figures and start is None and self._tables is None

    def _pieces(self, sizes: Sequence[int], begin: int) -> list[Job]:
        """The chain in pieces; the last goes on to wherever the ledger ends when it comes there."""
        step = self._plan.piece_blocks << self._plan.level
        borders = list(range(begin, max(self._last, begin + 1), step))
        found: list[Job] = []
        for after in borders:
            upto = END if after == borders[-1] else after + step
            found.append(
                {
                    "op": PIECE,
                    "path": str(self._path),
                    "after": after,
                    "upto": upto,
                    "sizes": [size for size in sizes if after < size <= upto],
                    "level": self._plan.level,
                    "tree": True,
                    "chunk": self._plan.chunk,
                }
            )
        return found

    def _told(self, number: int, done: int, total: int) -> None:
        op = self._jobs[number]["op"]
        if op == FIGURES:
            self._counted[number] = done
            if total and self._reached() >= self._last:
                counted = min(sum(self._counted.values()), self._last)
                self._tell(VerifyStage.FIGURES, counted, self._last)
        elif op == PIECE:
            self._done[number] = done
            reached = self._reached()
            self._tell(VerifyStage.CHAIN, reached, max(self._last, reached))

    def _reached(self) -> int:
        """How many events were followed, those before an incremental beginning among them."""
        return int(self._jobs[0]["after"]) + sum(self._done.values())

    # -- judging

    def _judge(
        self, heads: Heads, chain: Chain, anchors: Sequence[AnchorSeen], forged: str, figures: Break | None
    ) -> Break | None:
        sources = self._sources
        after = self._jobs[0]["after"]
        return (
            find_changed_key(heads, sources.key)
            or find_forged(heads, has_key=sources.key is not None)
            or (Break(None, "checkpoint_forged", forged) if forged else None)
            or find_rewritten(heads, chain.tree.roots, after=after)
            or (find_beyond(heads, chain.seq, figures_fit=figures is None) if sources.own else None)
            or (find_foreign(heads, sources.proved) if sources.own else None)
            or (find_missing(heads) if sources.own else None)
            or (find_lagging(anchors, sources.max_lag_s) if sources.own else None)
        )

    def _checkpoints(self, heads: Heads | None, chain: Chain) -> CheckpointsSeen:
        if heads is None:
            return CheckpointsSeen(unsigned_events=chain.seq)
        notes = heads.notes
        size = max((one for one in notes.roots if one <= chain.seq), default=0)
        root = next(iter(notes.roots.get(size, ())), b"")
        problem = (
            f"{notes.torn} ends in a part of a head, as a death while writing leaves it" if notes.torn else ""
        )
        key = heads.origin if self._sources.key is not None else ""
        return CheckpointsSeen(notes.count, size, root.hex(), chain.seq - size, key, problem)

    def _remember(self, heads: Heads | None, chain: Chain, start: Verified | None) -> None:
        """Keep where the next verification may begin; without it that only takes longer."""
        if self._plan.memory is None or heads is None or not self._sources.own:
            return
        size = max((one for one in chain.tree.borders if one in heads.notes.roots), default=0)
        row = self._db.execute("SELECT hash FROM ledger WHERE seq = ?", (size,)).fetchone()
        if not size or row is None:
            return
        now = iso(SystemClock().now())
        border = chain.tree.borders[size]
        full_at = start.full_at if start else now if self._plan.figures else ""
        try:
            Verified(size, chain.tree.roots[size], str(row[0]), now, full_at, border).write(self._plan.memory)
        except OSError:
            return


def _found_of(results: Sequence[Job | None], jobs: Sequence[Job], op: str) -> Break | None:
    for job, result in zip(jobs, results, strict=True):
        if job["op"] == op and result is not None and result["found"]:
            return Break(*result["found"])
    return None
