"""Changing the phase through a node: one step up on green readiness, down at will, in force at once."""

import asyncio
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from node_world import World, node_here

from peak_console.config.readiness import demanded
from peak_console.control.keys import KeyStore
from peak_console.domain.clock import iso
from peak_console.domain.errors import ControlRefused, PeakError, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.domain.vocabulary import Phase
from peak_console.node.admission import Circumstances, admit
from peak_console.node.facts import Facts
from peak_console.operations.criterion import CriterionResult, CriterionStatus
from peak_console.operations.enable import append_proved
from peak_console.operations.phase import phase_of
from peak_console.operations.phase_changing import (
    demote,
    demotion_from,
    phase_history,
    promote,
    promotion_from,
)
from peak_console.operations.readiness import Readiness

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BOOT_US = 5_000_000_000
MATRIX = "1" * 64


def criterion(name: str, status: CriterionStatus = CriterionStatus.GREEN) -> CriterionResult:
    """One result."""
    return CriterionResult(name, name, status, "found", "wanted", None, "evidence")


def own(phase: Phase, **changes: Any) -> Readiness:
    """What the node finds: everything that is demanded, green."""
    found = Readiness(
        phase,
        Phase.BOOTSTRAP,
        NOW,
        tuple(criterion(one) for one in sorted(demanded(phase.level) | {"min_calls"})),
        "2" * 64,
        BOOT_US,
        {"matrix": MATRIX, "lock": "3" * 64},
    )
    return replace(found, **changes)


def told(phase: Phase, **changes: Any) -> dict[str, Any]:
    """What a promotion says, as it is recorded."""
    return {**own(phase).recorded(), **changes}


def step(before: str, after: str, **more: Any) -> EventDraft:
    """A change as a client asks for it."""
    body = {"from": before, "to": after, "reason": "test", "operator": "anna", **more}
    return EventDraft(new_event_id(secrets.token_bytes), EventKind.PHASE_CHANGED.value, body)


def refused(draft: EventDraft, phase: Phase, found: Readiness | None = None, **around: Any) -> str | None:
    """The code of the node's refusal while ``phase`` holds, where the node finds all green."""
    here = Circumstances(
        NOW,
        BOOT_US,
        None,
        0,
        (),
        **{"ready": lambda after: found or own(after), "may_begin": lambda *_: True, **around},
    )
    refusal = admit(draft, Facts(phase=phase), here)
    return None if refusal is None else refusal.code


@pytest.mark.parametrize("here", list(Phase))
@pytest.mark.parametrize("there", list(Phase))
def test_the_node_admits_one_step_up_and_any_down(here: Phase, there: Phase) -> None:
    """Into shadow and beyond only on results that are all green; never twice the same."""
    order = list(Phase)
    steps = order.index(there) - order.index(here)
    with_all_green = refused(step(here, there, readiness=told(there)), here)
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


GREEN = {"status": "green"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"results": {}}, "not_ready"),
        ({"results": {"x": GREEN}}, "not_ready"),
        ({"results": dict.fromkeys(demanded(Phase.TESTNET.level), GREEN)}, "not_ready"),
        ({"results": {**own(Phase.TESTNET).recorded()["results"], "more": {"status": "red"}}}, "not_ready"),
        ({"config": "4" * 64}, "changed_meanwhile"),
        ({"config": ""}, "changed_meanwhile"),
        ({"configs": {}}, "changed_meanwhile"),
        ({"configs": {"matrix": MATRIX, "lock": "5" * 64}}, "changed_meanwhile"),
        ({"configs": {"matrix": "6" * 64, "lock": "3" * 64}}, "changed_meanwhile"),
        ({"judged_at": iso(NOW - timedelta(seconds=301))}, "judgement_old"),
        ({"judged_at": iso(NOW + timedelta(seconds=60))}, "judgement_old"),
        ({"judged_at": "yesterday"}, "judgement_old"),
        ({"judged_at": "2026-11-22T12:00:00"}, "judgement_old"),
        ({"judged_us": BOOT_US - 301_000_000}, "judgement_old"),
        ({"judged_us": BOOT_US + 1}, "judgement_old"),
        ({"judged_us": None}, "judgement_old"),
        ({"judged_at": iso(NOW - timedelta(seconds=299)), "judged_us": BOOT_US - 299_000_000}, None),
    ],
)
def test_a_promotion_is_not_believed_on_its_word(changes: dict[str, Any], code: str | None) -> None:
    """It names all that is asked, of these very configs, judged a moment ago; else it is refused."""
    draft = step("shadow", "testnet", readiness=told(Phase.TESTNET, **changes))
    assert refused(draft, Phase.SHADOW) == code


