"""The notary of a real node: what people decide is signed within a second, and no death signs twice."""

import contextlib
import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from node_world import World, node_beside, node_process, until

from peak_console.control.keys import KeyStore
from peak_console.control.stop import stop_now
from peak_console.domain.clock import from_iso
from peak_console.domain.errors import EnvironmentUnfit
from peak_console.ledger.heads.checkpoint_files import CheckpointFiles
from peak_console.ledger.heads.merkle import collect
from peak_console.ledger.heads.notes import Checkpoint
from peak_console.ledger.heads.proving import entries, log_key
from peak_console.ledger.reader import LedgerReader
from peak_console.node.children import Child
from peak_console.node.engine import Node
from peak_console.node.spawn import ledger_client, node_status


class Notaried(Node):
    """A node that keeps its notary and verifies its ledger, and has no other children."""

    def _make_children(self) -> list[Child]:
        return []


@contextlib.contextmanager
def notaried(world: World) -> Iterator[Path]:
    """Such a node in this process, its notary in one of its own; gives its socket."""
    with node_beside(world, lambda: Notaried(world.ws)) as node:
        yield node.socket_path


def heads(world: World) -> list[Checkpoint]:
    """The heads that were signed, in order; each must be this workspace's and its key's."""
    with LedgerReader(world.ws.ledger) as reader:
        public = KeyStore(world.ws.keys).raw_public()
        assert public is not None
        key = log_key(reader, public)
    found = list(CheckpointFiles(world.ws.checkpoints).all())
    assert all(one.note is not None and one.note.signed_by(key) for one in found)
    return [one.checkpoint for one in found if one.checkpoint is not None]


def sizes(world: World) -> list[int]:
    """How many events each covers."""
    return [head.size for head in heads(world)]


def recorded(world: World) -> list[int]:
    """The sizes that the ledger has on record."""
    return [int((one.body or {})["size"]) for one in world.events() if one.kind == "ledger.checkpointed"]


def notary(world: World) -> dict[str, Any]:
    """What the node says of its notary."""
    found: dict[str, Any] = node_status(world.ws)["notary"]
    return found


def notary_pid(world: World) -> int | None:
    """The notary's process."""
    states = node_status(world.ws)["children"]
    pid: int | None = next(one["pid"] for one in states if one["name"] == "notary")
    return pid


def signs(world: World) -> None:
    """Wait until the notary of a node that began has signed."""
    until(lambda: notary(world).get("state") == "following" and notary(world)["size"], "signed")


def assert_true(world: World) -> None:
    """Every head grows, none is signed twice, and each is the tree of the stored hashes."""
    found = heads(world)
    assert [head.size for head in found] == sorted({head.size for head in found})
    for head in found:
        assert head.root == collect(entries(world.ws.ledger, head.size)).frontier.root()


def lags_s(world: World) -> list[float]:
    """How long after each stop and enable a head over it was on record."""
    events = world.events()
    records = [one for one in events if one.kind == "ledger.checkpointed"]
    return [
        (from_iso(record.ts) - from_iso(event.ts)).total_seconds()
        for event in events
        if event.kind in {"control.enabled", "control.stopped"}
        for record in records
        if (record.body or {})["size"] == min(size for size in recorded(world) if size >= event.seq)
    ]


