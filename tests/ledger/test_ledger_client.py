"""The asynchronous client: nothing acknowledged is lost, nothing repeated doubled, nobody waits for ever."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest
from ledger_events import note, requested
from ledger_service import Service
from support.loop_time import let_pass

from peak_console.domain.canonical import NotCanonical
from peak_console.domain.errors import NodeUnreachable, PeakError, UsageWrong
from peak_console.domain.events import EventDraft
from peak_console.ledger.service.client import SocketLedgerClient
from peak_console.ledger.verifying.verify import verify

if TYPE_CHECKING:
    from peak_console.domain.ledgering import LedgerClient


async def test_it_is_a_ledger_client(service: Service) -> None:
    """The protocol of the rooms above."""
    client: LedgerClient = await service.client()
    (ack,) = await client.append([note()])
    assert ack.seq == 2
    await client.close()


async def test_many_tasks_share_a_line(service: Service) -> None:
    """Each gets its own acknowledgements, whatever is under way beside it."""
    async with await service.client() as client:
        drafts = [[note() for _ in range(1 + number % 3)] for number in range(100)]
        acks = await asyncio.gather(*(client.append(some) for some in drafts))
    for some, given in zip(drafts, acks, strict=True):
        assert [ack.event_id for ack in given] == [draft.event_id for draft in some]
        assert [ack.seq for ack in given] == list(range(given[0].seq, given[0].seq + len(given)))
    assert verify(service.desk.path).ok


async def test_a_refusal_is_no_error(service: Service) -> None:
    """The request was written as refused, and the acknowledgement says why."""
    async with await service.client() as client:
        (ack,) = await client.append([requested(bound=2 * 10**9)])
    assert ack.refusal is not None
    assert ack.refusal.code == "budget_exceeded"
    assert ack.refusal.details["scope"] == "run"


async def test_a_draft_that_is_not_canonical_never_leaves(service: Service) -> None:
    """The caller hears of it at once."""
    async with await service.client() as client:
        with pytest.raises(NotCanonical):
            await client.append([EventDraft("ev_x", "run.started", {"x": 0.1})])
        with pytest.raises(UsageWrong):
            await client.append([EventDraft("ev x", "run.started")])


async def test_nobody_there_is_said_at_once(tmp_path: Path) -> None:
    """With what to do."""
    with pytest.raises(NodeUnreachable) as caught:
        await SocketLedgerClient.connect(tmp_path / "s", name="test")
    assert "peak node start" in caught.value.remedy


async def test_somebody_who_says_nothing_is_not_waited_for(short_folder: Path) -> None:
    """A server that accepts and is silent ends in the deadline."""
    ended = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        ended.set()

    server = await asyncio.start_unix_server(silent, short_folder / "s")
    with pytest.raises(NodeUnreachable):
        await SocketLedgerClient.connect(short_folder / "s", name="test", deadline_s=0.05)
    await asyncio.wait_for(ended.wait(), 60)
    server.close()


async def test_it_comes_back_after_a_restart(service: Service) -> None:
    """The same client goes on with the new server, under the same id."""
    async with await service.client() as client:
        await client.append([note()])
        await service.restart()
        (ack,) = await client.append([note()])
    assert ack.seq == 3


class Hiccup:
    """A server in between that ends the line after the request went through, before the reply comes back."""

    def __init__(self, path: Path, behind: Path, losses: int) -> None:
        self.path, self.behind, self.losses = path, behind, losses
        self.lines: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        self.server = await asyncio.start_unix_server(self.handle, self.path)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        for task in self.lines:
            task.cancel()
        await asyncio.gather(*self.lines, return_exceptions=True)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass both ways, until a loss is due."""
        task = asyncio.current_task()
        assert task is not None
        self.lines.add(task)
        back_reader, back_writer = await asyncio.open_unix_connection(self.behind)
        greeted = False

        async def forth() -> None:
            while data := await reader.read(65536):
                back_writer.write(data)

        pump = asyncio.ensure_future(forth())
        try:
            while data := await back_reader.read(65536):
                if greeted and self.losses:
                    self.losses -= 1
                    return
                greeted = True
                writer.write(data)
        finally:
            pump.cancel()
            writer.close()
            back_writer.close()


async def test_a_lost_acknowledgement_is_fetched_again(service: Service, short_folder: Path) -> None:
    """The line ends between commit and reply, three times: each event stands once, and is acknowledged."""
    async with Hiccup(short_folder / "h", service.socket_path, losses=3) as hiccup:
        async with await SocketLedgerClient.connect(hiccup.path, name="test") as client:
            acks = await asyncio.gather(*(client.append([note(str(number))]) for number in range(20)))
        assert hiccup.losses == 0
    assert sorted(ack.seq for (ack,) in acks) == list(range(2, 22))
    assert service.desk.writer.head[0] == 21


async def test_a_deadline_ends_the_wait(service: Service) -> None:
    """Without a server an append fails after its deadline; the next works when there is a server again."""
    async with await service.client(deadline_s=60) as client:
        await service.server.close()
        draft = note()
        waiting = asyncio.ensure_future(client.append([draft]))
        await asyncio.sleep(0)
        let_pass(60)
        with pytest.raises(NodeUnreachable, match="no acknowledgement within"):
            await waiting
        await service.start()
        (ack,) = await client.append([draft])
    assert ack.seq == 2


async def test_closing_ends_every_wait(service: Service) -> None:
    """Whoever waits hears that nobody will answer; so does whoever comes later."""
    client = await service.client()
    await service.server.close()
    waiting = asyncio.ensure_future(client.append([note()]))
    await asyncio.sleep(0)
    await client.close()
    with pytest.raises(NodeUnreachable):
        await waiting
    with pytest.raises(NodeUnreachable):
        await client.append([note()])
    await client.close()


async def test_a_cancelled_caller_leaves_nothing_behind(service: Service) -> None:
    """Its late acknowledgement is nobody's; others get theirs."""
    async with await service.client() as client:
        task = asyncio.ensure_future(client.append([note()]))
        await asyncio.sleep(0)
        task.cancel()
        (ack,) = await client.append([note()])
        assert ack.seq in {2, 3}
        assert not client._pending


async def test_an_unknown_operation_is_an_error(service: Service) -> None:
    """As the server said it."""
    async with await service.client() as client:
        with pytest.raises(PeakError) as caught:
            await client.request("dance")
    assert caught.value.code == "unknown_operation"
