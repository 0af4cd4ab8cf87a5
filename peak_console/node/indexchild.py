"""``python -m peak_console.node.indexchild --root ROOT``: the node's child that fills the index of runs.

It follows the ledger and writes ``audits/search.db`` behind it. The index itself is the memory of how far it
got: after a kill it goes on behind the last whole batch. An index of another ledger, of another schema or a
damaged one is thrown away and filled anew; what cannot be helped here is told once and tried again.
"""

import os
import sys
import time
from collections import OrderedDict
from pathlib import Path
from typing import Final

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import LedgerUnavailable
from peak_console.domain.events import LedgerEvent
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.search.index import (
    Batch,
    IndexDamaged,
    IndexUnavailable,
    IndexWriter,
    Position,
    remove_index,
)
from peak_console.ledger.search.words import words_of
from peak_console.operations.child import Lifeline, announce, run_child
from peak_console.operations.missing_ledger import missing_ledger
from peak_console.operations.runs import RunFold
from peak_console.operations.views.run_rows import row_of

POLL_S: Final = 0.25
"""How often the ledger is asked for news."""
RETRY_S: Final = 5.0
"""How long it is left alone when it, or the index, is not usable."""
BATCH: Final = 2000
"""Events in one transaction."""

_NICE: Final = 10
_FOLDS_KEPT: Final = 2000
"""Runs whose fold is held; a run that goes on after it was dropped is folded anew from its first event."""
_PAGE: Final = 1000


class Filler:
    """Fills the index: one :meth:`round` adds a batch."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._reader: LedgerReader | None = None
        self._writer: IndexWriter | None = None
        self._files: tuple[tuple[int, int], ...] = ()
        self._folds: OrderedDict[str, RunFold] = OrderedDict()
        self._at = Position()
        self._version = -1
        self._trouble = ""

    def round(self) -> float:
        """Add what there is; how long to wait for more, in seconds."""
        try:
            more = self._fill()
        except IndexDamaged as why:
            self._close()
            self._tell(why.message)
            return self._start_anew()
        except (IndexUnavailable, LedgerUnavailable) as why:
            self._close()
            self._tell(why.message)
            return RETRY_S
        self._trouble = ""
        return 0.0 if more else POLL_S

    def close(self) -> None:
        """Let go of ledger and index."""
        self._close()

    # -- within

    def _fill(self) -> bool:
        """Whether there is more at once."""
        reader, writer = self._open()
        version = reader.data_version()
        if version == self._version:
            return False
        events = _events(reader, self._at.seq)
        if not self._follows(reader, events):
            writer.clear()
            self._forget()
            return True
        if not events:
            self._version = version
            return False
        if writer.put(self._batch(reader, writer, events), self._at):
            self._at = self._reached(events)
        else:
            self._forget()
            self._at = writer.position()
        return True

    def _follows(self, reader: LedgerReader, events: list[LedgerEvent]) -> bool:
        """Whether the ledger goes on from where the index ends."""
        if not self._at.seq:
            return True
        if events:
            return events[0].seq == self._at.seq + 1 and events[0].prev_hash == self._at.hash
        head, hashed = reader.head()
        # an event may have come since none was read: the next round reads it and holds it against the index
        return head > self._at.seq or (head, hashed) == (self._at.seq, self._at.hash)

    def _reached(self, events: list[LedgerEvent]) -> Position:
        last = events[-1]
        return Position(last.seq, last.hash, self._at.genesis or events[0].hash)

    def _batch(self, reader: LedgerReader, writer: IndexWriter, events: list[LedgerEvent]) -> Batch:
        touched: dict[str, dict[str, None]] = {}
        for event in events:
            if event.run_id:
                self._fold(reader, writer, event.run_id).add(event)
                touched.setdefault(event.run_id, {}).update(dict.fromkeys(words_of(event)))
        lines = {run_id: self._folds[run_id].line for run_id in touched}
        reached = events[-1].seq
        words = {(line.seq, reached): " \n".join(touched[run_id]) for run_id, line in lines.items()}
        layers = [(layer, line.seq) for line in lines.values() for layer in line.layers]
        while len(self._folds) > _FOLDS_KEPT:
            self._folds.popitem(last=False)
        return Batch([row_of(line) for line in lines.values()], layers, words, self._reached(events))

    def _fold(self, reader: LedgerReader, writer: IndexWriter, run_id: str) -> RunFold:
        fold = self._folds.get(run_id)
        if fold is None:
            fold = self._folds[run_id] = RunFold(run_id)
            if writer.place_of(run_id) is not None:
                self._catch_up(reader, fold)
        self._folds.move_to_end(run_id)
        return fold

    def _catch_up(self, reader: LedgerReader, fold: RunFold) -> None:
        """Fold what the index has of a run already."""
        after = 0
        while events := reader.by_run(fold.line.run_id, after, _PAGE):
            for event in events:
                if event.seq > self._at.seq:
                    return
                fold.add(event)
            after = events[-1].seq

    def _open(self) -> tuple[LedgerReader, IndexWriter]:
        """Reader and writer of the files that are there now."""
        files = tuple(_identity(path) for path in (self._ws.ledger, self._ws.search))
        if self._reader is None or self._writer is None or files != self._files:
            self._close()
            self._reader = _ledger(self._ws)
            self._writer = IndexWriter(self._ws.search)
            self._files = tuple(_identity(path) for path in (self._ws.ledger, self._ws.search))
            self._at = self._writer.position()
        return self._reader, self._writer

    def _close(self) -> None:
        for one in (self._reader, self._writer):
            if one is not None:
                one.close()
        self._reader = self._writer = None
        self._forget()

    def _forget(self) -> None:
        self._folds.clear()
        self._at, self._version = Position(), -1

    def _start_anew(self) -> float:
        try:
            remove_index(self._ws.search)
        except OSError as error:
            self._tell(f"the damaged index cannot be removed: {error.strerror or error}")
        return RETRY_S

    def _tell(self, words: str) -> None:
        """Once for every kind of trouble, on standard error, where the node hears it."""
        if words != self._trouble:
            self._trouble = words
            sys.stderr.write(f"{words}\n")
            sys.stderr.flush()


def _ledger(ws: Workspace) -> LedgerReader:
    if not ws.ledger.exists():
        raise missing_ledger(ws)
    return LedgerReader(ws.ledger)


def _identity(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (-1, -1)
    return (found.st_dev, found.st_ino)


def _events(reader: LedgerReader, after: int) -> list[LedgerEvent]:
    """The next events; without their bodies where one of them is not what it should be."""
    try:
        return reader.read(after, BATCH)
    except ValueError:
        return reader.read(after, BATCH, bodies=False)


def fill_index(ws: Workspace, lifeline: Lifeline) -> None:
    """Fill the index of a workspace until the lifeline ends."""
    os.nice(_NICE)
    filler = Filler(ws)
    announce(index=str(ws.search))
    try:
        wait = 0.0
        while not lifeline.wait(wait):
            began = time.monotonic()
            wait = filler.round()
            if not wait:  # others first: a batch is followed by a pause of a tenth of its own time
                wait = (time.monotonic() - began) / 10
    finally:
        filler.close()


if __name__ == "__main__":
    sys.exit(run_child("peak_console.node.indexchild", fill_index))
