"""``python -m peak_console.operations.jobs.worker --root ROOT``: one run of one job, in its own process.

The node starts it, writes one line of JSON on its standard input (:class:`Order`) and keeps that open: its
end is the node's. It prints lines of JSON: ``{"run_id": …}`` and ``{"step": …}`` as it goes, and at the end
always ``{"ended": outcome, "state": …, "detail": …}``. SIGTERM and the node's end cancel its calls in flight.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final, cast

import orjson

from peak_console.config.workspace import Workspace, find_workspace
from peak_console.domain.errors import ControlRefused, PeakError
from peak_console.domain.jobs import JobKind, RunState
from peak_console.domain.redaction import redactor, secrets_of
from peak_console.domain.text import one_line
from peak_console.operations.jobs.context import JobEnd, Order, Work, malformed, order_from, working

MODULE: Final = "peak_console.operations.jobs.worker"

ORDER_S: Final = 10.0
"""How long the order may take to come."""

GRACE_S: Final = 2.5
"""How long cancelled work may go on; the node kills after three seconds."""

ALONE_S: Final = 8.0
"""How long it may go on without a node, which nobody kills: what was paid for is put into the spool."""

_TEXT_LIMIT: Final = 400

_WORK: Final[Mapping[JobKind, tuple[str, str]]] = {
    JobKind.SHADOW_CYCLE: ("peak_console.shadow.cycle", "run_cycle"),
    JobKind.CANARY: ("peak_console.shadow.canaries", "run_canaries"),
    JobKind.TWO_SAMPLE: ("peak_console.shadow.two_sample", "run_two_sample"),
}
"""The work of each kind: module and function."""

Perform = Callable[[Order], Awaitable[JobEnd]]


def main(arguments: list[str] | None = None) -> int:
    """One run; 0 when it is done, 1 otherwise. The last line says how it ended."""
    parser = argparse.ArgumentParser(
        prog="python -m peak_console.operations.jobs.worker", description=__doc__
    )
    parser.add_argument("--root", type=Path, help="the workspace")
    options = parser.parse_args(arguments)
    try:
        ws = find_workspace(options.root)
        end = asyncio.run(run(lambda order: perform(ws, order)))
    except PeakError as error:
        end = ending_of(error)
    say(last_line(end))
    return 0 if end.state is RunState.DONE else 1


async def perform(ws: Workspace, order: Order) -> JobEnd:
    """Do what ``order`` says; raises what its work raises."""
    async with working(ws, order, say) as tools:
        return await work_of(order.kind)(tools)


def work_of(kind: JobKind) -> Work:
    """What a kind of job does; its module is loaded now, the others' are not."""
    module, name = _WORK[kind]
    return cast("Work", getattr(import_module(module), name))


async def run(perform: Perform, stdin: int | None = None) -> JobEnd:
    """Read the order, perform it, and end it when the node ends or SIGTERM comes. Never raises."""
    loop = asyncio.get_running_loop()
    ending = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ending.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # a key in the node's terminal is the node's
    reader = asyncio.StreamReader()
    pipe = sys.stdin if stdin is None else os.fdopen(stdin, "rb")
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    doing = asyncio.create_task(_performed(perform, reader, ending))
    waiting = asyncio.create_task(ending.wait())
    try:
        await asyncio.wait({doing, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            doing.cancel()
            await asyncio.wait({doing}, timeout=ALONE_S if reader.at_eof() else GRACE_S)
        return _result(doing)
    finally:
        waiting.cancel()
        transport.close()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _performed(perform: Perform, reader: asyncio.StreamReader, ending: asyncio.Event) -> JobEnd:
    try:
        async with asyncio.timeout(ORDER_S):
            line = await reader.readline()
    except TimeoutError:
        return JobEnd(RunState.FAILED, "order_missing", "the node did not say what to do")
    except ValueError as error:  # a line without an end
        return ending_of(malformed(str(error)))
    order = order_from(line)
    lifeline = asyncio.create_task(_await_end(reader, ending))
    try:
        return await perform(order)
    finally:
        lifeline.cancel()


async def _await_end(reader: asyncio.StreamReader, ending: asyncio.Event) -> None:
    """Set the event when the node's end of the pipe has closed."""
    while await reader.read(1024):
        pass
    ending.set()


def _result(task: "asyncio.Task[JobEnd]") -> JobEnd:
    if not task.done():
        say(last_line(JobEnd(RunState.ABORTED, "unfinished", "it did not end when it was told to")))
        os._exit(1)  # nothing that was to be recorded is waited for any longer
    if task.cancelled():
        return JobEnd(RunState.ABORTED, "ended", "it was told to end")
    error = task.exception()
    return task.result() if error is None else ending_of(error)


def ending_of(error: BaseException) -> JobEnd:
    """How a run ends that raised ``error``: what posture refuses is an abort, the rest a failure."""
    if isinstance(error, ControlRefused):
        return JobEnd(RunState.ABORTED, error.code, error.message)
    if isinstance(error, PeakError):
        remedy = f"; {error.remedy}" if error.remedy else ""
        return JobEnd(RunState.FAILED, error.code, error.message + remedy)
    return JobEnd(RunState.FAILED, "defect", f"{type(error).__name__}: {error}")


def last_line(end: JobEnd) -> Mapping[str, Any]:
    """The last line of a worker."""
    run = {"run_id": end.run_id} if end.run_id else {}
    return {"ended": end.outcome, "state": end.state.value, "detail": end.detail, **run}


def say(line: Mapping[str, Any]) -> None:
    """One line for the node; foreign text in it is made harmless. Nobody reading it is no fault.

    Keys are struck out before a text is cut: half of one is not known for one any more.
    """
    redact = redactor(secrets_of(os.environ))
    safe = {
        name: one_line(redact(value), _TEXT_LIMIT) if isinstance(value, str) else value
        for name, value in line.items()
    }
    with contextlib.suppress(OSError):
        os.write(1, orjson.dumps(safe) + b"\n")


if __name__ == "__main__":
    sys.exit(main())
