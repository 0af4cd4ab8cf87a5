"""Changing the phase through a node: one step up on green readiness, down at will, in force at once."""

import asyncio
import secrets
from pathlib import Path
from typing import Any

import pytest
from node_world import World, node_here

from peak_console.control.keys import KeyStore
from peak_console.domain.errors import ControlRefused, PeakError, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.domain.vocabulary import Phase
from peak_console.node.admission import Circumstances, admit
from peak_console.node.facts import Facts
from peak_console.operations.enable import append_proved
from peak_console.operations.phase import phase_of
from peak_console.operations.phase_changing import (
    demote,
    demotion_from,
    phase_history,
    promote,
    promotion_from,
)

GREEN = {"results": {"lint_clean": {"status": "green", "found": "no error"}}}


def step(before: str, after: str, **more: Any) -> EventDraft:
    """A change as a client asks for it."""
    body = {"from": before, "to": after, "reason": "test", "operator": "anna", **more}
    return EventDraft(new_event_id(secrets.token_bytes), EventKind.PHASE_CHANGED.value, body)


def refused(draft: EventDraft, phase: Phase) -> str | None:
    """The code of the node's refusal while ``phase`` holds."""
    nowhere: Circumstances = None  # type: ignore[assignment] # this rule asks for none
    refusal = admit(draft, Facts(phase=phase), nowhere)
    return None if refusal is None else refusal.code


@pytest.mark.parametrize("here", list(Phase))
@pytest.mark.parametrize("there", list(Phase))
def test_the_node_admits_one_step_up_and_any_down(here: Phase, there: Phase) -> None:
    """Into shadow and beyond only on results that are all green; never twice the same."""
    order = list(Phase)
    steps = order.index(there) - order.index(here)
    with_all_green = refused(step(here, there, readiness=GREEN), here)
    without = refused(step(here, there), here)
    if not steps:
        assert with_all_green == "event_malformed"
    elif steps > 1:
        assert with_all_green == "phase_skipped"
    else:
        assert with_all_green is None
        asked = steps > 0 and there in {Phase.SHADOW, Phase.TESTNET, Phase.LIVE}
        assert without == ("not_ready" if asked else None)


@pytest.mark.parametrize(
    ("draft", "code"),
    [
        (step("foundation", "matrix"), "changed_meanwhile"),
        (step("bootstrap", "foundation", reason=" "), "reason_missing"),
        (step("bootstrap", "prod"), "event_malformed"),
        (step("verified", "shadow"), "changed_meanwhile"),
    ],
)
def test_the_node_refuses_what_does_not_fit(draft: EventDraft, code: str) -> None:
    """Each by its code."""
    assert refused(draft, Phase.BOOTSTRAP) == code


@pytest.mark.parametrize("told", [None, {}, {"results": {}}, {"results": {"a": {"status": "no_evidence"}}}])
def test_a_promotion_into_shadow_must_tell_green_results(told: object) -> None:
    """No results are not green, and one that is not is enough."""
    assert refused(step("verified", "shadow", readiness=told), Phase.VERIFIED) == "not_ready"


def test_steps_are_chosen_as_asked() -> None:
    """The next one and the one below by default; everything else says why not."""
    assert promotion_from(Phase.BOOTSTRAP, None) is Phase.FOUNDATION
    assert demotion_from(Phase.LIVE, None) is Phase.TESTNET
    assert demotion_from(Phase.LIVE, Phase.BOOTSTRAP) is Phase.BOOTSTRAP
    for choose, here, to, code in (
        (promotion_from, Phase.LIVE, None, "phase_highest"),
        (promotion_from, Phase.MATRIX, Phase.MATRIX, "phase_not_higher"),
        (promotion_from, Phase.MATRIX, Phase.SHADOW, "phase_skipped"),
        (demotion_from, Phase.BOOTSTRAP, None, "phase_lowest"),
        (demotion_from, Phase.MATRIX, Phase.SHADOW, "phase_not_lower"),
    ):
        with pytest.raises(ControlRefused) as refusal:
            choose(here, to)
        assert refusal.value.code == code


async def test_a_running_node_goes_by_the_new_phase_at_once(world: World) -> None:
    """Promoted step by step to the last of research; shadow is refused with what is missing; and back."""
    async with node_here(world) as node:
        done = await asyncio.to_thread(_climb, world, node.socket_path)
        assert done == ["foundation", "matrix", "verified"]
        assert str(node.state.facts.phase) == "verified"
        refusal = await asyncio.to_thread(_refusal, world, node.socket_path)
        assert refusal.code == "not_ready"
        missing = {one["id"]: one["status"] for one in refusal.details["missing"]}
        assert missing["lock_valid"] == "red"
        assert missing["min_calls"] == "red"
        assert missing["max_critic_fail_pct"] == "no_evidence"
        assert phase_of(world.ws) is Phase.VERIFIED
        back = await asyncio.to_thread(_back, world, node.socket_path)
        assert back.seen
        assert str(node.state.facts.phase) == "bootstrap"
        late = await asyncio.to_thread(_late, world, node.socket_path)
        assert late.code == "changed_meanwhile"
        unproven = await asyncio.to_thread(_unproven, world, node.socket_path)
        assert unproven.code == "proof_required"
    kept = phase_history(world.ws)
    assert (kept[0].before, kept[0].after, kept[0].reason) == ("verified", "bootstrap", "drift")
    assert len(kept) == 4


def _climb(world: World, socket: Path) -> list[str]:
    with world.client(socket) as client:
        steps = [promote(world.ws, client, reason="on", operator="anna") for _ in range(3)]
    assert all(one.seen and one.readiness is None for one in steps)
    return [one.after.value for one in steps]


def _refusal(world: World, socket: Path) -> PeakError:
    with world.client(socket) as client, pytest.raises(ControlRefused) as refusal:
        promote(world.ws, client, reason="on", operator="anna")
    return refusal.value


def _back(world: World, socket: Path) -> Any:
    with world.client(socket) as client:
        with pytest.raises(UsageWrong):
            demote(world.ws, client, reason=" ", operator="anna")
        return demote(world.ws, client, reason="drift", to=Phase.BOOTSTRAP, operator="anna")


def _late(world: World, socket: Path) -> PeakError:
    """Somebody who looked before the phase moved."""
    draft = step("verified", "matrix")
    with world.client(socket) as client, pytest.raises(PeakError) as refusal:
        append_proved(client, KeyStore(world.ws.keys), "anna", draft)
    return refusal.value


def _unproven(world: World, socket: Path) -> PeakError:
    with world.client(socket) as client, pytest.raises(PeakError) as refusal:
        client.append([step("bootstrap", "foundation")])
    return refusal.value
