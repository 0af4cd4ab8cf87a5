"""The checkpoint files as a verification reads them: hostile, in bounded memory, nothing left unsaid."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from peak_console.ledger.heads.anchor_heads import key_name, open_regular
from peak_console.ledger.heads.checkpoint_files import is_torn
from peak_console.ledger.heads.notes import NOTE_LIMIT, Checkpoint, NoteMalformed, read_note, split_notes
from peak_console.ledger.heads.succession import OtherHead
from peak_console.ledger.verifying.jobs import NOTES

BATCH_BYTES: Final = 256 * 1024
"""Notes whose signatures are checked in one job: about a thousand."""

_READ: Final = 1 << 20


@dataclass(slots=True)
class NotesRead:
    """What the files say, signatures not checked yet: that is what ``jobs`` are for."""

    origin: str
    roots: dict[int, set[bytes]] = field(default_factory=dict)
    """Roots of this log by size; more than one where files contradict each other."""
    count: int = 0
    newest_origin: str = ""
    """The log of the last note."""
    others: dict[str, str] = field(default_factory=dict)
    """Other logs, and a file that names each."""
    other_heads: dict[str, OtherHead] = field(default_factory=dict)
    """The largest head of each other log."""
    wrong: str = ""
    """The first thing that is no note where one belongs."""
    unreadable: str = ""
    torn: str = ""
    """The newest file, where it ends in a part of a note."""
    jobs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Events under the largest head; 0 without one."""
        return max(self.roots, default=0)

    def has(self, head: Checkpoint) -> bool:
        """Whether the files hold this head."""
        return head.root in self.roots.get(head.size, ())


def read_notes(folder: Path | None, origin: str, key: bytes | None) -> NotesRead:
    """Read every file of notes in ``folder``; never raises."""
    found = NotesRead(origin)
    if folder is None:
        return found
    files = sorted(folder.glob("????-??-??.notes"))
    for path in files:
        try:
            _read_file(path, found, key, newest=path == files[-1])
        except OSError as error:
            found.unreadable = found.unreadable or f"{path.name} cannot be read: {error.strerror or error}"
    return found


def texts_of(path: Path) -> Iterator[tuple[int, bytes, bool]]:
    """The notes of a file: where each begins, its bytes, and whether it is the file's last.

    What is too long for a note comes as one and ends the reading. Raises ``OSError``.
    """
    with os.fdopen(open_regular(path), "rb") as file:
        place, rest = 0, b""
        while True:
            data = file.read(_READ)
            rest += data
            border = rest.rfind(b"\n") + 1 if data else len(rest)
            parts = [
                one.encode("utf-8", "surrogateescape")
                for one in split_notes(rest[:border].decode("utf-8", "surrogateescape"))
            ]
            last = parts.pop() if parts else b""
            for part in parts:
                yield place, part, False
                place += len(part)
            rest = last + rest[border:]
            if len(rest) > 4 * NOTE_LIMIT or not data:
                if rest:
                    yield place, rest, not data
                return


def _read_file(path: Path, found: NotesRead, key: bytes | None, *, newest: bool) -> None:
    batch = _Batch(path, key, found.jobs)
    for place, data, last in texts_of(path):
        head = _head_of(data)
        if head is None and last and newest and is_torn(data, found.origin):
            found.torn = path.name
        elif head is None:
            found.wrong = found.wrong or f"{path.name} holds what is no signed head, at byte {place}"
        else:
            if key is not None and head.origin.split("/")[1:2] == [key_name(key)]:
                batch.add(place, data)
            _take(found, head, path.name)
    batch.close()


class _Batch:
    """Notes that follow each other in a file, until there are enough for a job."""

    def __init__(self, path: Path, key: bytes | None, jobs: list[dict[str, Any]]) -> None:
        self._path, self._key, self._jobs = path, key, jobs
        self._begin, self._data = 0, bytearray()

    def add(self, place: int, data: bytes) -> None:
        """Take one more note in."""
        if len(self._data) >= BATCH_BYTES or place != self._begin + len(self._data):
            self.close()
            self._begin = place
        self._data += data

    def close(self) -> None:
        """Make a job of what is there."""
        if not self._data or self._key is None:
            return
        self._jobs.append(
            {
                "op": NOTES,
                "path": str(self._path),
                "offset": self._begin,
                "length": len(self._data),
                "sha256": hashlib.sha256(self._data).hexdigest(),
                "key": self._key.hex(),
            }
        )
        self._data = bytearray()


def _take(found: NotesRead, head: Checkpoint, name: str) -> None:
    found.newest_origin = head.origin
    if head.origin == found.origin:
        found.count += 1
        found.roots.setdefault(head.size, set()).add(head.root)
    else:
        found.others.setdefault(head.origin, name)
        known = found.other_heads.get(head.origin)
        if known is None or known.head.size < head.size:
            found.other_heads[head.origin] = OtherHead(head, name)


def _head_of(data: bytes) -> Checkpoint | None:
    try:
        return Checkpoint.of_text(read_note(data.decode("utf-8")).text)
    except (NoteMalformed, UnicodeDecodeError):
        return None
