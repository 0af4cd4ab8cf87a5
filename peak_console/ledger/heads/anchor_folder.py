"""An anchor that is a folder outside the workspace: ``<folder>/<key>/YYYY-MM-DD.notes``."""

from datetime import datetime
from pathlib import Path

from peak_console.ledger.heads.anchor_heads import (
    AnchorFailed,
    AnchorHead,
    key_name,
    newest_in_file,
    note_files,
    refuse_backwards,
)
from peak_console.ledger.heads.checkpoint_files import CheckpointFiles, CheckpointsUnwritable
from peak_console.ledger.heads.notes import Checkpoint, SignedNote


class FolderAnchor:
    """Copies of the notes in a folder of the workspace's key below ``folder``."""

    kind = "folder"

    def __init__(self, folder: Path, key: bytes) -> None:
        self._folder = folder / key_name(key)
        self._key = key
        self.place = str(self._folder)

    def keep(self, note: SignedNote, now: datetime) -> None:
        """Append a note durably; raises :class:`AnchorFailed`."""
        wanted = Checkpoint.of_text(note.text)
        if refuse_backwards(self.newest(), wanted, self.place):
            return
        if (self._folder / f"{now:%Y-%m-%d}.notes").is_symlink() or self._folder.is_symlink():
            raise AnchorFailed(
                f"{self.place} is a link to elsewhere",
                code="anchor_refused",
                remedy="name the folder itself in configs/ledger.toml, [anchors] folder",
            )
        try:
            CheckpointFiles(self._folder).append(note, now)
        except CheckpointsUnwritable as error:
            raise AnchorFailed(
                f"the anchor's folder {self.place} does not take a note: {error.message}",
                remedy="free disk space there, check its rights, or name another one in configs/ledger.toml",
            ) from error

    def newest(self) -> AnchorHead:
        """The last note of the newest file that holds one."""
        try:
            for path in note_files(self._folder):
                found = newest_in_file(path, self._key)
                if found is not None:
                    return found
        except OSError as error:
            return AnchorHead(problem=f"the folder cannot be read: {error.strerror or error}")
        return AnchorHead()
