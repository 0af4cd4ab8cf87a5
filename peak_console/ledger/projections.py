"""What runs inside the writer's transaction beside the events: figures and reservations derived from them."""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from peak_console.domain.events import EventDraft
from peak_console.domain.ledgering import Refusal
from peak_console.ledger.headers import Header

Body = Mapping[str, Any]


class Projection(Protocol):
    """A fold over events, kept in tables of the ledger's file and committed with the events themselves.

    A projection never fails on an event that :mod:`peak_console.ledger.bodies` let through.
    """

    def open(self, db: sqlite3.Connection) -> None:
        """Take the writer's connection; read what is needed to go on."""
        ...

    def admit(self, draft: EventDraft, now: datetime) -> Refusal | None:
        """Whether an ``llm.call.requested`` may be written; decided in its transaction."""
        ...

    def apply(self, event: Header, body: Body) -> Sequence[EventDraft]:
        """Take one written event in. What it gives back is written right after, by the ledger itself."""
        ...

    def flush(self, db: sqlite3.Connection) -> None:
        """Write what changed, once, before the commit."""
        ...

    def reset(self) -> None:
        """Forget what was not committed, after a rollback."""
        ...
