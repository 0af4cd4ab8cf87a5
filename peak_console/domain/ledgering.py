"""How rooms meet the ledger: protocols, so that floors above need no knowledge of SQLite or sockets."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from peak_console.domain.events import EventDraft, LedgerEvent


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the ledger's writer would not write a draft as asked, decided in its transaction."""

    code: str
    message: str
    remedy: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ack:
    """An event's place, given only after its commit.

    With ``refusal`` the event at ``seq`` is the refusal; at 0, nothing was written for it.
    """

    event_id: str
    seq: int
    hash: str
    ts: str
    refusal: Refusal | None = None


class LedgerClient(Protocol):
    """An asynchronous client of the ledger's writer; every acknowledgement is durable."""

    async def append(self, drafts: Sequence[EventDraft]) -> list[Ack]:
        """Append ``drafts`` in order, in one transaction.

        Raises ``NodeUnreachable`` when no node acknowledged in time (then the drafts may or may not be there;
        repeating with the same ids is safe) and ``LedgerUnavailable`` when the node said it cannot write.
        """
        ...

    async def close(self) -> None:
        """End the connection."""
        ...


class EventReader(Protocol):
    """Reads of the ledger: short transactions, keyset pages; raises ``LedgerUnavailable``."""

    def head(self) -> tuple[int, str]:
        """The last sequence number and hash; ``(0, GENESIS_PREV_HASH)`` for an empty ledger."""
        ...

    def read(self, after: int = 0, limit: int = 200, *, bodies: bool = True) -> list[LedgerEvent]:
        """Events with ``seq`` above ``after``, ascending."""
        ...

    def follow(self, after: int) -> AsyncIterator[list[LedgerEvent]]:
        """Events as they are committed, in batches, forever."""
        ...
