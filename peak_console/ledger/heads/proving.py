"""Proofs made from a ledger: its stored hashes, passed over once, against a checkpoint that was signed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from peak_console.domain.clock import from_iso
from peak_console.domain.errors import LedgerBroken, LedgerUnavailable, PeakError, UsageWrong
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.ledger.faults import sqlite_faults
from peak_console.ledger.heads.checkpoint_files import CheckpointFiles, Kept
from peak_console.ledger.heads.merkle import Collected, Range, collect, consistency_ranges, inclusion_ranges
from peak_console.ledger.heads.notes import Checkpoint, NoteKey, origin_of
from peak_console.ledger.heads.proofs import ConsistencyProof, InclusionProof
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.schema import open_for_reading

HASHES_CHUNK: Final = 20_000
"""Hashes read in one transaction: the node's write-ahead log is not kept from being folded in for long."""

SIGN_NOW: Final = "have the head signed now: peak ledger checkpoint"


class NotSigned(UsageWrong):
    """No signed checkpoint covers what is to be proved."""

    default_code = "not_checkpointed"
    why = "a proof leads to a signed checkpoint, and none covers it yet"
    exit_code = 1


def log_key(reader: LedgerReader, public: bytes) -> NoteKey:
    """The workspace's key under its ledger's name; raises ``LedgerUnavailable`` where that has not begun."""
    genesis = reader.by_seq(1)
    if genesis is None:
        raise LedgerUnavailable(
            "the ledger has no genesis yet", code="genesis_missing", remedy="start the node: peak node start"
        )
    return NoteKey(origin_of(public, genesis.hash), public)


class OutOfTime(PeakError):
    """Proving would take longer than its caller has."""

    default_code = "out_of_time"
    why = "a proof passes over every hash of the ledger once"


def never() -> bool:
    """There is time."""
    return False


def entries(path: Path, size: int, after: int = 0, *, late: Callable[[], bool] = never) -> Iterator[bytes]:
    """The entries of leaves ``after`` to before ``size``: the hashes of events ``after + 1`` to ``size``.

    In short transactions. Raises ``LedgerUnavailable``, ``LedgerBroken`` where an event is missing, and
    :class:`OutOfTime` once ``late`` says so.
    """
    db = open_for_reading(path)
    try:
        while after < size:
            if late():
                raise OutOfTime(f"out_of_time: {after} of {size} hashes were passed over")
            with sqlite_faults(path):
                rows = db.execute(
                    "SELECT seq, hash FROM ledger WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
                    (after, size, HASHES_CHUNK),
                ).fetchall()
            if not rows or rows[-1][0] != after + len(rows):
                raise _missing(after, size)
            after = rows[-1][0]
            yield from (_entry(text, seq) for seq, text in rows)
    finally:
        db.close()


def newest_signed(files: CheckpointFiles, key: NoteKey) -> Kept | None:
    """The newest kept checkpoint of this log that its key signed."""
    for path in reversed(files.files()):
        for kept in reversed(list(files.of(path))):
            if _is_ours(kept, key):
                return kept
    return None


def first_covering(
    files: CheckpointFiles, key: NoteKey, size: int, since: datetime | None = None
) -> Kept | None:
    """The first kept checkpoint over at least ``size`` events; ``since`` is when the last of them came.

    The first one is always the same one, so a proof made again is the same proof.
    """
    oldest = "" if since is None else f"{since - timedelta(days=1):%Y-%m-%d}"
    for path in files.files():
        if path.stem < oldest:
            continue
        for kept in files.of(path):
            if kept.checkpoint is not None and kept.checkpoint.size >= size and _is_ours(kept, key):
                return kept
    return None


def prove_inclusion(
    reader: LedgerReader,
    seqs: Sequence[int],
    files: CheckpointFiles,
    key: NoteKey,
    *,
    late: Callable[[], bool] = never,
) -> list[InclusionProof]:
    """Proofs of events, all in one pass, against the first checkpoint that covers the last of them.

    Raises ``UsageWrong`` where an event does not exist, :class:`NotSigned` where no checkpoint covers them,
    ``LedgerBroken`` where the ledger is not the one that was signed, :class:`OutOfTime` once ``late``.
    """
    events = [reader.by_seq(seq) for seq in seqs]
    for seq, event in zip(seqs, events, strict=True):
        if event is None:
            raise _no_event(seq, reader.head()[0])
    found = [event for event in events if event is not None]
    if not found:
        return []
    last = max(found, key=lambda event: event.seq)
    signed = first_covering(files, key, last.seq, from_iso(last.ts))
    if signed is None or signed.note is None or signed.checkpoint is None:
        raise _not_signed(last, files, key)
    size = signed.checkpoint.size
    ranges = {event.seq: inclusion_ranges(event.seq - 1, size) for event in found}
    wanted = (one for path in ranges.values() for one in path)
    tree = _signed_tree(reader.path, signed.checkpoint, wanted, late)
    return [
        InclusionProof(
            event.seq - 1,
            tuple(map(tree.hash_of, ranges[event.seq])),
            signed.note,
            event.header(),
            event.body,
        )
        for event in found
    ]


