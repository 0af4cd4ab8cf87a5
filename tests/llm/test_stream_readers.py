import itertools
import time
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire_shapes import (
    AZURE_STREAM,
    CHAT_STREAMS,
    GEMINI_LIMITED,
    GEMINI_STREAM,
    GEMINI_STREAMS,
    GEMINI_TOOLS_STREAM,
    MISTRAL_LIMITED,
    MISTRAL_STREAM,
    OPENAI_STREAM,
    OPENAI_TOOLS_STREAM,
    OPENAI_USAGE,
    TOGETHER_STREAM,
    events,
    gemini_piece,
    piece,
)

from peak_console.domain.calls import (
    Answer,
    CallReason,
    Delta,
    Failure,
    Finish,
    OutcomeClass,
    RateState,
    Usage,
)
from peak_console.llm.providers.google_stream import GoogleReader
from peak_console.llm.providers.openai_chat import for_provider
from peak_console.llm.providers.streaming import StreamReader

HEADERS = {"content-type": "text/event-stream; charset=utf-8", "x-request-id": "req_1"}
RETRY, NEXT, STOP = OutcomeClass.RETRY_HERE, OutcomeClass.NEXT_CANDIDATE, OutcomeClass.STOP
BILLED = Usage(100, 40, 0, 20, 5)
STREAMS = [(name, one) for name, streams in CHAT_STREAMS.items() for one in streams] + [
    ("google", one) for one in GEMINI_STREAMS
]
NAMES = [f"{name}-{place}" for place, (name, _) in enumerate(STREAMS)]


def reader(provider: str = "openai", headers: dict[str, str] | None = None) -> StreamReader:
    """A reader of a provider's stream."""
    told = HEADERS if headers is None else headers
    return GoogleReader(200, told) if provider == "google" else for_provider(provider).reader(200, told)


def read(stream: bytes, provider: str = "openai") -> tuple[list[Delta], Answer | Failure]:
    """What a whole stream gives."""
    one = reader(provider)
    deltas = list(one.feed(stream))
    return deltas, one.close()


def answered(stream: bytes, provider: str = "openai") -> Answer:
    """The answer of a whole stream."""
    outcome = read(stream, provider)[1]
    assert isinstance(outcome, Answer), outcome
    return outcome


def failed(stream: bytes, provider: str = "openai") -> Failure:
    """The failure of a whole stream."""
    outcome = read(stream, provider)[1]
    assert isinstance(outcome, Failure), outcome
    return outcome


def joined(deltas: Sequence[Delta]) -> tuple[str, dict[int, tuple[str, str]]]:
    """The text of deltas, and the name and arguments of each tool call."""
    calls: dict[int, tuple[str, str]] = {}
    for one in deltas:
        if one.tool is not None:
            name, arguments = calls.get(one.tool, ("", ""))
            calls[one.tool] = (name + one.tool_name, arguments + one.arguments)
    return "".join(one.text for one in deltas), calls


@settings(deadline=None)  # the machine of a test run is shared
@given(st.sampled_from(STREAMS), st.lists(st.integers(0, 3000), max_size=8))
def test_where_a_stream_is_cut_into_chunks_changes_nothing(named: tuple[str, bytes], cuts: list[int]) -> None:
    """Whole, cut anywhere, or byte by byte: the same deltas, the same outcome."""
    provider, stream = named
    whole = read(stream, provider)
    at = sorted({0, len(stream), *(cut % len(stream) for cut in cuts)})
    for places in (at, range(len(stream) + 1)):
        one = reader(provider)
        deltas = [delta for start, end in itertools.pairwise(places) for delta in one.feed(stream[start:end])]
        assert (deltas, one.close()) == whole


