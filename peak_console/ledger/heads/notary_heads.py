"""Heads that were signed before: in the checkpoint files, in anchors. What the notary must not contradict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from peak_console.ledger.heads.checkpoint_files import CheckpointFiles
from peak_console.ledger.heads.notary_source import Inconsistent
from peak_console.ledger.heads.notes import Checkpoint, NoteKey, SignedNote
from peak_console.ledger.heads.proving import newest_signed

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
    files: CheckpointFiles, held: Sequence[Held], key: NoteKey, genesis: Mapping[str, Any], *, known: bool
) -> None:
    """Refuse a ledger that began anew where this workspace has signed heads of another one.

    A recovered ledger says so in its genesis, and a ledger of which heads are known is no new one. Raises
    :class:`Inconsistent`.
    """
    if known or isinstance(genesis.get("recovered"), Mapping):
        return
    kept = files.newest()
    found = [(where, note, checkpoint) for where, note, checkpoint in held]
    if kept is not None and kept.note is not None and kept.checkpoint is not None:
        found.append((kept.file, kept.note, kept.checkpoint))
    for where, note, checkpoint in found:
        if checkpoint.origin != key.name and note.signed_by(NoteKey(checkpoint.origin, key.public)):
            raise Inconsistent(
                f"foreign_genesis: {where} holds signed heads of another ledger of this workspace, and this "
                "one's genesis does not name it as recovered"
            )
