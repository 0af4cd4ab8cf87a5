"""When the ledger's head is to be signed. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from peak_console.domain.events import EventKind

_URGENT_FAMILIES: Final = ("control.", "phase.", "operator.", "lock.")
_URGENT_KINDS: Final = frozenset(
    {
        EventKind.BREAKER_RESET.value,
        EventKind.BREAKER_TRIPPED.value,
        EventKind.LEDGER_PRUNED.value,
        EventKind.LEDGER_RECOVERED.value,
        EventKind.NODE_STOPPED.value,
    }
)
_ORDERS: Final = "order."
_HARMLESS_VENUES: Final = frozenset({"paper", "testnet"})


class Rules(Protocol):
    """After how many events and seconds a head is signed."""

    @property
    def every_events(self) -> int:
        """Events after which the head is signed."""
        ...

    @property
    def every_s(self) -> int:
        """Seconds after which a head that moved is signed."""
        ...


@dataclass(frozen=True, slots=True)
class Unsigned:
    """What came since the last signed head; records of checkpoints apart, for they follow each one."""

    events: int = 0
    urgent: bool = False
    records: int = 0

    def after(self, kind: str, body: Mapping[str, Any] | None) -> "Unsigned":
        """With one more event."""
        if kind == EventKind.LEDGER_CHECKPOINTED:
            return replace(self, records=self.records + 1)
        return replace(self, events=self.events + 1, urgent=self.urgent or is_urgent(kind, body))


def is_urgent(kind: str, body: Mapping[str, Any] | None) -> bool:
    """Whether an event is signed at once: what people decide, and what reaches a live venue.

    An order whose venue is not known to be harmless counts as live.
    """
    if kind.startswith(_ORDERS):
        return (body or {}).get("venue_kind") not in _HARMLESS_VENUES
    return kind in _URGENT_KINDS or kind.startswith(_URGENT_FAMILIES)


def due(unsigned: Unsigned, rules: Rules, since_s: float, *, asked: bool = False, named: bool = False) -> str:
    """Why the head is to be signed now, ``since_s`` after it was last: empty while it is not.

    ``named``: somebody asked for a head over everything, so that records of checkpoints are reason enough.
    """
    if not unsigned.events:
        return "asked" if named and unsigned.records else ""
    if unsigned.urgent:
        return "urgent"
    if asked:
        return "asked"
    if unsigned.events >= rules.every_events:
        return "events"
    return "time" if since_s >= rules.every_s else ""


def anchor_due(kind: str, why: str, since_s: float, every_s: int) -> bool:
    """Whether an anchor is to take a head that it does not hold yet.

    A folder takes every one. A commit to git costs more: one for what is urgent or asked for, else one in
    ``every_s``.
    """
    return kind != "git" or why in {"urgent", "asked", "end"} or since_s >= every_s
