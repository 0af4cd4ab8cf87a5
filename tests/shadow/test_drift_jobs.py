"""Canary rounds and two-sample tests over the road, against simulated providers that are changed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cycle_world import World, permit, stop, world

from peak_console.config.jobs import Job
from peak_console.config.lock import LockEntry, StoredSample
from peak_console.domain.calls import CallRequest, Message
from peak_console.domain.errors import ConfigInvalid, ControlRefused, UsageWrong
from peak_console.domain.jobs import RunState
from peak_console.domain.vocabulary import Layer
from peak_console.shadow import asked_slots
from peak_console.shadow.canaries import AT_ONCE, run_canaries
from peak_console.shadow.two_sample import run_two_sample
from peak_console.simulator.faults import Fault, Ordered

MODEL = "openai:gpt-5-mini"
QUESTIONS = [f"Market outlook for EUR/USD, window {number}: 1.10{number:02d}0" for number in range(8)]


def gold(**more: Any) -> Job:
    """A round of gold cases for L2."""
    settings = {"cases": "gold", "slots": [{"layer": "L2"}]} | more
    return Job.model_validate({"name": "eurusd", "kind": "canary", "canary": settings})


def second_look(**more: Any) -> Job:
    """A two-sample test."""
    settings = {"prompts": 8, "repeats": 4, "permutations": 999, "slots": [{"layer": "L2"}]} | more
    return Job.model_validate({"name": "eurusd", "kind": "two_sample", "two_sample": settings})


def checked(there: World) -> list[Mapping[str, Any]]:
    """What the checks recorded."""
    return [event.body or {} for event in there.events("drift.checked")]


async def test_a_round_tells_a_sound_model_from_a_changed_one(tmp_path: Path) -> None:
    """All pass; another model under the same name fails most, and each failure is named with its call."""
    async with world(tmp_path) as there:
        sound = await run_canaries(there.working(gold()))
        assert (sound.state, sound.outcome) == (RunState.DONE, "passed")
        there.simulation.steering.change("openai", "gpt-5-mini", {"voice": 1})
        changed = await run_canaries(there.working(gold()))
        assert (changed.state, changed.outcome) == (RunState.DONE, "failed")
        first, second = checked(there)
        assert (first["cases"], first["passed"], first["ok"]) == (13, 13, True)
        assert len(first["gold"]) == 13
        assert (first["layer"], first["role"], first["model_id"]) == ("L2", "primary", "gpt-5-mini")
        assert (second["ok"], second["cases"]) == (False, 13)
        assert second["passed"] < 5
        failures = {one["id"]: one for one in second["failures"]}
        assert failures["product"]["why"] == "another text"
        assert failures["product"]["call_id"].startswith("call_")
        (event, *_) = there.events("drift.checked")
        assert (event.run_id, event.model_id) == (sound.run_id, "gpt-5-mini")


async def test_a_model_that_is_down_has_failed_nothing(tmp_path: Path) -> None:
    """A fallback's answers are told and not counted: no check is recorded of either."""
    async with world(tmp_path) as there:
        there.simulation.desk.order(Ordered(Fault.RATE_LIMITED_LONG, "openai", times=1000))
        end = await run_canaries(there.working(gold()))
        assert (end.state, end.outcome) == (RunState.FAILED, "unanswered")
        assert "13 answered by another model" in end.detail
        assert checked(there) == []


async def test_dead_providers_do_not_keep_other_slots_from_being_tested(tmp_path: Path) -> None:
    """Nobody answers the first slot: it is left after three cases, well within the job's time."""
    async with world(tmp_path) as there:
        for provider in ("openai", "google"):
            there.simulation.desk.order(Ordered(Fault.HANG, provider, times=1000))
        slots = [{"layer": "L2"}, {"layer": "L3", "role": "fallback"}]
        job = gold(slots=slots).model_copy(update={"timeout_s": 4})
        end = await run_canaries(there.working(job))
        assert (end.state, end.outcome) == (RunState.DONE, "incomplete")
        assert "L2.primary openai:gpt-5-mini: 0 of 0 passed, 13 not answered" in end.detail
        (told,) = checked(there)
        assert (told["provider"], told["cases"]) == ("mistral", 13)
        asked = [event.body or {} for event in there.events("llm.call.requested") if event.layer == "L2"]
        assert len(asked) <= 2 * AT_ONCE, "each of three, and its fallback"


async def test_a_quarantined_model_is_put_gold_cases_and_nothing_else(tmp_path: Path) -> None:
    """As evidence: by a canary job's own client alone, and nobody stands in; a stop binds it all the same."""
    async with world(tmp_path) as there:
        permit(there.ws, quarantined=(MODEL,))
        unasked = await run_canaries(there.working(gold()))
        assert (unasked.outcome, checked(there)) == ("unanswered", [])
        async with there.canary_client() as client:
            end = await run_canaries(there.working(gold(), client=client))
            assert (end.outcome, "as evidence for its release only" in end.detail) == ("passed", True)
            (told,) = checked(there)
            assert (told["passed"], told["out_of_use"]) == (13, True)
            ends = [one for one in there.events("llm.call.completed") if one.run_id == end.run_id]
            assert {(one.model_id, (one.body or {})["out_of_use"]) for one in ends} == {("gpt-5-mini", True)}
            there.simulation.desk.order(Ordered(Fault.RATE_LIMITED_LONG, "openai", times=1000))
            down = await run_canaries(there.working(gold(), client=client))
            assert (down.outcome, "another model" in down.detail) == ("unanswered", False)
            permit(there.ws, quarantined=(MODEL,), stopped_scopes=(f"model:{MODEL}",))
            asked = len(there.events("llm.call.requested"))
            assert (await run_canaries(there.working(gold(), client=client))).outcome == "unanswered"
            assert len(there.events("llm.call.requested")) == asked


