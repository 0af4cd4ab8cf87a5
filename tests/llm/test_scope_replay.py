"""A verdict by the scope is judged again like any other: from the text, under the scopes of that time."""

from dataclasses import replace
from typing import Any

import pytest
from loopback_server import LoopbackServer
from road import SCOPE, Road, answering, asking
from test_replaying import started
from wire_shapes import chat

from peak_console.config.load import load_configs
from peak_console.config.versions import keep_versions
from peak_console.critic.service import Critic
from peak_console.domain.verdict import Verdict
from peak_console.domain.vocabulary import PhaseLevel
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.replaying.configs import Versions
from peak_console.operations.replaying.replay import replayed
from peak_console.operations.replaying.texts import texts_of

ORDER = '{"symbol": "EURUSD", "side": "buy", "qty": 1}'


@pytest.mark.parametrize("kept", [True, False])
async def test_a_verdict_by_the_scope_is_judged_again(
    road: Road, providers: LoopbackServer, *, kept: bool
) -> None:
    """It comes out the same; a changed one differs; without the scopes of that time it is skipped."""
    file = road.ws.scopes / "L2.toml"
    file.write_text(SCOPE.format("L2") + '[outputs]\nforbidden = ["OrderParameters"]\n')
    providers.handler = answering(openai=chat(ORDER, model="gpt-5-mini-2025-08-07"))
    result = await road.client.call(asking())
    configs = load_configs(road.ws, today=road.client._clock.now().date())
    if kept:
        keep_versions(road.ws, configs)
    critic = Critic(road.client, road.ledger, configs, PhaseLevel.RESEARCH)
    assert (await critic.review(result, task="Outlook.")).verdict is Verdict.FAIL
    with LedgerReader(road.ws.ledger) as reader:
        events = [event for event in reader.read(0, 1000) if event.run_id]
    node = started(road.ws)
    digests: dict[str, Any] = dict((node.body or {})["digests"]) | {"scopes": configs.digests["scopes"]}
    versions = Versions(road.ws, [replace(node, body={"digests": digests})])
    texts = texts_of(road.ws.runs / result.run_id)
    report = replayed(result.run_id, events, versions, texts)
    assert report.differs == ()
    assert bool(report.skipped) is not kept
    if kept:
        changed = replace(events[-1], body={**(events[-1].body or {}), "verdict": "PASS"})
        assert replayed(result.run_id, [*events[:-1], changed], versions, texts).differs
