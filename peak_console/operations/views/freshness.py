"""How old a figure is, and whether it may still be shown as good (decision 20)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

LIMIT_S: Final = 5.0
"""Age from which a figure is stale where nothing else is set."""


class Health(StrEnum):
    """What the age of a figure allows one to say of it."""

    FRESH = "fresh"
    STALE = "stale"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Freshness:
    """When a source last gave a good figure, and why it gives none now.

    ``as_of`` is ``None`` when it never did. ``why`` is empty while the source is well.
    """

    as_of: datetime | None = None
    why: str = ""
    remedy: str = ""

    def age_s(self, now: datetime) -> float | None:
        """Seconds since the last good figure; never negative, though a wall clock may be."""
        return None if self.as_of is None else max(0.0, (now - self.as_of).total_seconds())

    def health(self, now: datetime, limit_s: float = LIMIT_S) -> Health:
        """``FRESH`` only with evidence that is at most ``limit_s`` seconds old."""
        age = self.age_s(now)
        if age is None:
            return Health.UNKNOWN
        return Health.STALE if self.why or age > limit_s else Health.FRESH


NEVER = Freshness()
"""A source that has not answered yet."""
