"""Putting a pack under its seal, and on disk: whole or not at all, never over another one."""

import os
import secrets
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from peak_console.domain.canonical import sha256_hex
from peak_console.domain.errors import EnvironmentUnfit
from peak_console.domain.signing import Signer
from peak_console.evidence.contents import Contents
from peak_console.evidence.derived import program_version
from peak_console.evidence.dsse import seal
from peak_console.evidence.gathering import RunRecord
from peak_console.evidence.manifest import MANIFEST, STATEMENT, Manifest, sorted_left_out
from peak_console.evidence.places import PackPlace, folder_of
from peak_console.evidence.sources import FolderFiles, PackUnreadable
from peak_console.evidence.statement import Statement
from peak_console.ledger.durable import sync_folder
from peak_console.ledger.heads.notes import Checkpoint

_READ_ONLY: Final = 0o444
_TRIES: Final = 100
_FLUSHES: Final = 16
"""How many files are flushed at once."""


class PackUnwritable(EnvironmentUnfit):
    """A pack could not be written where it belongs."""

    default_code = "evidence_unwritable"
    why = "a sealed pack has to be kept, and its folder does not take it"


@dataclass(frozen=True, slots=True)
class SealedPack:
    """A pack as it will lie on disk."""

    manifest: Manifest
    statement: Statement
    files: Mapping[str, bytes]
    """Everything, manifest and statement too, by path."""

    @property
    def manifest_sha256(self) -> str:
        """The SHA-256 of the manifest's file: a name for all that is in the pack."""
        return sha256_hex(self.files[MANIFEST])

    @property
    def size(self) -> int:
        """All bytes."""
        return sum(map(len, self.files.values()))


def seal_pack(record: RunRecord, contents: Contents, checkpoint: Checkpoint, signer: Signer) -> SealedPack:
    """Manifest and statement over what was gathered; the same bytes for the same contents and key."""
    entries = tuple(contents.entries[path] for path in sorted(contents.entries))
    manifest = Manifest(record.run_id, entries, sorted_left_out(contents.left_out))
    data = manifest.data()
    statement = Statement(
        run_id=record.run_id,
        origin=checkpoint.origin,
        size=checkpoint.size,
        root=checkpoint.root.hex(),
        version=program_version(record.governing, record.events[0].seq),
        counts={
            "events": len(record.events),
            "governing": len(record.governing),
            "files": len(entries),
            "left_out": len(manifest.left_out),
            "redacted": sum(one.redacted for one in entries),
            "finished": int(record.finished),
        },
        subjects={one.path: one.sha256 for one in entries} | {MANIFEST: sha256_hex(data)},
    )
    sealed = {MANIFEST: data, STATEMENT: seal(statement.payload(), signer)}
    return SealedPack(manifest, statement, {**contents.files, **sealed})


def same_on_disk(place: PackPlace, pack: SealedPack) -> bool:
    """Whether exactly this pack lies there, byte for byte."""
    try:
        there = FolderFiles(place.path)
        if there.odd() or set(there.sizes()) != set(pack.files):
            return False
        return all(there.read(path) == data for path, data in pack.files.items())
    except PackUnreadable:
        return False


def write_pack(audits: Path, run_id: str, pack: SealedPack, edition: int = 1) -> PackPlace:
    """Write a pack as the run's next free edition from ``edition`` on; raises :class:`PackUnwritable`."""
    return write_files(audits, run_id, pack.files, edition)


def write_files(audits: Path, run_id: str, files: Mapping[str, bytes], edition: int = 1) -> PackPlace:
    """Write files as the next free edition of a run's packs, or of an incident's captures.

    Whole or not at all; raises :class:`PackUnwritable`.
    """
    above = audits / run_id
    private = above / f".evidence.{secrets.token_hex(6)}.new"
    try:
        above.mkdir(parents=True, exist_ok=True)
        _write_all(private, files)
        _sync_folders(private)
        place = _into_place(audits, run_id, private, edition)
        sync_folder(above)
    except OSError as error:
        with suppress(OSError):
            shutil.rmtree(private)
        raise PackUnwritable(
            f"the pack of {run_id} cannot be written: {error.strerror or error}",
            remedy=f"free disk space, check the rights of audits/{run_id}/",
        ) from error
    return place


def write_text(path: Path, text: str) -> None:
    """Write a file beside packs, whole or not at all; raises :class:`PackUnwritable`."""
    private = path.with_name(f".{path.name}.{secrets.token_hex(6)}.new")
    try:
        private.write_text(text, encoding="utf-8")
        private.replace(path)
    except OSError as error:
        private.unlink(missing_ok=True)
        raise PackUnwritable(
            f"{path.name} cannot be written: {error.strerror or error}",
            remedy=f"free disk space, check the rights of {path.parent.name}/",
        ) from error


def _into_place(audits: Path, run_id: str, private: Path, edition: int) -> PackPlace:
    """Rename to a free edition's name: a folder with anything in it is never replaced by a rename."""
    for _ in range(_TRIES):
        target = folder_of(audits, run_id, edition)
        if not os.path.lexists(target):
            try:
                private.rename(target)
            except FileExistsError:
                pass
            except OSError:
                if not os.path.lexists(target):
                    raise
            else:
                return PackPlace(run_id, edition, target)
        edition += 1
    raise FileExistsError(f"{_TRIES} folders stand in the way")


def _write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write every file, then flush them side by side: a disk takes many flushes in the time of a few."""
    paths = [folder / path for path in sorted(files)]
    for path, name in zip(paths, sorted(files), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _READ_ONLY)
        with os.fdopen(handle, "wb") as file:
            file.write(files[name])
    with ThreadPoolExecutor(min(_FLUSHES, len(paths)) or 1) as pool:
        for _ in pool.map(_flush, paths):
            pass


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folders(top: Path) -> None:
    for above, _, _ in os.walk(top):
        sync_folder(Path(above))
