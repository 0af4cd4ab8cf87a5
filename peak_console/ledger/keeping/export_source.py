"""A piece of the ledger on its way out: what it is made of, and its events in small reads."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from peak_console.domain.clock import from_iso
from peak_console.domain.errors import LedgerBroken, UsageWrong
from peak_console.domain.events import GENESIS_PREV_HASH
from peak_console.ledger.headers import Header
from peak_console.ledger.heads.checkpoint_files import CheckpointFiles, Kept
from peak_console.ledger.heads.merkle import Collected, collect, inclusion_ranges
from peak_console.ledger.heads.notes import NoteKey, origin_of
from peak_console.ledger.heads.proving import entries, first_covering, newest_signed
from peak_console.ledger.keeping.export_form import ExportedEvent, ExportHead, SaidPruned
from peak_console.ledger.reader import LedgerReader

CHUNK = 500
"""Events in one read; together at most that many bodies are in memory."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What is to be exported: places from ``first`` to ``last``, or of them the events of a run."""

    first: int
    last: int
    run_id: str | None = None
    bodies: bool = True


class ExportSource:
    """The events of a piece, each checked against its hash as it leaves."""

    def __init__(
        self, reader: LedgerReader, piece: Piece, files: CheckpointFiles, public: bytes | None
    ) -> None:
        self._reader = reader
        self._piece = piece
        self._tree: Collected | None = None
        self._size = 0
        self.head = self._head(files, public)

    def events(self) -> Iterator[ExportedEvent]:
        """The events, ascending; raises ``LedgerBroken`` at the first that is not as it was written."""
        piece = self._piece
        after = self.head.first - 1
        while rows := self._reader.stored(after, self.head.last, CHUNK, piece.run_id):
            for header, body in rows:
                _check(header, body)
                path = () if piece.run_id is None else self._path(header.seq)
                yield ExportedEvent(header, body if piece.bodies else None, path)
            after = rows[-1][0].seq

    def _head(self, files: CheckpointFiles, public: bytes | None) -> ExportHead:
        piece, reader = self._piece, self._reader
        count, first, last = reader.extent(piece.first, piece.last, piece.run_id)
        if not count:
            raise UsageWrong(
                "there is nothing to export there",
                code="nothing_to_export",
                remedy="look at what there is: peak ledger tail, peak runs list",
            )
        if piece.run_id is None and count != last - first + 1:
            raise LedgerBroken("events are missing", remedy="find out which: peak ledger verify")
        genesis, begin, end = (reader.by_seq(seq) for seq in (1, first, last))
        if genesis is None or begin is None or end is None:
            raise LedgerBroken("an event is missing", remedy="find out which: peak ledger verify")
        key = None if public is None else NoteKey(origin_of(public, genesis.hash), public)
        signed = None if key is None else self._signed(files, key, first, end.seq, end.ts)
        proven, path = self._proof(signed, last, first)
        return ExportHead(
            origin=key.name if key else "",
            first=first,
            last=last,
            prev_hash=begin.prev_hash if piece.run_id is None else None,
            events=count,
            head=end.hash,
            run_id=piece.run_id,
            bodies=piece.bodies,
            pruned=tuple(
                SaidPruned(one.seq, one.before, one.upto_seq, one.kinds) for one in reader.pruned_ranges()
            ),
            checkpoint=str(signed.note) if signed else None,
            proven=proven,
            path=path,
            vkey=key.vkey() if key else None,
        )

    def _signed(self, files: CheckpointFiles, key: NoteKey, first: int, last: int, ts: str) -> Kept | None:
        """The first checkpoint over all of the piece; else the newest that is over some of it."""
        found = first_covering(files, key, last, from_iso(ts)) or newest_signed(files, key)
        return found if found and found.checkpoint and found.checkpoint.size >= first else None

    def _proof(self, signed: Kept | None, last: int, first: int) -> tuple[int | None, tuple[bytes, ...]]:
        """Pass over the signed tree once: the paths of a run's events, or that of the last signed event."""
        if signed is None or signed.checkpoint is None:
            return None, ()
        self._size = size = signed.checkpoint.size
        piece, reader = self._piece, self._reader
        upto = min(last, size)
        seqs = [upto] if piece.run_id is None else reader.places(first, upto, piece.run_id)
        wanted = {one for seq in seqs for one in inclusion_ranges(seq - 1, size)}
        self._tree = collect(entries(reader.path, size), wanted)
        if self._tree.frontier.root() != signed.checkpoint.root:
            raise LedgerBroken(
                f"the ledger is not the one whose first {size:,} events were signed",
                code="rewritten_chain",
                remedy="find out where it differs: peak ledger verify",
            )
        return (upto, self._path(upto)) if piece.run_id is None else (None, ())

    def _path(self, seq: int) -> tuple[bytes, ...]:
        tree = self._tree
        if tree is None or seq > self._size:
            return ()
        return tuple(tree.hash_of(one) for one in inclusion_ranges(seq - 1, self._size))


def _check(header: Header, body: bytes | None) -> None:
    if header.seq == 1 and header.prev_hash != GENESIS_PREV_HASH:
        raise _broken(header.seq, "the genesis follows nothing")
    if body is not None and hashlib.sha256(body).hexdigest() != header.body_sha256:
        raise _broken(header.seq, "its body is not the one that was written")


def _broken(seq: int, what: str) -> LedgerBroken:
    return LedgerBroken(
        f"event {seq} cannot be exported: {what}", remedy="find out what happened: peak ledger verify"
    )
