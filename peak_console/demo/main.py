"""The command line of the demo's traffic."""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Final

import orjson

from peak_console.config.workspace import find_workspace
from peak_console.control.sockets import socket_path
from peak_console.demo.traffic import KEPT_RUNS, Traffic, TrafficOptions, gate_of, simulated
from peak_console.domain.errors import PeakError
from peak_console.ledger.service.client import SocketLedgerClient
from peak_console.llm.client import Client

_SOCKET: Final = "node.sock"
_ACTOR: Final = "agent:demo"


def main(arguments: list[str] | None = None) -> int:
    """Make traffic until a signal or the given time; the last line on standard output is a JSON summary."""
    options = _options(arguments)
    try:
        summary = asyncio.run(_run(options))
    except PeakError as error:
        lines = [error.message, f"reason: {error.code}", error.remedy]
        sys.stderr.write("\n".join(line for line in lines if line) + "\n")
        return error.exit_code
    sys.stdout.write(orjson.dumps(summary).decode() + "\n")
    sys.stdout.flush()
    return 0


async def _run(options: argparse.Namespace) -> dict[str, object]:
    ws = find_workspace(options.root)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    gate = gate_of(ws)
    await simulated(gate)
    path = socket_path(ws.control, _SOCKET)
    wanted = TrafficOptions(options.rate, options.seed, options.keep_runs, options.at_once)
    began = loop.time()
    async with (
        await SocketLedgerClient.connect(path, name="demo traffic", actor=_ACTOR, worker=True) as ledger,
        Client(ws, ledger, actor=_ACTOR) as client,
    ):
        traffic = Traffic(ws, client, ledger, gate, wanted)
        ending = [asyncio.create_task(_after(stop, options.seconds))] if options.seconds else []
        if options.with_parent:
            ending.append(asyncio.create_task(_with_parent(stop)))
        try:
            await traffic.run(stop)
        finally:
            for task in ending:
                task.cancel()
    return traffic.tally.summary() | {"seconds": round(loop.time() - began, 3)}


async def _after(stop: asyncio.Event, seconds: float) -> None:
    await asyncio.sleep(seconds)
    stop.set()


async def _with_parent(stop: asyncio.Event) -> None:
    """Set ``stop`` when the process that started us is gone."""
    parent = os.getppid()
    while os.getppid() == parent and not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 0.5)
    stop.set()


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m peak_console.demo.traffic", description=__doc__)
    add = parser.add_argument
    add("--root", type=Path, help="the demo workspace; else PEAK_ROOT, else where this is started")
    add("--rate", type=_rate, default=20.0, help="calls per second, critics' included")
    add("--seed", type=int, default=0, help="of the mix and the market windows")
    add("--seconds", type=float, default=0.0, help="end after so many seconds; 0 for never")
    add("--keep-runs", type=int, default=KEPT_RUNS, help="run folders kept; 0 for all")
    add("--at-once", type=int, default=256, help="runs at once")
    add("--with-parent", action="store_true", help="end when the process that started it ends")
    return parser.parse_args(arguments)


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 < rate <= 10_000:  # noqa: PLR2004 - beyond any machine
        raise argparse.ArgumentTypeError("a number above 0 and up to 10000 is needed")
    return rate
