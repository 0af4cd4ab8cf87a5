"""Enable, stop and everything that must never enable: on a real node, files and ledger."""

import asyncio
import shutil
from typing import Any

import pytest
from node_world import World, node_here, sign, soon

from peak_console.control.files import ENABLED, ENABLING, STOP
from peak_console.control.keys import KeyStore
from peak_console.control.stop import login, stop_now
from peak_console.domain.errors import ControlRefused, EnvironmentUnfit, PeakError, UsageWrong
from peak_console.domain.events import EventDraft
from peak_console.domain.posture import PostureState
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.ledger.service.privileges import Proof
from peak_console.node.spawn import begin_ledger
from peak_console.node.unrecorded import Unrecorded
from peak_console.operations.enable import enable_workspace
from peak_console.operations.operators import enroll, list_operators, remove
from peak_console.operations.stop import record_stop, stop


async def test_a_new_workspace_refuses_calls_until_an_operator_enables(world: World) -> None:
    """STOPPED because new; after the enable DISARMED, on record with operator and reason."""
    async with node_here(world) as node:
        assert world.posture().reasons == ("new_workspace",)
        enabled = await asyncio.to_thread(world.enable, node.socket_path)
        assert enabled.posture.calls
        assert enabled.posture.state is PostureState.DISARMED
        event = world.events()[enabled.seq - 1]
        assert event.kind == "control.enabled"
        assert event.actor.endswith("/operator:anna")
        assert event.body is not None
        assert event.body["reason"] == "test"


async def test_a_stop_holds_at_once_and_is_recorded(world: World) -> None:
    """The worker's gate is shut when the command returns; the ledger says who and why."""
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        stopped = await asyncio.to_thread(stop, world.ws, reason="too many errors")
        assert stopped.outcome.effective
        assert not world.calls()
        assert stopped.recorded.seq is not None
        await soon(lambda: "stopped_by_operator" in world.posture().reasons, "the node says so too")
        assert world.kinds().count("control.stopped") == 1


async def test_a_stop_survives_the_nodes_restart(world: World) -> None:
    """Nothing but an operator lifts it."""
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        stop_now(world.ws.control, reason="x")
    for _ in range(2):
        async with node_here(world):
            assert not world.calls()
            assert world.posture().state is PostureState.STOPPED
    async with node_here(world) as node:
        assert (await asyncio.to_thread(world.enable, node.socket_path)).posture.calls


async def test_an_enable_survives_the_nodes_restart(world: World) -> None:
    """A lapse latches nothing: the next node goes on where the last one was."""
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
    assert world.posture().state is PostureState.UNKNOWN
    assert "lapsed" in world.posture().reasons
    async with node_here(world):
        assert world.calls()


async def test_a_stop_without_a_node_is_recorded_by_the_next(world: World) -> None:
    """The files are the memory until then; its reason is kept."""
    outcome = stop_now(world.ws.control, reason="at night", operator="bob")
    async with node_here(world):
        await soon(lambda: "control.stopped" in world.kinds(), "recorded")
        event = next(one for one in world.events() if one.kind == "control.stopped")
        assert event.event_id == f"ev_{outcome.stop_id}"
        assert event.body is not None
        assert (event.body["reason"], event.body["operator"]) == ("at night", "bob")