@pytest.mark.parametrize(("provider", "stream"), STREAMS, ids=NAMES)
def test_what_is_handed_on_is_the_answer(provider: str, stream: bytes) -> None:
    """The deltas' text is the answer's text, and their arguments are its tool calls'."""
    deltas, outcome = read(stream, provider)
    assert isinstance(outcome, Answer)
    text, calls = joined(deltas)
    assert text == outcome.text
    assert [(name, orjson.loads(arguments or "{}")) for name, arguments in calls.values()] == [
        (call.name, call.arguments) for call in outcome.tool_calls
    ]
    assert list(calls) == list(range(len(outcome.tool_calls)))


@pytest.mark.parametrize(("provider", "stream"), STREAMS, ids=NAMES)
def test_a_stream_without_its_end_is_told_as_cut(provider: str, stream: bytes) -> None:
    """Wherever it breaks off before its end mark, the outcome is a cut stream, never an answer."""
    end = stream.rindex(b"data: [DONE]") if provider != "google" else stream.rindex(b"data: ")
    for place in range(end):
        outcome = read(stream[:place], provider)[1]
        assert isinstance(outcome, Failure)
        assert outcome.reason is CallReason.STREAM_CUT
        assert outcome.outcome is (OutcomeClass.AMBIGUOUS if outcome.usage is None else NEXT)


def test_an_openai_stream_is_normalised() -> None:
    """Text, finish, the usage of its last chunk, echo, fingerprint and id."""
    outcome = answered(OPENAI_STREAM)
    assert (outcome.text, outcome.finish, outcome.usage) == ("Grüße, 世界", Finish.STOP, BILLED)
    assert (outcome.model_echo, outcome.fingerprint) == ("gpt-5-mini-2025-08-07", "fp_1")
    assert outcome.request_id == "req_1"
    assert outcome.rate == RateState()


def test_tool_calls_are_put_together_by_their_index() -> None:
    """Names once, arguments in pieces; none at all is an empty object."""
    deltas, outcome = read(OPENAI_TOOLS_STREAM)
    assert isinstance(outcome, Answer)
    assert outcome.finish is Finish.TOOL
    assert [(one.id, one.name, one.arguments) for one in outcome.tool_calls] == [
        ("call_a", "quote", {"pair": "EURUSD"}),
        ("call_b", "now", {}),
    ]
    assert joined(deltas)[1] == {0: ("quote", '{"pair":"EURUSD"}'), 1: ("now", "")}


def test_mistral_calls_arrive_whole_under_one_index() -> None:
    """Two calls of one delta are two calls, though their index is the same."""
    calls = [
        {"id": name * 9, "index": 0, "function": {"name": name, "arguments": '{"x":1}'}} for name in "ab"
    ]
    usage = {"prompt_tokens": 1, "completion_tokens": 1}
    stream = events(piece({"content": "", "tool_calls": calls}, "tool_calls", usage=usage))
    assert [(one.id, one.name) for one in answered(stream, "mistral").tool_calls] == [
        ("a" * 9, "a"),
        ("b" * 9, "b"),
    ]


@pytest.mark.parametrize(
    "stream",
    [
        events(piece({"content": "x"}), piece(finish="stop", usage=OPENAI_USAGE)),
        events(piece({"content": "x"}), piece(finish="stop"), piece(choices=[], usage=OPENAI_USAGE)),
        events(piece({"content": "x"}), piece(finish="stop"), piece({}, usage=OPENAI_USAGE)),
        events(
            piece({"content": "x"}, usage={"prompt_tokens": 100, "completion_tokens": 1}),
            piece({"content": ""}, "stop", usage=OPENAI_USAGE),
        ),
        events(piece({"content": "x"}, "stop", usage=OPENAI_USAGE), piece(choices=[], usage=None)),
    ],
    ids=["beside the finish", "alone", "with empty choices' words", "in every chunk", "a null after it"],
)
def test_usage_counts_however_it_arrives(stream: bytes) -> None:
    """A last chunk whose choices are not empty has its usage as well (litellm #36168)."""
    assert answered(stream).usage == BILLED


