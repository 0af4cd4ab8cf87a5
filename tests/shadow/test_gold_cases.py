"""Whether an answer to a gold case is right."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.config.canaries import CanaryCase, Expected
from peak_console.domain.calls import CallResult, Finish, Usage
from peak_console.shadow.gold import LONGEST, differs, wrong

OBJECT = {"values": {"pair": "EUR/USD", "bars": 48, "stale": False}, "types": {"last": "number"}}
RIGHT = '{"pair": "EUR/USD", "bars": 48, "stale": false, "last": 1.1}'


@pytest.mark.parametrize(
    ("expect", "said", "why"),
    [
        ({"text": "391"}, " 391\n", None),
        ({"text": "391"}, "391.", "another text"),
        ({"text": "391"}, "The answer is 391", "another text"),
        ({"pattern": r"80(\.0+)?"}, "80.00", None),
        ({"pattern": r"80(\.0+)?"}, "about 80", "it does not fit the pattern"),
        (OBJECT, RIGHT, None),
        (OBJECT, f"```json\n{RIGHT}\n```", "no JSON object"),
        (OBJECT, "[1]", "no JSON object"),
        (OBJECT, "[" * 5000, "no JSON object"),
        (OBJECT, RIGHT.replace("48", "47"), "bars has another value"),
        (OBJECT, RIGHT.replace("48", "48.0"), "bars has another value"),
        (OBJECT, RIGHT.replace("false", "0"), "stale has another value"),
        (OBJECT, RIGHT.replace("1.1", '"1.1"'), "last is no number"),
        (OBJECT, RIGHT.replace("1.1", "true"), "last is no number"),
        (OBJECT, RIGHT.replace(', "last": 1.1', ""), "key last is missing"),
        (OBJECT, RIGHT.replace("}", ', "more": 1}'), "it has a key that was not asked for"),
        ({"types": {"a": "null"}}, '{"a": null}', None),
        ({"types": {"a": "integer"}}, '{"a": 1.5}', "a is no integer"),
        ({"text": "x"}, "x" * (LONGEST + 1), "it is far too long"),
    ],
)
def test_what_is_right_and_why_not(expect: dict[str, Any], said: str, why: str | None) -> None:
    """Blanks around an answer do not matter, everything else does."""
    assert differs(Expected.model_validate(expect), said) == why


@given(said=st.text())
def test_what_is_told_of_an_answer_holds_no_word_of_it(said: str) -> None:
    """Reasons are the program's words, whatever a model wrote; and no text breaks the judging."""
    for expect in ({"text": "391"}, {"pattern": "[0-9]+"}, OBJECT):
        why = differs(Expected.model_validate(expect), said)
        assert why is None or why in {"another text", "it does not fit the pattern", "no JSON object"}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, None),
        ({"finish": Finish.LENGTH}, "it was cut at the output limit"),
        ({"extra": {"refusal": "I cannot"}}, "it declined"),
    ],
)
def test_an_answer_that_is_none_is_wrong(changes: dict[str, Any], why: str | None) -> None:
    """Declining and being cut are told as what they are."""
    words = dict.fromkeys(("call_id", "run_id", "layer", "role", "provider", "model_id", "cost_eur"), "x")
    facts = {"served_model": None, "latency_ms": 1.0, "hop": 1, "fallback": False, "degraded": False}
    answer = CallResult(
        **({"text": "2", "finish": Finish.STOP, "usage": Usage()} | words | facts | changes)  # type: ignore[arg-type]
    )
    case = CanaryCase.model_validate({"id": "sum", "prompt": "1 + 1?", "expect": {"text": "2"}})
    assert wrong(case, answer) == why
