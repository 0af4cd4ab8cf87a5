"""Small files that must be whole and on the disk: written beside, synced, then put in their place."""

import os
import secrets
from contextlib import suppress
from pathlib import Path


def replace_file(path: Path, text: str) -> None:
    """Put ASCII ``text`` in the place of ``path``, whole or not at all; raises ``OSError``."""
    private = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with private.open("w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        private.replace(path)
    except OSError:
        with suppress(OSError):
            private.unlink()
        raise


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk; raises ``OSError``."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
