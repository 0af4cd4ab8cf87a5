"""Drift through a node: out of use at once, the route says why, a restart counts on, a release ends it."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from node_calls import completed, requested
from node_world import World, node_here, soon

from peak_console.control.gate import CallGate
from peak_console.domain.clock import SystemClock
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft, LedgerEvent
from peak_console.domain.vocabulary import Layer, Role
from peak_console.node.engine import Node
from peak_console.operations.locking.writing import Asked, Written, write
from peak_console.operations.route import route
from peak_console.operations.shadow.drift_now import DriftNow, drift_now
from peak_console.operations.shadow.releasing import Released, release_model
from peak_console.operations.views.shadow import DriftLine, DriftState

MODEL = "openai:gpt-5-mini"


def answered(call_id: str, **body: Any) -> list[EventDraft]:
    """A call of L2's primary and its answer, as usual but for ``body``."""
    asked, told = requested(call_id), completed(call_id)
    body = {**told.body, "served_model": "gpt-5-mini", "fingerprint": "fp_a", **body}
    return [replace(asked, model_id="gpt-5-mini"), replace(told, model_id="gpt-5-mini", body=body)]


async def answers(node: Node, name: str, count: int, **body: Any) -> None:
    """So many of them."""
    drafts = [one for number in range(count) for one in answered(f"{name}{number}", **body)]
    await node.server.append(drafts, actor="worker")


def quarantined(world: World) -> tuple[str, ...]:
    """The models that a worker's gate reads in the lease as out of use."""
    lease = CallGate(world.ws.control, SystemClock(), {}).lease()
    return lease.quarantined if lease else ()


def line(now: DriftNow) -> DriftLine:
    """What people see of the model in L2.primary."""
    return next(one for one in now.lines if (one.name, one.slots) == (MODEL, ("L2.primary",)))


def seen(node: Node, signal: str = "refusal") -> int:
    """How many calls a stream of the model has seen, as the node tells it."""
    report = node.detecting.drift.report()
    (one,) = [one for one in report["models"] if (one["layer"], one["model_id"]) == ("L2", "gpt-5-mini")]
    return next((int(stream["seen"]) for stream in one["streams"] if stream["name"] == signal), -1)


def reason(world: World) -> str:
    """Why the route takes the model, or passes it over."""
    today = SystemClock().now().date()
    document = route(world.ws, Layer.L2, Role.PRIMARY, today=today, assume_keys=True).as_dict()
    (one,) = [one for one in document["candidates"] if one["model_id"] == "gpt-5-mini"]
    return str(one.get("reason") or "")


def of_kind(world: World, kind: str) -> list[LedgerEvent]:
    """Events of a kind."""
    return [one for one in world.events() if one.kind == kind]


def write_lock(world: World, node: Node) -> Written:
    """``peak lock write``."""
    with world.client(node.socket_path) as client:
        return write(world.ws, client, Asked("test", "looked at it"))


def release(world: World, node: Node, model: str = MODEL, why: str = "rolled back") -> Released:
    """``peak drift release``."""
    with world.client(node.socket_path) as client:
        return release_model(world.ws, client, model, reason=why)


async def test_a_model_that_drifts_is_out_of_use_until_an_operator_lets_it_back(world: World) -> None:
    """From the lock's baseline to the release, over a restart and without the kept state."""
    (world.ws.root / "configs/shadow/jobs.toml").write_text(JOBS, encoding="utf-8")
    async with node_here(world) as node:
        await _drifts(world, node)
    async with node_here(world) as node:
        await _goes_on(world, node)
        await _is_let_back(world, node)
    world.ws.state.unlink()
    async with node_here(world) as node:
        await soon(lambda: seen(node) == 2, "it begins again behind the lock, and at the release")
        assert (quarantined(world), len(of_kind(world, "drift.detected"))) == ((), 1)
        await _holds_fingerprints_against_the_lock(world, node)