def prove_consistency(
    reader: LedgerReader, first: int, second: int, files: CheckpointFiles, key: NoteKey
) -> ConsistencyProof:
    """That the ledger of ``first`` events begins that of ``second``, tied to a signed checkpoint.

    Raises as :func:`prove_inclusion` does, and ``UsageWrong`` unless ``0 < first <= second``.
    """
    head = reader.head()[0]
    if not 0 < first <= second:
        raise UsageWrong(
            f"{first} events are not the beginning of {second}",
            code="wrong_sizes",
            remedy="name two numbers of events, the smaller first: peak ledger consistency 100 200",
        )
    event = reader.by_seq(second)
    if event is None:
        raise _no_event(second, head)
    signed = first_covering(files, key, second, from_iso(event.ts))
    if signed is None or signed.note is None or signed.checkpoint is None:
        raise _not_signed(event, files, key)
    size = signed.checkpoint.size
    path, bridge = consistency_ranges(first, second), consistency_ranges(second, size)
    whole = [(0, first), (0, second)]
    tree = _signed_tree(reader.path, signed.checkpoint, [*path, *bridge, *whole])
    return ConsistencyProof(
        first,
        tree.hash_of((0, first)),
        second,
        tree.hash_of((0, second)),
        tuple(map(tree.hash_of, path)),
        signed.note,
        tuple(map(tree.hash_of, bridge)),
    )


def _signed_tree(
    path: Path, checkpoint: Checkpoint, wanted: Iterable[Range], late: Callable[[], bool] = never
) -> Collected:
    """The tree that the checkpoint signs, with the parts that are wanted; raises ``LedgerBroken``."""
    tree = collect(entries(path, checkpoint.size, late=late), wanted)
    if tree.frontier.root() != checkpoint.root:
        raise LedgerBroken(
            f"the ledger's first {checkpoint.size} events are not those that were signed",
            code="rewritten_chain",
            remedy="keep the file as it is, stop the workspace (peak stop), and look: peak ledger verify",
            size=checkpoint.size,
        )
    return tree


def _is_ours(kept: Kept, key: NoteKey) -> bool:
    return (
        kept.note is not None
        and kept.checkpoint is not None
        and kept.checkpoint.origin == key.name
        and kept.note.signed_by(key)
    )


def _entry(text: object, seq: int) -> bytes:
    try:
        return bytes.fromhex(str(text))
    except ValueError:
        raise LedgerBroken(
            f"the hash of event {seq} is none",
            code="edited_row",
            remedy="look: peak ledger verify",
            broken_seq=seq,
        ) from None


def _missing(after: int, size: int) -> LedgerBroken:
    return LedgerBroken(
        f"event {after + 1} is gone, of the {size} that were signed",
        code="deleted_row",
        remedy="look: peak ledger verify",
        broken_seq=after + 1,
    )


def _no_event(seq: int, head: int) -> UsageWrong:
    return UsageWrong(
        f"there is no event {seq}: the ledger ends with {head}",
        code="no_such_event",
        remedy="see the last ones: peak ledger tail",
    )


def _not_signed(event: LedgerEvent, files: CheckpointFiles, key: NoteKey) -> NotSigned:
    newest = newest_signed(files, key)
    upto = newest.checkpoint.size if newest is not None and newest.checkpoint is not None else 0
    so_far = f"the newest one covers {upto} events" if upto else "there is none yet"
    remedy = SIGN_NOW
    if event.kind == EventKind.LEDGER_CHECKPOINTED:
        so_far += "; this event is a signing's own record, which the next head covers"
        remedy = "have that one signed now, its own record left out as ever: peak ledger checkpoint"
    return NotSigned(f"event {event.seq} is under no signed checkpoint: {so_far}", remedy=remedy, signed=upto)
