"""Filter expressions over calls and log lines: what they mean, and what is said of those that mean none."""

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.operations.views.call_filter import KEYS, read_call_filter
from peak_console.operations.views.calls import CallLine
from peak_console.operations.views.log import LogLine
from peak_console.operations.views.log_filter import read_log_filter
from peak_console.operations.views.terms import FilterInvalid

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
LINE = CallLine(
    seq=10,
    ts=NOW - timedelta(minutes=5),
    call_id="call_abc",
    run_id="20261122_130000_zz81qm",
    layer="L2",
    role="critic",
    provider="openai",
    model_id="gpt-5.2",
    outcome="failed",
    reason="timeout",
    latency_ms=6200.0,
    cost=12_000_000,
    tokens_in=900,
    tokens_out=200,
    hop=2,
    fallback=True,
)


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("layer:L2", True),
        ("layer:l2,L3", True),
        ("layer:L3", False),
        ("-layer:L3", True),
        ("-layer:L2", False),
        ("role:critic outcome:failed", True),
        ("outcome:ok", False),
        ("latency>5s", True),
        ("latency>6.2s", False),
        ("latency>=6.2s", True),
        ("latency>=6200ms latency<2m", True),
        ("cost>0.01", True),
        ("cost>1ct", True),
        ("cost<0.01€", False),
        ("tokens>1k", True),
        ("hop:2", True),
        ("hop=2", True),
        ("model:gpt-5*", True),
        ("model:GPT-5.2", True),
        ("model:gpt", False),
        ("reason:time*,server_error", True),
        ("run:*zz81qm", True),
        ("is:fallback", True),
        ("is:degraded", False),
        ("since:10m", True),
        ("since:4m", False),
        ("until:4m", True),
        ("since:13:50", True),
        ("since:2026-11-22T13:56", False),
        ("gpt-5", True),
        ('"time"', True),
        ("mistral", False),
    ],
)
def test_what_a_filter_lets_through(text: str, matches: bool) -> None:  # noqa: FBT001 - the expected answer
    """Each key means what its name says; terms must all hold."""
    assert read_call_filter(text, NOW).matches(LINE) is matches


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("colour:red", 1, "not a filter key"),
        ("outcome:failed layer:L9", 16, "cannot be L9"),
        ("latency>5", 1, "5 is no latency"),
        ("latency>soon", 1, "is no latency"),
        ("layer>L2", 1, "no order"),
        ("model:", 1, "no value"),
        ('model:"gpt', 1, "never closed"),
        ("since:yesterday", 1, "is no time"),
        ("is:slow", 1, "cannot be slow"),
    ],
)
def test_a_filter_that_cannot_be_read_is_told_with_its_column(text: str, column: int, says: str) -> None:
    """The error names what is wrong, where, and what could stand there."""
    with pytest.raises(FilterInvalid) as error:
        read_call_filter(text, NOW)
    assert says in error.value.message
    assert error.value.details["column"] == column
    assert error.value.remedy


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_remedy(text: str) -> None:
    """No text raises anything but ``FilterInvalid``; what was read can be asked."""
    refused: FilterInvalid | None = None
    try:
        wanted = read_call_filter(text, NOW)
    except FilterInvalid as error:
        refused = error
    if refused is None:
        assert wanted.matches(LINE) in {True, False}
    else:
        assert (bool(refused.message), bool(refused.remedy)) == (True, True)


@given(st.sampled_from(KEYS), st.sampled_from([":", ">", "<", ">=", "<=", "="]), st.text(max_size=12))
def test_any_term_is_read_or_refused(key: str, op: str, value: str) -> None:
    """No value of any key raises anything but ``FilterInvalid``."""
    with contextlib.suppress(FilterInvalid):
        read_call_filter(f"{key}{op}{value}", NOW).matches(LINE)


def test_what_an_index_can_answer_is_handed_on() -> None:
    """Single plain values of indexed columns are exact; patterns, lists and negations are not."""
    exact = dict(read_call_filter("layer:l2 role:critic provider:openai model:gpt-5.2 run:abc", NOW).exact)
    assert exact == {
        "layer": "L2",
        "role": "critic",
        "provider": "openai",
        "model_id": "gpt-5.2",
        "run_id": "abc",
    }
    assert read_call_filter("layer:L1,L2 -role:critic model:gpt* provider:OpenAI", NOW).exact == ()
    assert read_call_filter("outcome:failed,refused", NOW).outcomes == ("failed", "refused")
    assert read_call_filter("since:10m", NOW).since == NOW - timedelta(minutes=10)


LOG = LogLine(
    1, NOW - timedelta(minutes=1), "warning", "node.lease", "not renewed", {"layer": "L2", "run_id": "r1"}
)


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("level:info", True),
        ("level:warning", True),
        ("level:error", False),
        ("logger:node", True),
        ("logger:llm", False),
        ("layer:L2 run:r1", True),
        ("since:2m renewed", True),
        ("since:10s", False),
        ("-renewed", False),
    ],
)
def test_what_a_log_filter_lets_through(text: str, matches: bool) -> None:  # noqa: FBT001 - the expected answer
    """A level means that level and graver; a logger means it and those below it."""
    assert read_log_filter(text, NOW).matches(LOG) is matches


def test_an_unreadable_line_passes_every_level() -> None:
    """What cannot be read is never hidden by a level."""
    line = LogLine(1, None, "unreadable", "", "", {}, "{broken")
    assert read_log_filter("level:error", NOW).matches(line)
