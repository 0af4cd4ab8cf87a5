"""A run's events, put in order for a replay: calls, their hops, and what stands in each. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from peak_console.domain.calls import Usage
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.vocabulary import Phase, PhaseLevel
from peak_console.operations.views.body_fields import listed, mapping, time_of, whole

_ENDS: Final = frozenset({EventKind.CALL_COMPLETED.value, EventKind.CALL_FAILED.value})

PRUNED: Final = "the event's body was pruned"


@dataclass(slots=True)
class HopRecord:
    """One hop: its request, and its ends in order (a loss, then a late answer)."""

    number: int
    requested: LedgerEvent | None = None
    ends: list[LedgerEvent] = field(default_factory=list)


@dataclass(slots=True)
class CallRecord:
    """One call: its events, and its hops by number."""

    call_id: str
    events: list[LedgerEvent] = field(default_factory=list)
    hops: dict[int, HopRecord] = field(default_factory=dict)

    @property
    def answer(self) -> LedgerEvent | None:
        """The event that answers the call."""
        answers = [one for one in self.events if one.kind == EventKind.CALL_COMPLETED]
        return answers[-1] if answers else None

    @property
    def routed(self) -> Iterator[LedgerEvent]:
        """The events that carry a route, in order."""
        return (one for one in self.events if rows_of(one))


def calls_of(events: Sequence[LedgerEvent]) -> dict[str, CallRecord]:
    """The calls of a run by id, in the order they began."""
    calls: dict[str, CallRecord] = {}
    for event in events:
        if not event.call_id:
            continue
        call = calls.setdefault(event.call_id, CallRecord(event.call_id))
        call.events.append(event)
        number = whole((event.body or {}).get("hop"))
        if number is None:
            continue
        if event.kind == EventKind.CALL_REQUESTED:
            call.hops.setdefault(number, HopRecord(number)).requested = event
        elif event.kind in _ENDS:
            call.hops.setdefault(number, HopRecord(number)).ends.append(event)
    return calls


def rows_of(event: LedgerEvent) -> list[Mapping[str, Any]]:
    """The route that an event carries."""
    if event.kind not in {EventKind.CALL_REQUESTED, EventKind.CALL_REFUSED}:
        return []
    return [one for one in listed((event.body or {}).get("route")) if isinstance(one, Mapping)]


def day_of(event: LedgerEvent) -> date:
    """The day by which prices and lifecycles were judged."""
    return time_of(event).date()


def level_of(event: LedgerEvent) -> PhaseLevel:
    """The rules that held for a call, as its event says the phase; a phase nobody said is research."""
    try:
        return Phase(str((event.body or {}).get("phase"))).level
    except ValueError:
        return PhaseLevel.RESEARCH


def usage_of(body: Mapping[str, Any]) -> Usage | None:
    """The usage of an end; ``None`` where it says none."""
    told = body.get("usage")
    if not isinstance(told, Mapping):
        return None
    count = {name: whole(mapping(told).get(name)) or 0 for name in _COUNTS}
    return Usage(
        input_total=count["input"],
        cache_read=count["cached"],
        cache_write=count["cache_write"],
        output_total=count["output"],
        reasoning=count["reasoning"],
        hosted_calls=count["hosted_calls"],
    )


_COUNTS: Final = ("input", "cached", "cache_write", "output", "reasoning", "hosted_calls")
