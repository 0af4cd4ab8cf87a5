"""Admission by budgets judged again: what a run and its calls had spent and reserved, by the events before.

The limits of a call, a run and a run's layer follow from the run's own events. Days, months and phases count
other runs too: of those only the arithmetic of a refusal is judged.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from peak_console.budget.limits import Limit, Scope, Spend, admit, missing, run_key, with_own
from peak_console.domain.calls import CallReason
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.ledgering import Refusal
from peak_console.ledger.folds.bound_spend import LOST
from peak_console.ledger.folds.counters import difference, settled_by, spend_of
from peak_console.ledger.folds.reservations import asked_by
from peak_console.ledger.folds.run_limits import limit_of
from peak_console.operations.replaying.configs import Known
from peak_console.operations.replaying.record import PRUNED
from peak_console.operations.replaying.report import Decision, Findings
from peak_console.operations.views.body_fields import mapping, nano, whole

_OWN_SCOPES: Final = frozenset({Scope.CALL, Scope.RUN, Scope.LAYER_RUN})
_BUDGET: Final = frozenset({CallReason.BUDGET_EXCEEDED.value, CallReason.BUDGET_ZERO.value})
_NOTHING: Final = Spend()


@dataclass(frozen=True, slots=True)
class _Held:
    keys: tuple[str, ...]
    spent: Spend = _NOTHING
    reserved: Spend = _NOTHING
    open: bool = False
    """Whether it was requested and has not ended for good."""
    lost: Spend | None = None
    """What was booked when its caller was lost: a late bill takes its place."""


class RunCounters:
    """What a run, its layers and its calls have spent and reserved, folded from the run's events."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._sums: dict[str, tuple[Spend, Spend]] = {}
        self._hops: dict[tuple[str, int], _Held] = {}
        self.own: Limit | None = None
        """What the run set itself."""

    def of(self, key: str) -> tuple[Spend, Spend]:
        """Spent and reserved under a key."""
        return self._sums.get(key, (_NOTHING, _NOTHING))

    def take(self, event: LedgerEvent) -> None:
        """Fold one event; those without a body change nothing."""
        body = event.body
        if body is None:
            return
        if event.kind == EventKind.RUN_STARTED and isinstance(body.get("limits"), Mapping):
            limit = limit_of(body["limits"])
            self.own = limit if self.own is None else self.own.lowered(limit)
        number = whole(body.get("hop"))
        if number is None or not event.call_id:
            return
        place = (event.call_id, number)
        before = self._hops.get(place, _Held(self._keys(event)))
        after = _after(before, event, body)
        if after is not None:
            self._book(before, after)
            self._hops[place] = after

    def _keys(self, event: LedgerEvent) -> tuple[str, ...]:
        run = self._run_id
        return (f"call:{event.call_id}", run_key(run), f"{Scope.LAYER_RUN}:{event.layer}:{run}")

    def _book(self, before: _Held, after: _Held) -> None:
        for key in after.keys:
            spent, reserved = self.of(key)
            self._sums[key] = (
                _added(spent, difference(after.spent, before.spent)),
                _added(reserved, difference(after.reserved, before.reserved)),
            )


def replay_admission(event: LedgerEvent, counters: RunCounters, known: Known, found: Findings) -> None:
    """Judge again whether a request had room, or was refused for its budget, by the events before it."""
    body = event.body
    refused = event.kind == EventKind.CALL_REFUSED
    if body is None:
        found.skip(Decision.BUDGET, event, PRUNED)
    elif refused and (body.get("reason") not in _BUDGET or not mapping(body.get("details"))):
        return  # no word of a budget's counter
    elif known.configs is None:
        found.skip(Decision.BUDGET, event, known.why)
    elif refused:
        _replay_refusal(event, mapping(body.get("details")), counters, known, found)
    else:
        _replay_admitted(event, body, counters, known, found)


def _replay_admitted(
    event: LedgerEvent, body: Any, counters: RunCounters, known: Known, found: Findings
) -> None:
    asked = asked_by(body)
    bound = _bound(event, counters, known)
    refusal = missing(_limits(known)) or _first(bound, counters, asked)
    found.same(Decision.BUDGET, event, "admitted", "admitted", _words(refusal))


