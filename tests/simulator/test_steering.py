"""Models changed by hand: each change shows on the wire, and is taken back."""

from typing import Any

import orjson
import pytest

from peak_console.simulator.exact import exact
from peak_console.simulator.simulation import Simulation
from peak_console.simulator.steering import UNCHANGED, Steering
from peak_console.simulator.voices import spoken

VERDICT = {"type": "object", "properties": {"verdict": {"enum": ["PASS", "FAIL", "REVIEW"]}}}


def ask(
    simulation: Simulation, model: str = "gpt-4o", *, words: str = "Hello", **more: Any
) -> dict[str, Any]:
    """One chat completion."""
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}], **more}
    decided = simulation.answer("openai", None, {}, orjson.dumps(body), key="k")
    assert decided.reply.status == 200
    return {**orjson.loads(decided.reply.body), "delay_s": decided.delay_s}


def said(answer: dict[str, Any]) -> str:
    """The text of a chat completion."""
    return str(answer["choices"][0]["message"]["content"])


def simulation(**change: Any) -> Simulation:
    """Providers without errors, GPT-4o changed."""
    made = Simulation(error_rate=0.0)
    if change:
        made.steering.change("openai", "gpt-4o", change)
    return made


def test_a_swapped_model_answers_under_its_other_name() -> None:
    """The name and the fingerprint of the response are those given; another model's are its own."""
    changed = simulation(served_as="gpt-4o-2024-11-20", fingerprint="fp_new")
    answer = ask(changed)
    assert (answer["model"], answer["system_fingerprint"]) == ("gpt-4o-2024-11-20", "fp_new")
    assert ask(changed, "gpt-5-mini")["model"] == "gpt-5-mini-2025-08-07"
    changed.steering.end("openai", "gpt-4o")
    answer = ask(changed)
    assert (answer["model"], answer["system_fingerprint"]) == ("gpt-4o-2024-08-06", "fp_51db84afab")


def test_another_voice_answers_under_the_same_name() -> None:
    """The name stays, the words do not; JSON stays JSON."""
    usual, changed = ask(simulation()), ask(simulation(voice=2))
    assert usual["model"] == changed["model"]
    assert said(changed) != said(usual)
    assert said(changed).startswith("Sure")
    assert orjson.loads(spoken('{"text": "the range"}', 1)) == {"text": "the trading band"}


def test_latency_is_shifted_by_its_factor() -> None:
    """The same draw takes three times as long."""
    assert ask(simulation(latency=3))["delay_s"] == pytest.approx(3 * ask(simulation())["delay_s"])


def test_a_model_declines_in_the_form_of_its_interface() -> None:
    """OpenAI's interfaces have a field for it, Google's withholds the answer."""
    changed = simulation(refusal=1)
    message = ask(changed)["choices"][0]["message"]
    assert (message["content"], "can't help" in message["refusal"]) == (None, True)
    body = orjson.dumps({"model": "gpt-4o", "input": "Hello"})
    reply = changed.answer("openai", None, {}, body, key="k", interface="responses").reply
    assert orjson.loads(reply.body)["output"][-1]["content"][0]["type"] == "refusal"
    changed.steering.change("google", "gemini-2.5-flash", {"refusal": 1})
    body = orjson.dumps({"contents": [{"parts": [{"text": "x"}]}]})
    reply = changed.answer("google", "gemini-2.5-flash", {}, body, key="k").reply
    assert orjson.loads(reply.body)["candidates"][0]["finishReason"] == "SAFETY"


def test_a_declining_stream_declines_in_pieces() -> None:
    """The pieces stand in the field for refusals; none is content."""
    body = orjson.dumps({"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "x"}]})
    pieces = b"".join(simulation(refusal=1).answer("openai", None, {}, body, key="k").reply.pieces)
    assert b'"refusal":' in pieces
    assert b"help" not in b"".join(one for one in pieces.split(b"\n") if b'{"content"' in one)


def test_a_critic_turns_strict_and_an_author_spoils_its_form() -> None:
    """Rates of one are met always: each verdict is FAIL, no answer of a schema is JSON of that schema."""
    form = {"type": "json_schema", "json_schema": {"name": "v", "schema": VERDICT}}
    strict = simulation(critic_fail=1)
    verdicts = {orjson.loads(said(ask(strict, response_format=form)))["verdict"] for _ in range(20)}
    assert verdicts == {"FAIL"}
    other = {"type": "json_schema", "json_schema": {"name": "v", "schema": {"properties": {"a": {}}}}}
    spoiling = simulation(malformed=1)
    for _ in range(20):
        assert "```" in (text := said(ask(spoiling, response_format=other))) or not text.startswith('{"a": ')


@pytest.mark.parametrize(
    ("provider", "model", "asked", "said_of_it"),
    [
        ("nobody", "gpt-4o", {"voice": 1}, "provider is one of"),
        ("openai", "claude", {"voice": 1}, "no such model"),
        ("openai", "gpt-4o", {}, "what can be changed"),
        ("openai", "gpt-4o", {"speed": 1}, "what can be changed"),
        ("openai", "gpt-4o", {"latency": -1}, "latency is a number"),
        ("openai", "gpt-4o", {"refusal": 1.5}, "refusal is a number"),
        ("openai", "gpt-4o", {"refusal": True}, "refusal is a number"),
        ("openai", "gpt-4o", {"served_as": "a\nb"}, "served_as is a name"),
    ],
)
def test_a_wrong_change_is_refused(provider: str, model: str, asked: dict[str, Any], said_of_it: str) -> None:
    """What cannot be done is said, and nothing is changed."""
    steering = Steering()
    with pytest.raises(ValueError, match=said_of_it):
        steering.change(provider, model, asked)
    assert steering.told() == []


def test_changes_add_up_and_are_taken_back() -> None:
    """A second change keeps the first; the end of one model leaves the others."""
    steering = Steering()
    steering.change("openai", "gpt-4o", {"latency": 2})
    steering.change("openai", "gpt-4o", {"voice": 1})
    steering.change("google", "gemini-2.5-pro", {"refusal": 0.5})
    assert steering.told() == [
        {"provider": "google", "model": "gemini-2.5-pro", "refusal": 0.5},
        {"provider": "openai", "model": "gpt-4o", "voice": 1, "latency": 2.0},
    ]
    steering.end("openai", "gpt-4o")
    assert steering.of("openai", "gpt-4o") is UNCHANGED
    steering.end()
    assert steering.told() == []


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is 17 * 23?", "391"),
        ("What is 12.5 % of 640?", "80"),
        ("Sort in descending order: 3, 11, 2.5", "11, 3, 2.5"),
        ("Which is the smallest of: 0.5, 0.05, 5", "0.05"),
        ("The last day of the month 2024-02", "2024-02-29"),
        ("Which day of the week was 2024-07-04?", "Thursday"),
        ("Is 1.10 greater than 1.9?", "no"),
        ("Write in upper case: 'peak'", "PEAK"),
        ("What is the outlook?", None),
    ],
)
def test_questions_with_one_answer_get_it(question: str, answer: str | None) -> None:
    """A sum is the sum; what is no such question is left to the usual texts."""
    assert exact(question) == answer
