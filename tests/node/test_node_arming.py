"""Arming through a node: the whole way over the socket, its record and ends; and no token stays anywhere."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from node_world import PATIENCE_S, World, node_here, until

from peak_console.control.breakers import OrderBucket, TradingFigures
from peak_console.control.keys import KeyStore
from peak_console.control.posture import truth
from peak_console.control.tokens import new_token
from peak_console.domain.arming import ArmState
from peak_console.domain.clock import SystemClock
from peak_console.domain.errors import ControlRefused, LedgerUnavailable, PeakError, UsageWrong
from peak_console.domain.events import EventDraft
from peak_console.domain.posture import PostureState
from peak_console.domain.vocabulary import Phase, PhaseLevel
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.node import arm_place
from peak_console.node.engine import Node
from peak_console.operations import arming
from peak_console.operations.lowering import disarm
from peak_console.operations.operators import enroll
from peak_console.operations.views.arming import ArmFacts
from peak_console.operations.views.checklists import Checklist, ChecklistItem, ItemState

DRILL: dict[str, Any] = {
    "scope": "venue:paper",
    "run_id": "",
    "purpose": "weekly drill",
    "reason": "test",
    "drill": True,
}


class Clock(SystemClock):
    """The machine's clocks, of which the wall clock can be set."""

    ahead = timedelta(0)

    def now(self) -> Any:
        """The wall clock as set."""
        return super().now() + self.ahead


@dataclass
class Desk:
    """An operator's hands on one node."""

    world: World
    node: Node
    client: BlockingLedgerClient
    clock: Clock

    def request(self, **changes: Any) -> arming.Requested:
        """Ask for a drill."""
        asked = {**DRILL, "ttl_s": 600, "operator": "anna", **changes}
        return arming.request(self.world.ws, self.client, **asked)

    def confirm(self, got: arming.Requested, **changes: Any) -> Any:
        """Type token and phrase."""
        typed = {"request_id": got.request_id, "token": got.token, "phrase": got.phrase, "operator": "anna"}
        return arming.confirm(self.world.ws, self.client, **{**typed, **changes})

    def facts(self) -> ArmFacts:
        """What a screen is told."""
        return arming.arm_facts(self.world.ws, SystemClock())

    def past(self) -> list[tuple[str, str]]:
        """What the ledger tells, oldest first."""
        return [(one.what, one.why) for one in reversed(self.facts().past)]

    def await_past(self, what: str, why: str) -> None:
        """Wait until the newest line is this: ends are recorded behind."""
        until(lambda: (what, why) == (self.past() or [("", "")])[-1], f"{what}: {why}")


def run(world: World, work: Callable[[Desk], None], **options: Any) -> None:
    """``work`` on a node of this process, in a thread, enabled."""
    clock = Clock()

    async def main() -> None:
        async with node_here(world, clock=clock, **options) as node:

            def there() -> None:
                if not world.calls():
                    world.enable(node.socket_path)
                with world.client(node.socket_path) as client:
                    work(Desk(world, node, client, clock))

            await asyncio.to_thread(there)

    asyncio.run(main())


def files_of(*folders: Path) -> Iterator[Path]:
    """Every file below."""
    for folder in folders:
        yield from (path for path in folder.rglob("*") if path.is_file())