async def test_a_budget_ends_a_round_and_what_came_counts(tmp_path: Path) -> None:
    """Cases that were not paid for are unanswered: the round failed none, and has not held either."""
    async with world(tmp_path) as there:
        job = gold().model_copy(update={"budget": gold().budget.model_copy(update={"max_calls": 4})})
        end = await run_canaries(there.working(job))
        assert (end.outcome, "(budget)" in end.detail) == ("incomplete", True)
        (told,) = checked(there)
        assert (told["cases"], told["unanswered"], told["asked"]) == (4, 9, 13)
        assert (told["ok"], told["failures"]) == (False, [])


async def test_only_cases_that_the_lock_stands_on_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A case that came later is asked and told; it is no gold case of this model yet."""
    async with world(tmp_path) as there:
        cases = there.working(gold()).configs.current().canaries.sets["gold"].case
        locked = LockEntry.model_construct(canaries=(cases[0].digest, cases[1].digest))
        monkeypatch.setattr(asked_slots.AskedSlot, "entry", lambda *_: locked)
        await run_canaries(there.working(gold()))
        (told,) = checked(there)
        assert (told["cases"], told["others"], told["others_passed"]) == (2, 11, 11)
        assert (told["ok"], told["asked"]) == (True, 2)
        gone = LockEntry.model_construct(canaries=(cases[0].digest, "0" * 64))
        monkeypatch.setattr(asked_slots.AskedSlot, "entry", lambda *_: gone)
        assert (await run_canaries(there.working(gold()))).outcome == "incomplete"
        told = checked(there)[-1]
        assert (told["ok"], told["asked"], told["cases"]) == (False, 2, 1), "a locked case is not there"


async def test_what_cannot_be_asked_is_said(tmp_path: Path) -> None:
    """A set that is not there, a slot without a model, a stop, a test without a slot."""
    async with world(tmp_path) as there:
        with pytest.raises(ConfigInvalid, match="no set of gold cases other"):
            await run_canaries(there.working(gold(cases="other")))
        empty = await run_canaries(there.working(gold(slots=[{"layer": "L3", "role": "critic"}])))
        assert (empty.outcome, empty.detail) == ("unanswered", "L3.critic has no model")
        with pytest.raises(UsageWrong, match="nobody said which one"):
            await run_two_sample(there.working(second_look(slots=[])))
        with pytest.raises(UsageWrong, match="is no slot"):
            await run_two_sample(there.working(second_look(), params={"layer": "L9\x1b[2J"}))
        stop(there.ws)
        with pytest.raises(ControlRefused):
            await run_canaries(there.working(gold()))


async def test_a_two_sample_test_tells_another_writer_by_its_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Locked answers against fresh ones: the same model is not told apart, another one is; twice the same."""
    async with world(tmp_path) as there:
        entry = await locked_entry(there)
        monkeypatch.setattr(asked_slots.AskedSlot, "entry", lambda *_: entry)
        same = await run_two_sample(there.working(second_look()))
        assert (same.state, same.outcome) == (RunState.DONE, "same")
        there.simulation.steering.change("openai", "gpt-5-mini", {"voice": 1})
        asked = there.working(second_look(slots=[]), params={"layer": "L2", "role": "primary"})
        drifted = await run_two_sample(asked)
        assert drifted.outcome == "drift"
        first, second = checked(there)
        assert (first["tier"], first["ok"], second["ok"]) == ("two_sample", True, False)
        assert (second["cases"], second["samples"]) == (8, 40)
        assert float(second["p_value"]) < 0.01 <= float(first["p_value"])


async def test_pruned_texts_are_no_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is gone, changed, or was never locked is said plainly; nothing is recorded of the model."""
    async with world(tmp_path) as there:
        entry = await locked_entry(there, count=2)
        unknown = await run_two_sample(there.working(second_look()))
        assert (unknown.outcome, "no lock knows it" in unknown.detail) == ("no_sample", True)
        monkeypatch.setattr(asked_slots.AskedSlot, "entry", lambda *_: entry)
        few = await run_two_sample(there.working(second_look(repeats=1)))
        assert (few.outcome, "cannot give a p-value" in few.detail) == ("too_few", True)
        texts = there.ws.runs / entry.samples[0].run_id / "texts.jsonl"
        texts.write_bytes(texts.read_bytes().replace(b"window", b"Window"))
        gone = await run_two_sample(there.working(second_look()))
        assert gone.outcome == "no_sample"
        assert "the texts of 2 of 2 samples are gone" in gone.detail
        assert checked(there) == []


async def locked_entry(there: World, *, count: int = 8) -> LockEntry:
    """What a lock would hold of answers to the first questions."""
    permit(there.ws)
    samples = []
    async with there.client.run(purpose="work") as run:
        for question in QUESTIONS[:count]:
            messages = (
                Message(role="system", content="You are a market analyst."),
                Message(role="user", content=question),
            )
            await run.call(CallRequest(layer=Layer.L2, messages=messages))
    for event in there.events("llm.call.completed"):
        body = event.body or {}
        samples.append(
            StoredSample(
                run_id=event.run_id or "",
                request_hash=body["request_hash"],
                answer_sha256=body["answer_text_sha256"],
            )
        )
    return LockEntry.model_construct(model_id="gpt-5-mini", samples=tuple(samples), canaries=())