def test_a_stop_is_signed_and_anchored_within_a_second(world: World) -> None:
    """The note, its copy outside the workspace and the record in the ledger; and the node's end as well."""
    with notaried(world) as socket:
        signs(world)
        for number in range(2):
            world.enable(socket)
            stopped = stop_now(world.ws.control, reason=f"stop {number}")
            name = f"ev_{stopped.stop_id}"
            seq = until(lambda ev=name: next((e.seq for e in world.events() if e.event_id == ev), 0), "known")
            until(lambda seq=seq: recorded(world)[-1] >= seq, "signed and on record")
        lags = sorted(lags_s(world))
        assert len(lags) == 4
        assert lags[len(lags) // 2] < 1.0
        (anchor,) = notary(world)["anchors"]
        assert (anchor["kind"], anchor["size"]) == ("folder", sizes(world)[-1])
        told = json.loads((world.ws.control / "node.json").read_text())["notary"]
        assert told["problem"] == ""
    assert sizes(world)[-1] == len(world.events())
    assert world.kinds()[-1] == "node.stopped"
    assert_true(world)


def test_kills_of_notary_and_node_sign_nothing_twice_and_nothing_else(world: World) -> None:
    """SIGKILL of either, whatever it was doing: heads only grow, and every one gets on record."""
    world.without_metrics()
    for number in range(2):
        with node_process(world, children=True) as node:
            signs(world)
            first = notary_pid(world)
            assert first is not None
            with world.client(node.socket) as client:
                client.request("control")
            os.kill(first, signal.SIGKILL)
            stop_now(world.ws.control, reason=f"stop {number}")
            until(lambda gone=first: notary_pid(world) not in {None, gone}, "restarted")
            until(lambda: recorded(world)[-1:] == sizes(world)[-1:], "on record")
            if number == 0:
                node.kill()
                continue
            until(lambda: set(sizes(world)) == set(recorded(world)), "all on record")
    assert len(recorded(world)) == len(set(recorded(world)))
    assert_true(world)


def test_a_ledger_replaced_under_a_running_node_stops_the_workspace(world: World) -> None:
    """The node writes into a file that is not there any more: the posture falls, and says why."""
    with notaried(world) as socket:
        world.enable(socket)
        signs(world)
        assert world.calls()
        before = sizes(world)
        copy = world.ws.audits / "copy.db"
        shutil.copyfile(world.ws.ledger, copy)
        copy.replace(world.ws.ledger)
        until(lambda: not world.calls(), "the posture fell")
        assert "ledger_broken" in world.posture().reasons
        assert "another file" in node_status(world.ws)["verified"]["broken"]
        with world.client(socket) as client, pytest.raises(EnvironmentUnfit) as caught:
            client.request("checkpoint", deadline_s=20)
        assert caught.value.code == "inconsistent"
        assert len(list(CheckpointFiles(world.ws.checkpoints).all())) == len(before)


def test_an_older_ledger_under_a_stopped_node_is_never_signed(world: World) -> None:
    """Yesterday's file in today's place: the next node says so, and permits nothing."""
    older = world.ws.audits / "older.db"
    shutil.copyfile(world.ws.ledger, older)
    with notaried(world) as socket:
        world.enable(socket)
        signs(world)
    before = sizes(world)
    assert before
    older.replace(world.ws.ledger)
    for suffix in ("-wal", "-shm"):
        world.ws.ledger.with_name(world.ws.ledger.name + suffix).unlink(missing_ok=True)
    with notaried(world):
        until(lambda: "ledger_broken" in world.posture().reasons, "the posture fell")
        assert not world.calls()
        assert notary(world)["state"] == "broken"
    assert sizes(world) == before


def test_a_missing_key_is_told_and_stops_no_node(world: World) -> None:
    """The node serves, its notary says what is missing and what to do, and is not started again and again."""
    key = KeyStore(world.ws.keys).private_path("workspace")
    kept = key.read_bytes()
    key.unlink()
    with notaried(world) as socket:
        until(lambda: notary(world).get("problem"), "told")
        assert notary(world)["code"] == "key_unusable"
        assert notary(world)["remedy"]
        assert sizes(world) == []
        assert world.enable(socket).posture.calls
        key.write_bytes(kept)
        key.chmod(0o600)
        signs(world)
        children = {one["name"]: one["restarts"] for one in node_status(world.ws)["children"]}
        assert children["notary"] == 0


def test_without_a_node_a_checkpoint_is_signed_by_the_one_the_command_becomes(world: World) -> None:
    """Its notary is run once; asked again, the head over the record of the first is signed."""
    with ledger_client(world.ws, name="test") as client:
        first = client.request("checkpoint", deadline_s=30)
    assert first["moved"]
    assert first["note"]
    assert sizes(world) == [first["size"]] == recorded(world)
    with ledger_client(world.ws, name="test") as client:
        second = client.request("checkpoint", deadline_s=30)
    assert second["moved"]
    assert second["size"] > first["size"]
    assert sizes(world) == [first["size"], second["size"]] == recorded(world)
