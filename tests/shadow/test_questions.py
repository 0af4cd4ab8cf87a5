"""Questions read back from what was sent: every interface's form, and nothing that cannot be asked again."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.config.lock import LockEntry, StoredSample
from peak_console.config.registry import Endpoint
from peak_console.domain.calls import CallRequest, Message
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.vocabulary import Layer
from peak_console.llm.providers.adapters import ADAPTERS
from peak_console.llm.providers.reading_back import asked_again
from peak_console.llm.providers.wire import WireCall
from peak_console.llm.router import request_hash
from peak_console.shadow.questions import gather

RUN = "20261122_140000_k3v9qx"
SCHEMA = {
    "type": "object",
    "properties": {"view": {"type": "string"}},
    "required": ["view"],
    "additionalProperties": False,
}
MESSAGES = (
    Message(role="system", content="You are an analyst."),
    Message(role="user", content="What of EUR/USD?"),
    Message(role="assistant", content="Which window?"),
    Message(role="user", content="48 bars — «all»"),
)


def sent(endpoint: str, **changes: Any) -> dict[str, Any]:
    """A call as an adapter writes it."""
    adapter = next(one for (_, kind), one in ADAPTERS.items() if kind == endpoint)
    words = {
        "model_id": "m",
        "messages": MESSAGES,
        "max_output_tokens": 100,
        "base_url": "http://127.0.0.1:1",
        "response_schema": SCHEMA,
        "response_schema_name": "hypothesis",
        **changes,
    }
    body: dict[str, Any] = orjson.loads(adapter.build(WireCall(**words)).body)
    return body


@pytest.mark.parametrize("endpoint", sorted({kind for _, kind in ADAPTERS}))
def test_what_an_adapter_wrote_is_read_back(endpoint: str) -> None:
    """Messages and schema are those of the call, whichever interface it was written for."""
    found = asked_again(sent(endpoint))
    assert found is not None
    again = found.request(layer=Layer.L2)
    assert again.messages == MESSAGES
    assert again.response_schema is not None
    assert set(again.response_schema["properties"]) == {"view"}


def test_temperature_and_effort_are_kept() -> None:
    """They change what a model says, so they are asked again."""
    found = asked_again(sent(Endpoint.CHAT, temperature=0.3, reasoning_effort="low"))
    assert found is not None
    again = found.request(layer=Layer.L2)
    assert (again.temperature, again.reasoning_effort) == (0.3, "low")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"prompt": "x"},
        {"messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function"}]},
        {"messages": [{"role": "tool", "content": "x"}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
        {"messages": []},
        {"messages": [{"content": "x"}]},
        {"messages": "x"},
        {"input": [{"type": "function_call_output", "output": "x"}]},
        {"input": "x", "background": True},
        {"contents": [{"role": "function", "parts": [{"text": "x"}]}]},
    ],
)
def test_what_cannot_be_asked_again_is_none(body: dict[str, Any]) -> None:
    """Tools, pictures, background work, and what is no request at all."""
    assert asked_again(body) is None


@given(
    st.dictionaries(
        st.sampled_from(["messages", "input", "contents", "system", "text", "generationConfig"]),
        st.recursive(
            st.none() | st.text(max_size=3) | st.integers(),
            lambda inner: (
                st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=8), inner, max_size=2)
            ),
            max_leaves=4,
        ),
    )
)
def test_no_body_breaks_the_reading(body: dict[str, Any]) -> None:
    """What stands in a run's texts may be anything."""
    found = asked_again(body)
    assert found is None or isinstance(found.request(layer=Layer.L2), CallRequest)


def keep(runs: Path, question: str, answer: str, *, spoil: bool = False) -> StoredSample:
    """Keep a call's texts; gives what a lock would hold of it."""
    body = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": question}]})
    folder = runs / RUN
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "texts.jsonl").open("ab") as file:
        for kind, text in (("request", body.decode()), ("answer", answer)):
            sha256 = sha256_hex(text.encode())
            line = {"sha256": sha256, "kind": kind, "call_id": "c", "text": text + "!" * spoil}
            file.write(orjson.dumps(line) + b"\n")
    return StoredSample(
        run_id=RUN,
        request_hash=request_hash("m", body, canonical_body=False),
        answer_sha256=sha256_hex(answer.encode()),
    )


def entry(*samples: StoredSample) -> LockEntry:
    """An entry with these samples."""
    return LockEntry.model_construct(model_id="m", samples=samples)


def test_answers_of_one_question_come_together(tmp_path: Path) -> None:
    """Two samples of the same request are one question with two answers; questions keep the lock's order."""
    samples = [keep(tmp_path, "b", "1"), keep(tmp_path, "a", "2"), keep(tmp_path, "b", "3")]
    found = gather(tmp_path, entry(*samples), (), 10)
    assert [one.answers for one in found.questions] == [["1", "3"], ["2"]]
    assert (found.gone, found.other) == (0, 0)


def test_no_more_questions_than_asked_for(tmp_path: Path) -> None:
    """The first ones; further answers to them still come."""
    samples = [keep(tmp_path, "b", "1"), keep(tmp_path, "a", "2"), keep(tmp_path, "b", "3")]
    assert [one.answers for one in gather(tmp_path, entry(*samples), (), 1).questions] == [["1", "3"]]


def test_what_was_changed_is_gone(tmp_path: Path) -> None:
    """A text that has not the hash it is kept under, another run, a run id that is a path."""
    spoilt = keep(tmp_path, "a", "1", spoil=True)
    other = spoilt.model_copy(update={"run_id": "20261122_140000_zzzzzz"})
    outside = spoilt.model_copy(update={"run_id": f"../{tmp_path.name}/{RUN}"})
    assert gather(tmp_path, entry(spoilt, other, outside), (), 10).gone == 3


def test_a_deployment_is_another_name_of_the_model(tmp_path: Path) -> None:
    """The hash was made with the name on the wire, which may be a deployment's."""
    sample = keep(tmp_path, "a", "1")
    renamed = LockEntry.model_construct(model_id="other", samples=(sample,))
    assert gather(tmp_path, renamed, (), 10).gone == 1
    assert len(gather(tmp_path, renamed, ("m",), 10).questions) == 1