@pytest.mark.parametrize("said", [None, {}, [], {"results": {"x": GREEN}}])
def test_a_forged_climb_is_refused_at_every_step(said: object) -> None:
    """No results are not green, and one that nobody asked for neither."""
    for before, after in (("verified", "shadow"), ("shadow", "testnet"), ("testnet", "live")):
        assert refused(step(before, after, readiness=said), Phase(before)) == "not_ready"


@pytest.mark.parametrize("status", [CriterionStatus.RED, CriterionStatus.NO_EVIDENCE])
def test_what_the_node_finds_itself_counts(status: CriterionStatus) -> None:
    """Green by the promotion's word, not green here: refused; and so where the node finds out nothing."""
    found = own(Phase.SHADOW)
    red = replace(found, criteria=(*found.criteria[1:], criterion(found.criteria[0].id, status)))
    draft = step("verified", "shadow", readiness=told(Phase.SHADOW))
    assert refused(draft, Phase.VERIFIED, red) == "not_ready"
    assert refused(draft, Phase.VERIFIED, ready=None) == "not_ready"
    assert refused(draft, Phase.VERIFIED) is None


def test_live_begins_with_a_matrix_that_another_approved() -> None:
    """The node asks for the matrix that stands, and for who promotes."""
    asked: list[tuple[str, str]] = []

    def never(digest: str, operator: str) -> bool:
        asked.append((digest, operator))
        return False

    draft = step("testnet", "live", readiness=told(Phase.LIVE))
    assert refused(draft, Phase.TESTNET, may_begin=never) == "approval_required"
    assert asked == [(MATRIX, "anna")]
    assert refused(draft, Phase.TESTNET, may_begin=None) == "approval_required"
    below = step("shadow", "testnet", readiness=told(Phase.TESTNET))
    assert refused(below, Phase.SHADOW, may_begin=never) is None


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
        forged = step("verified", "shadow", readiness={"results": {"x": GREEN}})
        assert (await asyncio.to_thread(_proved, world, node.socket_path, forged)).code == "not_ready"
        for draft, code in (
            (_save(operator="alice", new=MATRIX), "proof_required"),
            (_save(new="junk"), "event_malformed"),
            (_save(new=MATRIX, reason=""), "reason_missing"),
        ):
            assert (await asyncio.to_thread(_proved, world, node.socket_path, draft)).code == code
        assert phase_of(world.ws) is Phase.VERIFIED
        back = await asyncio.to_thread(_back, world, node.socket_path)
        assert back.seen
        assert str(node.state.facts.phase) == "bootstrap"
        late = await asyncio.to_thread(_proved, world, node.socket_path, step("verified", "matrix"))
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


def _proved(world: World, socket: Path, draft: EventDraft) -> PeakError:
    """The refusal of what anna signed."""
    with world.client(socket) as client, pytest.raises(PeakError) as refusal:
        append_proved(client, KeyStore(world.ws.keys), "anna", draft)
    return refusal.value


def _save(**changes: Any) -> EventDraft:
    body = {"kind": "matrix", "path": "configs/ai/layer_model_matrix.toml", "old": None, **changes}
    body = {"operator": "anna", "reason": "better", **body}
    return EventDraft(new_event_id(secrets.token_bytes), EventKind.MATRIX_CHANGED.value, body)


def _unproven(world: World, socket: Path) -> PeakError:
    with world.client(socket) as client, pytest.raises(PeakError) as refusal:
        client.append([step("bootstrap", "foundation")])
    return refusal.value
