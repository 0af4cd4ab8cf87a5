"""Answers of a shadow cycle: what is taken for one, and that none of it is part of an order."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from peak_console.domain.outlook import Hypothesis, Outlook, Scenario
from peak_console.llm.structured import strict_schema
from peak_console.policy.output_types import DETECTED
from peak_console.policy.outputs import forbidden_outputs

SCENARIOS = [
    {"name": "down", "probability_pct": 20, "closes_from": None, "closes_below": "1.17", "story": "s"},
    {"name": "range", "probability_pct": 50, "closes_from": "1.17", "closes_below": "1.19", "story": "s"},
    {"name": "up", "probability_pct": 30, "closes_from": "1.19", "closes_below": None, "story": "s"},
]
OUTLOOK: dict[str, Any] = {
    "summary": "A range with a lean upwards.",
    "reference_level": "1.18272",
    "horizon_h": 8,
    "scenarios": SCENARIOS,
    "uncertainty": "Nothing is known of tomorrow's release.",
    "no_trade_triggers": ["a bar of more than three times the mean range"],
    "data_issues": [],
    "confidence": "medium",
}
IDEA: dict[str, Any] = {
    "view": "up",
    "conviction": "medium",
    "thesis": "Closes hold above the middle of the range.",
    "evidence_refs": ["up", "2017-10-11 08:00"],
    "reference_level": "1.18272",
    "invalidation_level": "1.17",
    "horizon_h": 8,
    "no_trade_reason": "",
}
NONE = IDEA | {"view": "none", "invalidation_level": None, "no_trade_reason": "no side pays"}


def test_a_whole_outlook_and_idea_are_read() -> None:
    """As their prompts show them."""
    outlook = Outlook.model_validate_json(json.dumps(OUTLOOK))
    assert [one.probability_pct for one in outlook.scenarios] == [20, 50, 30]
    idea = Hypothesis.model_validate_json(json.dumps(IDEA))
    assert (idea.reference, idea.invalidation) == (Decimal("1.18272"), Decimal("1.17"))
    assert Hypothesis.model_validate_json(json.dumps(NONE)).invalidation is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"scenarios": [SCENARIOS[0], SCENARIOS[1] | {"probability_pct": 81}]}, "sum to 101"),
        ({"scenarios": SCENARIOS[:1]}, "2 to 5"),
        ({"scenarios": [SCENARIOS[1] | {"name": "x"}] * 2}, "one name"),
        ({"scenarios": [SCENARIOS[0] | {"closes_below": None}, SCENARIOS[1]]}, "prove it wrong"),
        ({"scenarios": [SCENARIOS[1] | {"closes_from": "1.19"}, SCENARIOS[2]]}, "not below"),
        ({"scenarios": [SCENARIOS[0] | {"probability_pct": -1}, SCENARIOS[2]]}, "from 0 to 100"),
        ({"reference_level": "1,18"}, "decimal"),
        ({"reference_level": "-1"}, "decimal"),
        ({"reference_level": "0.000"}, "above zero"),
        ({"reference_level": "1e5"}, "decimal"),
        ({"reference_level": 1.18}, "string"),
        ({"summary": "x" * 1501}, "characters"),
        ({"summary": "  "}, "characters"),
        ({"no_trade_triggers": ["x"] * 9}, "entries"),
        ({"horizon_h": 0}, "from 1"),
        ({"horizon_h": "8"}, "integer"),
        ({"confidence": "sure"}, "low"),
        ({"size": 5}, "Extra"),
    ],
)
def test_an_outlook_that_is_none_says_why(change: dict[str, Any], says: str) -> None:
    """The words go back to the model, which may mend it once."""
    with pytest.raises(ValidationError, match=says):
        Outlook.model_validate_json(json.dumps(OUTLOOK | change))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"invalidation_level": "1.19"}, "below the reference for up"),
        ({"view": "down"}, "below the reference for up"),
        ({"invalidation_level": "1.18272"}, "below the reference"),
        ({"invalidation_level": None}, "needs an invalidation_level"),
        ({"evidence_refs": []}, "evidence_refs"),
        ({"view": "none", "invalidation_level": None}, "no_trade_reason"),
        ({"quantity": "5"}, "Extra"),
    ],
)
def test_an_idea_that_contradicts_itself_is_none(change: dict[str, Any], says: str) -> None:
    """A view has its level on the right side and its evidence; none has its reason."""
    with pytest.raises(ValidationError, match=says):
        Hypothesis.model_validate_json(json.dumps(IDEA | change))


@pytest.mark.parametrize("answer", [OUTLOOK, IDEA, NONE])
def test_no_answer_is_taken_for_order_parameters(answer: dict[str, Any]) -> None:
    """Nor for anything else that a scope can forbid: its keys name no size, side, order or limit."""
    every = sorted(DETECTED)
    for text in (json.dumps(answer), json.dumps(answer, indent=1)):
        assert forbidden_outputs(text, every, allowed=("TradePlan", "Checklist", "Hypothesis")) == ()


def test_an_idea_with_a_size_is_found_out() -> None:
    """The check above can fail."""
    order = IDEA | {"instrument": "EUR/USD", "quantity": "900", "side": "buy"}
    assert [one.type for one in forbidden_outputs(json.dumps(order), ["OrderParameters"])] == [
        "OrderParameters"
    ]


@pytest.mark.parametrize("model", [Outlook, Hypothesis])
def test_schemas_hold_only_what_strict_modes_take(model: type[Outlook | Hypothesis]) -> None:
    """Lengths and patterns are told in words and checked here: some providers refuse a schema with them."""
    text = json.dumps(strict_schema(model))
    assert not any(
        f'"{word}"' in text for word in ("maxLength", "minLength", "maxItems", "minimum", "pattern")
    )


@given(close=st.decimals("1.10", "1.30", places=5))
def test_scenarios_that_meet_take_every_close_once(close: Decimal) -> None:
    """Bounds are half open, so that no close is in two and none in none."""
    scenarios = [Scenario.model_validate(one) for one in SCENARIOS]
    assert sum(one.holds(close) for one in scenarios) == 1
