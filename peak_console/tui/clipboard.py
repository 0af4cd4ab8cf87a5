"""Copies: to the terminal by OSC 52, and always into a file, as many terminals drop the first silently."""

import os
import tempfile
from datetime import datetime
from pathlib import Path

OSC52_LIMIT = 74_994
"""Bytes of text that terminals commonly take in one OSC 52 (xterm's limit of 100,000 base64 characters)."""


def write_copy(text: str, name: str, now: datetime, folder: Path | None = None) -> Path:
    """Write ``text`` (0600) under a name of its own and return the file. Raises ``OSError``."""
    place = folder or Path(tempfile.gettempdir()) / f"peak-copies-{os.getuid()}"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if place.stat().st_uid != os.getuid():
        raise PermissionError(f"{place} belongs to another user")
    safe = "".join(one if one.isalnum() or one in "._-" else "-" for one in name)[:60]
    stem = f"{now:%Y%m%d-%H%M%S}-{safe}"
    for count in range(1000):
        path = place / (f"{stem}.txt" if not count else f"{stem}-{count}.txt")
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        return path
    raise FileExistsError(f"{stem}.txt and a thousand more exist in {place}")
