import enum
from typing import Any, Literal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback_server import Exchange, Handler, LoopbackServer
from pydantic import BaseModel, Field, field_validator
from road import Road, answering, asking, chat, gemini, reasons
from streams import Steered, ending, whole, words

from peak_console.domain.calls import Answer, Finish, Usage
from peak_console.domain.errors import CallFailed, UsageWrong
from peak_console.domain.vocabulary import Layer
from peak_console.llm.structured import Invalid, can_be_repaired, read, repaired, shaped, strict_schema


class Bias(enum.StrEnum):
    """Where it goes."""

    UP = "up"
    DOWN = "down"


class Level(BaseModel):
    """A price that matters."""

    price: float = Field(gt=0)
    title: str = "support"


class Outlook(BaseModel):
    """What the market may do."""

    bias: Bias
    horizon: Literal["day", "week"] = "day"
    levels: list[Level] = []
    default: int | None = None


GOOD = '{"bias":"up","horizon":"week","levels":[{"price":1.1,"title":"support"}],"default":null}'
BAD = '{"bias":"sideways","horizon":"week","levels":[],"default":null}'


def answers(*texts: str, finish: str = "stop", usage: Any = ...) -> Handler:
    """A handler under which openai gives these texts in turn, the last one from then on; google answers."""
    left = list(texts)
    plain = answering(google=gemini(GOOD))

    async def handler(exchange: Exchange) -> None:
        if "generateContent" in exchange.path:
            await plain(exchange)
            return
        text = left.pop(0) if len(left) > 1 else left[0]
        message = {"role": "assistant", "content": text, "refusal": None}
        changes: dict[str, Any] = {"choices": [{"index": 0, "message": message, "finish_reason": finish}]}
        if usage is None:
            changes["usage"] = None
        await exchange.answer(200, chat(model=orjson.loads(exchange.body)["model"], **changes))

    return handler


def bodies(road: Road, kind: str) -> list[dict[str, Any]]:
    """The bodies of all events of a kind."""
    return [dict(event.body or {}) for event in road.events(kind)]


async def test_a_model_comes_back_as_an_object(road: Road, providers: LoopbackServer) -> None:
    """The schema goes out in strict form under the model's name; the answer comes back validated."""
    providers.handler = answers(GOOD)
    result = await road.client.call(layer="L2", messages="Outlook?", answer=Outlook)
    assert isinstance(result.parsed, Outlook)
    assert (result.parsed.bias, result.parsed.levels[0].price) == (Bias.UP, 1.1)
    asked = orjson.loads(providers.seen[0].body)["response_format"]["json_schema"]
    assert (asked["name"], asked["strict"]) == ("Outlook", True)
    assert asked["schema"]["required"] == ["bias", "horizon", "levels", "default"]


async def test_a_wrong_answer_is_repaired_once_by_the_same_model(
    road: Road, providers: LoopbackServer
) -> None:
    """One more hop, same call, same candidate, with the answer and what is wrong with it; both are paid."""
    providers.handler = answers(BAD, GOOD)
    result = await road.client.call(layer="L2", messages="Outlook?", answer=Outlook)
    assert result.parsed.bias is Bias.UP
    assert (result.hop, result.fallback, result.model_id) == (2, False, "gpt-5-mini")
    assert road.kinds() == [
        "llm.call.requested",
        "llm.call.failed",
        "llm.call.requested",
        "llm.call.completed",
    ]
    (failed,) = bodies(road, "llm.call.failed")
    assert (failed["reason"], failed["cost_basis"], failed["then"]) == ("malformed", "usage", "next")
    assert "bias" in failed["detail"]
    first, second = bodies(road, "llm.call.requested")
    assert ("repair" in first, second["repair"], second["hop"]) == (False, True, 2)
    assert len({event.call_id for event in road.events()}) == 1
    said = [(one["role"], one["content"]) for one in orjson.loads(providers.seen[1].body)["messages"]]
    assert said[0] == ("user", "Outlook?")
    assert said[1] == ("assistant", BAD)
    assert "bias" in said[2][1]
    road.check()


async def test_a_second_wrong_answer_is_the_next_candidates_turn(
    road: Road, providers: LoopbackServer
) -> None:
    """One repair, no more: then the next candidate is asked, with the request as it was."""
    providers.handler = answers(BAD)
    result = await road.client.call(layer="L2", messages="Outlook?", answer=Outlook)
    assert (result.provider, result.hop, result.parsed.bias) == ("google", 3, Bias.UP)
    assert reasons(road.events("llm.call.failed")) == ["malformed", "malformed"]
    assert len(orjson.loads(providers.seen[2].body)["contents"]) == 1
    assert road.kinds().count("llm.fallback.taken") == 1
    road.check()


async def test_the_chains_end_is_malformed(road: Road, providers: LoopbackServer) -> None:
    """Without a next candidate the call fails as malformed, with what each hop cost on the ledger."""
    providers.handler = answers("no json at all")
    with pytest.raises(CallFailed) as caught:
        await road.client.call(layer="L4", messages="Outlook?", answer=Outlook)
    assert caught.value.details["reasons"] == ["malformed", "malformed"]
    assert [one["then"] for one in bodies(road, "llm.call.failed")] == ["next", "abort"]
    road.check()


async def test_a_repair_without_a_bill_is_booked_at_its_bound(road: Road, providers: LoopbackServer) -> None:
    """A wrong answer whose price nobody told is spent at its bound."""
    providers.handler = answers(BAD, usage=None)
    with pytest.raises(CallFailed):
        await road.client.call(layer="L4", messages="Outlook?", answer=Outlook)
    assert {one["cost_basis"] for one in bodies(road, "llm.call.failed")} == {"worst_case"}


