"""Many at one ledger, a file that may not grow, a log left behind, copies: what was acknowledged is there."""

import resource
import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from node_calls import completed, requested
from node_world import World, node_process, sign, until

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import LedgerUnavailable
from peak_console.domain.ledgering import Ack
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.ledger.verifying.verify import verify as verify_file
from peak_console.operations.ledger import verify
from peak_console.operations.views.live_source import LiveSource

WRITERS = 4
CONSOLES = 2
CALLS = 30


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anchors of each test in a folder of its own."""
    monkeypatch.setenv("PEAK_STATE_DIR", str(tmp_path / "state"))


def call(client: BlockingLedgerClient, name: str, acks: list[Ack]) -> None:
    """A call of its own run: its request, then its answer; each acknowledgement is noted as it comes."""
    for draft in (requested(name), completed(name)):
        (ack,) = client.append([replace(draft, run_id=f"run_{name.partition('_')[0]}")])
        assert ack.refusal is None, ack.refusal
        acks.append(ack)


def call_until_told(client: BlockingLedgerClient, acks: list[Ack]) -> LedgerUnavailable:
    """Calls until one cannot be written; what its caller was told."""
    for number in range(1000):
        try:
            call(client, f"full_{number}", acks)
        except LedgerUnavailable as told:
            return told
    raise AssertionError("everything was written")


def placed(path: Path) -> dict[str, tuple[int, str]]:
    """Where each event of a ledger stands, as a reader that only reads sees it."""
    with LedgerReader(path) as reader:
        return {one.event_id: (one.seq, one.hash) for one in reader.read(limit=10_000)}


def missing(acks: list[Ack], path: Path) -> list[Ack]:
    """What was acknowledged and does not stand there as it was acknowledged."""
    there = placed(path)
    return [ack for ack in acks if there.get(ack.event_id) != (ack.seq, ack.hash)]


def watch(ws: Workspace, done: threading.Event, heads: set[int]) -> set[str]:
    """A console's looks until ``done``, and one after it: the heads that it saw, and what was ever wrong."""
    source, wrong, last = LiveSource(ws), set(), False
    try:
        while not last:
            last = done.is_set()
            source.bar()
            live, page = source.live(None), source.calls()
            wrong |= {live.freshness.why, page.freshness.why, page.problem}
            heads.add(page.head_seq)
            done.wait(0.05)
    finally:
        source.close()
    return wrong - {"", None}


def test_four_writers_and_two_consoles_at_once(world: World) -> None:
    """No reader ever has an error and both move on; no writer starves; nothing that was said is lost."""
    counts, done = [0] * WRITERS, threading.Event()
    behind: list[int] = []
    heads: list[set[int]] = [set() for _ in range(CONSOLES)]

    def write(number: int, socket: Path) -> list[Ack]:
        acks: list[Ack] = []
        with world.client(socket) as client:
            for turn in range(CALLS):
                if turn == CALLS // 2:
                    until(lambda: all(len(seen) >= 2 for seen in heads), "both consoles move on")
                call(client, f"w{number}_{turn}", acks)
                counts[number] += 1
        behind.append(min(counts))
        return acks

    with node_process(world) as node, ThreadPoolExecutor(WRITERS + CONSOLES) as pool:
        world.enable(node.socket)
        consoles = [pool.submit(watch, world.ws, done, seen) for seen in heads]
        try:
            writers = [pool.submit(write, number, node.socket) for number in range(WRITERS)]
            acks = [ack for writer in writers for ack in writer.result()]
        finally:
            done.set()
        looks = [console.result() for console in consoles]
    assert looks == [set()] * CONSOLES
    assert all(len(seen) >= 3 for seen in heads), "each moved on while all wrote"
    assert behind[0] >= CALLS // 5, "when the first had done all, the last had done its share"
    assert len(acks) == len({ack.seq for ack in acks}) == WRITERS * CALLS * 2
    assert missing(acks, world.ws.ledger) == []
    assert verify_file(world.ws.ledger).ok


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits another process")
def test_a_file_that_may_not_grow_is_told_and_room_lets_go_on(world: World) -> None:
    """As a full disk without being root: callers are told, the posture falls, and with room it goes on."""
    log = world.ws.ledger.with_name("ledger.db-wal")
    with node_process(world) as node, world.client(node.socket) as client:
        world.enable(node.socket)
        acks: list[Ack] = []
        call(client, "before", acks)
        free = resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE)
        full = (log.stat().st_size + 20_000, free[1])
        resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, full)
        told = call_until_told(client, acks)
        assert told.code in {"ledger_full", "ledger_io_error"}
        assert told.remedy
        until(lambda: not world.calls(), "the posture fell")
        assert missing(acks, world.ws.ledger) == []
        resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, free)
        until(world.calls, "goes on")
        call(client, "after", acks)
    assert missing(acks, world.ws.ledger) == []
    assert verify_file(world.ws.ledger).ok


@pytest.fixture
def killed(world: World) -> tuple[World, list[Ack]]:
    """A workspace whose node was killed after acknowledged calls: they stand in the log beside the file."""
    acks: list[Ack] = []
    with node_process(world) as node:
        world.enable(node.socket)
        with world.client(node.socket) as client:
            for number in range(5):
                call(client, f"c_{number}", acks)
        node.kill()
    return world, acks


def test_a_log_left_behind_is_read_and_gone_on_from(killed: tuple[World, list[Ack]]) -> None:
    """A reader and the next node see everything acknowledged; so does a copy of both files, elsewhere."""
    world, acks = killed
    log = world.ws.ledger.with_name("ledger.db-wal")
    assert log.stat().st_size > 0
    assert missing(acks, world.ws.ledger) == []
    copy = world.ws.root.parent / "copy.db"
    shutil.copyfile(world.ws.ledger, copy)
    shutil.copyfile(log, copy.with_name("copy.db-wal"))
    assert missing(acks, copy) == []
    assert verify_file(copy).ok
    with node_process(world) as node, world.client(node.socket) as client:
        call(client, "next", acks)
    assert missing(acks, world.ws.ledger) == []
    assert verify_file(world.ws.ledger).ok


def test_a_copy_without_its_log_is_never_silently_green(killed: tuple[World, list[Ack]]) -> None:
    """What a copied workspace lacks its signed heads tell; a lone copy says what lies beyond its end."""
    world, acks = killed
    signed = sign(world)
    (world.ws.control / "node.sock").unlink()  # nobody copies a socket
    whole, torn = (shutil.copytree(world.ws.root, world.ws.root.parent / name) for name in ("whole", "torn"))
    (torn / "audits" / "ledger.db-wal").unlink()
    (torn / "audits" / "ledger.db-shm").unlink(missing_ok=True)
    assert verify(Workspace(whole)).ok
    assert missing(acks, Workspace(whole).ledger) == []
    assert missing(acks, Workspace(torn).ledger) != []
    found = verify(Workspace(torn))
    assert not found.ok
    assert found.broken_how in {"truncated_tail", "rolled_back"}
    assert str(signed) in found.detail
    alone = verify(world.ws, file=Workspace(torn).ledger)
    assert alone.events < signed
    assert (alone.checkpoints.count, alone.checkpoints.size) == (1, 0)
    assert any("heads of more events than it has" in one for one in alone.cannot_know)
