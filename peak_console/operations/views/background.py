"""Background calls that a provider works on now, as the ledger's open reservations tell them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from peak_console.domain.clock import from_iso, iso

if TYPE_CHECKING:
    from peak_console.ledger.reader import LedgerReader

_LOOKED_AT: Final = 1000
"""Open reservations that one look reads."""


@dataclass(frozen=True, slots=True)
class BackgroundLine:
    """One of them; after ``until`` it counts as lost."""

    call_id: str
    run_id: str
    hop: int
    provider: str
    model_id: str
    since: datetime | None = None
    until: datetime | None = None
    layer: str = ""

    @property
    def cancelled_by(self) -> str:
        """The command that cancels it at its provider."""
        return f"peak call --cancel {self.call_id}"

    def as_json(self) -> dict[str, Any]:
        """The call in a document."""
        return {
            "call_id": self.call_id,
            "run_id": self.run_id,
            "hop": self.hop,
            "provider": self.provider,
            "model_id": self.model_id,
            "since": None if self.since is None else iso(self.since),
            "until": None if self.until is None else iso(self.until),
        }


def background_lines(reader: "LedgerReader") -> tuple[BackgroundLine, ...]:
    """Accepted and unended background calls, the oldest first; raises ``LedgerUnavailable``."""
    if not reader.in_flight():
        return ()
    return tuple(
        BackgroundLine(
            call_id=row.place.call_id,
            run_id=row.place.run_id,
            hop=row.place.hop,
            provider=row.place.provider,
            model_id=row.place.model_id,
            since=_moment(row.since),
            until=_moment(row.expires),
            layer=row.place.layer,
        )
        for row in reader.reservations(_LOOKED_AT)
        if row.expires is not None
    )


def _moment(text: str) -> datetime | None:
    try:
        return from_iso(text)
    except ValueError:
        return None


def count_words(lines: Sequence[BackgroundLine]) -> str:
    """``1 background call``, ``2 background calls``."""
    return f"{len(lines)} background call{'' if len(lines) == 1 else 's'}"