def test_a_zero_that_is_told_is_a_zero() -> None:
    """An explicit zero is not replaced by an estimate (litellm #37992); no usage is unknown."""
    zero = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    done = piece({"content": "x"}, "stop")
    assert answered(events(done, piece(choices=[], usage=zero))).usage == Usage()
    assert answered(events(done)).usage is None


def test_azure_streams_begin_with_a_verdict_on_the_prompt() -> None:
    """A chunk without choices and with an empty model, and chunks of filter results, are no answer's part."""
    one = reader("azure")
    first, _, rest = AZURE_STREAM.partition(b"\n\n")
    assert list(one.feed(first + b"\n\n")) == []
    assert (one.model_echo, one.failure) == (None, None)
    assert [delta.text for delta in one.feed(rest)] == ["fine"]
    assert one.model_echo == "gpt-4o-2024-11-20"
    assert isinstance(one.close(), Answer)


def test_thinking_chunks_are_no_part_of_the_answer() -> None:
    """Mistral's typed chunks: only text is; its usage comes with the finish."""
    outcome = answered(MISTRAL_STREAM, "mistral")
    assert (outcome.text, outcome.usage) == ("fine", Usage(input_total=10, output_total=2))
    assert failed(MISTRAL_STREAM, "openai").reason is CallReason.MALFORMED


def test_eos_is_a_stop() -> None:
    """Together's own word for an answer's natural end."""
    outcome = answered(TOGETHER_STREAM, "together")
    assert (outcome.text, outcome.finish) == ("fine", Finish.STOP)
    assert outcome.usage == Usage(input_total=18, output_total=21)


def test_a_refusal_is_handed_to_nobody_as_text() -> None:
    """Pieces of a refusal are put together apart from the answer."""
    stream = events(piece({"refusal": "I can"}), piece({"refusal": "not."}), piece(finish="stop"))
    deltas, outcome = read(stream)
    assert isinstance(outcome, Answer)
    assert (deltas, outcome.text, outcome.refusal) == ([], "", "I cannot.")


def test_another_model_in_mid_stream_is_seen() -> None:
    """The echo is the last one told: who speaks on is checked as who began."""
    one = reader()
    one.feed(events(piece({"content": "a"}), end=""))
    assert one.model_echo == "gpt-5-mini-2025-08-07"
    one.feed(events(piece({"content": "b"}, model="claude-x"), end=""))
    assert one.model_echo == "claude-x"
    google = reader("google")
    google.feed(events(gemini_piece({"text": "a"}), end=""))
    google.feed(events(gemini_piece({"text": "b"}, modelVersion="models/other"), end=""))
    assert google.model_echo == "other"


@pytest.mark.parametrize(
    ("provider", "error", "reason", "outcome"),
    [
        ("openai", {"type": "tokens", "code": "rate_limit_exceeded"}, CallReason.RATE_LIMITED, RETRY),
        ("openai", {"code": 429, "message": "slow down"}, CallReason.RATE_LIMITED, RETRY),
        ("openai", {"code": "429"}, CallReason.RATE_LIMITED, RETRY),
        ("openai", {"type": "insufficient_quota"}, CallReason.QUOTA_EXHAUSTED, STOP),
        ("openai", {"type": "server_error", "code": None}, CallReason.SERVER_ERROR, RETRY),
        ("azure", {"code": "content_filter"}, CallReason.CONTENT_FILTER, STOP),
        ("together", {"type": "overloaded_error"}, CallReason.OVERLOADED, RETRY),
        ("mistral", MISTRAL_LIMITED, CallReason.RATE_LIMITED, RETRY),
        ("openai", "something", CallReason.SERVER_ERROR, NEXT),
        ("openai", {"message": "something"}, CallReason.SERVER_ERROR, NEXT),
        ("google", GEMINI_LIMITED["error"], CallReason.RATE_LIMITED, RETRY),
        ("google", {"code": 503, "status": "UNAVAILABLE"}, CallReason.OVERLOADED, RETRY),
    ],
)
def test_an_error_within_a_stream_has_its_class(
    provider: str, error: Any, reason: CallReason, outcome: OutcomeClass
) -> None:
    """A 429 in a stream is a rate limit (litellm #22296): the status said 200, the event says what is so."""
    one = reader(provider)
    started = gemini_piece({"text": "a"}) if provider == "google" else piece({"content": "a"})
    assert [delta.text for delta in one.feed(events(started, {"error": error}, started, end=""))] == ["a"]
    assert one.failure is not None
    assert (one.failure.reason, one.failure.outcome) == (reason, outcome)
    assert list(one.feed(events(started))) == []
    closed = one.close()
    assert isinstance(closed, Failure)
    assert (closed.reason, closed.status, closed.usage) == (reason, 200, None)
    assert closed.detail.startswith("an error in the stream")
    assert closed.model_echo in {"gpt-5-mini-2025-08-07", "gemini-2.5-flash"}


