"""A ledger that is corrupt, locked, full or of another make; a disk without room: stopped, with a reason."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from node_world import World, node_here, soon

from peak_console.control.stop import stop_now
from peak_console.domain.errors import EnvironmentUnfit, PeakError
from peak_console.domain.posture import PostureState
from peak_console.node.engine import Node
from peak_console.node.spawn import begin_ledger
from peak_console.operations import arming
from peak_console.operations.init import init_workspace
from peak_console.operations.lowering import disarm, reduce, stop_scope


async def refused(world: World) -> str:
    """The code with which the node does not start; nothing is permitted then."""
    with pytest.raises(EnvironmentUnfit) as caught:
        async with node_here(world):
            pass
    assert caught.value.remedy
    assert not world.calls()
    return caught.value.code


async def test_no_database(world: World) -> None:
    """Something else in its place."""
    world.ws.ledger.write_bytes(b"x" * 4096)
    assert await refused(world) == "ledger_not_a_database"


async def test_another_programs_database(world: World) -> None:
    """It is not taken over."""
    world.ws.ledger.unlink()
    db = sqlite3.connect(world.ws.ledger)
    db.execute("CREATE TABLE other(x)")
    db.commit()
    db.close()
    assert await refused(world) == "ledger_foreign"


async def test_a_newer_schema(world: World) -> None:
    """It is never guessed at."""
    db = sqlite3.connect(world.ws.ledger)
    db.execute("PRAGMA user_version = 99")
    db.close()
    assert await refused(world) == "ledger_schema_newer"


async def test_a_locked_ledger(world: World) -> None:
    """Another process holds it: told as that."""
    db = sqlite3.connect(world.ws.ledger, isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    try:
        assert await refused(world) == "ledger_locked"
    finally:
        db.close()


async def test_a_corrupt_ledger(world: World) -> None:
    """Pages overwritten: it does not start, or starts stopped."""
    data = bytearray(world.ws.ledger.read_bytes())
    data[4096 : 4096 * 8] = os.urandom(4096 * 7)
    world.ws.ledger.write_bytes(data)
    node = Node(world.ws, children=False)
    try:
        await node.start()
    except EnvironmentUnfit as error:
        started, code = False, error.code
    else:
        started, code = True, world.posture().reasons[0]
        await node.close()
    assert code.startswith("ledger_"), started
    assert not world.calls()


async def test_a_broken_chain_stops(world: World) -> None:
    """An edited row at the head: serving, stopped, and no enable while it is so."""
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
    db = sqlite3.connect(world.ws.ledger)
    (trigger,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'ledger_no_update'").fetchone()
    db.execute("DROP TRIGGER ledger_no_update")
    db.execute("UPDATE ledger SET actor = 'somebody' WHERE seq = 3")
    db.execute(trigger)  # as who hides what was done
    db.commit()
    db.close()
    async with node_here(world) as node:
        assert world.posture().state is PostureState.STOPPED
        assert world.posture().reasons[0] == "ledger_broken"
        with pytest.raises(PeakError) as caught:
            await asyncio.to_thread(world.enable, node.socket_path)
        assert caught.value.code == "not_healthy"
        assert node.state.verified.broken.startswith("row 3")


async def test_audits_that_is_a_file(world: World) -> None:
    """A clear error, not a traceback."""
    world.ws.audits.rename(world.ws.root / "elsewhere")
    world.ws.audits.write_text("")
    assert await refused(world) == "workspace_unwritable"


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A workspace on a file system of 24 MB."""
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("mounting a small file system needs root on Linux")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let tests mount")
    try:
        monkeypatch.setenv("PEAK_KEYS_DIR", str(tmp_path / "keys"))
        made = init_workspace(disk / "w", operator="anna")
        begin_ledger(made.ws, operator=made.operator, public_key=made.public_key)
        world = World(made.ws)
        world.set_control(cooldown_s=0)
        yield world
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def _fill(world: World) -> Path:
    """Take every free byte."""
    filler = world.ws.root / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 65536)
        except OSError:
            pass
    return filler


async def test_a_full_disk_stops_and_room_lets_go_on(small_disk: World) -> None:
    """Without room nothing may begin; stopping works all the same, and is recorded when there is room."""
    async with node_here(small_disk) as node:
        await asyncio.to_thread(small_disk.enable, node.socket_path)
        filler = await asyncio.to_thread(_fill, small_disk)
        await soon(lambda: not small_disk.calls(), "stopped or lapsed")
        filler.unlink()
        await soon(small_disk.calls, "goes on")


async def test_a_stop_on_a_full_disk_outlives_space_and_restart(small_disk: World) -> None:
    """No room for STOP, for the record, for the lease: stopped, with room again too, and after a restart."""
    async with node_here(small_disk) as node:
        await asyncio.to_thread(small_disk.enable, node.socket_path)
        filler = await asyncio.to_thread(_fill, small_disk)
        scope = await asyncio.to_thread(stop_scope, small_disk.ws, "layer:L2")
        assert scope.effective
        assert scope.escalated
        assert stop_now(small_disk.ws.control, reason="x").effective
        filler.unlink()
        await soon(lambda: "control.stopped" in small_disk.kinds(), "recorded with room")
        assert small_disk.posture().state is PostureState.STOPPED
    async with node_here(small_disk):
        assert small_disk.posture().state is PostureState.STOPPED
        assert not small_disk.calls()


DRILL = {"scope": "venue:paper", "run_id": "", "purpose": "x", "reason": "x", "ttl_s": 60, "drill": True}


async def test_on_a_full_disk_nothing_is_enabled_or_armed_and_lowering_works(small_disk: World) -> None:
    """No record, no privilege; reduce becomes a stop of everything, disarm is done."""
    async with node_here(small_disk) as node:
        await asyncio.to_thread(small_disk.enable, node.socket_path)

        def work() -> None:
            with small_disk.client(node.socket_path) as client:
                _fill(small_disk)
                with pytest.raises(PeakError):
                    arming.request(small_disk.ws, client, **DRILL)  # type: ignore[arg-type]
                assert disarm(small_disk.ws).effective
                assert reduce(small_disk.ws).effective
                assert not small_disk.calls()
                with pytest.raises(PeakError):
                    small_disk.enable(node.socket_path)
            assert not small_disk.calls()

        await asyncio.to_thread(work)
        assert node.state.arm is None


def _read_only(disk: Path) -> bool:
    """Whether the file system could be made read-only."""
    remount = ["mount", "-o", "remount,ro", str(disk)]
    return not subprocess.run(remount, check=False, capture_output=True).returncode


async def test_a_disk_that_became_read_only_is_told_and_permits_nothing(small_disk: World) -> None:
    """Without a node nothing may leave; a stop that can remove nothing says so, with the remedy."""
    async with node_here(small_disk) as node:
        await asyncio.to_thread(small_disk.enable, node.socket_path)
    disk = small_disk.ws.root.parent
    if not _read_only(disk):
        pytest.skip("this machine does not let tests remount")
    for lowered in (stop_scope(small_disk.ws, "layer:L2"), reduce(small_disk.ws)):
        assert (lowered.effective, lowered.escalated) == (False, True)
        assert "rm audits/control/ENABLED" in lowered.remedy
    stopped = stop_now(small_disk.ws.control)
    assert not stopped.effective
    assert [remedy for _, remedy in stopped.failed]
    assert not small_disk.calls()
    assert disarm(small_disk.ws).effective  # nothing counts, so nothing is armed
