from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.domain.calls import (
    Answer,
    CallReason,
    Delta,
    Failure,
    Finish,
    OutcomeClass,
    Pending,
    ToolCall,
    Usage,
)
from peak_console.llm.striking import Secrets, struck, struck_delta
from peak_console.net.messages import REDACTED

KEY = "sk-canary-striking-0123456789"
OTHER = "canary-other-0123456789"
SECRETS = Secrets([KEY, OTHER])


@given(st.text(max_size=30), st.text(max_size=30), st.sampled_from([KEY, OTHER]))
def test_a_key_never_stays_whole(before: str, after: str, key: str) -> None:
    """Wherever it stands in a text."""
    found = SECRETS.struck(before + key + after)
    assert KEY not in found
    assert OTHER not in found


@given(st.integers(min_value=12, max_value=len(KEY)), st.sampled_from(["", "…", "…' answered"]))
def test_a_key_that_was_cut_does_not_stay_either(length: int, end: str) -> None:
    """What is quoted is cut to a length, perhaps within a key."""
    assert SECRETS.struck(f"it said {KEY[:length]}{end}") == f"it said {REDACTED}{end}"


@given(st.text(max_size=200))
def test_a_text_without_a_key_stays_as_it_is(text: str) -> None:
    """Nothing else is touched."""
    assert SECRETS.struck(text) is text


def test_one_key_may_be_a_part_of_another() -> None:
    """The longer one is struck whole, in whatever order they became known."""
    secrets = Secrets(["canary-part"])
    secrets.add(["canary-part-of-more", "short", ""])
    assert secrets.struck("canary-part-of-more short") == f"{REDACTED} short"
    assert "canary" not in repr(secrets)


ANSWER = Answer("fine", Finish.STOP, Usage(1), "m", (ToolCall(id="1", name="t", arguments={}),), "fp", "req")
FAILURE = Failure(CallReason.MALFORMED, OutcomeClass.NEXT_CANDIDATE, "no", request_id="req", model_echo="m")
PENDING = Pending("resp_1", "queued", "m", "req")


@pytest.mark.parametrize(
    ("outcome", "name"),
    [
        *((ANSWER, name) for name in ("text", "model_echo", "fingerprint", "request_id", "refusal")),
        *((FAILURE, name) for name in ("detail", "model_echo", "request_id")),
        *((PENDING, name) for name in ("status", "model_echo", "request_id")),
    ],
)
def test_every_text_of_an_outcome_is_struck(outcome: Any, name: str) -> None:
    """And the outcome is otherwise the same; one without a key is the very same."""
    fields = {one: getattr(outcome, one) for one in outcome.__slots__}
    quoting = type(outcome)(**fields | {name: f"a {KEY} b"})
    expected = type(outcome)(**fields | {name: f"a {REDACTED} b"})
    assert struck(quoting, SECRETS) == expected
    assert struck(outcome, SECRETS) is outcome


def test_tool_calls_are_struck_to_their_depth() -> None:
    """Ids, names, and what the arguments hold, names of their fields too."""
    call = ToolCall(id=KEY, name=KEY, arguments={KEY: [{"a": KEY}, 1, None, f"b {OTHER}"]})
    answer = Answer("", Finish.TOOL, None, "m", (call,))
    expected = ToolCall(
        id=REDACTED, name=REDACTED, arguments={REDACTED: [{"a": REDACTED}, 1, None, f"b {REDACTED}"]}
    )
    assert struck(answer, SECRETS).tool_calls == (expected,)


def test_a_delta_is_struck_or_the_very_same() -> None:
    """A key that stands whole in one delta is not handed on."""
    plain = Delta("some words")
    assert struck_delta(plain, SECRETS) is plain
    found = struck_delta(Delta(f"{KEY}", 0, KEY, f'{{"a": "{KEY}"}}'), SECRETS)
    assert found == Delta(REDACTED, 0, REDACTED, f'{{"a": "{REDACTED}"}}')
