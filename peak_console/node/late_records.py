"""Records what people did about incidents while no node answered, from the files that they left."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from peak_console.config.workspace import Workspace
from peak_console.control.keys import state_folder
from peak_console.control.late_files import Late, left, places, read, set_aside
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.text import one_line
from peak_console.evidence.manifest import MANIFEST
from peak_console.evidence.places import folder_of
from peak_console.ledger.service.peers import login_name

_HOPELESS: Final = frozenset({"event_malformed", "not_canonical", "body_too_large"})
_TAKEN: Final = "event_id_taken"
_MANIFEST_LIMIT: Final = 16_777_216

logger = logging.getLogger(__name__)

Append = Callable[[Sequence[EventDraft], str], Awaitable[object]]
"""Appends events as an actor."""


class LateRecords:
    """Looks for such files and records them; on the node's loop, reading in a thread."""

    def __init__(self, ws: Workspace, append: Append) -> None:
        self._ws = ws
        self._append = append
        self._folders = places(ws.root, ws.control, state_folder())
        self._task: asyncio.Task[None] | None = None

    def look(self) -> None:
        """Begin to record what waits, where nothing is under way; what the ledger does not take stays."""
        if self._task is not None and not self._task.done():
            return
        found = list(left(self._folders))
        if found:
            self._task = asyncio.ensure_future(self._take(found))

    async def settle(self) -> None:
        """Wait until what was begun is over."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _take(self, paths: Sequence[Path]) -> None:
        for path in paths:
            try:
                late = await asyncio.to_thread(self._read, path)
                await self._record(late)
                path.unlink(missing_ok=True)
            except (ValueError, RecursionError) as error:
                logger.error(  # noqa: TRY400 - a hostile file has no stack worth telling
                    "%s is set aside: %s", one_line(path.name), one_line(str(error), 200)
                )
                set_aside(path)
            except OSError as error:
                logger.warning("%s cannot be read: %s", one_line(path.name), error.strerror)
                set_aside(path)
            except PeakError as error:
                logger.warning("an incident could not be recorded yet: %s", error.message)
                return

    def _read(self, path: Path) -> Late:
        late = read(path)
        for draft in late.drafts:
            if draft.kind == EventKind.EVIDENCE_SEALED and not self._is_there(draft):
                raise ValueError("it tells of a capture that does not lie there")
        return late

    def _is_there(self, seal: EventDraft) -> bool:
        """Whether the capture that was sealed lies where its number says, unchanged."""
        body = seal.body
        path = folder_of(self._ws.audits, str(body["incident_id"]), int(body["edition"])) / MANIFEST
        try:
            with path.open("rb") as file:
                return sha256_hex(file.read(_MANIFEST_LIMIT)) == str(body["manifest_sha256"])
        except OSError:
            return False

    async def _record(self, late: Late) -> None:
        for draft in late.drafts:
            try:
                await self._append([draft], login_name(late.uid))
            except PeakError as error:
                if error.code in _HOPELESS:
                    raise ValueError(error.message) from error
                if error.code != _TAKEN:  # a node that hung has recorded it after all
                    raise