async def test_a_stop_is_recorded_by_whoever_made_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its actor is the login, its steps are told; the node, which saw it first, stopped and waited."""
    monkeypatch.setattr("peak_console.node.watching.Unrecorded", lambda: Unrecorded(patience_us=60_000_000))
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        outcome = stop_now(world.ws.control, reason="x", asked_scope="L2")
        await soon(lambda: "stop_present" in node.watch.folded.reasons, "the node stopped")
        for _ in range(5):
            node.watch.tick()
        assert not world.calls()
        assert (await asyncio.to_thread(record_stop, world.ws, outcome)).seq is not None
        (event,) = (one for one in world.events() if one.kind == "control.stopped")
        assert event.actor != "node"
        assert login() in event.actor
        assert event.body is not None
        assert event.body["operator"] == login()
        assert [one["step"] for one in event.body["steps"]] == [one.step for one in outcome.report.steps]
        assert (event.body["scope"], event.body["asked_scope"]) == ("global", "L2")


async def test_a_stop_whose_maker_died_is_recorded_by_the_node(world: World) -> None:
    """After a while, with the operator, the reason and the scope that its file names."""
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        stop_now(world.ws.control, reason="x", operator="bob", asked_scope="L2")
        await soon(lambda: "control.stopped" in world.kinds(), "recorded")
        (event,) = (one for one in world.events() if one.kind == "control.stopped")
        assert event.actor == "node"
        assert event.body is not None
        told = (event.body["reason"], event.body["operator"], event.body["asked_scope"])
        assert told == ("x", "bob", "L2")


async def test_enabled_removed_by_hand_is_a_stop(world: World) -> None:
    """``rm audits/control/ENABLED`` while the node renews: shut, recorded, a copy put back is dead."""
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        copy = (world.ws.control / ENABLED).read_bytes()
        (world.ws.control / ENABLED).unlink()
        assert not world.calls()
        await soon(lambda: "control.stopped" in world.kinds(), "recorded")
        event = next(one for one in world.events() if one.kind == "control.stopped")
        assert event.body is not None
        assert event.body["reason"] == "enabled_removed"
        (world.ws.control / ENABLED).write_bytes(copy)
        await soon(lambda: "stopped_by_operator" in world.posture().reasons, "the lease says stopped")
        assert not world.calls()
        assert world.posture().conflicts


async def test_an_enabled_of_another_making_is_nothing(world: World) -> None:
    """A forged ENABLED names an enable that the ledger does not know."""
    async with node_here(world):
        (world.ws.control / ENABLED).write_text('{"event_id": "ev_forged"}')
        await soon(lambda: world.posture().conflicts, "the conflict is told")
        assert not world.calls()


async def test_a_deleted_ledger_is_stopped(world: World) -> None:
    """Its ENABLED names an enable of another ledger; and the workspace is not taken for a new one."""
    world.set_control(cooldown_s=300)
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
    for path in world.ws.audits.glob("ledger.db*"):
        path.unlink()
    async with node_here(world) as node:
        assert not world.calls()
        assert world.posture().state is PostureState.STOPPED
        with pytest.raises(PeakError):
            await asyncio.to_thread(world.enable, node.socket_path)


async def test_a_restored_ledger_is_stopped(world: World) -> None:
    """An older copy does not know the enable that stands."""
    shutil.copy(world.ws.ledger, world.ws.root / "backup.db")
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
    for path in world.ws.audits.glob("ledger.db*"):
        path.unlink()
    shutil.copy(world.ws.root / "backup.db", world.ws.ledger)
    async with node_here(world):
        assert not world.calls()
        assert world.posture().state is PostureState.STOPPED


@pytest.mark.parametrize("restored", [False, True])
async def test_a_stopped_workspace_is_never_new_again(world: World, restored: bool) -> None:  # noqa: FBT001
    """Its ledger deleted, or put back from before its first enable: stopped, with the cooldown before it."""
    world.set_control(cooldown_s=300)
    shutil.copy(world.ws.ledger, world.ws.root / "backup.db")
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        stop_now(world.ws.control, reason="x")
    if restored:
        sign(world)
    for path in world.ws.audits.glob("ledger.db*"):
        path.unlink()
    if restored:
        shutil.copy(world.ws.root / "backup.db", world.ws.ledger)
    async with node_here(world) as node:
        assert world.posture().state is PostureState.STOPPED
        assert "new_workspace" not in world.posture().reasons
        with pytest.raises(PeakError) as caught:
            await asyncio.to_thread(world.enable, node.socket_path)
        assert caught.value.code == ("cooldown" if restored else "proof_required")
    (world.ws.control / STOP).unlink()  # a stop on a full disk could not have left it
    async with node_here(world) as node:
        assert not world.calls()
        with pytest.raises(PeakError) as caught:
            await asyncio.to_thread(world.enable, node.socket_path)
        assert caught.value.code == ("cooldown" if restored else "proof_required")


async def test_an_enable_whose_maker_died_is_taken_over(world: World) -> None:
    """ENABLING of a dead process does not lock operators out."""
    async with node_here(world) as node:
        (world.ws.control / ENABLING).write_text('{"event_id": "ev_dead", "pid": 1}')
        assert (await asyncio.to_thread(world.enable, node.socket_path)).posture.calls
        assert not (world.ws.control / ENABLING).exists()


async def test_after_a_stop_the_cooldown_holds(world: World) -> None:
    """The refusal says how long; a new workspace has none."""
    world.set_control(cooldown_s=300)
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        await asyncio.to_thread(stop, world.ws)
        with pytest.raises(ControlRefused) as caught:
            await asyncio.to_thread(world.enable, node.socket_path)
        assert caught.value.code == "cooldown"
        assert 0 < caught.value.details["left_s"] <= 300
        assert (world.ws.control / STOP).exists()
        assert not (world.ws.control / ENABLING).exists()
        world.set_control(cooldown_s=0)  # an edit of the file alone shortens nothing
        node.watch.check_configs()
        with pytest.raises(ControlRefused) as caught:
            await asyncio.to_thread(world.enable, node.socket_path)
        assert caught.value.code == "cooldown"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"reason": "  "}, "reason_missing"),
        ({"confirm": "yes"}, "confirm_missing"),
        ({"operator": "nobody"}, "key_unusable"),
    ],
)
async def test_an_enable_needs_reason_word_and_key(world: World, changes: dict[str, Any], code: str) -> None:
    """Each missing one refuses, and nothing stands."""
    async with node_here(world) as node:
        with pytest.raises(PeakError) as caught:
            await asyncio.to_thread(lambda: world.enable(node.socket_path, **changes))
        assert caught.value.code == code
        assert not (world.ws.control / ENABLED).exists()
        assert "control.enabled" not in world.kinds()


async def test_only_enrolled_keys_prove(world: World, tmp_path: Any) -> None:
    """A key that signs well but is not enrolled, a file that was swapped, an agent: none enables."""
    store = KeyStore(world.ws.keys)
    store.create("mallory")
    async with node_here(world) as node:
        with pytest.raises(ControlRefused, match="signature is not 'mallory'"):
            await asyncio.to_thread(lambda: world.enable(node.socket_path, operator="mallory"))
        (world.ws.keys / "anna.pub").write_text((world.ws.keys / "mallory.pub").read_text())
        store.private_path("anna").write_bytes(store.private_path("mallory").read_bytes())
        with pytest.raises(ControlRefused, match="signature is not 'anna'"):
            await asyncio.to_thread(world.enable, node.socket_path)
        assert not world.calls()


async def test_an_agent_never_enables(world: World) -> None:
    """Whatever key it holds (decision 26)."""

    def try_it(socket: Any) -> None:
        with BlockingLedgerClient.connect(socket, name="t", actor="agent:x", deadline_s=5) as client:
            enable_workspace(world.ws, client, reason="x", confirm="ENABLE", operator="anna")

    async with node_here(world) as node:
        with pytest.raises(ControlRefused, match="agent"):
            await asyncio.to_thread(try_it, node.socket_path)


async def test_a_proof_is_good_once(world: World) -> None:
    """A nonce is used up; another event is not proved by it."""

    def try_it(socket: Any) -> None:
        store = KeyStore(world.ws.keys)
        with world.client(socket) as client:
            nonce = client.request("challenge")["nonce"]
            draft = EventDraft(
                "ev_a", "operator.enrolled", {"operator": "bob", "public_key": store.create("bob")}
            )
            proof = store.prove("anna", nonce, draft)
            other = EventDraft("ev_b", draft.kind, {**draft.body, "operator": "eve"})
            with pytest.raises(ControlRefused):
                client.append([other], proof)
            with pytest.raises(ControlRefused):
                client.append([draft], proof)
            with pytest.raises(ControlRefused):
                client.append([draft], Proof("anna", "made up", "00"))
            with pytest.raises(ControlRefused):  # nor does the key that is to be enrolled prove itself
                client.append([draft], store.prove("bob", client.request("challenge")["nonce"], draft))
            with pytest.raises(ControlRefused):
                client.append([draft])

    async with node_here(world) as node:
        await asyncio.to_thread(try_it, node.socket_path)
        assert world.kinds().count("operator.enrolled") == 1


async def test_operators_enroll_and_remove_each_other(world: World) -> None:
    """By proof of one that is enrolled; the last one stays."""

    def try_it(socket: Any) -> None:
        with world.client(socket) as client:
            enroll(world.ws, client, "bob", by="anna")
            with pytest.raises(ControlRefused):
                enroll(world.ws, client, "bob", by="anna")
            assert [(one.name, one.usable) for one in list_operators(world.ws)] == [
                ("anna", True),
                ("bob", True),
            ]
            remove(world.ws, client, "anna", reason="left", by="bob")
            with pytest.raises(ControlRefused) as caught:
                remove(world.ws, client, "bob", reason="left", by="bob")
            assert caught.value.code == "last_operator"
            with pytest.raises(UsageWrong):
                enroll(world.ws, client, "../eve", by="bob")

    async with node_here(world) as node:
        await asyncio.to_thread(try_it, node.socket_path)
    assert [one.name for one in list_operators(world.ws)] == ["bob"]


async def test_a_refused_enrolment_leaves_no_key(world: World) -> None:
    """What the node does not record is not left in the files."""

    def try_it(socket: Any) -> None:
        KeyStore(world.ws.keys).create("mallory")
        with world.client(socket) as client, pytest.raises(ControlRefused):
            enroll(world.ws, client, "eve", by="mallory")

    async with node_here(world) as node:
        await asyncio.to_thread(try_it, node.socket_path)
    assert not (world.ws.keys / "eve.pub").exists()
    assert not KeyStore(world.ws.keys).private_path("eve").exists()


async def test_a_broken_matrix_stops_and_a_mended_one_goes_on(world: World) -> None:
    """The lease says matrix_invalid while it is broken; nobody has to enable again."""
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        good = world.ws.matrix.read_text()
        world.ws.matrix.write_text("[L2.primary\n")
        await soon(lambda: "matrix_invalid" in world.posture().reasons, "stopped")
        assert not world.calls()
        world.ws.matrix.write_text(good)
        await soon(world.calls, "goes on")
        control = world.ws.control_config.read_text() if world.ws.control_config.exists() else ""
        world.ws.control_config.write_text("not [toml")
        named = f"{world.ws.control_config.relative_to(world.ws.root)} cannot be used as it stands"
        await soon(lambda: named in " ".join(world.posture().conflicts), "it is told which file it is")
        assert "matrix_invalid" in world.posture().reasons
        world.ws.control_config.write_text(control)
        await soon(world.calls, "goes on again")
        assert world.posture().conflicts == ()
        world.ws.matrix.write_text(good + "\n# touched\n")
        await soon(lambda: _changed(world, "matrix"), "the change is on record")
        assert world.calls()


def _changed(world: World, file: str) -> bool:
    events = (one for one in world.events() if one.kind == "config.changed")
    return any((one.body or {}).get("file") == file for one in events)


async def test_a_call_planned_under_another_matrix_is_refused(world: World) -> None:
    """``matrix_changed``: a rollback binds running workers."""
    body = {
        "hop": 1,
        "bound_eur": "0.000000001",
        "bound_tokens": 1,
        "matrix_digest": "0" * 64,
    }
    draft = EventDraft("ev_r", "llm.call.requested", body, run_id="20261122_120000_abc123", call_id="call_1")

    def ask(socket: Any) -> Any:
        with world.client(socket) as client:
            return client.append([draft])[0].refusal

    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        refusal = await asyncio.to_thread(ask, node.socket_path)
        assert refusal.code == "matrix_changed"
        assert "llm.call.refused" in world.kinds()


async def test_the_ledgers_own_records_are_the_nodes(world: World) -> None:
    """A client can append no start of a node, no genesis, no config change."""

    def ask(socket: Any, kind: str) -> None:
        with world.client(socket) as client, pytest.raises(PeakError):
            client.append([EventDraft(f"ev_{kind}", kind, {})])

    async with node_here(world) as node:
        for kind in ("node.started", "workspace.initialised", "config.changed", "control.enabled"):
            await asyncio.to_thread(ask, node.socket_path, kind)


async def test_two_nodes_are_one(world: World) -> None:
    """The second is told who has the workspace."""
    async with node_here(world):
        with pytest.raises(EnvironmentUnfit) as caught:
            async with node_here(world):
                pass
        assert caught.value.code == "node_running"
    async with node_here(world):
        pass


async def test_a_node_of_one_command_permits_nothing(world: World) -> None:
    """Without a lease nothing can leave, whatever stands in the files."""
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
    async with node_here(world, leasing=False):
        assert not world.calls()
        assert world.posture().state is PostureState.UNKNOWN
    assert world.kinds().count("node.started") == 1


async def test_init_on_a_ledger_that_a_node_began_enrolls_the_first_operator(world: World) -> None:
    """A clone whose node ran before ``peak init``: one genesis, one operator, and it is no new workspace."""
    for path in world.ws.audits.glob("ledger.db*"):
        path.unlink()
    async with node_here(world):
        pass
    public = KeyStore(world.ws.keys).public("anna") or ""
    await asyncio.to_thread(lambda: begin_ledger(world.ws, operator="anna", public_key=public))
    assert world.kinds().count("workspace.initialised") == 1
    assert world.kinds().count("operator.enrolled") == 1
