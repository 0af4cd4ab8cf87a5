"""Control files that are rubbish, gone or from the future: lowering works, they enable and arm nothing."""

import asyncio
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from node_world import World, node_here, soon

from peak_console.control.boot import boot_id
from peak_console.control.files import ENABLED, ENABLING, LEASE, NODE, STOP, encode
from peak_console.control.stop import stop_now
from peak_console.domain.clock import SystemClock
from peak_console.domain.errors import PeakError
from peak_console.domain.posture import PostureState
from peak_console.operations import arming
from peak_console.operations.enable import is_stale
from peak_console.operations.lowering import LoweredNow, disarm, reduce, stop_scope

DRILL: dict[str, Any] = {
    "scope": "venue:paper",
    "run_id": "",
    "purpose": "faults",
    "reason": "test",
    "drill": True,
    "ttl_s": 60,
}
FILES = (ENABLED, ENABLING, STOP, LEASE, NODE)


def rubbish(control: Path) -> None:
    """Every file holds noise."""
    for name in FILES:
        (control / name).write_bytes(os.urandom(3000))


def hostile(control: Path) -> None:
    """Every file is an object, and nothing in it is what it should be."""
    odd = {"event_id": "\ud800", "stop_id": "\ud800", "at": "9999-99-99", "pid": 2**70, "checksum": []}
    now_us = SystemClock().boot_us()
    for name in FILES:
        (control / name).write_text(json.dumps({**odd, "boot_id": boot_id(), "boot_us": now_us}))


def missing(control: Path) -> None:
    """Every file is gone."""
    for name in FILES:
        (control / name).unlink(missing_ok=True)


def future(control: Path) -> None:
    """Every file is from a year that has not come."""
    later = SystemClock().boot_us() + 10**15
    said = {"v": 1, "at": "2999-01-01T00:00:00.000000Z", "boot_id": boot_id(), "boot_us": later}
    for name in FILES:
        more = {"event_id": "ev_later", "stop_id": "stop_later", "pid": os.getpid()}
        (control / name).write_bytes(encode({**said, **more, "issued_us": later, "expires_us": later + 1}))


def code_of(work: Callable[[], object]) -> str:
    """With which code it was refused; empty where it was done."""
    try:
        work()
    except PeakError as error:
        return error.code
    return ""


@pytest.mark.parametrize("spoil", [rubbish, hostile, missing, future], ids=lambda one: one.__name__)
async def test_whatever_the_files_hold_it_is_stopped_and_an_operator_gets_out(
    world: World, spoil: Callable[[Path], None]
) -> None:
    """Every lowering holds, nothing is armed; then a stop and an enable bring it back."""
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)

        def work() -> None:
            for lower in (
                lambda: stop_scope(world.ws, "layer:L2"),
                _then(reduce, world),
                _then(disarm, world),
            ):
                spoil(world.ws.control)
                assert not world.calls()
                done = lower()
                assert done.effective, done
                assert not world.calls()
            spoil(world.ws.control)
            with world.client(node.socket_path) as client:
                assert code_of(lambda: arming.request(world.ws, client, **DRILL)) == "posture_forbids"
            spoil(world.ws.control)
            assert stop_now(world.ws.control).effective
            assert world.posture().state is PostureState.STOPPED

        await asyncio.to_thread(work)
        assert node.state.arm is None
        await soon(lambda: not code_of(lambda: world.enable(node.socket_path)), "an operator enables again")
        assert world.calls()


def _then(lower: Callable[..., LoweredNow], world: World) -> Callable[[], LoweredNow]:
    return lambda: lower(world.ws, reason="test")


async def test_a_locked_ledger_neither_enables_nor_arms_and_disarms_all_the_same(world: World) -> None:
    """What cannot be recorded is not granted; what lowers needs no record."""
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)

        def work() -> None:
            with world.client(node.socket_path) as client:
                db = sqlite3.connect(world.ws.ledger, isolation_level=None)
                db.execute("BEGIN EXCLUSIVE")
                try:
                    assert code_of(lambda: arming.request(world.ws, client, **DRILL)) != ""
                    assert node.state.arm is None
                    assert disarm(world.ws).effective
                    stopped = stop_now(world.ws.control)
                    assert stopped.effective
                    assert code_of(lambda: world.enable(node.socket_path)) != ""
                    assert not world.calls()
                finally:
                    db.close()

        await asyncio.to_thread(work)
        await soon(lambda: "control.stopped" in world.kinds(), "recorded once it can be")
        assert world.posture().state is PostureState.STOPPED


def test_an_enabling_that_names_no_process_is_taken_over() -> None:
    """A number that no process can have is nobody's; one's own, made just now, is somebody's."""
    clock = SystemClock()
    made = {"boot_id": boot_id(), "boot_us": clock.boot_us()}
    for pid, stale in ((2**70, True), (-(2**70), True), (os.getpid(), False), ("1", True), (None, True)):
        assert is_stale(encode({**made, "pid": pid}), clock) is stale
    ahead = {**made, "pid": os.getpid(), "boot_us": clock.boot_us() + 10**12}
    assert is_stale(encode(ahead), clock)
