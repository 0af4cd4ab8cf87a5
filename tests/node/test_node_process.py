"""The node as a process: killed, hung, started twice, started by others; and what its children do."""

import concurrent.futures
import os
import signal
from pathlib import Path

import pytest
from node_world import World, node_process, until

from peak_console.control.files import LEASE, NODE
from peak_console.control.gate import CallGate
from peak_console.control.running import running_nodes
from peak_console.control.stop import stop_now
from peak_console.domain.clock import SystemClock
from peak_console.domain.errors import EnvironmentUnfit, NodeUnreachable
from peak_console.domain.posture import PostureState
from peak_console.node.spawn import (
    connect_node,
    ensure_node,
    ledger_client,
    node_status,
    stop_node,
    temporary_node,
)

LAPSE_S = 5.0


def test_killed_while_enabled_it_lapses_within_five_seconds_and_latches_nothing(world: World) -> None:
    """No new send 5 s after the node died; the next node goes on without an operator."""
    with node_process(world) as node:
        world.enable(node.socket)
        assert world.calls()
        node.kill()
        lease = CallGate(world.ws.control, SystemClock(), {}).lease()
        assert lease is not None
        assert lease.expires_us - SystemClock().boot_us() <= LAPSE_S * 1_000_000
        until(lambda: not world.calls(), "lapsed")
        assert world.posture().state is PostureState.UNKNOWN
        assert world.posture().reasons[0] == "lapsed"
    with node_process(world):
        until(world.calls, "goes on")


def test_a_hung_node_lapses_and_a_forced_stop_ends_it(world: World) -> None:
    """A process that exists and does nothing renews nothing."""
    with node_process(world) as node:
        world.enable(node.socket)
        os.kill(node.process.pid, signal.SIGSTOP)
        until(lambda: not world.calls(), "lapsed")
        assert stop_now(world.ws.control).effective
        assert stop_node(world.ws, force=True) == node.process.pid
        assert node.process.wait(60) == -signal.SIGKILL


@pytest.mark.slow
def test_kills_around_enable_and_stop_undo_no_stop(world: World) -> None:
    """Whenever the node dies, a stop that was acknowledged holds with the next one."""
    expected = ""
    for number in range(5):
        with node_process(world) as node:
            until(lambda ev=expected: not ev or ev in {one.event_id for one in world.events()}, "recorded")
            assert not world.calls()
            world.enable(node.socket)
            if number % 2:
                node.kill()
            stopped = stop_now(world.ws.control, reason=f"stop {number}")
            node.kill()
            assert stopped.effective
            assert not world.calls()
            expected = f"ev_{stopped.stop_id}"


def test_ensure_starts_one_node_whoever_asks_and_gives_it_no_key(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several at the same time: one node, everybody told the same. Its environment is its own, not theirs."""
    monkeypatch.setenv("OPENAI_API_KEY", "canary-of-this-test")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")
    world.without_metrics()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: ensure_node(world.ws, wait_s=60), range(4)))
    try:
        assert sum(one.started for one in found) == 1
        assert len({one.pid for one in found}) == 1
        environ = Path(f"/proc/{found[0].pid}/environ")
        if environ.exists():
            assert b"canary-of-this-test" not in environ.read_bytes()
            assert b"HTTPS_PROXY" not in environ.read_bytes()
            assert os.getsid(found[0].pid) == found[0].pid
        until(
            lambda: len([one for one in running_nodes() if one.root == world.ws.root]) == 1,
            "only one is left",
        )
        assert node_status(world.ws)["leasing"]
        again = ensure_node(world.ws)
        assert not again.started
    finally:
        pid = stop_node(world.ws)
    assert pid == found[0].pid
    assert not (world.ws.control / LEASE).exists()
    assert not (world.ws.control / NODE).exists()
    assert stop_node(world.ws) is None
    assert world.kinds()[-1] == "node.stopped"


def test_a_start_that_fails_says_why(world: World) -> None:
    """The reason of the process that could not start is the one the operator gets."""
    world.ws.ledger.write_bytes(b"this is no database" * 100)
    with pytest.raises(EnvironmentUnfit) as caught:
        ensure_node(world.ws, wait_s=60)
    assert caught.value.code == "ledger_not_a_database"
    assert caught.value.remedy


def test_children_run_are_restarted_and_end_with_a_killed_node(world: World) -> None:
    """Notary, metrics and log: running, back after they die, gone soon after the node is killed."""
    with node_process(world, children=True) as node:

        def children() -> dict[str, int]:
            states = node_status(world.ws)["children"]
            return {one["name"]: one["pid"] for one in states if one["pid"]}

        wanted = {"notary", "metrics", "log"}
        first = until(lambda: children() if wanted <= set(children()) else None, "the children")
        until(lambda: node_status(world.ws)["metrics_url"], "the address of /metrics")
        os.kill(first["metrics"], signal.SIGKILL)
        second = until(
            lambda: children() if children().get("metrics") not in {None, first["metrics"]} else None,
            "restarted",
        )
        until(lambda: node_status(world.ws)["verified"]["ok"], "the chain was verified")
        node.kill()
        for pid in second.values():
            until(lambda pid=pid: not _alive(pid), "ended with the node")


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_without_a_node_a_command_becomes_it(world: World) -> None:
    """The same lock, no lease; with a node running it is a client of that."""
    with pytest.raises(NodeUnreachable):
        connect_node(world.ws, name="test")
    with ledger_client(world.ws, name="test") as client:
        assert not client.request("status")["leasing"]
        with pytest.raises(EnvironmentUnfit), temporary_node(world.ws):
            pass
    assert not (world.ws.control / LEASE).exists()
    with node_process(world), ledger_client(world.ws, name="test") as client:
        assert client.request("status")["leasing"]


def test_the_status_says_what_an_operator_asks(world: World) -> None:
    """Head, clients, waits, sizes, SQLite and whether it has the WAL-reset bug."""
    with node_process(world):
        status = node_status(world.ws)
    assert status["seq"] == 3
    assert len(status["head"]) == 64
    assert status["sqlite_wal_reset_bug"] in {True, False}
    assert status["posture"]["reasons"] == ["new_workspace"]
    assert status["wal_bytes"] >= 0
    assert status["disk_free_bytes"] > 0
    assert status["lease_age_ms"] < 5000
    assert status["operators"] == ["anna"]
    assert status["append_wait_p99_us"] >= 0


def test_a_workspace_with_a_long_path_has_a_node(world: World) -> None:
    """Its socket lies in the private folder; clients find it by node.json."""
    deep = world.ws.root.parent / ("d" * 110)
    world.ws.root.rename(deep)
    moved = World(type(world.ws)(deep))
    with node_process(moved) as node:
        assert len(os.fsencode(node.socket)) <= 100
        assert moved.enable(node.socket).posture.calls
        assert node_status(moved.ws)["leasing"]
