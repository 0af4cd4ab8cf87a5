"""The blocking client: the same calls and errors, for a command."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from ledger_events import event_id, note
from ledger_service import Service

from peak_console.domain.errors import ControlRefused, NodeUnreachable
from peak_console.domain.events import EventDraft
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.ledger.service.privileges import Proof, challenge_message


def connect(service: Service, **fields: Any) -> BlockingLedgerClient:
    """A client of the service; to be called off its loop."""
    return BlockingLedgerClient.connect(service.socket_path, name="command", **fields)


async def test_it_appends_and_asks(service: Service) -> None:
    """Acknowledged means committed; the hello tells of the server; any operation can be asked."""

    def work() -> None:
        with connect(service, actor="job:nightly") as client:
            assert client.server["seq"] == 1
            assert client.notice == ""
            first, second = client.append([note(), note()])
            assert (first.seq, second.seq) == (2, 3)
            assert client.request("status")["seq"] == 3

    await asyncio.to_thread(work)
    with service.desk.reader() as reader:
        assert reader.latest(1)[0].actor.endswith("/job:nightly")


async def test_it_proves_an_operator(service: Service) -> None:
    """Challenge, signature, append; without them it is refused."""

    def work() -> None:
        draft = EventDraft(event_id(), "phase.changed", {"to": "foundation"})
        with connect(service) as client:
            with pytest.raises(ControlRefused):
                client.append([draft])
            nonce = client.request("challenge")["nonce"]
            proof = Proof("alice", nonce, challenge_message(nonce, draft).decode())
            assert client.append([draft], proof)[0].seq == 2

    await asyncio.to_thread(work)


async def test_it_comes_back_after_a_restart(service: Service) -> None:
    """A broken line is made anew, and the request asked again."""
    client = await asyncio.to_thread(connect, service)
    draft = note()
    assert (await asyncio.to_thread(client.append, [draft]))[0].seq == 2
    await service.restart()
    assert (await asyncio.to_thread(client.append, [draft]))[0].seq == 2
    client.close()


async def test_it_waits_for_a_node_that_starts_again(service: Service) -> None:
    """Within its deadline; then it says that nobody is there."""
    client = await asyncio.to_thread(connect, service)
    await service.server.close()
    waiting = asyncio.ensure_future(asyncio.to_thread(client.append, [note()]))
    await asyncio.sleep(0.1)
    await service.start()
    assert (await waiting)[0].seq == 2
    await service.server.close()

    def fail() -> None:
        with pytest.raises(NodeUnreachable):
            client.append([note()], deadline_s=0.2)

    await asyncio.to_thread(fail)
    client.close()


def test_nobody_there_is_said_at_once(tmp_path: Path) -> None:
    """With what to do."""
    with pytest.raises(NodeUnreachable) as caught:
        BlockingLedgerClient.connect(tmp_path / "s", name="command")
    assert "peak node start" in caught.value.remedy
