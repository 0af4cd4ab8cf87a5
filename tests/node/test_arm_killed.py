"""The console killed at every step of the arm dialogue; tokens of other requests; proofs sent again."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from node_world import World, node_here, until

from peak_console.control.keys import KeyStore
from peak_console.domain.arming import ArmState
from peak_console.domain.clock import SystemClock
from peak_console.domain.errors import ControlRefused, PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.ledger.service.wire import draft_to_wire
from peak_console.node.engine import Node
from peak_console.operations import arming
from peak_console.operations.lowering import disarm

DRILL: dict[str, Any] = {
    "scope": "venue:paper",
    "run_id": "",
    "purpose": "drill",
    "reason": "test",
    "drill": True,
    "ttl_s": 60,
    "operator": "anna",
}
BEFORE_THE_GRANT = ("asking", "asked", "typed")
AFTER_IT = ("confirming", "armed")


def test_a_console_killed_at_any_step_leaves_nothing_armed_but_what_was_recorded(world: World) -> None:
    """Before the grant is recorded nothing is armed; after it, it ends by itself, within its time."""

    def state() -> ArmState:
        return arming.arm_facts(world.ws, SystemClock()).state

    def grants() -> int:
        return world.kinds().count("control.arm.granted")

    def work(node: Node) -> None:
        world.enable(node.socket_path)
        words = [sys.executable, str(Path(__file__).with_name("arm_console_process.py"))]
        words += [str(world.ws.root), str(node.socket_path)]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as consoles:
            assert consoles.stdin is not None
            assert consoles.stdout is not None
            for point in (*BEFORE_THE_GRANT, *AFTER_IT):
                consoles.stdin.write(f"{point}\n")
                consoles.stdin.flush()
                assert consoles.stdout.readline() == "dead\n"
                if point in BEFORE_THE_GRANT:
                    assert (state(), grants()) == (ArmState.CONFIRMABLE, 0)
                    assert node.state.arm is None
                    disarm(world.ws)
                else:
                    assert grants() == AFTER_IT.index(point) + 1
                until(lambda: state() is ArmState.IDLE, f"nothing armed after a kill at {point}")
            consoles.stdin.close()
        until(lambda: world.kinds().count("control.arm.expired") >= 2, "both grants ended, on record")

    at_node(world, work)


def test_a_token_is_of_one_request_and_good_once(world: World) -> None:
    """That of a request that was replaced or taken back, and one that was used, arm nothing."""

    def work(node: Node) -> None:
        world.enable(node.socket_path)
        with world.client(node.socket_path) as client:
            first = arming.request(world.ws, client, **DRILL)
            second = arming.request(world.ws, client, **DRILL)
            assert refused(world, client, first, first.request_id) == "arm_no_request"
            assert refused(world, client, first, second.request_id) == "token_wrong"
            assert arming.withdraw(client, request_id=second.request_id)
            assert refused(world, client, second, second.request_id) == "arm_no_request"
            third = arming.request(world.ws, client, **DRILL)
            typed = {"request_id": third.request_id, "token": third.token, "phrase": third.phrase}
            arming.confirm(world.ws, client, **typed, operator="anna")
            disarm(world.ws)
            assert refused(world, client, third, third.request_id) == "arm_no_request"
            assert node.state.arm is None

    at_node(world, work)


def test_a_proof_of_arming_is_good_once(world: World) -> None:
    """What an operator signed and somebody read is refused when it is sent again, also by the same line."""

    def work(node: Node) -> None:
        world.enable(node.socket_path)
        with world.client(node.socket_path) as client:
            body = {name: value for name, value in DRILL.items() if name != "run_id"} | {"run_id": None}
            draft = EventDraft("ev_signed_once", EventKind.ARM_REQUESTED.value, body)
            proof = KeyStore(world.ws.keys).prove("anna", str(client.request("challenge")["nonce"]), draft)
            told = {"operator": proof.operator, "nonce": proof.nonce, "signature": proof.signature}
            signed = {"draft": draft_to_wire(draft), "proof": told}
            asked = client.request("arm.request", **signed)
            arming.withdraw(client, request_id=asked["request_id"])
            with pytest.raises(PeakError):
                client.request("arm.request", **signed)
            with world.client(node.socket_path) as other, pytest.raises(PeakError):
                other.request("arm.request", **signed)
            assert arming.status(client, SystemClock()).state is ArmState.IDLE

    at_node(world, work)


def refused(world: World, client: BlockingLedgerClient, token_of: arming.Requested, request_id: str) -> str:
    """Why a token does not arm."""
    with pytest.raises(ControlRefused) as caught:
        arming.confirm(
            world.ws,
            client,
            request_id=request_id,
            token=token_of.token,
            phrase=token_of.phrase,
            operator="anna",
        )
    return caught.value.code


def at_node(world: World, work: Any) -> None:
    """``work`` in a thread beside a node of this process."""

    async def main() -> None:
        async with node_here(world) as node:
            await asyncio.to_thread(work, node)

    asyncio.run(main())
