"""What the simulated analyst and advisor answer."""

import json
import random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from peak_console.domain.outlook import Hypothesis, Outlook
from peak_console.llm.structured import strict_schema
from peak_console.simulator.fitted import Share, fitted
from peak_console.simulator.ideas import idea, is_idea_schema

BARS = """EUR/USD, hourly bars:
time,open,high,low,close,volume
2024-01-02T00:00,1.10100,1.10300,1.10000,1.10200,900
2024-01-02T01:00,1.10200,1.10600,1.10150,1.10500,700
2024-01-02T02:00,1.10500,1.10550,1.10250,1.10300,800
"""
OUTLOOK, HYPOTHESIS = strict_schema(Outlook), strict_schema(Hypothesis)


def seeded(seed: int) -> random.Random:
    """The draws of a seed."""
    return random.Random(seed)  # noqa: S311 - a simulation, not a secret


def answers(schema: dict[str, Any], count: int = 300) -> list[str]:
    """Answers of ``count`` seeds."""
    return [idea(schema, BARS, seeded(seed)) for seed in range(count)]


def read(model: type[Outlook] | type[Hypothesis], texts: list[str]) -> list[Any]:
    """Those of ``texts`` that are answers in full."""
    found = []
    for text in texts:
        try:
            found.append(model.model_validate_json(text))
        except ValidationError:
            continue
    return found


def test_outlooks_are_sound_mostly_and_broken_sometimes() -> None:
    """Nine of ten are outlooks about the prompt's bars; some are not, and the confidence varies."""
    found = read(Outlook, answers(OUTLOOK))
    assert 260 <= len(found) < 300
    assert {one.reference_level for one in found} == {"1.10300"}
    assert {one.confidence.value for one in found} == {"low", "medium", "high"}
    assert all("EUR/USD" in one.summary for one in found)


def test_hypotheses_go_up_down_and_nowhere() -> None:
    """Every view occurs, each idea with its level on the right side of the last close."""
    texts = answers(HYPOTHESIS)
    found = read(Hypothesis, texts)
    assert 260 <= len(found) < 300
    assert {one.view.value for one in found} == {"up", "down", "none"}
    assert {one.conviction.value for one in found} == {"low", "medium", "high"}
    assert 10 < sum(one.view.value == "none" for one in found) < 100
    assert texts == answers(HYPOTHESIS), "the same seeds give the same answers"


def test_a_prompt_without_prices_gets_an_idea_all_the_same() -> None:
    """Nothing in the prompt is needed for an answer of the right shape."""
    texts = [idea(HYPOTHESIS, "no data", seeded(seed), malformed=0) for seed in range(50)]
    assert len(read(Hypothesis, texts)) > 40


def test_other_schemas_are_none_of_them() -> None:
    """A schema is taken for an idea's by its names only."""
    assert is_idea_schema(OUTLOOK)
    assert is_idea_schema(HYPOTHESIS)
    assert not is_idea_schema({"type": "object", "properties": {"view": {"type": "string"}}})
    assert not is_idea_schema({"properties": "scenarios"})


@pytest.mark.parametrize(
    ("wanted", "value"),
    [
        ({"enum": ["low", "high"]}, "high"),
        ({"type": "integer", "minimum": 0, "maximum": 100}, 80),
        ({"type": "number", "maximum": 1}, 0.8),
        ({"type": "integer", "maximum": 10}, 8),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, "high"),
        ({"type": ["null", "string"]}, "high"),
        ({"$ref": "#/$defs/strength"}, 80),
    ],
)
def test_a_strength_takes_the_form_that_is_wanted(wanted: dict[str, Any], value: object) -> None:
    """A word where words are wanted, a number within its bounds where numbers are."""
    schema = {
        "type": "object",
        "properties": {"conviction": wanted},
        "$defs": {"strength": {"type": "integer"}},
    }
    assert fitted(schema, {"conviction": Share("high", 80)}, seeded(1)) == {"conviction": value}


@given(seed=st.integers(0, 2**32))
@settings(max_examples=30)
def test_what_has_no_content_is_drawn(seed: int) -> None:
    """A property that nobody has content for is filled by its type, and everything is JSON."""
    schema = {
        "type": "object",
        "properties": {
            "view": {"enum": ["long"]},
            "other": {"type": "array", "items": {"type": "integer"}, "minItems": 2},
            "level": {"anyOf": [{"type": "number"}, {"type": "string"}]},
        },
    }
    made = fitted(schema, {"view": "up", "level": "1.5"}, seeded(seed))
    assert made["view"] == "long"
    assert len(made["other"]) == 2
    assert made["level"] == "1.5"
    assert orjson.loads(json.dumps(made)) == made
