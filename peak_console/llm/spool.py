"""Events that the ledger could not take in time: kept in files beside the runs, handed in later.

Handing in twice is harmless: an event keeps its id, and the ledger answers a repeated one with its place.
"""

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import orjson

from peak_console.domain.errors import EnvironmentUnfit, PeakError
from peak_console.domain.events import EventDraft
from peak_console.domain.ledgering import LedgerClient

_FOLDER: Final = ".spool"


class Spool:
    """The spool folder of a workspace; ``name`` tells this client's files in it from others'."""

    def __init__(self, runs: Path, name: str) -> None:
        self._folder = runs / _FOLDER
        self._name = name
        self._count = 0
        self.waiting = bool(self.left_over())
        """Whether something waits to be handed in: of this client, or of ones that ended."""

    def keep(self, drafts: Sequence[EventDraft]) -> None:
        """Write ``drafts`` into a file of their own, synced; raises ``EnvironmentUnfit`` when that fails."""
        self._count += 1
        path = self._folder / f"{self._name}-{self._count:06d}.json"
        private = path.with_suffix(".new")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with private.open("wb") as file:
                file.write(orjson.dumps([asdict(draft) for draft in drafts]))
                file.flush()
                os.fsync(file.fileno())
            private.rename(path)
        except OSError as error:
            raise EnvironmentUnfit(
                f"neither the ledger nor runs/{_FOLDER} takes events: {error.strerror}",
                code="spool_unwritable",
                remedy="free disk space, check the rights of runs/",
            ) from error
        self.waiting = True

    def left_over(self) -> list[Path]:
        """Spooled files of this workspace, of this client and of ones that ended."""
        try:
            return sorted(self._folder.glob("*.json"))
        except OSError:
            return []

    async def hand_in(self, ledger: LedgerClient) -> int:
        """Append everything spooled and remove the files; gives the number of events handed in.

        Events that the ledger refuses for themselves are set aside: they would be refused forever. Raises
        ``EnvironmentUnfit`` while the ledger is still away.
        """
        self.waiting = False
        count = 0
        for path in self.left_over():
            drafts = _drafts(path)
            try:
                count += len(await ledger.append(drafts)) if drafts else 0
            except EnvironmentUnfit:
                self.waiting = True
                raise
            except PeakError:
                _set_aside(path)
            else:
                _remove(path)
        return count


def _drafts(path: Path) -> list[EventDraft]:
    """A file's events; none when another client handed it in meanwhile."""
    try:
        found: Any = orjson.loads(path.read_bytes())
        return [EventDraft(**one) for one in found]
    except (OSError, orjson.JSONDecodeError, TypeError):
        return []


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _set_aside(path: Path) -> None:
    if path.exists():
        path.rename(path.with_suffix(".refused"))
