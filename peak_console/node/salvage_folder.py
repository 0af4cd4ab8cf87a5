"""The files of a recovery: the old ledger is kept under a second name, the new one takes its place."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import EnvironmentUnfit
from peak_console.ledger.durable import sync_folder

FOLDER: Final = "salvaged"
"""Below ``audits/``: a folder for each recovery."""

PROVEN_FILE: Final = "proven.db"
NEXT_FILE: Final = "next.db"
RECORD_FILE: Final = "recovery.json"

_TAILS: Final = ("", "-wal", "-shm")


def make_folder(ws: Workspace, now: datetime) -> Path:
    """The folder of a recovery that begins ``now``."""
    stamp = f"{now:%Y%m%dT%H%M%SZ}"
    folder = ws.audits / FOLDER / stamp
    with unwritable_told(ws):
        if folder.exists():
            folder = folder.with_name(f"{stamp}-{secrets.token_hex(3)}")
        folder.mkdir(parents=True)
    return folder


def keep_old(ws: Workspace, folder: Path) -> None:
    """The old file and its log under a second name; shared memory is copied, for a reader rewrites that."""
    for tail in _TAILS:
        path = ws.ledger.with_name(ws.ledger.name + tail)
        if path.exists() and (tail == "-shm" or not _linked(path, folder)):
            shutil.copy2(path, folder / path.name)
    sync_folder(folder)


def write_record(folder: Path, text: str) -> None:
    """The recovery's own account: with it the folder is done."""
    (folder / RECORD_FILE).write_text(text, encoding="utf-8")
    sync_folder(folder)


def _linked(path: Path, folder: Path) -> bool:
    """Whether the file has a second name in ``folder``; not every file system has those."""
    try:
        (folder / path.name).hardlink_to(path)
    except OSError:
        return False
    return True


def put_back_log(ws: Workspace) -> None:
    """After a death in the middle of a recovery: the old file's log belongs beside it again."""
    log = ws.ledger.with_name(ws.ledger.name + "-wal")
    if log.exists() or not ws.ledger.exists():
        return
    for kept in (ws.audits / FOLDER).glob(f"*/{ws.ledger.name}"):
        with suppress(OSError):
            if not (kept.parent / RECORD_FILE).exists() and kept.samefile(ws.ledger):
                log.hardlink_to(kept.with_name(log.name))
                return


def put_in_place(ws: Workspace, folder: Path) -> None:
    """The new ledger takes the old one's name, once the old log is gone: it would be read as its own."""
    for tail in _TAILS[1:]:
        ws.ledger.with_name(ws.ledger.name + tail).unlink(missing_ok=True)
    sync_folder(ws.audits)
    (folder / NEXT_FILE).replace(ws.ledger)
    sync_folder(ws.audits)
    for tail in _TAILS[1:]:
        (folder / (NEXT_FILE + tail)).unlink(missing_ok=True)
    for name in ("tree.json", "verified.json"):  # what is known of the old log
        with suppress(FileNotFoundError):
            (ws.audits / name).replace(folder / name)
    for tail in _TAILS:  # the index of runs is made of the ledger, and made again
        ws.search.with_name(ws.search.name + tail).unlink(missing_ok=True)


@contextmanager
def unwritable_told(ws: Workspace) -> Iterator[None]:
    """Turn what the file system says into ``EnvironmentUnfit``."""
    try:
        yield
    except OSError as error:
        raise EnvironmentUnfit(
            f"{ws.audits} cannot be written: {error.strerror or error}",
            code="workspace_unwritable",
            remedy="free disk space, check the rights of audits/, then recover again",
        ) from error
