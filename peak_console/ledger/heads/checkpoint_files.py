"""Checkpoints on disk: ``audits/checkpoints/YYYY-MM-DD.notes``, one signed note after the other."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from peak_console.domain.errors import EnvironmentUnfit
from peak_console.ledger.durable import sync_folder
from peak_console.ledger.heads.notes import Checkpoint, NoteMalformed, SignedNote, read_note, split_notes

_sync = getattr(os, "fdatasync", os.fsync)

_BEGUN: Final = re.compile(rb"(?:[0-9]{1,18}\n(?:[A-Za-z0-9+/]{43}=\n\n?)?)?")
"""What may follow the origin of a head that was cut off between two lines: size, root, the empty line."""


class CheckpointsUnwritable(EnvironmentUnfit):
    """A checkpoint could not be written where it belongs."""

    default_code = "checkpoints_unwritable"
    why = "a signed checkpoint has to be kept, and its folder does not take it"


@dataclass(frozen=True, slots=True)
class Kept:
    """A note as it was found: in which file, and what it says. ``problem`` where it cannot be read."""

    file: str
    note: SignedNote | None
    checkpoint: Checkpoint | None
    problem: str = ""


class CheckpointFiles:
    """The notes below one folder, in the order they were written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def append(self, note: SignedNote, now: datetime) -> Path:
        """Keep one more, durably; a torn note at the end of the newest file is cut off first. Gives the file.

        Nothing else is cut off: what no death can have left stays to be found. The note is never put into an
        older file than the newest there is: a clock that was set back does not change the order. Raises
        :class:`CheckpointsUnwritable`.
        """
        path = self.folder / f"{now:%Y-%m-%d}.notes"
        origin = note.text.partition("\n")[0]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            newest = self.files()[-1:]
            path = max([path, *newest])
            for last in newest:
                if last != path:
                    _mend(last, origin)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o664)
            with os.fdopen(handle, "r+b") as file:
                whole = _whole_bytes(file.read(), origin)
                file.seek(whole)
                file.truncate()
                file.write(str(note).encode())
                file.flush()
                _sync(file.fileno())
            if not whole:
                sync_folder(self.folder)
        except OSError as error:
            raise CheckpointsUnwritable(
                f"{path.name} cannot be written: {error.strerror or error}",
                remedy="free disk space, check the rights of audits/checkpoints/",
            ) from error
        return path

    def files(self) -> list[Path]:
        """The files of notes, the oldest first; none where there is no folder."""
        return sorted(self.folder.glob("????-??-??.notes"))

    def all(self) -> Iterator[Kept]:
        """Every note there is, the oldest first."""
        for path in self.files():
            yield from _notes_of(path)

    def of(self, path: Path) -> Iterator[Kept]:
        """The notes of one of :meth:`files`."""
        yield from _notes_of(path)

    def newest(self) -> Kept | None:
        """The last note that can be read."""
        for path in reversed(self.files()):
            readable = [one for one in _notes_of(path) if one.checkpoint is not None]
            if readable:
                return readable[-1]
        return None


def _notes_of(path: Path) -> Iterator[Kept]:
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        yield Kept(path.name, None, None, f"cannot be read: {error.strerror or error}")
        return
    for part in split_notes(text):
        try:
            note = read_note(part)
            yield Kept(path.name, note, Checkpoint.of_text(note.text))
        except NoteMalformed as error:
            yield Kept(path.name, None, None, str(error))


def is_torn(data: bytes, origin: str) -> bool:
    """Whether a death while a head of ``origin`` was written can have left these bytes at a file's end.

    They have no final newline, or they are the whole lines that such a head begins with.
    """
    if not data.endswith(b"\n"):
        return True
    name, _, rest = data.partition(b"\n")
    return name == origin.encode() and _BEGUN.fullmatch(rest) is not None


def _mend(path: Path, origin: str) -> None:
    """Cut a torn note off a file that is not the newest any more; raises ``OSError``."""
    with path.open("r+b") as file:
        data = file.read()
        whole = _whole_bytes(data, origin)
        if whole < len(data):
            file.truncate(whole)
            _sync(file.fileno())


def _whole_bytes(data: bytes, origin: str) -> int:
    """How much of the file stays: a death while writing leaves a part of a note."""
    parts = list(split_notes(data.decode("utf-8", "surrogateescape")))
    if not parts:
        return 0
    last = parts[-1].encode("utf-8", "surrogateescape")
    try:
        read_note(parts[-1])
    except NoteMalformed:
        return len(data) - len(last) if is_torn(last, origin) else len(data)
    return len(data)
