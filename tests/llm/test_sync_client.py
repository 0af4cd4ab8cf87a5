import asyncio
import inspect
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import pytest
from loopback_server import Exchange, LoopbackServer
from pydantic import BaseModel
from road import Road, answering, asking, chat, environment
from streams import Steered, sending, whole, words

from peak_console.control.files import encode
from peak_console.domain.errors import CallRefused, NodeUnreachable, UsageWrong
from peak_console.ledger.service.client import SocketLedgerClient
from peak_console.llm import open_client, open_sync_client
from peak_console.llm.client import Client
from peak_console.llm.handing import CallStream
from peak_console.llm.runs import Run
from peak_console.llm.sync import SyncClient, SyncRun, SyncStream

_T = TypeVar("_T")


class Tone(BaseModel):
    """How an answer sounds."""

    tone: str


def made(road: Road, url: str) -> Callable[[], SyncClient]:
    """Opens a sync client on the road's ledger; to be used outside of the test's event loop."""

    @asynccontextmanager
    async def opening() -> AsyncIterator[Client]:
        ledger = await SocketLedgerClient.connect(road.server.socket_path, name="sync")
        async with ledger, Client(road.ws, ledger, environ=environment(url)) as client:
            yield client

    return lambda: SyncClient(opening)


async def apart(work: Callable[[], _T]) -> _T:
    """``work`` in a thread of its own: the test's event loop goes on serving ledger and providers."""
    return await asyncio.wait_for(asyncio.to_thread(work), 30)


def threads() -> set[str]:
    """The threads of sync clients that are alive."""
    return {one.name for one in threading.enumerate() if one.name == "peak-llm-client"}


async def test_a_call_without_an_event_loop(road: Road, providers: LoopbackServer) -> None:
    """A call in words, a request, a structured answer: as from the asynchronous client."""
    providers.handler = answering(chat('{"tone":"calm"}'))
    opened = made(road, providers.url)

    def work() -> tuple[str, Any, str]:
        with opened() as client:
            parsed = client.call(layer="L2", messages="Tone?", answer=Tone).parsed
            return client.call(asking()).text, parsed, client.call(layer="L2", messages="?").provider

    assert await apart(work) == ('{"tone":"calm"}', Tone(tone="calm"), "openai")
    assert not threads()
    road.check()


async def test_a_stream_without_an_event_loop(road: Road, providers: LoopbackServer) -> None:
    """Deltas are iterated in order; the result follows; leaving early cancels."""
    providers.handler = sending(*whole("Calm", " seas"))
    opened = made(road, providers.url)

    def work() -> tuple[list[str], str]:
        with opened() as client, client.stream(layer="L2", messages="?") as stream:
            return [delta.text for delta in stream], stream.result().text

    assert await apart(work) == (["Calm", " seas"], "Calm seas")
    handler = Steered()
    providers.handler = handler
    handler.put(*words(["one", " two"]))

    def leave() -> str:
        with opened() as client, client.stream(layer="L2", messages="?") as stream:
            return next(iter(stream)).text

    assert await apart(leave) == "one"
    await asyncio.wait_for(handler.gone.wait(), 25)
    road.check()


async def test_a_run_without_an_event_loop(road: Road, providers: LoopbackServer) -> None:
    """Calls, streams and artefacts of a run stand between its beginning and its end."""
    opened = made(road, providers.url)

    def work() -> str:
        with opened() as client, client.run(purpose="outlook", layer="L2", max_calls=5) as run:
            run.call(messages="?")
            run.write_artefact("analyst", "a.md", run.run_id)
            assert (run.calls, run.artefacts[0]["path"]) == (1, "analyst/a.md")
            return run.run_id

    run_id = await apart(work)
    assert road.kinds() == ["run.started", "llm.call.requested", "llm.call.completed", "run.finished"]
    assert {event.run_id for event in road.events()} == {run_id}


async def test_errors_come_through_as_they_are(road: Road, providers: LoopbackServer) -> None:
    """A refusal keeps its type and code; a run that fails says so."""
    opened = made(road, providers.url)

    def work() -> None:
        with opened() as client, client.run() as run:
            run.call(layer="L5", messages="?")

    with pytest.raises(CallRefused) as caught:
        await apart(work)
    assert caught.value.code == "layer_has_no_models"
    finished = road.events("run.finished")[0].body
    assert finished is not None
    assert finished["outcome"] == "failed"


