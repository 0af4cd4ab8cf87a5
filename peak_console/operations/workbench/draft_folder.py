"""Drafts in this user's state folder: a file for each config and editor, read by this user alone."""

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from peak_console.domain.clock import SystemClock, iso
from peak_console.domain.errors import EnvironmentUnfit
from peak_console.ledger.durable import sync_folder

_OWN_ONLY: Final = 0o700


class DraftFolder:
    """The files of one workspace; a file's fields are a draft's, or say that it was dropped."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, key: tuple[str, str], fields: Mapping[str, Any]) -> None:
        """Keep a draft, durable; raises ``EnvironmentUnfit`` (``draft_not_kept``)."""
        try:
            self._folder.mkdir(mode=_OWN_ONLY, parents=True, exist_ok=True)
            _replace(self._path(key), json.dumps(fields).encode("ascii"))
        except OSError as error:
            raise EnvironmentUnfit(
                f"the draft could not be kept in {self._folder}: {error.strerror or error}",
                code="draft_not_kept",
                remedy="copy the text elsewhere; make room, or name another folder in PEAK_STATE_DIR",
            ) from error

    def read(self, key: tuple[str, str]) -> dict[str, Any] | None:
        """The fields of one; ``None`` where there is none that can be read."""
        return _read(self._path(key))

    def all(self) -> Iterable[dict[str, Any]]:
        """Every one that can be read."""
        paths = sorted(self._folder.glob("*.json")) if self._folder.is_dir() else []
        return [found for path in paths if (found := _read(path)) is not None]

    def forget(self, key: tuple[str, str], *, leave_word: bool) -> bool:
        """Take one away; ``leave_word`` that it was, for the node. Whether it was this call that did."""
        path, gone = self._path(key), False
        aside = path.with_name(f".{secrets.token_hex(8)}.gone")
        with suppress(OSError):  # one rename: of two at once, one has it
            path.rename(aside)
            gone = True
            aside.unlink()
        if leave_word:
            target, editor = key
            word = {"target": target, "editor": {"id": editor} if editor else None}
            self.write(key, {**word, "at": iso(SystemClock().now()), "dropped": True})
        return gone

    def _path(self, key: tuple[str, str]) -> Path:
        target, editor = key
        return self._folder / (quote(target, safe="") + (f"@{editor}" if editor else "") + ".json")


def _read(path: Path) -> dict[str, Any] | None:
    with suppress(OSError, ValueError):
        found = json.loads(path.read_text(encoding="ascii"))
        return found if isinstance(found, dict) and isinstance(found.get("target"), str) else None
    return None


def _replace(path: Path, data: bytes) -> None:
    """Put data in the place of a file that only this user reads, durable; raises ``OSError``."""
    private = path.with_name(f".{secrets.token_hex(8)}.new")
    try:
        handle = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
        private.replace(path)
        sync_folder(path.parent)
    except OSError:
        with suppress(OSError):
            private.unlink(missing_ok=True)
        raise
