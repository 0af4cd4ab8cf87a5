from dataclasses import replace
from decimal import Decimal

import pytest
from risk.gate_cases import BASE, CASES, EUR_USD, NOW, document, varied

from peak_console.domain.canonical import canonical
from peak_console.domain.trading import (
    GateLimits,
    GateReason,
    GateVerdict,
    Market,
    OrderIntent,
    OrderType,
    Portfolio,
    Position,
    Quote,
    RecentOrder,
    Side,
    WorkingOrder,
)
from peak_console.risk.document import (
    POSITIONS_LIMIT,
    QUOTES_LIMIT,
    RECENT_LIMIT,
    WORKING_LIMIT,
    Inputs,
    inputs_from,
)
from peak_console.risk.gate import decide, evaluate, missing_limits


@pytest.mark.parametrize("name", CASES)
def test_an_order_is_blocked_for_these_reasons_and_no_others(name: str) -> None:
    """Each condition of the table blocks by its own reason; nothing that is in bounds blocks."""
    inputs, reasons = CASES[name]
    decision = decide(document(inputs))
    assert decision.reasons == reasons
    assert decision.verdict is (GateVerdict.BLOCK if reasons else GateVerdict.ALLOW)
    assert decision.allows is not bool(reasons)


def test_each_reason_has_a_case_in_which_it_stands_alone() -> None:
    """No reason is reached only together with another."""
    assert {reasons[0] for _, reasons in CASES.values() if len(reasons) == 1} == set(GateReason)


@pytest.mark.parametrize("name", list(GateLimits.__dataclass_fields__))
def test_each_limit_blocks_where_it_is_absent(name: str) -> None:
    """There is no limit that nobody needs."""
    for missing in (None, 0, -1, True, "5", 1.5):
        inputs = varied(limits={name: missing})
        assert decide(document(inputs)).reasons == (GateReason.LIMIT_MISSING,)
        assert list(missing_limits(inputs.limits)) == [name]


def test_reasons_stand_in_the_order_of_the_vocabulary() -> None:
    """All reasons are told, and always in one order."""
    decision = decide(document(CASES["everything at once"][0]))
    assert list(decision.reasons) == [one for one in GateReason if one in decision.reasons]
    assert len(decision.reasons) == len(GateReason) - 1


@pytest.mark.parametrize("part", Inputs.__dataclass_fields__)
@pytest.mark.parametrize("garbage", [None, 7, "x", object(), {"a": 1}, (None,), [object()], float("nan")])
def test_what_is_no_part_of_the_inputs_blocks(part: str, garbage: object) -> None:
    """Nothing that a caller hands in raises; it blocks as invalid."""
    given = {name: getattr(BASE, name) for name in Inputs.__dataclass_fields__} | {part: garbage}
    decision = evaluate(*given.values())
    expected = {GateReason.INVALID_INPUT}
    assert expected <= set(decision.reasons)


def test_a_document_that_the_gate_would_not_write_so_is_invalid() -> None:
    """The same figures in another notation, or with more beside them, are not the gate's document."""
    for changed in (
        document(BASE) | {"more": 1},
        document(BASE) | {"intent": document(BASE)["intent"] | {"quantity": "1000.0"}},
        document(BASE) | {"intent": document(BASE)["intent"] | {"note": ""}},
        document(BASE) | {"working_orders": None},
    ):
        assert GateReason.INVALID_INPUT in decide(changed).reasons


@pytest.mark.parametrize("nothing", [None, [], "", {}, {"gate": 1}, 7])
def test_what_is_no_document_of_the_gate_is_refused(nothing: object) -> None:
    """There is nothing to decide on, and nothing is decided."""
    with pytest.raises(ValueError, match="no document"):
        decide(nothing)


def test_a_document_outside_canonical_json_has_no_digest_and_blocks() -> None:
    """A float in a document is no figure, and no digest is made up for it."""
    decision = decide(document(BASE) | {"limits": {"max_order_size": 1.5}})
    assert decision.inputs_digest == ""
    assert {GateReason.INVALID_INPUT, GateReason.LIMIT_MISSING} <= set(decision.reasons)


def test_lists_that_are_too_long_block() -> None:
    """A document has a largest size; whoever has more orders than it holds is blocked."""
    assert (POSITIONS_LIMIT, WORKING_LIMIT, RECENT_LIMIT, QUOTES_LIMIT) == (200, 200, 1000, 200)
    limits = replace(BASE.limits, max_open_orders=5000, max_orders_per_session=5000)
    order, placed = WorkingOrder("w", EUR_USD, Side.SELL, Decimal(1)), RecentOrder("r", NOW - 10**9)
    quote, held = BASE.market.quotes[EUR_USD], Position(EUR_USD, Decimal(1), Decimal(1))
    for more in (0, 1):
        quotes = {
            f"Q{place}": replace(quote, instrument=f"Q{place}") for place in range(QUOTES_LIMIT - 1 + more)
        }
        for part in (
            {"working_orders": (order,) * (WORKING_LIMIT + more)},
            {"recent_orders": (placed,) * (RECENT_LIMIT + more)},
            {"market": replace(BASE.market, quotes={**quotes, EUR_USD: quote})},
        ):
            found = decide(document(replace(BASE, limits=limits, **part))).reasons
            assert (GateReason.INVALID_INPUT in found) is bool(more), (more, list(part))
        many = replace(BASE.portfolio, positions=(held,) * (POSITIONS_LIMIT + more))
        written = document(replace(BASE, portfolio=many))["portfolio"]["positions"]
        assert isinstance(written, dict) is bool(more)


def test_nothing_known_allows_nothing() -> None:
    """Empty limits, portfolio, market and posture block by all that they leave open."""
    decision = evaluate(BASE.intent, Portfolio(), (), (), GateLimits(), Market(0), replace(BASE.posture))
    assert {GateReason.LIMIT_MISSING, GateReason.DAILY_LOSS, GateReason.DRAWDOWN} <= set(decision.reasons)


def test_a_document_has_a_largest_size() -> None:
    """With the longest lists, texts and numbers it stays far below what an event may have."""
    name, number = '"' * 100, Decimal("-1." + "1" * 59)
    quote = Quote(name, number, 2**53 - 1, number, 2**53 - 1)
    largest = replace(
        BASE,
        intent=OrderIntent(*[name] * 3, Side.SELL, number, OrderType.LIMIT, number, name, name),
        portfolio=Portfolio(tuple([Position(name, number, number)] * POSITIONS_LIMIT), number, number),
        working_orders=tuple([WorkingOrder(name, name, Side.SELL, number, number)] * WORKING_LIMIT),
        recent_orders=tuple([RecentOrder(name, 2**53 - 1)] * RECENT_LIMIT),
        market=Market(NOW, {str(place).rjust(100, '"'): quote for place in range(QUOTES_LIMIT)}),
    )
    written = document(largest)
    assert 300_000 < len(canonical(written)) <= 2**19 + 2**16
    assert decide(written).reasons
    assert document(inputs_from(written)) == written
    assert written["recent_orders"][0]["submitted_us"] == 2**53 - 1
    for too_late in (2**53, 2**53 + 1, 2**70, -(2**53)):
        later = document(replace(BASE, recent_orders=(RecentOrder(name, too_late),)))
        assert later["recent_orders"][0]["submitted_us"] == {"unreadable": "int"}