async def test_several_threads_share_one_client(road: Road, providers: LoopbackServer) -> None:
    """Calls from eight threads at once: each answered and recorded once."""
    opened = made(road, providers.url)

    def work() -> set[str]:
        ids: list[str] = []
        with opened() as client:

            def call() -> None:
                ids.extend(client.call(layer="L2", messages=f"{number}?").call_id for number in range(5))

            callers = [threading.Thread(target=call) for _ in range(8)]
            for caller in callers:
                caller.start()
            for caller in callers:
                caller.join(25)
        return set(ids)

    assert len(await apart(work)) == 40
    assert road.kinds().count("llm.call.completed") == 40
    road.check()


async def test_closing_ends_what_is_under_way(road: Road, providers: LoopbackServer) -> None:
    """A call that is still under way when another thread closes the client is cancelled and recorded."""
    asked = asyncio.Event()

    async def never(exchange: Exchange) -> None:
        asked.set()
        await asyncio.Event().wait()

    providers.handler = never
    client = await apart(made(road, providers.url))
    call = asyncio.create_task(apart(lambda: client.call(layer="L2", messages="?")))
    await asyncio.wait_for(asked.wait(), 25)
    await apart(client.close)
    with pytest.raises(UsageWrong) as caught:
        await call
    assert caught.value.code == "client_closed"
    assert [event.body and event.body["reason"] for event in road.events("llm.call.failed")] == ["cancelled"]
    assert not threads()
    road.check()


async def test_a_closed_client_says_so(road: Road, providers: LoopbackServer) -> None:
    """After closing, calls are misuse; closing twice is not."""
    client = await apart(made(road, providers.url))
    await apart(client.close)
    await apart(client.close)
    with pytest.raises(UsageWrong, match="closed"):
        await apart(lambda: client.call(layer="L2", messages="?"))


