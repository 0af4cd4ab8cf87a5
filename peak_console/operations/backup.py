"""Backups of the ledger: where they go when nobody says, and what one is worth."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.domain.clock import Clock, SystemClock
from peak_console.ledger.keeping.backup import Backup, BackupFailed, back_up
from peak_console.operations.ledger import existing

FOLDER: Final = "backups"
"""Below ``audits/``: where a backup goes that is given no place."""

SAME_DISK: Final = "it lies on the ledger's own disk, and is lost with it: keep a copy on another one"


def back_up_ledger(
    ws: Workspace,
    dest: Path | None = None,
    *,
    replace: bool = False,
    progress: Callable[[int, int], None] | None = None,
    clock: Clock | None = None,
) -> Backup:
    """Back the ledger of ``ws`` up to ``dest``: a file, a folder, or nothing for ``audits/backups/``.

    The node may run and write meanwhile. Raises as :func:`peak_console.ledger.keeping.backup.back_up` does.
    """
    existing(ws)
    name = f"ledger-{(clock or SystemClock()).now():%Y%m%dT%H%M%SZ}.db"
    if dest is None:
        dest = ws.audits / FOLDER / name
        try:
            dest.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise BackupFailed(
                f"{dest.parent} cannot be made: {error.strerror or error}",
                code="backup_unwritable",
                remedy="name a file in a folder that you can write",
            ) from error
    elif dest.is_dir():
        dest = dest / name
    return back_up(ws.ledger, ws.checkpoints, dest, replace=replace, progress=progress)


def backup_as_json(backup: Backup) -> dict[str, Any]:
    """A backup as ``--json`` shows it."""
    return {
        "file": str(backup.path),
        "checkpoints": str(backup.notes) if backup.notes else None,
        "bytes": backup.size,
        "events": backup.events,
        "head": backup.head,
        "verified": True,
        "same_disk": backup.same_disk,
    }
