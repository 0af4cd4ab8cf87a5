"""A run made on the real road replays without difference; one changed figure of its record is reported."""

import copy
import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from loopback_server import Exchange, LoopbackServer
from pydantic import BaseModel
from risk.gate_cases import BASE, document
from road import Road, answering, asking, failing
from streams import sending
from streams import whole as streamed
from wire_shapes import chat

from peak_console.config.load import load_configs
from peak_console.config.sources import MAIN_FILES
from peak_console.config.workspace import Workspace
from peak_console.critic.service import Critic
from peak_console.critic.slots import Judge, Lens
from peak_console.domain.calls import HostedTool
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.vocabulary import Layer, PhaseLevel, Role
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.replaying.configs import Versions
from peak_console.operations.replaying.replay import replayed
from peak_console.operations.replaying.report import Decision, ReplayReport
from peak_console.operations.replaying.texts import texts_of
from peak_console.risk.gate import decide
from peak_console.risk.recorded import decided_body

VERDICT = '{"verdict": "REVIEW", "findings": []}'
MATRIX_PROMPTS = '\n[L2.prompts]\ncritic = "judge@1"\nprimary = "work@1"\n'


class Outlook(BaseModel):
    """The shape that a structured answer must have."""

    direction: str


def started(ws: Workspace) -> LedgerEvent:
    """A ``node.started`` that names the configs in the folder."""
    digests = {
        name: hashlib.sha256((ws.root / path).read_bytes()).hexdigest()
        for name, path in MAIN_FILES.items()
        if (ws.root / path).exists()
    }
    none = "0" * 64
    return LedgerEvent(
        0, "ev", "2026-01-01T00:00:00.000000Z", 0, "node.started", "node", none, none, none,
        body={"digests": digests},
    )  # fmt: skip


def run_of(ws: Workspace) -> list[LedgerEvent]:
    """The events of the only run."""
    with LedgerReader(ws.ledger) as reader:
        return [event for event in reader.read(0, 10_000) if event.run_id]


def replay_of(ws: Workspace, events: list[LedgerEvent], **texts: str) -> ReplayReport:
    """The replay of these events, with the run's texts and ``texts``."""
    run_id = str(events[0].run_id)
    kept = texts_of(ws.runs / run_id) | texts
    return replayed(run_id, events, Versions(ws, [started(ws)]), kept)


async def whole_run(road: Road, providers: LoopbackServer) -> list[LedgerEvent]:
    """A run with an answer, a fallback, a repair, a stream, a passed-over background call, and a verdict."""
    folder = road.ws.prompts
    for name in ("judge", "work"):
        (folder / name).mkdir(parents=True)
        (folder / name / "1.md").write_text(f"You are {name}.")
    road.ws.matrix.write_text(road.ws.matrix.read_text() + MATRIX_PROMPTS)
    async with road.client.run(layer=Layer.L2, purpose="outlook", max_cost_eur="5") as run:
        judged = await run.call(asking())
        providers.handler = sending(*streamed("side", "ways"))
        async with run.stream(asking("in pieces")) as stream:
            assert [delta.text async for delta in stream] == ["side", "ways"]
        providers.handler = failing(500)
        await run.call(asking(timeout_s=5))
        providers.handler = answering(openai=chat('{"wrong": 1}', model="gpt-5-mini-2025-08-07"))
        with pytest.raises(PeakError):
            await run.call(asking("as an object", Layer.L2, max_output_tokens=90), answer=Outlook)
        with pytest.raises(PeakError):
            await run.call(
                asking(background=True, hosted_tools=(HostedTool(name="web_search", max_calls=2),))
            )
        configs = load_configs(road.ws, today=road.client._clock.now().date())
        critic = Critic(run, road.ledger, configs, PhaseLevel.RESEARCH)
        prose, verdict = (
            answering(openai=chat(said, model="gpt-5.2-2025-12-11")) for said in ("It is fine.", VERDICT)
        )
        left = [prose, verdict]

        async def handler(exchange: Exchange) -> None:
            await left.pop(0)(exchange)

        providers.handler = handler
        await critic.judge(judged, Judge(Layer.L2, Role.CRITIC, Lens.CONTENT), task="look")
    events = run_of(road.ws)
    return [*events, gate_decided(events[-1])]


def gate_decided(last: LedgerEvent) -> LedgerEvent:
    """A decision of the gate in the same run."""
    inputs = document(BASE)
    return replace(
        last, seq=last.seq + 1, kind="gate.decided", call_id=None, body=decided_body(inputs, decide(inputs))
    )


async def test_a_real_run_replays_without_difference(road: Road, providers: LoopbackServer) -> None:
    """Fallback, repair, stream, refusal, verdict and gate: each decision comes out as it was recorded."""
    events = await whole_run(road, providers)
    assert any((one.body or {}).get("ttft_us") is not None for one in events), "one of them was a stream"
    report = replay_of(road.ws, events)
    assert report.differs == ()
    assert report.skipped == ()
    assert set(report.checked) == {kind.value for kind in Decision}