def test_a_wait_told_within_a_stream_is_kept() -> None:
    """Google's RetryInfo counts in an event as in a body."""
    assert failed(events(GEMINI_LIMITED, end=""), "google").retry_after_s == 17


@pytest.mark.parametrize(("word", "reason"), [("content_filter", CallReason.CONTENT_FILTER)])
def test_a_filtered_stream_is_a_failure_with_its_bill(word: str, reason: CallReason) -> None:
    """What was handed on before stays handed on; the outcome says that the filter cut in."""
    outcome = failed(
        events(piece({"content": "x"}), piece(finish=word), piece(choices=[], usage=OPENAI_USAGE))
    )
    assert (outcome.reason, outcome.outcome, outcome.usage) == (reason, STOP, BILLED)


def test_a_partial_bill_is_no_bill() -> None:
    """Usage told before the finish grows; of a cut stream it is not what will be charged."""
    cut = events(piece({"content": "x"}, usage=OPENAI_USAGE), end="")
    assert failed(cut).usage is None
    assert failed(events(gemini_piece({"text": "x"}), end=""), "google").usage is None
    finished = events(piece({"content": "x"}, "stop", usage=OPENAI_USAGE), end="")
    outcome = failed(finished)
    assert (outcome.reason, outcome.outcome, outcome.usage) == (CallReason.STREAM_CUT, NEXT, BILLED)


def test_an_end_mark_without_its_newline_counts() -> None:
    """Whether the last blank line came says nothing; an event that broke off is none."""
    assert answered(OPENAI_STREAM.rstrip()) == answered(OPENAI_STREAM)
    assert failed(GEMINI_STREAM.rstrip(), "google").reason is CallReason.STREAM_CUT


@pytest.mark.parametrize(
    ("stream", "path"),
    [
        (b"data: {\n\n", "$"),
        (b"data: 5\n\n", "$"),
        (events({"model": "m"}), "choices"),
        (events(piece(choices={"0": 1})), "choices"),
        (events(piece(choices=[5])), "choices[0]"),
        (events(piece(choices=[{"index": 1, "delta": {"content": "x"}}])), "choices[0].index"),
        (events(piece(model=5)), "model"),  # type: ignore[arg-type]
        (events(piece({"content": 5})), "choices[0].delta.content"),
        (events(piece({"content": "x"}, "eos")), "choices[0].finish_reason"),
        (events(piece({"content": "x"})), "choices[0].finish_reason"),
        (events(piece(finish="stop")), "choices[0].delta.content"),
        (events(piece({"content": "x"}, "stop", usage={"prompt_tokens": 1})), "usage"),
        (events(piece({"tool_calls": [{"index": -1, "id": "a"}]})), "choices[0].delta.tool_calls[0].index"),
        (
            events(
                piece({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}}]}),
                piece(finish="tool_calls"),
            ),
            "choices[0].delta.tool_calls[0].function.arguments",
        ),
        (
            events(piece({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}, "tool_calls")),
            "choices[0].delta.tool_calls[0]",
        ),
    ],
)  # fmt: skip
def test_a_chat_reader_never_guesses(stream: bytes, path: str) -> None:
    """An unexpected shape is malformed, and the offending path is named."""
    outcome = failed(stream)
    assert (outcome.reason, outcome.outcome) == (CallReason.MALFORMED, NEXT)
    assert outcome.detail.startswith(path)


