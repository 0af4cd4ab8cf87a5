"""What a hop holds and has spent, folded from its events by the rules of the writer's reservations. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from peak_console.budget.limits import Spend
from peak_console.domain.clock import from_iso, unix_us
from peak_console.domain.events import EventKind
from peak_console.domain.money import nano_from_text
from peak_console.ledger.folds.bound_spend import LOST, WORST_CASE, Booked
from peak_console.ledger.folds.counters import difference, settled_by, spend_of
from peak_console.ledger.folds.reservations import LONGEST_UNATTENDED_US, asked_by
from peak_console.ledger.headers import Header

KINDS: Final = (
    EventKind.CALL_REQUESTED.value,
    EventKind.CALL_ACCEPTED.value,
    EventKind.CALL_COMPLETED.value,
    EventKind.CALL_FAILED.value,
    EventKind.BUDGET_SETTLED.value,
)
"""The kinds that move money."""

NOTHING: Final = Spend()

Told = tuple[Header, Mapping[str, Any]]
"""An event's header and body."""


def added(one: Spend, other: Spend) -> Spend:
    """Both amounts together."""
    return Spend(one.cost + other.cost, one.tokens + other.tokens, one.calls + other.calls)


@dataclass(slots=True)
class HopMoney:
    """One hop: what its request reserved, what it has spent, how it stands."""

    call_id: str
    hop: int
    request: Header | None = None
    held: Spend = NOTHING
    """What it reserves while it is open; what was booked for it while it is lost."""
    is_open: bool = False
    lost: bool = False
    expires_us: int = 0
    spent: Spend = NOTHING
    """Spent on the day of its request."""
    unheld: list[tuple[Header, Spend]] = field(default_factory=list)
    """Bills that came while nothing was held for it: spent when they were told."""
    booked: Booked | None = None
    end: Told | None = None
    """The event that booked it."""
    _unheld_booked: bool = False

    def take(self, event: Header, body: Mapping[str, Any]) -> None:
        """Take one of its events in."""
        if event.kind == EventKind.CALL_REQUESTED:
            self.request, self.held = event, asked_by(body)
            self.is_open, self.lost, self.expires_us = True, False, 0
        elif event.kind == EventKind.CALL_ACCEPTED:
            if self.is_open:
                at_us, asked_us = unix_us(from_iso(event.ts)), unix_us(from_iso(body["expires_at"]))
                self.expires_us = max(1, min(asked_us, at_us + LONGEST_UNATTENDED_US))
        elif event.kind == EventKind.BUDGET_SETTLED:
            self._settled(body)
        else:
            self._ended(event, body)

    def _ended(self, event: Header, body: Mapping[str, Any]) -> None:
        again = self.lost or not self.is_open
        holds = self.is_open or self.lost
        spent = spend_of(body, self.held.tokens if holds else 0)
        if not holds:
            self.unheld.append((event, spent))
        elif self.lost:
            self.spent = added(self.spent, difference(spent, self.held))
        else:
            self.spent = added(self.spent, spent)
        cost = nano_from_text(body["cost_eur"])
        if body.get("cost_basis") == WORST_CASE and cost > 0:
            self.booked = Booked(self.call_id, self.hop, event.seq, cost, cost, None)
            self.end, self._unheld_booked = (event, body), not holds
        elif again:
            self.booked = None
        becomes_lost = holds and not self.lost and body.get("reason") in LOST
        self.is_open, self.lost = False, becomes_lost
        if becomes_lost:
            self.held = spent

    def _settled(self, body: Mapping[str, Any]) -> None:
        if self.booked is None:
            return
        more, cost = settled_by(body), nano_from_text(body["cost_eur"])
        if self._unheld_booked and self.unheld:
            event, spent = self.unheld[-1]
            self.unheld[-1] = (event, added(spent, more))
        else:
            self.spent = added(self.spent, more)
        self.booked = replace(self.booked, cost=cost)
        if self.lost:
            self.held = self.held._replace(cost=cost)


def hops_of(events: Iterable[Told]) -> dict[tuple[str, int], HopMoney]:
    """Every hop that the events, ascending, tell of, by call and number."""
    found: dict[tuple[str, int], HopMoney] = {}
    for event, body in events:
        place = (event.call_id or "", body["hop"])
        found.setdefault(place, HopMoney(*place)).take(event, body)
    return found
