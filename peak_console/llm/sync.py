"""The road for programs without an event loop: the same client, on a loop in a thread of its own."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar, Unpack, overload

from pydantic import BaseModel

from peak_console.config.workspace import Workspace
from peak_console.domain.calls import CallRequest, CallResult, Delta
from peak_console.domain.errors import UsageWrong
from peak_console.domain.vocabulary import Layer
from peak_console.llm.asking import CallWords, Euro, Words
from peak_console.llm.client import Client
from peak_console.llm.handing import CallStream
from peak_console.llm.opening import open_client
from peak_console.llm.runs import Run
from peak_console.llm.unattended.claims import PendingCall
from peak_console.llm.unattended.resuming import Ending
from peak_console.llm.waits import Told

_CLOSING_S: Final = 30.0
"""How long closing waits for what is still being recorded."""

_T = TypeVar("_T")
Opening = Callable[[], AbstractAsyncContextManager[Client]]


class _Loop:
    """An event loop in a thread, with a client open on it until :meth:`close`."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._opened: concurrent.futures.Future[Client] = concurrent.futures.Future()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._waiting: set[concurrent.futures.Future[Any]] = set()
        self._closing = threading.Lock()
        """Held while work is handed over and while the front is closed: neither happens within the other."""
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="peak-llm-client", daemon=True)
        self._thread.start()
        try:
            self.client = self._opened.result()
        except BaseException:
            self.close()
            raise

    def wait(self, work: Coroutine[Any, Any, _T]) -> _T:
        """What ``work`` gives on the loop. Whoever is interrupted while waiting cancels it."""
        future = self._handed_over(work)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise UsageWrong(
                "the client was closed while this was under way",
                code="client_closed",
                remedy="close it once its calls have returned",
            ) from None
        except BaseException:
            future.cancel()  # an interrupt: the call is cancelled, and that is recorded behind
            raise
        finally:
            with self._closing:
                self._waiting.discard(future)

    def _handed_over(self, work: Coroutine[Any, Any, _T]) -> concurrent.futures.Future[_T]:
        with self._closing:
            loop = self._loop
            if not self._closed and loop is not None and threading.current_thread() is not self._thread:
                future = asyncio.run_coroutine_threadsafe(self._tracked(work), loop)
                self._waiting.add(future)
                return future
        work.close()
        what = "the client is closed" if self._closed else "a sync client was used on its own event loop"
        raise UsageWrong(what, remedy="use it within its context, outside of its own callbacks")

    def close(self) -> None:
        """Cancel what is under way, record it, close the client and end the thread."""
        with self._closing:
            if not self._closed and self._loop is not None:
                self._loop.call_soon_threadsafe(self._stop.set)
            self._closed = True
        if threading.current_thread() is not self._thread:
            self._thread.join(_CLOSING_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:  # noqa: BLE001 - handed to whoever opens
            if not self._opened.done():
                self._opened.set_exception(error)
        finally:
            with self._closing:
                left = list(self._waiting)
            for future in left:
                future.cancel()  # done already, unless the loop broke off: nobody waits for ever

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            async with self._opening() as client:
                self._opened.set_result(client)
                await self._stop.wait()
                under_way = list(self._tasks)
                for task in under_way:
                    task.cancel()
                await asyncio.gather(*under_way, return_exceptions=True)
        finally:
            with self._closing:
                self._closed = True  # what was handed over until now is begun yet, and told that it is over
            self._stop.set()

    async def _tracked(self, work: Coroutine[Any, Any, _T]) -> _T:
        task = asyncio.current_task()
        if task is None or self._stop.is_set():
            work.close()
            raise asyncio.CancelledError
        self._tasks.add(task)
        try:
            return await work
        finally:
            self._tasks.discard(task)


class SyncStream:
    """A :class:`~peak_console.llm.handing.CallStream` for programs without an event loop."""

    def __init__(self, loop: _Loop, stream: CallStream) -> None:
        self._loop = loop
        self._stream = stream

    def __enter__(self) -> Self:
        self._loop.wait(self._stream.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.wait(self._stream.__aexit__(kind, error, trace))

    def __iter__(self) -> Iterator[Delta]:
        while batch := self.batch():
            yield from batch

    def batch(self) -> list[Delta]:
        """All deltas that are there, at least one; empty at the stream's end."""
        return self._loop.wait(self._stream.batch())

    def result(self) -> CallResult:
        """What the call gave; deltas that were not read are thrown away."""
        return self._loop.wait(self._stream.result())


class SyncRun:
    """A :class:`~peak_console.llm.runs.Run` for programs without an event loop."""

    def __init__(self, loop: _Loop, run: Run) -> None:
        self._loop = loop
        self._run = run
        self.run_id = run.run_id
        self.folder = run.folder

    def __enter__(self) -> Self:
        self._loop.wait(self._run.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.wait(self._run.__aexit__(kind, error, trace))

    @property
    def calls(self) -> int:
        """Calls asked for so far."""
        return self._run.calls

    @property
    def artefacts(self) -> tuple[dict[str, Any], ...]:
        """The artefacts written so far."""
        return self._run.artefacts

    @overload
    def call(self, request: CallRequest, *, answer: type[BaseModel] | None = None) -> CallResult: ...

    @overload
    def call(self, *, answer: type[BaseModel] | None = None, **words: Unpack[Words]) -> CallResult: ...

    def call(
        self, request: CallRequest | None = None, *, answer: type[BaseModel] | None = None, **words: Any
    ) -> CallResult:
        """One governed call of this run."""
        return self._loop.wait(_call(self._run, request, answer, words))

    @overload
    def stream(self, request: CallRequest, *, answer: type[BaseModel] | None = None) -> SyncStream: ...

    @overload
    def stream(self, *, answer: type[BaseModel] | None = None, **words: Unpack[Words]) -> SyncStream: ...

    def stream(
        self, request: CallRequest | None = None, *, answer: type[BaseModel] | None = None, **words: Any
    ) -> SyncStream:
        """One governed call of this run, its answer read as it comes."""
        return SyncStream(self._loop, _stream(self._run, request, answer, words))

    def write_artefact(self, agent: str, name: str, text: str) -> Path:
        """Write ``runs/<run_id>/<agent>/<name>``; see ``Run.write_artefact``."""
        return self._run.write_artefact(agent, name, text)


class SyncClient:
    """Governed calls for programs without an event loop; safe to use from several threads at once.

    Made by :func:`open_sync_client`; close it, or use it as a context manager. An interrupt (ctrl-c) while a
    call is under way cancels the call, which is recorded. Raises what
    :class:`~peak_console.llm.client.Client` raises.
    """

    def __init__(self, opening: Opening) -> None:
        self._loop = _Loop(opening)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Cancel what is under way, record what is still to be recorded, end the thread. May be repeated."""
        self._loop.close()

    @overload
    def call(self, request: CallRequest, *, answer: type[BaseModel] | None = None) -> CallResult: ...

    @overload
    def call(self, *, answer: type[BaseModel] | None = None, **words: Unpack[CallWords]) -> CallResult: ...

    def call(
        self, request: CallRequest | None = None, *, answer: type[BaseModel] | None = None, **words: Any
    ) -> CallResult:
        """One governed call; see ``Client.call``."""
        return self._loop.wait(_call(self._loop.client, request, answer, words))

    @overload
    def stream(self, request: CallRequest, *, answer: type[BaseModel] | None = None) -> SyncStream: ...

    @overload
    def stream(self, *, answer: type[BaseModel] | None = None, **words: Unpack[CallWords]) -> SyncStream: ...

    def stream(
        self, request: CallRequest | None = None, *, answer: type[BaseModel] | None = None, **words: Any
    ) -> SyncStream:
        """The same call, its answer read as it comes; see ``Client.stream``."""
        return SyncStream(self._loop, _stream(self._loop.client, request, answer, words))

    def run(
        self,
        *,
        purpose: str = "",
        layer: Layer | str | None = None,
        experiment: str | None = None,
        input_fingerprint: str | None = None,
        max_cost_eur: Euro | None = None,
        max_calls: int | None = None,
        max_tokens: int | None = None,
        resume: str | None = None,
    ) -> SyncRun:
        """A run to make calls and write artefacts in, as a context manager; see ``Client.run``."""

        async def made() -> Run:
            return self._loop.client.run(
                purpose=purpose,
                layer=layer,
                experiment=experiment,
                input_fingerprint=input_fingerprint,
                max_cost_eur=max_cost_eur,
                max_calls=max_calls,
                max_tokens=max_tokens,
                resume=resume,
            )

        return SyncRun(self._loop, self._loop.wait(made()))

    @overload
    def submit(self, request: CallRequest) -> str: ...

    @overload
    def submit(self, **words: Unpack[CallWords]) -> str: ...

    def submit(self, request: CallRequest | None = None, **words: Any) -> str:
        """Begin a background call and leave it to its provider; gives its id, for :meth:`resume`."""
        client = self._loop.client
        return self._loop.wait(client.submit(**words) if request is None else client.submit(request, **words))

    def resume(self, call_id: str) -> CallResult:
        """The answer of an accepted background call; see ``Client.resume``."""
        return self._loop.wait(self._loop.client.resume(call_id))

    def cancel(self, call_id: str) -> Ending:
        """Cancel an accepted background call at its provider; see ``Client.cancel``."""
        return self._loop.wait(self._loop.client.cancel(call_id))

    def pending(self, run_id: str | None = None) -> list[PendingCall]:
        """The background calls whose end is not recorded; see ``Client.pending``."""
        return self._loop.wait(self._loop.client.pending(run_id))


def open_sync_client(
    root: Workspace | Path | str | None = None,
    *,
    name: str = "llm client",
    actor: str | None = None,
    told: Told | None = None,
) -> SyncClient:
    """A client of the workspace at ``root`` (else ``PEAK_ROOT``, else the nearest above), open until closed.

    ``name``, ``actor`` and ``told`` (called in the client's thread) as
    :func:`~peak_console.llm.opening.open_client` takes them; raises what it raises.
    """
    return SyncClient(lambda: open_client(root, name=name, actor=actor, told=told))


def _call(
    road: Client | Run,
    request: CallRequest | None,
    answer: type[BaseModel] | None,
    words: dict[str, Any],
) -> Coroutine[Any, Any, CallResult]:
    if request is None:
        return road.call(answer=answer, **words)
    return road.call(request, answer=answer, **words)


def _stream(
    road: Client | Run,
    request: CallRequest | None,
    answer: type[BaseModel] | None,
    words: dict[str, Any],
) -> CallStream:
    if request is None:
        return road.stream(answer=answer, **words)
    return road.stream(request, answer=answer, **words)