@pytest.mark.parametrize("provider", ["openai", "google"])
@pytest.mark.parametrize("kind", ["application/json", "text/html; charset=utf-8"])
def test_another_kind_of_body_is_no_stream(provider: str, kind: str) -> None:
    """A server that did not stream has not answered what was asked."""
    one = reader(provider, {"content-type": kind})
    assert one.failure is not None
    assert one.failure.reason is CallReason.MALFORMED
    assert list(one.feed(OPENAI_STREAM)) == []
    assert isinstance(one.close(), Failure)


def test_a_gemini_stream_is_normalised() -> None:
    """Thoughts skipped, the last usage, output as candidates and thoughts together."""
    outcome = answered(GEMINI_STREAM, "google")
    assert (outcome.text, outcome.finish) == ("Grüße, 世界", Finish.STOP)
    assert outcome.usage == Usage(100, 10, 0, 50, 30)
    assert (outcome.model_echo, outcome.request_id) == ("gemini-2.5-flash", "req_1")
    tools = answered(GEMINI_TOOLS_STREAM, "google")
    assert tools.finish is Finish.TOOL
    assert [(one.id, one.name, one.arguments) for one in tools.tool_calls] == [
        ("call_0", "quote", {"pair": "EURUSD"}),
        ("x", "now", {}),
    ]


def test_a_blocked_prompt_ends_a_gemini_stream() -> None:
    """No candidates, a reason, and what the prompt cost."""
    usage = {"promptTokenCount": 9, "totalTokenCount": 9}
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": usage}
    outcome = failed(events(blocked, end=""), "google")
    assert (outcome.reason, outcome.outcome) == (CallReason.CONTENT_FILTER, STOP)
    assert outcome.usage == Usage(input_total=9)


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (events(gemini_piece({"text": "x"}, finish="SAFETY"), end=""), CallReason.CONTENT_FILTER),
        (events(gemini_piece(finish="MALFORMED_FUNCTION_CALL"), end=""), CallReason.MALFORMED),
        (events(gemini_piece(finish="STOP"), end=""), CallReason.MALFORMED),
        (events(gemini_piece({"text": "x"}, finish="NEW"), end=""), CallReason.MALFORMED),
        (events(gemini_piece({"inlineData": {}}), end=""), CallReason.MALFORMED),
    ],
)
def test_a_gemini_stream_may_end_badly(stream: bytes, reason: CallReason) -> None:
    """Withheld, broken, empty, or of a shape that nobody knows."""
    assert failed(stream, "google").reason is reason


def test_searches_are_counted() -> None:
    """Queries that the provider ran are on the bill."""
    last = gemini_piece({"text": "x"}, finish="STOP")
    last["candidates"][0]["groundingMetadata"] = {"webSearchQueries": ["a", "b"]}
    usage = answered(events(last, end=""), "google").usage
    assert usage is not None
    assert usage.hosted_calls == 2


def test_reading_takes_time_in_proportion_to_the_stream() -> None:
    """One event in many thousand pieces, or very many events: no piece is read twice."""
    big = events(piece({"content": "x" * 400_000}), piece({"content": "."}, "stop"))
    many = events(*[piece({"content": "x"})] * 20_000, piece({"content": "."}, "stop"))
    for stream, step in ((big, 7), (many, 100)):
        began = time.process_time()
        one = reader()
        for start in range(0, len(stream), step):
            one.feed(stream[start : start + step])
        assert isinstance(one.close(), Answer)
        assert time.process_time() - began < 8
