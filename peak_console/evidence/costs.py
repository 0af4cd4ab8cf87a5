"""What a run cost, by its events alone: per model and in sum, and what of it stands at bounds. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.money import nano_from_text, text_from_nano

AT_BOUND: Final = "worst_case"
_MOST: Final = 2**53 - 1
"""The largest integer of canonical JSON; more tokens than that are said to be as many."""

_TOKENS: Final = ("input", "cached", "cache_write", "output", "reasoning")


@dataclass(slots=True)
class _Hop:
    """A request and what became of it."""

    provider: str
    model_id: str
    bound: int = 0
    cost: int = 0
    state: str = "open"
    at_bound: bool = False
    tokens: Mapping[str, int] = field(default_factory=dict)


def costs(run_id: str, events: Iterable[LedgerEvent]) -> dict[str, Any]:
    """The fold of a run's requests, ends and settlements, JSON types only; money in euro as text."""
    hops: dict[tuple[str, int], _Hop] = {}
    settled: list[dict[str, Any]] = []
    pruned = 0
    for event in events:
        if event.kind not in _FOLDS:
            continue
        if event.body is None:
            pruned += 1
            continue
        number = event.body.get("hop")
        key = (event.call_id or "", number if type(number) is int else 0)
        hop = hops.setdefault(key, _Hop(event.provider or "", event.model_id or ""))
        _FOLDS[event.kind](hop, event.body)
        if event.kind == EventKind.BUDGET_SETTLED:
            settled.append({"call_id": key[0], "hop": key[1], **_picked(event.body)})
    by_model: dict[tuple[str, str], list[_Hop]] = defaultdict(list)
    for hop in hops.values():
        by_model[hop.provider, hop.model_id].append(hop)
    return {
        "run_id": run_id,
        "currency": "EUR",
        "sum": _sum(hops.values()),
        "models": [
            {"provider": provider, "model_id": model_id, **_sum(some)}
            for (provider, model_id), some in sorted(by_model.items())
        ],
        "open": [
            {"call_id": call_id, "hop": number, "bound_eur": text_from_nano(hop.bound)}
            for (call_id, number), hop in sorted(hops.items())
            if hop.state == "open"
        ],
        "settled": settled,
        "pruned_events": pruned,
    }


def _sum(hops: Iterable[_Hop]) -> dict[str, Any]:
    some = list(hops)
    counted = {name: sum(hop.tokens.get(name, 0) for hop in some) for name in _TOKENS}
    tokens = {f"{name}_tokens": min(count, _MOST) for name, count in counted.items()}
    return {
        "hops": len(some),
        "answered": sum(hop.state == "completed" for hop in some),
        "failed": sum(hop.state == "failed" for hop in some),
        "cost_eur": text_from_nano(sum(hop.cost for hop in some)),
        "at_bound_eur": text_from_nano(sum(hop.cost for hop in some if hop.at_bound)),
        "open_bound_eur": text_from_nano(sum(hop.bound for hop in some if hop.state == "open")),
        **tokens,
    }


def _asked(hop: _Hop, body: Mapping[str, Any]) -> None:
    hop.bound = _nano(body.get("bound_eur"))


def _answered(hop: _Hop, body: Mapping[str, Any]) -> None:
    _ended(hop, body, "completed")


def _lost(hop: _Hop, body: Mapping[str, Any]) -> None:
    _ended(hop, body, "failed")


def _ended(hop: _Hop, body: Mapping[str, Any], state: str) -> None:
    """The last end counts: an answer that came late corrects the one before."""
    usage = body.get("usage")
    said = usage if isinstance(usage, Mapping) else {}
    hop.state, hop.cost = state, _nano(body.get("cost_eur"))
    hop.at_bound = body.get("cost_basis") == AT_BOUND
    hop.tokens = {name: said[name] for name in _TOKENS if type(said.get(name)) is int}


def _settled(hop: _Hop, body: Mapping[str, Any]) -> None:
    hop.cost, hop.at_bound = _nano(body.get("cost_eur")), False


_FOLDS: Final[dict[str, Callable[[_Hop, Mapping[str, Any]], None]]] = {
    EventKind.CALL_REQUESTED: _asked,
    EventKind.CALL_COMPLETED: _answered,
    EventKind.CALL_FAILED: _lost,
    EventKind.BUDGET_SETTLED: _settled,
}


def _picked(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: body.get(name) for name in ("cost_eur", "was_eur", "reason", "operator")}


def _nano(text: object) -> int:
    try:
        return nano_from_text(text) if isinstance(text, str) else 0
    except (ValueError, ArithmeticError):
        return 0
