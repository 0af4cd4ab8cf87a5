"""Money judged again: the bound of a hop from its sizes and price, and its cost from its usage. Pure."""

from typing import Any

from peak_console.budget.prices import Price, bound, cost
from peak_console.domain.calls import CallReason
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.money import text_from_nano
from peak_console.ledger.folds.bound_spend import LOST
from peak_console.operations.replaying.configs import Known
from peak_console.operations.replaying.record import HopRecord, day_of, usage_of
from peak_console.operations.replaying.report import Decision, Findings
from peak_console.operations.views.body_fields import mapping, nano, whole

_MISNAMED = frozenset({CallReason.UNEXPECTED_ECHO.value, CallReason.FORBIDDEN_ECHO.value})


def replay_bound(event: LedgerEvent, known: Known, found: Findings) -> None:
    """Judge the bound of a ``llm.call.requested`` again."""
    body = event.body or {}
    price = _price(event, known)
    if isinstance(price, str):
        found.skip(Decision.BOUND, event, price)
        return
    tokens, output = whole(body.get("bound_tokens")), whole(body.get("max_output_tokens"))
    if tokens is None or output is None:
        found.skip(Decision.BOUND, event, "its sizes are not on record")
        return
    most = bound(
        price[0],
        input_tokens=tokens - output,
        max_output_tokens=output,
        eur_per_usd=price[1],
        hosted_calls=_hosted_calls(body),
    )
    found.same(Decision.BOUND, event, "bound_eur", body.get("bound_eur"), text_from_nano(most))


def replay_cost(hop: HopRecord, known: Known, found: Findings) -> None:
    """Judge the cost of each end of a hop again, by its usage and the price at its request."""
    request = hop.requested
    for end in hop.ends:
        if request is None or request.body is None or end.body is None:
            found.skip(Decision.COST, end, "the hop's request or end was pruned, or is of another run")
            continue
        expected = _cost(request, end, known)
        if isinstance(expected, str):
            found.skip(Decision.COST, end, expected)
            continue
        body = end.body
        found.same(Decision.COST, end, "cost_eur", body.get("cost_eur"), text_from_nano(expected))
        if end.kind == EventKind.CALL_COMPLETED:
            _replay_price(request, end, known, found)


def _cost(request: LedgerEvent, end: LedgerEvent, known: Known) -> int | str:
    """What an end costs by its basis; or why that cannot be said."""
    body, most = end.body or {}, nano((request.body or {}).get("bound_eur"))
    basis, usage = body.get("cost_basis"), usage_of(body)
    if most is None:
        return "the bound of its request cannot be read"
    if basis == "none":
        return 0
    misnamed = body.get("reason") in _MISNAMED and usage is not None
    if basis == "worst_case" and (body.get("reason") in LOST or not misnamed):
        return most
    if usage is None:
        return "it says no usage"
    price = _price(request, known)
    if isinstance(price, str):
        return price
    told = cost(price[0], usage, price[1])
    return max(told, most) if misnamed else told


def _replay_price(request: LedgerEvent, end: LedgerEvent, known: Known, found: Findings) -> None:
    price = _price(request, known)
    if isinstance(price, str):
        return
    body = end.body or {}
    told = (body.get("price_source"), body.get("price_as_of"), body.get("eur_per_usd"))
    expected = (price[0].source, price[0].as_of.isoformat(), str(price[1]))
    found.same(Decision.COST, end, "price and rate", told, expected)


def _price(event: LedgerEvent, known: Known) -> tuple[Price, Any] | str:
    """The price and rate of an event's model then; or why there is none."""
    configs = known.configs
    if configs is None:
        return known.why
    price = configs.prices.find(event.provider or "", event.model_id or "", day_of(event))
    rate = configs.budgets.eur_per_usd
    if price is None or rate is None:
        return "the price table of that time holds no price or rate for it"
    return price, rate


def _hosted_calls(body: Any) -> int:
    return sum(whole(one) or 0 for one in mapping(body.get("hosted")).values())
