"""A defect of the console, told in three lines; where it arose lies in a file, with no value of a local."""

import contextlib
import os
import secrets
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from peak_console.domain.text import one_line

_FOLDER: Final = "crashes"


def told(error: BaseException, folder: Path | None) -> str:
    """What, why and what to do: calls and stops go on without the console. ``folder`` takes the traceback."""
    kept = None if folder is None else _kept(error, folder / _FOLDER)
    where = f"; report {kept}" if kept is not None else ""
    return (
        f"peak: the console failed: {type(error).__name__}: {one_line(str(error), 200)}\n"
        "  why: something did not go as it should (internal); node, calls and stops go on without it\n"
        f"  do:  open it again with: peak console; to stop everything: peak stop{where}\n"
    )


def _kept(error: BaseException, folder: Path) -> Path | None:
    """The file with the traceback, its lines of code and no locals, closed to others."""
    text = "".join(traceback.format_exception(error))
    name = f"console-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}.txt"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        return folder / name
    return None
