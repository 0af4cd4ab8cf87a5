"""Heads that were signed before: in the checkpoint files, in anchors. What the notary must not contradict."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from peak_console.ledger.heads.anchor_heads import is_signed
from peak_console.ledger.heads.checkpoint_files import CheckpointFiles
from peak_console.ledger.heads.notary_source import Inconsistent
from peak_console.ledger.heads.notes import Checkpoint, NoteKey, SignedNote
from peak_console.ledger.heads.proving import newest_signed
from peak_console.ledger.heads.succession import Beginning, OtherHead, Proved, foreign

_ORIGIN: Final = re.compile(rb"^(peak-console/[0-9a-f]{16}/[0-9a-f]*)$", re.MULTILINE)

Held = tuple[str, SignedNote, Checkpoint]
"""A head that an anchor holds, and where that is."""


@dataclass(frozen=True, slots=True)
class Head:
    """A head of this ledger that is known from ``where``; ``note`` where this workspace's key signed it."""

    size: int
    root: bytes
    where: str
    note: SignedNote | None = None

    def same_as(self, other: "Head") -> bool:
        """Whether both say the same of the ledger."""
        return (self.size, self.root) == (other.size, other.root)


def heads_of(files: CheckpointFiles, key: NoteKey) -> list[Head]:
    """The newest head in the checkpoint files."""
    kept = newest_signed(files, key)
    if kept is None or kept.checkpoint is None:
        return []
    return [Head(kept.checkpoint.size, kept.checkpoint.root, kept.file, kept.note)]


def heads_elsewhere(held: Sequence[Held], key: NoteKey) -> list[Head]:
    """The heads of this log that anchors hold."""
    return [
        Head(checkpoint.size, checkpoint.root, where, note)
        for where, note, checkpoint in held
        if checkpoint.origin == key.name and note.signed_by(key)
    ]


def is_kept(files: CheckpointFiles, key: NoteKey, head: Head) -> bool:
    """Whether the checkpoint files hold this head, signed; searched from the newest on."""
    for path in reversed(files.files()):
        for kept in reversed(list(files.of(path))):
            found = kept.checkpoint
            if found is None or kept.note is None or found.origin != key.name:
                continue
            if found.size < head.size:
                return False
            if (found.size, found.root) == (head.size, head.root) and kept.note.signed_by(key):
                return True
    return False


def refuse_foreign(
    files: CheckpointFiles, held: Sequence[Held], key: NoteKey, begun: Beginning, proved: Proved | None
) -> None:
    """Refuse a ledger beside signed heads of other ones, unless it is their proven successor.

    Raises :class:`Inconsistent`.
    """
    others = [
        OtherHead(checkpoint, where)
        for where, note, checkpoint in held
        if checkpoint.origin != key.name and is_signed(note, checkpoint.origin, key.public)
    ]
    why = foreign(begun, [*other_logs(files, key), *others], proved)
    if why:
        raise Inconsistent(f"foreign_genesis: {why}")


def other_logs(files: CheckpointFiles, key: NoteKey) -> list[OtherHead]:
    """The newest signed head of every other log of this workspace in the checkpoint files."""
    found: dict[str, OtherHead] = {}
    for path in files.files():
        if not _names_another(path, key):
            continue
        for kept in files.of(path):
            head = kept.checkpoint
            if head is None or kept.note is None or head.origin == key.name:
                continue
            known = found.get(head.origin)
            if (known is None or known.head.size < head.size) and is_signed(
                kept.note, head.origin, key.public
            ):
                found[head.origin] = OtherHead(head, kept.file)
    return list(found.values())


def _names_another(path: Path, key: NoteKey) -> bool:
    """Whether a file has a line with another log's name: most have none, and none of their notes is read."""
    try:
        data = path.read_bytes()
    except OSError:
        return False
    own = key.name.encode()
    return any(name != own for name in set(_ORIGIN.findall(data)))
