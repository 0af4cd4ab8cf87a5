import json
from collections.abc import Callable
from typing import Any

import pytest

from peak_console.config.configs import Configs
from peak_console.critic.disagreement import SECOND_OPINION, disagreements_in
from peak_console.critic.service import Critic
from peak_console.domain.calls import CallResult
from peak_console.domain.events import EventDraft, EventKind, LedgerEvent
from peak_console.domain.vocabulary import Layer, PhaseLevel, Role

PASS = json.dumps({"verdict": "PASS", "findings": []})
REVIEW = json.dumps({"verdict": "REVIEW", "findings": []})
FAIL = json.dumps({"verdict": "FAIL", "findings": []})
POLICY = {"layer": "L4", "model_id": "gpt-5.2-pro", "served_model": "gpt-5.2-pro"}
SECOND = {"layer": "L4", "role": "critic", "model_id": "gpt-5.2", "served_model": "gpt-5.2"}
OWN = {"layer": "L2", "role": "critic", "model_id": "gpt-5.2", "served_model": "gpt-5.2"}
OTHER_OWN = "L4.primary on L2.critic"

Configured = Callable[..., Configs]
Resulting = Callable[..., CallResult]


def event_of(seq: int, draft: EventDraft) -> LedgerEvent:
    """A draft as the ledger would hold it."""
    return LedgerEvent(
        seq=seq,
        event_id=draft.event_id,
        ts=f"2026-11-23T06:00:{seq:02}.000000Z",
        boot_us=seq,
        kind=draft.kind,
        actor="job:hourly",
        run_id=draft.run_id,
        call_id=draft.call_id,
        layer=draft.layer,
        role=draft.role,
        provider=draft.provider,
        model_id=draft.model_id,
        body=draft.body,
        body_sha256="",
        prev_hash="",
        hash="",
    )


@pytest.mark.parametrize(("said", "agrees"), [(PASS, True), (REVIEW, False), (FAIL, False)])
async def test_an_opinion_on_a_verdict_says_whether_it_agrees(
    *, make_configs: Configured, make_result: Resulting, road: Any, ledger: Any, said: str, agrees: bool
) -> None:
    """L4's critic agrees with L4 by PASS; its event names the verdict that it is on."""
    way = road(make_result(PASS, **POLICY), make_result(said, **SECOND))
    advice = make_result(layer="L3", model_id="gpt-5-mini")
    await Critic(way, ledger, make_configs(), PhaseLevel.SHADOW).review(advice, task="t", order_path=True)
    ((opinion, judged),) = ledger.batches
    assert opinion.body["against"] == {"pair": SECOND_OPINION, "verdict": "PASS", "agrees": agrees}
    assert (judged.body["against"], judged.body["said"]) == ({}, "PASS")


@pytest.mark.parametrize(
    ("own", "policy", "agrees"), [(PASS, PASS, True), (PASS, FAIL, False), (REVIEW, FAIL, True)]
)
async def test_own_critic_and_policy_critic_are_held_against_each_other(
    *,
    make_configs: Configured,
    make_result: Resulting,
    road: Any,
    ledger: Any,
    own: str,
    policy: str,
    agrees: bool,
) -> None:
    """Both judge L2 from shadow on; they agree where both let it pass, or neither does."""
    way = road(make_result(own, **OWN), make_result(policy, **POLICY))
    await Critic(way, ledger, make_configs(), PhaseLevel.SHADOW).review(make_result(), task="t")
    (first,), (second,) = ledger.batches
    assert first.body["against"] == {}
    assert second.body["against"] == {
        "pair": OTHER_OWN,
        "verdict": json.loads(own)["verdict"],
        "agrees": agrees,
    }


async def test_a_word_that_cannot_be_read_is_held_against_nobody(
    make_configs: Configured, make_result: Resulting, road: Any, ledger: Any
) -> None:
    """A malformed judge has no opinion, though its verdict is FAIL."""
    way = road(*[make_result("prose", **OWN)] * 2, make_result(PASS, **POLICY))
    await Critic(way, ledger, make_configs(), PhaseLevel.SHADOW).review(make_result(), task="t")
    (own,), (policy,) = ledger.batches
    assert (own.body["said"], own.body["verdict"]) == (None, "FAIL")
    assert policy.body["against"] == {}


async def test_rates_are_counted_by_pair(
    make_configs: Configured, make_result: Resulting, road: Any, ledger: Any
) -> None:
    """Figures say how often a pair was compared, how often it was apart, in which direction, and where."""
    for own, policy in ((PASS, PASS), (PASS, FAIL), (FAIL, PASS)):
        way = road(make_result(own, **OWN), make_result(policy, **POLICY))
        await Critic(way, ledger, make_configs(), PhaseLevel.SHADOW).review(make_result(), task="t")
    drafts = [draft for batch in ledger.batches for draft in batch]
    events = [event_of(seq, draft) for seq, draft in enumerate(drafts, 1)]
    pruned = event_of(9, EventDraft("ev_9", EventKind.CRITIC_JUDGED.value, {}))
    garbage = event_of(10, EventDraft("ev_10", EventKind.CRITIC_JUDGED.value, {"against": {"pair": 1}}))
    (found,) = disagreements_in([*events[::-1], pruned, garbage])
    assert found.as_json() == {
        "pair": OTHER_OWN,
        "compared": 3,
        "disagreed": 2,
        "stricter": 1,
        "per_mille": 666,
        "seqs": [4, 6],
        "first_at": "2026-11-23T06:00:02.000000Z",
        "last_at": "2026-11-23T06:00:06.000000Z",
    }
    assert disagreements_in([]) == ()


@pytest.mark.parametrize(
    ("layer", "phase", "slots"),
    [
        ("L0", PhaseLevel.RESEARCH, []),
        ("L0", PhaseLevel.LIVE, []),
        ("L2", PhaseLevel.RESEARCH, []),
        ("L2", PhaseLevel.SHADOW, ["L2.critic", "L4.primary"]),
        ("L2", PhaseLevel.TESTNET, ["L2.critic", "L4.primary"]),
        ("L2", PhaseLevel.LIVE, ["L2.critic", "L4.primary"]),
        ("L3", PhaseLevel.RESEARCH, ["L4.primary"]),
        ("L3", PhaseLevel.LIVE, ["L4.primary"]),
    ],
)
async def test_without_a_policy_in_the_file_these_slots_are_asked(
    *,
    make_configs: Configured,
    make_result: Resulting,
    road: Any,
    ledger: Any,
    layer: str,
    phase: PhaseLevel,
    slots: list[str],
) -> None:
    """What nobody configured is judged by the defaults of the phase."""
    way = road(*(make_result(PASS, **(OWN if one == "L2.critic" else POLICY)) for one in slots))
    await Critic(way, ledger, make_configs(), phase).review(make_result(layer=layer), task="t")
    assert [f"{Layer(one.layer)}.{Role(one.role)}" for one in way.asked] == slots
