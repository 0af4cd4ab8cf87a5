"""``python -m peak_console.simulator``: the simulated providers as a process of their own."""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import orjson

from peak_console.simulator.faults import Fault, FaultDesk, rates_from
from peak_console.simulator.models import PROVIDERS
from peak_console.simulator.outages import OutagePlan
from peak_console.simulator.server import base_urls, serve
from peak_console.simulator.simulation import Simulation


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal, or until the parent ends where that was asked for."""
    options = _options(arguments)
    plan = OutagePlan(
        options.seed,
        PROVIDERS[:2],
        first_s=options.outage_first,
        every_s=options.outage_every,
        lasts_s=options.outage_lasts,
    )
    simulation = Simulation(
        seed=options.seed,
        error_rate=options.error_rate,
        latency_scale=options.latency_scale,
        outages=plan,
        desk=FaultDesk(options.faults),
        requests_per_minute=options.rpm,
    )
    try:
        asyncio.run(_run(simulation, options))
    except OSError as error:
        sys.stderr.write(f"the simulator cannot listen on port {options.port}: {error.strerror}\n")
        return 3
    return 0


async def _run(simulation: Simulation, options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watch = asyncio.create_task(_follow_parent(stop)) if options.with_parent else None
    await serve(simulation, options.port, stop, _announcer(options.ready_file))
    if watch is not None:
        watch.cancel()


async def _follow_parent(stop: asyncio.Event) -> None:
    """Set ``stop`` when the process that started us is gone."""
    parent = os.getppid()
    while os.getppid() == parent and not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 0.5)
    stop.set()


def _announcer(ready_file: Path | None) -> Callable[[int], None]:
    """Writes where the server listens: to the file, whole or not at all, else to standard output."""

    def announce(port: int) -> None:
        told = orjson.dumps({"pid": os.getpid(), "port": port, "urls": base_urls(port)})
        if ready_file is None:
            sys.stdout.write(told.decode() + "\n")
            sys.stdout.flush()
            return
        draft = ready_file.with_name(f".{ready_file.name}.{os.getpid()}")
        draft.write_bytes(told)
        draft.replace(ready_file)

    return announce


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m peak_console.simulator", description=__doc__)
    add = parser.add_argument
    add("--seed", type=int, default=0, help="of latencies, errors, outages and answers")
    add("--port", type=int, default=0, help="0 takes a free one")
    add("--ready-file", type=Path, help="written with pid, port and base URLs once it listens")
    add("--latency-scale", type=_share, default=1.0, help="1 is lifelike, 0 answers at once")
    add("--error-rate", type=_share, default=0.02, help="share of requests that fail for a moment")
    add("--outage-first", type=_share, default=45.0, help="the first outage begins within so many seconds")
    add("--outage-every", type=_share, default=180.0, help="seconds between outages; 0 for none")
    add("--outage-lasts", type=_share, default=20.0, help="seconds of an outage, about")
    add("--rpm", type=_count, default=60_000, help="requests a minute and provider before a real 429")
    add("--faults", type=_faults, default={}, help="bad responses at random, as html,ansi=0.05")
    add("--with-parent", action="store_true", help="end when the process that started it ends")
    return parser.parse_args(arguments)


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError("a number from 0 up is needed")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("a whole number from 1 up is needed")
    return value


def _faults(text: str) -> dict[Fault, float]:
    try:
        return rates_from(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}; kinds: {', '.join(Fault)}") from None


if __name__ == "__main__":
    sys.exit(main())
