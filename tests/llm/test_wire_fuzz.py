import time
from random import Random

import orjson
import pytest
from wire_fuzz import cut_up, damaged, damaged_stream
from wire_seeds import BODIES, streams

from peak_console.domain.calls import Answer, Failure, Pending, Usage
from peak_console.domain.text import one_line
from peak_console.llm.providers.adapters import ADAPTERS, Adapter

BUDGET = 100_000
"""Damaged bodies over all adapters and shards."""
STREAM_BUDGET = 20_000
SHARDS = range(4)
STATUSES = (200,) * 12 + (
    201,
    202,
    204,
    100,
    301,
    400,
    401,
    402,
    403,
    404,
    408,
    422,
    424,
    429,
    500,
    503,
    529,
    999,
)
LONGEST_S = 5.0
CASES = [
    pytest.param(one, shard, id=f"{one.provider}-{one.endpoint}-{shard}")
    for one in ADAPTERS.values()
    for shard in SHARDS
]
HEADERS = (
    {},
    {"x-request-id": "\x1b[31m\u202e", "retry-after": "soon"},
    {"x-amzn-errortype": "ThrottlingException:x", "x-ratelimit-limit-req-minute": "0"},
)  # fmt: skip


def check(outcome: object) -> None:
    """An outcome is typed, plain where it will be shown, and its bill agrees with itself."""
    assert isinstance(outcome, Answer | Failure | Pending)
    if isinstance(outcome, Failure):
        assert len(outcome.detail) <= 300
        assert outcome.detail == one_line(outcome.detail, 300)
    if isinstance(outcome, Answer | Failure) and outcome.usage is not None:
        usage = outcome.usage
        assert isinstance(usage, Usage)
        assert 0 <= usage.cache_read + usage.cache_write <= usage.input_total
        assert 0 <= usage.reasoning <= usage.output_total
    for named in (outcome.request_id,) if outcome.request_id else ():
        assert isinstance(named, str)
    if isinstance(outcome, Answer):
        assert isinstance(outcome.text, str)
        for call in outcome.tool_calls:
            assert isinstance(call.id, str)
            assert isinstance(call.name, str)
            assert isinstance(call.arguments, dict)
    if not isinstance(outcome, Pending):
        assert outcome.model_echo is None or isinstance(outcome.model_echo, str)


@pytest.mark.slow
@pytest.mark.parametrize(("adapter", "shard"), CASES)
def test_damaged_bodies_have_typed_outcomes(adapter: Adapter, shard: int) -> None:
    """Whatever a body has become, there is an outcome, at once, and never an exception."""
    rng = Random(f"{adapter.provider}/{adapter.endpoint}/{shard}")  # noqa: S311 - the same damage every time
    answers = 0
    for _ in range(BUDGET // len(CASES) + 1):
        body = damaged(rng, rng.choice(BODIES[adapter.endpoint]))
        began = time.monotonic()
        outcome = adapter.parse(rng.choice(STATUSES), rng.choice(HEADERS), body)
        assert time.monotonic() - began < LONGEST_S
        check(outcome)
        answers += isinstance(outcome, Answer)
    assert answers, "all damage is fatal: the seeds are wrong"


@pytest.mark.slow
@pytest.mark.parametrize(("adapter", "shard"), CASES)
def test_damaged_streams_have_typed_outcomes(adapter: Adapter, shard: int) -> None:
    """Whatever a stream has become, and however it is cut: one outcome, and deltas that agree with it."""
    rng = Random(f"stream/{adapter.provider}/{adapter.endpoint}/{shard}")  # noqa: S311 - as above
    make = adapter.reader
    assert make is not None
    answers = 0
    for _ in range(STREAM_BUDGET // len(CASES) + 1):
        headers = rng.choice(HEADERS)
        stream = damaged_stream(rng, rng.choice(streams(adapter.provider, adapter.endpoint)))
        reader, whole = make(200, headers), make(200, headers)
        deltas = []
        began = time.monotonic()
        for piece in cut_up(rng, stream):
            deltas += reader.feed(piece)
            assert reader.model_echo is None or isinstance(reader.model_echo, str)
        outcome = reader.close()
        if adapter.endpoint != "converse":  # a wrong checksum takes the messages of its own chunk along
            assert (list(whole.feed(stream)), whole.close()) == (deltas, outcome)
        assert time.monotonic() - began < LONGEST_S
        check(outcome)
        if isinstance(outcome, Answer):
            answers += 1
            if adapter.endpoint == "responses":
                continue  # its last event holds the whole answer, whatever was said before
            assert "".join(delta.text for delta in deltas) == outcome.text
            for place, call in enumerate(outcome.tool_calls):
                told = "".join(delta.arguments for delta in deltas if delta.tool == place)
                assert orjson.loads(told or "{}") == call.arguments
    assert answers, "all damage is fatal: the seeds are wrong"


@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=lambda one: f"{one.provider}-{one.endpoint}")
def test_the_seeds_are_right(adapter: Adapter) -> None:
    """Undamaged, each interface's first body and every stream is an answer."""
    assert isinstance(adapter.parse(200, {}, BODIES[adapter.endpoint][0]), Answer)
    assert adapter.reader is not None
    for seed in streams(adapter.provider, adapter.endpoint):
        reader = adapter.reader(200, {})
        reader.feed(seed.whole)
        assert isinstance(reader.close(), Answer), adapter