def body_changed(
    events: list[LedgerEvent], kind: EventKind, change: Callable[[dict[str, Any]], None]
) -> list[LedgerEvent]:
    """The events with the body of the first of ``kind`` changed; the ledger's own file stays as it is."""
    at = next(place for place, one in enumerate(events) if one.kind == kind)
    body = copy.deepcopy(dict(events[at].body or {}))
    change(body)
    return [*events[:at], replace(events[at], body=body), *events[at + 1 :]]


def said(**fields: Any) -> Callable[[dict[str, Any]], None]:
    """A change that writes these fields."""
    return lambda body: body.update(fields)


def first_row(**fields: Any) -> Callable[[dict[str, Any]], None]:
    """A change of the route's first candidate."""
    return lambda body: body["route"][0].update(fields)


CHANGES: list[tuple[EventKind, Callable[[dict[str, Any]], None], Decision]] = [
    (EventKind.CALL_COMPLETED, said(cost_eur="0.000000001"), Decision.COST),
    (EventKind.CALL_COMPLETED, said(price_source="elsewhere"), Decision.COST),
    (EventKind.CALL_COMPLETED, said(served_model="gpt-4o"), Decision.DENY),
    (EventKind.CALL_COMPLETED, said(served_model="cl\u0430ude-3"), Decision.DENY),
    (EventKind.CALL_REQUESTED, said(bound_eur="0.000000001"), Decision.BOUND),
    (EventKind.CALL_REQUESTED, said(bound_tokens=7), Decision.BOUND),
    (EventKind.CALL_REQUESTED, said(bound_eur="6.000000000"), Decision.BUDGET),
    (EventKind.CALL_REQUESTED, said(request_hash="0" * 64), Decision.REQUEST_HASH),
    (EventKind.CALL_REQUESTED, said(base_url="https://api.anthropic.com"), Decision.DENY),
    (EventKind.CALL_REQUESTED, first_row(admitted=False, reason="model_shut_down"), Decision.ROUTING),
    (EventKind.CALL_REQUESTED, first_row(input_usd_per_mtok="0.01"), Decision.ROUTING),
    (EventKind.CALL_REQUESTED, lambda body: body["route"].reverse(), Decision.ROUTING),
    (EventKind.FALLBACK_TAKEN, said(reason="quota_exhausted"), Decision.CHOICE),
    (EventKind.CRITIC_JUDGED, said(verdict="PASS"), Decision.CRITIC),
    (EventKind.CRITIC_JUDGED, said(findings=[{"id": "F1"}]), Decision.CRITIC),
    (EventKind.CRITIC_JUDGED, lambda body: body["sod"].update(ok=False), Decision.SOD),
    (EventKind.CRITIC_JUDGED, lambda body: body["retry"].update(reason="missing"), Decision.CRITIC),
    (EventKind.GATE_DECIDED, said(verdict="BLOCK"), Decision.GATE),
    (EventKind.GATE_DECIDED, lambda body: body["inputs"]["posture"].update(calls=False), Decision.GATE),
]


async def test_each_changed_figure_is_reported(road: Road, providers: LoopbackServer) -> None:
    """A cost, price, bound, hash, verdict, candidate or name that was changed in the record differs."""
    events = await whole_run(road, providers)
    for kind, change, expected in CHANGES:
        report = replay_of(road.ws, body_changed(events, kind, change))
        assert expected in {one.kind for one in report.differs}, (kind, expected, report.differs)


async def test_another_model_than_the_route_names_is_reported(road: Road, providers: LoopbackServer) -> None:
    """Whoever changes who was asked changes a choice."""
    events = await whole_run(road, providers)
    at = next(place for place, one in enumerate(events) if one.kind == EventKind.CALL_REQUESTED)
    other = replace(events[at], provider="google", model_id="gemini-2.5-flash", role="fallback")
    report = replay_of(road.ws, [*events[:at], other, *events[at + 1 :]])
    assert Decision.CHOICE in {one.kind for one in report.differs}


async def test_what_is_gone_is_skipped_with_its_reason_and_never_fails(
    road: Road, providers: LoopbackServer
) -> None:
    """Pruned bodies, dropped texts and missing config versions are told; nothing is called a difference."""
    events = await whole_run(road, providers)
    bare = [replace(one, body=None) if one.kind.startswith("llm.") else one for one in events]
    pruned = replay_of(road.ws, bare)
    assert pruned.differs == ()
    assert {"the event's body was pruned"} <= {one.why for one in pruned.skipped}
    (road.ws.runs / str(events[0].run_id) / "texts.jsonl").unlink()
    assert {one.kind for one in replay_of(road.ws, events).skipped} == {
        Decision.CRITIC,
        Decision.REQUEST_HASH,
    }
    road.ws.prices.write_text(road.ws.prices.read_text() + "\n# edited\n")
    report = replayed(
        str(events[0].run_id),
        events,
        Versions(Workspace(road.ws.root / "elsewhere"), [started(road.ws)]),
        {},
    )
    assert report.differs == ()
    assert any(one.why.startswith("config version missing") for one in report.skipped)
