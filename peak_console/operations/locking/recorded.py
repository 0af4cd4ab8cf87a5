"""What the ledger knows of locks: which one counts, who may have signed it, and when each came and went."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from peak_console.config.lock import Lock
from peak_console.config.verifying import by_ledger
from peak_console.config.workspace import Workspace
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.operators import keys_by

_LOOK_BACK: Final = 1000
"""How many times a lock was written or put back, at most, an old one is looked for in."""

_KINDS: Final = (EventKind.LOCK_WRITTEN.value, EventKind.LOCK_ROLLED_BACK.value)


@dataclass(frozen=True, slots=True)
class LockRecord:
    """What the ledger says of locks; ``seq`` 0 and ``digest`` ``None`` where it names none."""

    digest: str | None = None
    """Of the lock that was last written or put back: the only one that counts from shadow on."""
    seq: int = 0
    operators: Mapping[str, str] = field(default_factory=dict)
    """Enrolled operators and their public keys."""

    def judged(self, lock: Lock | None) -> Lock | None:
        """A lock as the node judges it."""
        return by_ledger(lock, self.operators, self.digest)


@dataclass(frozen=True, slots=True)
class Replaced:
    """A lock that counted once: by which event, and by which and whose it was replaced."""

    since: LedgerEvent
    by: LedgerEvent

    @property
    def operator(self) -> str:
        """Who replaced it."""
        return _text(self.by, "operator")


def lock_record(reader: LedgerReader) -> LockRecord:
    """The newest record of a lock, and the operators. Raises ``LedgerUnavailable``."""
    found = [reader.last(kind) for kind in (EventKind.LOCK_WRITTEN, EventKind.LOCK_ROLLED_BACK)]
    last = max((one for one in found if one is not None), key=lambda one: one.seq, default=None)
    operators = keys_by(reader)
    return (
        LockRecord(None, 0, operators) if last is None else LockRecord(digest_of(last), last.seq, operators)
    )


def record_of(ws: Workspace) -> LockRecord:
    """As :func:`lock_record`; of a workspace whose ledger has not begun, nothing."""
    if not ws.ledger.exists():
        return LockRecord()
    with LedgerReader(ws.ledger) as reader:
        return lock_record(reader)


def replaced(ws: Workspace, digest: str) -> Replaced | None:
    """When a lock counted last and what came in its place; ``None`` where it never did, or still does."""
    if not ws.ledger.exists():
        return None
    after: LedgerEvent | None = None
    with LedgerReader(ws.ledger) as reader:
        for event in reader.find(EventFilter(kinds=_KINDS), limit=_LOOK_BACK).events:
            if digest_of(event) == digest:
                return Replaced(event, after) if after is not None else None
            after = event
    return None


def digest_of(event: LedgerEvent) -> str:
    """The digest of the lock that an event wrote or put back."""
    return _text(event, "digest")


def _text(event: LedgerEvent, key: str) -> str:
    return str((event.body or {}).get(key, ""))