JOBS = '[[job]]\nname = "second-look"\nkind = "two_sample"\n[job.two_sample]\n'


async def _drifts(world: World, node: Node) -> None:
    await asyncio.to_thread(world.enable, node.socket_path)
    await soon(world.calls, "calls are permitted")
    await answers(node, "sound", 150)
    done = await asyncio.to_thread(write_lock, world, node)
    (entry,) = [one for one in done.file.entry if one.name == f"L2.primary {MODEL}"]
    assert (entry.fingerprints, entry.fingerprint_answers) == (("fp_a",), 150)
    await soon(lambda: node.detecting.drift.report()["lock"] == done.digest, "the lock counts")
    asked = list[tuple[str, str, str]]()

    async def ask_for(job: str, params: Any) -> None:
        asked.append((job, params["signal"], params["model_id"]))

    node.detecting.drift.ask_for = ask_for
    await answers(node, "odd", 3, refusal=True)
    await soon(lambda: asked == [("second-look", "refusal", "gpt-5-mini")], "a stronger test is asked for")
    assert not quarantined(world)
    await answers(node, "wrong", 17, refusal=True)
    await soon(lambda: quarantined(world) == (MODEL,), "the model is out of use", 1)
    await soon(lambda: of_kind(world, "drift.detected"), "it is on record")
    (ack,) = await node.server.append([replace(requested("late"), model_id="gpt-5-mini")], actor="worker")
    assert ack.refusal is not None
    assert ack.refusal.code == "model_quarantined"
    assert reason(world) == "model_quarantined"
    now = await asyncio.to_thread(drift_now, world.ws)
    (incident,), found = of_kind(world, "incident.opened"), line(now)
    assert (found.state, found.incident_id) == (DriftState.QUARANTINED, (incident.body or {})["incident_id"])
    assert "declines more often" in found.why
    assert found.gauge[0] >= found.gauge[1]
    assert (now.told_by_node, now.lock, now.brief[:13]) == (True, done.digest, "1 quarantined")


async def _goes_on(world: World, node: Node) -> None:
    """The next node knows it all, and tells nothing anew."""
    await soon(lambda: seen(node) > 0, "the state is read")
    counted = seen(node)
    assert counted < 20, "it rests since its alarm"
    assert seen(node, "format_fail") == 20
    assert quarantined(world) == (MODEL,)
    assert len(of_kind(world, "drift.detected")) == len(of_kind(world, "incident.opened")) == 1


async def _is_let_back(world: World, node: Node) -> None:
    for model, why, code in (
        (MODEL, " ", "reason_missing"),
        ("openai", "x", "model_malformed"),
        ("openai:gpt-5", "x", "model_not_quarantined"),
    ):
        with pytest.raises(PeakError) as refused:
            await asyncio.to_thread(release, world, node, model, why)
        assert refused.value.code == code
    done = await asyncio.to_thread(release, world, node)
    (event,) = of_kind(world, "model.released")
    assert (event.seq, (event.body or {})["operator"], done.support.lines) == (done.seq, "anna", ())
    await soon(lambda: not quarantined(world), "it is back", 2)
    assert reason(world) == "admitted"
    await soon(lambda: seen(node) == 0, "its tests begin again")
    await answers(node, "well", 2)
    await soon(lambda: seen(node) == 2, "they count")
    found = line(await asyncio.to_thread(drift_now, world.ws))
    assert (found.state, found.why) == (DriftState.OK, "")


async def _holds_fingerprints_against_the_lock(world: World, node: Node) -> None:
    """Another fingerprint takes the model out of use at once."""
    await answers(node, "another", 1, fingerprint="fp_b")
    await soon(lambda: quarantined(world) == (MODEL,), "the model is out of use", 2)


def test_without_a_node_the_ledger_tells_what_is_out_of_use(world: World) -> None:
    """And a note says who would tell more."""
    now = drift_now(world.ws)
    assert (now.lines, now.told_by_node) == ((), False)
    assert "peak node start" in now.problem
