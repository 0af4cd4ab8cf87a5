"""What the hooks' child says on its pipe, and how the node records it on that word; nobody else has the pipe.

A line is ``{"told": {"event_id", "body"}}``. The child says it again until the ledger has it: the same id is
recorded once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import is_incident_id
from peak_console.domain.text import one_line
from peak_console.incidents.fold import NOT_TOLD, TOLD, TOLD_ID

WORD: Final = "told"
"""The key of such a line."""

_AT_ONCE: Final = 64
_TEXTS: Final = (("hook", 80), ("about", 80), ("detail", 300))

logger = logging.getLogger(__name__)

Append = Callable[[Sequence[EventDraft]], Awaitable[object]]


def draft_from(said: Mapping[str, Any]) -> EventDraft | None:
    """The event that a line asks for; ``None`` for anything but what became of telling a hook."""
    told = said.get(WORD)
    event_id, body = (told.get("event_id"), told.get("body")) if isinstance(told, Mapping) else (None, None)
    if not isinstance(event_id, str) or not event_id.startswith(TOLD_ID) or not isinstance(body, Mapping):
        return None
    if body.get("action") not in {TOLD, NOT_TOLD} or not isinstance(body.get("ok"), bool):
        return None
    incident_id, tries = body.get("incident_id"), body.get("tries")
    if not isinstance(incident_id, str) or not is_incident_id(incident_id) or type(tries) is not int:
        return None
    texts = {name: one_line(str(body.get(name, "")), limit) for name, limit in _TEXTS}
    fields = {"incident_id": incident_id, "action": body["action"], "ok": body["ok"], "tries": tries}
    return EventDraft(event_id, EventKind.INCIDENT_ACTION_TAKEN.value, {**fields, **texts})


class HookWords:
    """Records what the child says, behind; on the node's loop."""

    def __init__(self, append: Append) -> None:
        self._append = append
        self._going: dict[str, asyncio.Task[None]] = {}

    def __call__(self, said: dict[str, Any]) -> None:
        """Take a line; one that is under way already, or is too many, is said again by the child."""
        draft = draft_from(said)
        if draft is None or draft.event_id in self._going or len(self._going) >= _AT_ONCE:
            return
        task = asyncio.ensure_future(self._recorded(draft))
        self._going[draft.event_id] = task
        task.add_done_callback(lambda _: self._going.pop(draft.event_id, None))

    async def _recorded(self, draft: EventDraft) -> None:
        try:
            await self._append([draft])
        except PeakError as error:
            if error.code != "event_id_taken":
                logger.warning("what a hook was told could not be recorded yet: %s", error.message)