async def test_what_was_cut_at_the_output_limit_is_not_asked_for_again(
    road: Road, providers: LoopbackServer
) -> None:
    """The same model would be cut there again: the next candidate is asked."""
    providers.handler = answers(GOOD[:20], finish="length")
    result = await road.client.call(layer="L2", messages="Outlook?", answer=Outlook)
    assert (result.provider, result.hop) == ("google", 2)


async def test_the_calls_own_cost_limit_holds_for_a_repair(road: Road, providers: LoopbackServer) -> None:
    """A repair that does not fit the call's own limit is not sent."""
    providers.handler = answers(GOOD, BAD)
    await road.client.call(layer="L4", messages="?", answer=Outlook)
    bound = bodies(road, "llm.call.requested")[0]["bound_eur"]
    with pytest.raises(CallFailed):
        await road.client.call(layer="L4", messages="?", answer=Outlook, max_cost_eur=bound)
    assert len(providers.seen) == 2


async def test_a_refusal_is_no_wrong_answer(road: Road, providers: LoopbackServer) -> None:
    """A model that declines is not asked again: nothing is parsed, and the refusal is told."""
    message = {"role": "assistant", "content": None, "refusal": "I will not"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    providers.handler = answering(chat(choices=[choice]))
    result = await road.client.call(layer="L2", messages="?", answer=Outlook)
    assert (result.parsed, result.extra["refusal"], result.hop) == (None, "I will not", 1)


async def test_a_validator_that_raises_costs_a_repair_not_the_record(
    road: Road, providers: LoopbackServer
) -> None:
    """A caller's own validator may raise anything: the hop is recorded, the call fails as malformed."""

    class Explosive(BaseModel):
        bias: str

        @field_validator("bias")
        @classmethod
        def explode(cls, value: str) -> str:
            raise RuntimeError(value)

    providers.handler = answers(GOOD)
    with pytest.raises(CallFailed):
        await road.client.call(layer="L4", messages="?", answer=Explosive)
    assert "RuntimeError" in bodies(road, "llm.call.failed")[0]["detail"]
    road.check()


async def test_a_stream_is_parsed_and_never_repaired(road: Road, providers: LoopbackServer) -> None:
    """A streamed answer is validated at its end; once it was handed on nobody is asked again."""
    handler = Steered()
    providers.handler = handler
    handler.put(*words([GOOD]), *ending())
    async with road.client.stream(layer="L2", messages="?", answer=Outlook) as stream:
        result = await stream.result()
    assert result.parsed.bias is Bias.UP

    async def wrong(exchange: Exchange) -> None:
        for piece in whole(BAD):
            await exchange.raw(piece)

    providers.handler = wrong
    before = len(providers.seen)
    with pytest.raises(CallFailed) as caught:
        async with road.client.stream(layer="L2", messages="?", answer=Outlook) as stream:
            await stream.result()
    assert caught.value.code == "malformed"
    assert len(providers.seen) == before + 1
    road.check()


async def test_a_schema_without_a_model_keeps_working(road: Road, providers: LoopbackServer) -> None:
    """A JSON schema alone goes out as it is; the text comes back as it is, unjudged."""
    providers.handler = answers(BAD)
    schema = {"type": "object", "properties": {"bias": {"type": "string"}}}
    result = await road.client.call(asking(response_schema=schema))
    assert (result.text, result.parsed) == (BAD, None)


async def test_wrong_uses_are_told(road: Road) -> None:
    """No pydantic model, or a model beside a schema: nothing is asked."""
    with pytest.raises(UsageWrong, match="pydantic"):
        await road.client.call(asking(), answer=dict)  # type: ignore[arg-type]
    with pytest.raises(UsageWrong, match="both"):
        await road.client.call(asking(response_schema={"type": "object"}), answer=Outlook)


def test_the_strict_schema_keeps_names_that_are_words_of_schemas() -> None:
    """Properties called title or default stay; the schema's own title and default go, at every depth."""
    schema = strict_schema(Outlook)
    assert set(schema["properties"]) == {"bias", "horizon", "levels", "default"}
    level = schema["$defs"]["Level"]
    assert set(level["properties"]) == {"price", "title"}
    assert level["required"] == ["price", "title"]
    assert level["additionalProperties"] is False
    assert "title" not in schema
    assert "default" not in schema["properties"]["horizon"]
    assert schema["description"] == "What the market may do."


def test_a_schema_is_the_callers_to_change() -> None:
    """What one call does to its schema no other call sees."""
    strict_schema(Outlook)["properties"].clear()
    assert strict_schema(Outlook)["properties"]


@given(
    text=st.text(max_size=200) | st.sampled_from([GOOD, BAD, "[]", "null", "{}", "[" * 500, '{"bias":NaN}'])
)
def test_whatever_a_model_says_is_an_object_or_told_plainly(text: str) -> None:
    """Reading never raises; what is wrong is a few short lines without control characters."""
    answer = Answer(text, Finish.STOP, Usage(), "gpt-5-mini")
    found = read(answer, Outlook)
    assert isinstance(found, Outlook | Invalid)
    if isinstance(found, Invalid):
        assert 1 <= len(found.problems) <= 11
        assert all(problem.isprintable() and len(problem) <= 200 for problem in found.problems)
        again = repaired(shaped(asking(layer=Layer.L2), Outlook), found)
        assert len(again.messages) == 3
        assert can_be_repaired(answer)