def test_the_whole_way_of_a_drill_leaves_its_record_and_no_token(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked, slipped, confirmed, held, disarmed; every step on record; the token is in no file at all."""
    monkeypatch.setenv("PEAK_STATE_DIR", str(tmp_path / "state"))
    tokens: list[str] = []

    def work(desk: Desk) -> None:
        got = desk.request()
        tokens.append(got.token)
        assert got.token not in repr(got)
        assert desk.facts().state is ArmState.CONFIRMABLE
        wrong = new_token(lambda count: b"\x5a" * count)
        tokens.append(wrong)
        with pytest.raises(ControlRefused) as refused:
            desk.confirm(got, token=wrong)
        assert (refused.value.code, refused.value.details["tries_left"]) == ("token_wrong", 4)
        with pytest.raises(UsageWrong, match="no token"):
            desk.confirm(got, token=got.token[:-2])
        line = desk.confirm(got, token=got.token.lower().replace("-", " "))
        facts = desk.facts()
        assert facts.state is ArmState.ARMED
        assert facts.lease is not None
        assert facts.lease.lease_id == line.lease_id
        assert 590 < facts.lease.left_s <= 600
        assert desk.world.posture().state is PostureState.DISARMED  # a drill arms nothing
        with pytest.raises(ControlRefused) as again:
            desk.confirm(got)
        assert again.value.code == "arm_no_request"
        disarm(desk.world.ws, reason="done")
        assert desk.facts().state is ArmState.IDLE
        desk.await_past("ended", "disarmed")

    run(world, work)
    kinds = [event.kind for event in world.events() if event.kind.startswith(("control.arm", "drill."))]
    assert kinds[:3] == ["control.arm.requested", "control.arm.refused", "control.arm.granted"]
    assert {"control.arm.ended", "drill.finished"} <= set(kinds)
    drill = next(event for event in world.events() if event.kind == "drill.finished")
    assert drill.body is not None
    assert (drill.body["drill"], drill.body["held"], drill.body["operator"]) == ("arm", False, "anna")
    spellings = {form for token in tokens for form in _spellings(token)}
    for path in files_of(tmp_path):
        data = path.read_bytes().upper()
        assert not [form for form in spellings if form in data], path


def _spellings(token: str) -> tuple[bytes, ...]:
    bare = token.replace("-", "")
    return token.encode(), bare.encode(), bare[:10].encode(), bare[5:].encode()


def test_arming_ends_and_stays_ended(world: World) -> None:
    """An edited config, a wall clock that is set, a loop held still, a stop by hand: each, on record."""

    def work(desk: Desk) -> None:
        desk.confirm(desk.request())
        world.set_control(cooldown_s=0, extra=0)  # an edited config, broken at that
        until(lambda: desk.facts().state is ArmState.IDLE, "an edit ends it")
        world.set_control(cooldown_s=0)
        until(world.calls, "the config is whole again")
        desk.confirm(desk.request())
        desk.clock.ahead = timedelta(seconds=-3)
        desk.await_past("ended", "clock_step")
        desk.confirm(desk.request())
        looked_us = desk.node.arming._looked_us
        assert looked_us is not None
        desk.node.arming._looked_us = looked_us - 6_000_000  # a loop that was held for so long
        desk.await_past("ended", "posture_fell")
        assert world.calls()
        desk.confirm(desk.request())
        world.ws.control.joinpath("ENABLED").unlink()
        desk.await_past("ended", "posture_fell")
        with pytest.raises(ControlRefused) as refused:
            desk.request()
        assert refused.value.code == "posture_forbids"
        desk.await_past("refused", "posture_forbids")

    run(world, work)


def test_live_is_refused_outside_live_and_by_a_red_checklist(world: World) -> None:
    """Nothing live is armed in another phase; a run that nobody started is told, and an agent may not ask."""

    def work(desk: Desk) -> None:
        for asked, code in (
            ({"drill": False, "run_id": ""}, "phase_not_live"),
            ({"run_id": "20260101_000000_abcdef"}, "run_unknown"),
            ({"ttl_s": 3601}, "arm_ttl_wrong"),
            ({"ttl_s": 0}, "arm_ttl_wrong"),
        ):
            with pytest.raises(ControlRefused) as refused:
                desk.request(**asked)
            assert refused.value.code == code
        with pytest.raises(UsageWrong, match="scope"):
            desk.request(scope="everything")
        agent = BlockingLedgerClient.connect(
            desk.node.socket_path, name="a", actor="agent:x", deadline_s=PATIENCE_S
        )
        with agent, pytest.raises(ControlRefused) as refused:
            arming.request(world.ws, agent, **DRILL, ttl_s=60, operator="anna")
        assert refused.value.code == "proof_required"
        draft = EventDraft("ev_by_hand", "control.arm.requested", {"operator": "anna", "scope": "global"})
        nonce = str(desk.client.request("challenge")["nonce"])
        with pytest.raises(ControlRefused) as refused:
            desk.client.append([draft], KeyStore(world.ws.keys).prove("anna", nonce, draft))
        assert refused.value.code == "arm_out_of_place"
        granted = EventDraft("ev_by_hand2", "control.arm.granted", {"operator": "anna", "lease_id": "l"})
        with pytest.raises(ControlRefused) as refused:
            desk.client.append([granted])
        assert refused.value.code == "kind_reserved"
        assert desk.facts().state is ArmState.IDLE
        until(lambda: "control.arm.refused" in world.kinds(), "a refusal is recorded")

    run(world, work)
    refusals = [event.body for event in world.events() if event.kind == "control.arm.refused"]
    assert refusals[0] is not None
    assert {"phase_not_live", "run_missing", "checklist_red"} <= set(refusals[0]["all"])


def test_a_grant_that_cannot_be_recorded_arms_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Record first, then privilege; and the refusal is recorded once the ledger takes events again."""

    def work(desk: Desk) -> None:
        got = desk.request()
        append = desk.node.server.append

        async def full(drafts: Any, *, actor: str) -> Any:
            if any(one.kind.startswith("control.arm") for one in drafts):
                raise LedgerUnavailable("the disk is full", code="ledger_full")
            return await append(drafts, actor=actor)

        monkeypatch.setattr(desk.node.server, "append", full)
        with pytest.raises(PeakError) as refused:
            desk.confirm(got)
        assert refused.value.code == "arm_unrecorded"
        assert desk.facts().state is ArmState.IDLE
        assert desk.node.state.arm is None
        monkeypatch.setattr(desk.node.server, "append", append)
        desk.await_past("refused", "arm_unrecorded")

    run(world, work)


def _enroll_ben(desk: Desk, hers: dict[str, str], his: dict[str, str]) -> None:
    """A second operator, whose private key lies in a store of its own."""
    with pytest.raises(ControlRefused) as alone:
        desk.request()
    assert alone.value.code == "second_operator_missing"
    Path(his["PEAK_KEYS_DIR"]).mkdir()
    enroll(desk.world.ws, desk.client, "ben", by="anna", environ=hers)
    theirs = KeyStore(desk.world.ws.keys, hers).private_path("ben")
    target = KeyStore(desk.world.ws.keys, his).private_path("ben")
    target.parent.mkdir(parents=True, mode=0o700)
    theirs.rename(target)


def test_two_persons_and_five_wrong_tokens(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another's key approves; five wrong tokens lock arming, not disarm, and a new node stays locked."""
    hers, his = {"PEAK_KEYS_DIR": str(tmp_path / "keys")}, {"PEAK_KEYS_DIR": str(tmp_path / "his")}
    with world.ws.control_config.open("a", encoding="utf-8") as file:
        file.write("[arm]\ntwo_person = true\n")

    def work(desk: Desk) -> None:
        _enroll_ben(desk, hers, his)
        got = desk.request(environ=hers)
        assert got.needs_approval
        with pytest.raises(ControlRefused) as early:
            desk.confirm(got)
        assert early.value.code == "approval_missing"
        with pytest.raises(ControlRefused) as own:
            arming.approve(
                world.ws, desk.client, request_id=got.request_id, reason="x", operator="anna", environ=hers
            )
        assert own.value.code == "approver_is_requester"
        told = arming.approve(
            world.ws, desk.client, request_id=got.request_id, reason="seen", operator="ben", environ=his
        )
        assert (told.approved_by, told.requester) == ("ben", "anna")
        with pytest.raises(ControlRefused) as other:
            desk.confirm(got, operator="ben", environ=his)
        assert other.value.code == "arm_not_yours"
        for left in (4, 3, 2, 1):
            with pytest.raises(ControlRefused) as slipped:
                desk.confirm(got, phrase="DRILL")
            assert slipped.value.details["tries_left"] == left
        with pytest.raises(ControlRefused) as last:
            desk.confirm(got, token="00000-000000")
        assert last.value.code == "tries_used_up"
        facts = desk.facts()
        assert facts.state is ArmState.LOCKED
        assert facts.locked_until is not None
        with pytest.raises(ControlRefused) as locked:
            desk.confirm(got)
        assert locked.value.code == "arm_locked"
        disarm(world.ws, reason="stopping is never locked")
        until(lambda: "incident.opened" in world.kinds(), "a lockout opens an incident")

    run(world, work)
    opened = next(event for event in world.events() if event.kind == "incident.opened")
    assert opened.body is not None
    assert opened.body["trigger"] == "arm_lockout"
    monkeypatch.setenv("AI_ARMED", "true")

    def after(desk: Desk) -> None:
        assert desk.facts().state is ArmState.LOCKED
        with pytest.raises(ControlRefused) as locked:
            desk.request(environ=hers)
        assert locked.value.code == "arm_locked"

    run(world, after)


def test_a_node_that_ends_disarms_and_the_next_one_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it could say so itself or was killed: every grant has its end, and nothing is armed."""

    def work(desk: Desk) -> None:
        desk.confirm(desk.request())

    def killed(desk: Desk) -> None:
        assert desk.facts().state is ArmState.IDLE
        assert desk.past()[-1] == ("ended", "node_restart")
        desk.confirm(desk.request())
        monkeypatch.setattr(desk.node.arming, "last_words", list)  # it dies without a word

    run(world, work)
    run(world, killed)

    def after(desk: Desk) -> None:
        desk.await_past("ended", "node_restart")
        assert desk.facts().state is ArmState.IDLE

    run(world, after)
    told = [event for event in world.events() if event.kind.startswith("control.arm.")]
    granted = {(event.body or {})["lease_id"] for event in told if event.kind == "control.arm.granted"}
    ended = [(event.body or {})["lease_id"] for event in told if event.kind == "control.arm.ended"]
    assert sorted(granted) == sorted(ended)
    assert len(granted) == 2


def test_the_environment_arms_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """AI_ARMED=true arms nothing; AI_ARMED=false in the node's environment forbids even a drill."""
    assert truth("true") is True

    def work(desk: Desk) -> None:
        monkeypatch.setenv("AI_ARMED", "true")
        assert desk.facts().state is ArmState.IDLE
        assert desk.world.posture().state is PostureState.DISARMED
        monkeypatch.setenv("AI_ARMED", "false")
        with pytest.raises(ControlRefused) as refused:
            desk.request()
        assert refused.value.code == "ai_armed_false"

    run(world, work)


def test_live_is_armed_for_one_run_and_ends_with_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With phase, checklist and run as they must be the lease says ARMED; the run's end takes it back."""
    judged = [Checklist("pre-live", SystemClock().now(), (ChecklistItem("a", "a", ItemState.RED, "x"),))]
    monkeypatch.setattr(arm_place, "pre_live", lambda *_: judged[-1])
    known = TradingFigures(Decimal(0), Decimal(1000), Decimal(1000), 0, OrderBucket(10**9, 0))
    figures: list[TradingFigures | None] = [known]

    def work(desk: Desk) -> None:
        run_id = "20261122_120000_abcdef"
        desk.client.append([EventDraft("ev_begin", "run.started", {}, run_id=run_id)])
        monkeypatch.setattr(desk.node.keeper, "problems", lambda *_: ())  # configs of live are not the matter
        current = desk.node.state.configs.current
        monkeypatch.setattr(desk.node.state.configs, "current", lambda _: current(PhaseLevel.RESEARCH))
        desk.node.state.facts.phase = Phase.LIVE
        desk.node.order_breakers.figures = lambda: figures[-1]
        asked: dict[str, Any] = {"drill": False, "run_id": run_id, "scope": "venue:paper", "ttl_s": 900}
        with pytest.raises(ControlRefused) as refused:
            desk.request(**asked)
        assert refused.value.code == "checklist_red"
        judged.append(replace(judged[0], items=(replace(judged[0].items[0], state=ItemState.GREEN),)))
        figures.append(None)
        with pytest.raises(ControlRefused) as refused:
            desk.request(**asked)  # without figures of trading every breaker of orders is tripped in live
        assert refused.value.code == "order_breaker_tripped"
        assert any("figures" in one for one in desk.facts().refusals)
        figures.append(known)
        got = desk.request(**asked)
        assert got.phrase == f"ARM LIVE venue:paper {run_id} 15 MIN"
        judged.append(judged[0])  # what was green when it was asked for is judged again
        with pytest.raises(ControlRefused, match="not green: a") as refused:
            desk.confirm(got)
        assert (refused.value.code, refused.value.details["red"]) == ("checklist_red", ["a"])
        assert desk.facts().state is ArmState.CONFIRMABLE
        judged.append(judged[1])
        desk.confirm(got)
        assert world.posture().state is PostureState.ARMED
        figures.append(None)
        until(lambda: world.posture().state is PostureState.DISARMED, "figures that are gone disarm")
        desk.await_past("ended", "breaker")
        figures.append(known)
        desk.confirm(desk.request(**asked))
        desk.client.append([EventDraft("ev_end", "run.finished", {}, run_id=run_id)])
        until(lambda: world.posture().state is PostureState.DISARMED, "the run's end disarms")
        desk.await_past("ended", "run_ended")

    run(world, work)
    granted = next(event for event in world.events() if event.kind == "control.arm.granted")
    assert granted.run_id == "20261122_120000_abcdef"
    assert granted.body is not None
    assert {"matrix_digest", "lock_digest", "limits_digest", "proof"} <= set(granted.body)
    assert not [event for event in world.events() if event.kind == "drill.finished"]