async def test_a_close_while_work_is_handed_over_waits_for_it(
    road: Road, providers: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between looking whether a client is open and handing over, nobody closes it: no error of asyncio's."""
    client = await apart(made(road, providers.url))
    closer = threading.Thread(target=client.close)
    handing_over = asyncio.run_coroutine_threadsafe

    def closed_meanwhile(*args: Any) -> Any:
        if not closer.ident:
            closer.start()
            closer.join(0.5)  # ends here only where closing does not wait for the handing over
            assert closer.is_alive()
        return handing_over(*args)

    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", closed_meanwhile)
    with suppress(UsageWrong):  # its call may have been begun, and is cancelled then
        await apart(client.pending)
    await apart(closer.join)
    assert not threads()


async def test_closing_beside_many_callers_leaves_nobody_waiting(
    road: Road, providers: LoopbackServer
) -> None:
    """Whenever a client is closed: each caller has its answer or is told that it is closed, and goes on."""

    def round_of(wait_for: int) -> None:
        client = made(road, providers.url)()
        begun, told = threading.Semaphore(0), []

        def caller() -> None:
            try:
                while True:
                    begun.release()
                    client.pending()
            except UsageWrong as error:
                told.append(error.code)

        callers = [threading.Thread(target=caller) for _ in range(6)]
        for one in callers:
            one.start()
        for _ in range(wait_for):
            begun.acquire()
        client.close()
        for one in callers:
            one.join(25)
        assert not any(one.is_alive() for one in callers)
        assert len(told) == 6

    for count in (1, 3, 7, 20):
        await apart(lambda count=count: round_of(count))
    assert not threads()


async def test_a_client_whose_loop_broke_off_is_closed(road: Road, providers: LoopbackServer) -> None:
    """Where the loop's thread ends by itself, whoever waits is told, and so is whoever comes later."""
    begun = threading.Event()

    async def endless() -> None:
        begun.set()
        await asyncio.Event().wait()

    @asynccontextmanager
    async def opening() -> AsyncIterator[Client]:
        ledger = await SocketLedgerClient.connect(road.server.socket_path, name="sync")
        async with ledger, Client(road.ws, ledger, environ=environment(providers.url)) as client:
            main = asyncio.current_task()
            assert main is not None
            loop = asyncio.get_running_loop()
            breaking.append(lambda: loop.call_soon_threadsafe(main.cancel))
            yield client

    breaking: list[Callable[[], Any]] = []

    def work() -> list[str]:
        client = SyncClient(opening)
        codes = []

        def caller() -> None:
            try:
                client._loop.wait(endless())
            except UsageWrong as error:
                codes.append(error.code)

        waiting = threading.Thread(target=caller)
        waiting.start()
        assert begun.wait(25)
        breaking[0]()
        waiting.join(25)
        with pytest.raises(UsageWrong, match="closed"):
            client.pending()
        client.close()
        return codes

    assert await apart(work) == ["client_closed"]
    assert not threads()


def signature(of: Any) -> list[tuple[str, Any, Any]]:
    """Names, kinds and defaults of what a public function takes."""
    return [(one.name, one.kind, one.default) for one in inspect.signature(of).parameters.values()]


def public(of: type) -> set[str]:
    """What a class has for its users."""
    return {name for name in vars(of) if not name.startswith("_")}


@pytest.mark.parametrize(
    ("theirs", "ours", "apart"),
    [
        (Client, SyncClient, {"record", "record_end"}),  # what a run writes through
        (Run, SyncRun, {"calls"}),  # a plain attribute there
        (CallStream, SyncStream, set()),
    ],
)
def test_both_fronts_take_the_same_words(theirs: type, ours: type, apart: set[str]) -> None:
    """Whoever knows one client knows the other: the same methods, parameters and defaults."""
    assert public(ours) ^ public(theirs) == apart
    for name in public(ours) - apart:
        if callable(getattr(ours, name)):
            assert signature(getattr(ours, name)) == signature(getattr(theirs, name)), name
    assert signature(open_sync_client) == signature(open_client)


async def test_a_run_is_gone_on_with_and_a_request_submitted(road: Road, providers: LoopbackServer) -> None:
    """``run(resume=…)`` takes up another's run; ``submit`` takes a request, and not beside words."""
    opened = made(road, providers.url)

    def work() -> str:
        with opened() as client:
            with client.run(purpose="first") as run:
                run_id = run.run_id
            with client.run(resume=run_id) as again:
                again.call(layer="L2", messages="?")
            with pytest.raises(CallRefused) as caught:
                client.submit(asking())  # nobody in this slot works in the background
            assert caught.value.code == "endpoint_unsupported"
            with pytest.raises(UsageWrong, match="both"):
                client.submit(asking(), messages="?")  # type: ignore[call-overload]
            return again.run_id if again.run_id == run_id else ""

    run_id = await apart(work)
    assert road.events("llm.call.requested")[0].run_id == run_id
    assert road.kinds().count("run.started") == 1


async def test_without_a_node_it_says_so(tmp_path: Any) -> None:
    """Opening fails as the asynchronous client's opening does, and leaves no thread behind."""
    (tmp_path / "configs").mkdir()
    with pytest.raises(NodeUnreachable):
        await apart(lambda: open_sync_client(tmp_path))
    assert not threads()


CALLER = """
import signal
import sys
from peak_console.llm import open_sync_client
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
with open_sync_client(sys.argv[1]) as client:
    client.call(layer="L2", messages="?")
"""


async def test_an_interrupt_cancels_the_call_and_is_recorded(road: Road, providers: LoopbackServer) -> None:
    """Ctrl-c in mid-call: the program ends at once by its interrupt, and the hop is on the ledger."""
    asked = asyncio.Event()

    async def never(exchange: Exchange) -> None:
        asked.set()
        await asyncio.Event().wait()

    providers.handler = never
    (road.ws.control / "node.json").write_bytes(encode({"socket": str(road.server.socket_path)}))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CALLER,
        str(road.ws.root),
        env={**os.environ, **environment(providers.url)},
        stderr=subprocess.PIPE,
    )
    try:
        await asyncio.wait_for(asked.wait(), 30)
        process.send_signal(signal.SIGINT)
        _, told = await asyncio.wait_for(process.communicate(), 30)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode in {-signal.SIGINT, 130}, told
    assert b"KeyboardInterrupt" in told
    assert [event.body and event.body["reason"] for event in road.events("llm.call.failed")] == ["cancelled"]
    road.check()