def _replay_refusal(
    event: LedgerEvent, details: Mapping[str, Any], counters: RunCounters, known: Known, found: Findings
) -> None:
    key, scope = str(details.get("key", "")), str(details.get("scope", ""))
    limit = next((one for one, held in _bound(event, counters, known) if held == key), None)
    if scope not in set(_OWN_SCOPES) or limit is None:
        found.same(Decision.BUDGET, event, f"{scope} has no room", "no room", _room(details))
        return
    spent, reserved = counters.of(key)
    recorded = tuple(str(details.get(name)) for name in ("unit", "limit", "spent", "reserved", "asked"))
    asked = _asked(details)
    refusal = admit(limit, spent, reserved, asked, key=key)
    again = mapping(refusal.details) if refusal else {}
    replayed = tuple(str(again.get(name)) for name in ("unit", "limit", "spent", "reserved", "asked"))
    found.same(Decision.BUDGET, event, f"refused by {scope}", recorded, replayed)


def _bound(event: LedgerEvent, counters: RunCounters, known: Known) -> list[tuple[Limit, str]]:
    """The limits of call, run and run's layer that bind an event's call, each with its counter's key."""
    run_id = event.run_id or ""
    places = {Scope.CALL: event.call_id, Scope.RUN: run_id, Scope.LAYER_RUN: run_id}
    bound = [
        (limit, f"{limit.scope}:{limit.layer}:{place}" if limit.layer else f"{limit.scope}:{place}")
        for limit in _limits(known)
        if (place := places.get(limit.scope)) and limit.layer in {None, event.layer}
    ]
    return bound if counters.own is None else with_own(bound, counters.own, run_id)


def _limits(known: Known) -> tuple[Limit, ...]:
    return known.configs.budgets.limits.limits if known.configs else ()


def _first(bound: Iterable[tuple[Limit, str]], counters: RunCounters, asked: Spend) -> Refusal | None:
    refusals = (admit(limit, *counters.of(key), asked, key=key) for limit, key in bound)
    return next((one for one in refusals if one is not None), None)


def _after(before: _Held, event: LedgerEvent, body: Any) -> _Held | None:
    """What a hop holds after one of its events; ``None`` where that changes nothing."""
    if event.kind == EventKind.CALL_REQUESTED:
        return replace(before, reserved=asked_by(body), open=True, lost=None)
    if event.kind in {EventKind.CALL_COMPLETED, EventKind.CALL_FAILED}:
        return _ended(before, body)
    if event.kind == EventKind.BUDGET_SETTLED:
        change = settled_by(body)
        lost = None if before.lost is None else _added(before.lost, change)
        return replace(before, spent=_added(before.spent, change), lost=lost)
    return None


def _ended(before: _Held, body: Any) -> _Held:
    """A bill is added to what the hop spent; the late one of a lost hop takes the place of its bound."""
    held = (before.lost or before.reserved).tokens if before.open else 0
    bill = spend_of(body, held)
    spent = _added(before.spent, bill if before.lost is None else difference(bill, before.lost))
    if before.open and before.lost is None and body.get("reason") in LOST:
        return replace(before, spent=spent, reserved=_NOTHING, lost=bill)
    return replace(before, spent=spent, reserved=_NOTHING, open=False, lost=None)


def _asked(details: Mapping[str, Any]) -> Spend:
    """What a refusal says was asked, in its unit."""
    amount = details.get("asked")
    money = nano(amount) if details.get("unit") == "eur" else None
    count = whole(amount) or 0
    tokens, calls = (count if details.get("unit") == one else 0 for one in ("tokens", "calls"))
    return Spend(money or 0, tokens, calls)


def _room(details: Mapping[str, Any]) -> str:
    """Whether there was room by the figures of a refusal."""
    read = nano if details.get("unit") == "eur" else whole
    figures = [read(details.get(name)) for name in ("limit", "spent", "reserved", "asked")]
    if None in figures:
        return "figures that cannot be read"
    limit, spent, reserved, asked = (one or 0 for one in figures)
    return "no room" if limit <= 0 or spent + reserved + asked > limit else "room"


def _words(refusal: Refusal | None) -> str:
    return "admitted" if refusal is None else f"{refusal.code}: {refusal.message}"


def _added(one: Spend, other: Spend) -> Spend:
    return Spend(one.cost + other.cost, one.tokens + other.tokens, one.calls + other.calls)
