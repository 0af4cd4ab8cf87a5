"""A stop that stands in the files and not on record: whoever made it has the first chance to record it."""

from typing import Final

from peak_console.control.history import REMOVED
from peak_console.domain.events import EventDraft

PATIENCE_US: Final = 1_500_000
"""How long a stop that names its operator waits for that operator's own record, with actor and steps."""


class Unrecorded:
    """Which stop stands unrecorded, and since when. Only the record waits; the stop itself holds at once."""

    def __init__(self, patience_us: int = PATIENCE_US) -> None:
        self._patience_us = patience_us
        self._event_id: str | None = None
        self._since_us = 0

    def due(self, draft: EventDraft | None, now_us: int) -> EventDraft | None:
        """``draft`` when the node is to record it now, by the boot clock; never at the first look.

        A file removed or left by hand has nobody who would record it: the second look does.
        """
        if draft is None or draft.event_id != self._event_id:
            self._event_id = draft.event_id if draft is not None else None
            self._since_us = now_us
            return None
        by_hand = draft.body.get("reason") == REMOVED or not draft.body.get("operator")
        return draft if by_hand or now_us - self._since_us >= self._patience_us else None
