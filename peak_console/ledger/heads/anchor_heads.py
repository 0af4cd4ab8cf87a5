"""What every anchor gives and takes: a place outside the database that keeps signed heads of the ledger."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

from peak_console.domain.errors import EnvironmentUnfit
from peak_console.ledger.heads.notes import (
    Checkpoint,
    NoteKey,
    NoteMalformed,
    SignedNote,
    read_note,
    split_notes,
)

TAIL_BYTES: Final = 1 << 20
"""How much of a file's end is looked at for its newest note."""


class AnchorFailed(EnvironmentUnfit):
    """A signed head could not be kept in an anchor."""

    default_code = "anchor_failed"
    why = "a signed head has to be kept outside the database, and the anchor did not take it"


@dataclass(frozen=True, slots=True)
class AnchorHead:
    """The newest head that an anchor holds of a workspace's logs; all empty where it holds none."""

    note: SignedNote | None = None
    checkpoint: Checkpoint | None = None
    problem: str = ""
    """Why the anchor cannot be relied on; empty while it can."""
    at: datetime | None = None
    """When it was kept, where the anchor says so."""
    forged: bool = False
    """Whether what it holds was not signed with the workspace's key."""


class Anchor(Protocol):
    """A place outside the database that keeps signed heads."""

    @property
    def kind(self) -> str:
        """Of which kind it is: ``git`` or ``folder``."""
        ...

    @property
    def place(self) -> str:
        """Where it is, for people."""
        ...

    def keep(self, note: SignedNote, now: datetime) -> None:
        """Keep a signed head durably, never over a later one of its log; raises :class:`AnchorFailed`."""
        ...

    def newest(self) -> AnchorHead:
        """The newest head it holds; never raises."""
        ...


@dataclass(frozen=True, slots=True)
class RefusedAnchor:
    """An anchor that was asked for and cannot be one; it says why."""

    kind: str
    place: str
    problem: str
    remedy: str

    def keep(self, note: SignedNote, now: datetime) -> None:  # noqa: ARG002 - the protocol's arguments
        """Raise :class:`AnchorFailed`, always."""
        raise AnchorFailed(self.problem, code="anchor_refused", remedy=self.remedy, place=self.place)

    def newest(self) -> AnchorHead:
        """Nothing, and why."""
        return AnchorHead(problem=self.problem)


def key_name(key: bytes) -> str:
    """How a workspace's key is named in origins, folders and trees: 16 hexadecimal digits."""
    return sha256(key).hexdigest()[:16]


def is_signed(note: SignedNote, origin: str, key: bytes) -> bool:
    """Whether ``key`` signed the note under the name of its own origin."""
    return note.signed_by(NoteKey(origin, key))


def read_head(text: str, key: bytes, at: datetime | None = None) -> AnchorHead:
    """The head that one note says; with a problem where the workspace's key did not sign it."""
    try:
        note = read_note(text)
        checkpoint = Checkpoint.of_text(note.text)
    except NoteMalformed as error:
        return AnchorHead(problem=f"what it holds is no signed head: {error}", at=at, forged=True)
    if not is_signed(note, checkpoint.origin, key):
        problem = "the head it holds is not signed with the workspace's key"
        return AnchorHead(problem=problem, at=at, forged=True)
    return AnchorHead(note, checkpoint, at=at)


def newest_in_file(path: Path, key: bytes) -> AnchorHead | None:
    """The last note of a file of notes; ``None`` for an empty file.

    Only the file's end is read. A torn note at its very end, as a death while writing leaves, is let be.
    """
    try:
        tail, at = _tail(path)
    except OSError as error:
        return AnchorHead(problem=f"{path.name} cannot be read: {error.strerror or error}")
    parts = list(split_notes(tail.decode("utf-8", "replace")))
    if parts and not tail.endswith(b"\n"):
        parts.pop()
    while parts and "\n\n\u2014 " not in parts[-1]:
        parts.pop()
    return read_head(parts[-1], key, at) if parts else None


def refuse_backwards(held: AnchorHead, wanted: Checkpoint, place: str) -> bool:
    """Whether ``wanted`` is already held; raises :class:`AnchorFailed` where it would undo what is held."""
    have = held.checkpoint
    if have is None or have.origin != wanted.origin or have.size < wanted.size:
        return False
    if have == wanted:
        return True
    what = "a later head" if have.size > wanted.size else "another root"
    raise AnchorFailed(
        f"{place} holds {what} of this ledger: {have.size} events, {wanted.size} were to be kept",
        code="anchor_ahead",
        remedy="see peak ledger verify; a copy of this workspace, with the same key, may "
        "have signed it: end that copy, or name it a folder of its own in configs/ledger.toml, [anchors]",
        held=have.size,
        size=wanted.size,
    )


def open_regular(path: Path) -> int:
    """A descriptor of a regular file, for reading; raises ``OSError`` for links, pipes and devices."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    raise OSError(None, "not a regular file")


def note_files(folder: Path) -> Iterator[Path]:
    """The files of notes in a folder, the newest day first."""
    yield from sorted(folder.glob("????-??-??.notes"), reverse=True)


def _tail(path: Path) -> tuple[bytes, datetime]:
    with os.fdopen(open_regular(path), "rb") as file:
        found = os.fstat(file.fileno())
        begin = max(found.st_size - TAIL_BYTES, 0)
        file.seek(begin)
        data = file.read(TAIL_BYTES)
    if begin:
        _, _, data = data.partition(b"\n\xe2\x80\x94 ")  # from within a note to after a signature line
        _, _, data = data.partition(b"\n")
    return data, datetime.fromtimestamp(found.st_mtime).astimezone()
