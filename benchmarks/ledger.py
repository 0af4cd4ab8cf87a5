"""The ledger's figures: appends and waits by client processes, fairness, verification, size, queries.

    python benchmarks/ledger.py [--events 1000000] [--seconds 5] [--folder DIR] [--json]

Every target that depends on the machine has its baseline in the same run: a bare SQLite commit loop on the
same disk for appends, a plain sqlite3, json and hashlib loop over the same file for verification.
"""

import argparse
import asyncio
import multiprocessing
import os
import secrets
import signal
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from ledger_figures import Line, plain_loop, report
from ledger_traffic import answer_of, fill, request_of

from peak_console.budget.limits import BudgetLimits, Limit, Scope
from peak_console.domain.clock import SystemClock
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_call_id
from peak_console.domain.money import NanoEur
from peak_console.ledger.filters import ENDED, EventFilter
from peak_console.ledger.folds.reservations import Reservations
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.client import SocketLedgerClient
from peak_console.ledger.service.server import LedgerServer
from peak_console.ledger.verifying.verify import verify
from peak_console.ledger.writer import LedgerWriter

PLENTY = NanoEur(10**15)
LIMITS = BudgetLimits(
    (
        Limit(Scope.RUN, max_cost=PLENTY),
        Limit(Scope.DAY, max_cost=PLENTY),
        Limit(Scope.LAYER_DAY, "L2", max_cost=PLENTY),
    ),
    Decimal(80),
    "Europe/Berlin",
    "benchmark",
)


# -- appends over the socket


def serve(folder: str, ready: Any) -> None:
    """The server in a process of its own, as in the node."""

    async def run() -> None:
        clock = SystemClock()
        reservations = Reservations(lambda: LIMITS, clock=clock)
        writer = LedgerWriter(Path(folder) / "ledger.db", clock=clock, projections=(Rollups(), reservations))
        server = LedgerServer(writer, Path(folder) / "s", authorise=lambda *_: False, clock=clock)
        await server.start()
        await server.append([EventDraft("ev_genesis", EventKind.WORKSPACE_INITIALISED, {})], actor="bench")
        ended = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        ready.set()
        await ended.wait()
        await server.close()
        writer.close()

    asyncio.run(run())


def call_away(folder: str, seconds: float, concurrency: int, start: Any, results: Any) -> None:
    """A client process: calls of two appends each, one after the other in every task."""

    async def run() -> None:
        waits: list[float] = []
        client = await SocketLedgerClient.connect(Path(folder) / "s", name="bench")
        start.wait()
        until = time.perf_counter() + seconds
        used = time.process_time()

        async def task(number: int) -> None:
            while time.perf_counter() < until:
                call = new_call_id(secrets.token_bytes, datetime.now(UTC))
                for draft in (request_of(call, number), answer_of(call, number)):
                    sent = time.perf_counter()
                    await client.append([draft])
                    waits.append(time.perf_counter() - sent)
                number += 17

        await asyncio.gather(*(task(number) for number in range(concurrency)))
        used = time.process_time() - used
        await client.close()
        results.put((len(waits), waits, used))

    asyncio.run(run())


def appends(clients: int, seconds: float, concurrency: int) -> dict[str, float]:
    """Appends/s, waits and fairness with ``clients`` processes of ``concurrency`` tasks."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="pk") as folder:
        ready, start, results = context.Event(), context.Barrier(clients), context.Queue()
        server = context.Process(target=serve, args=(folder, ready))
        server.start()
        ready.wait(30)
        workers = [
            context.Process(target=call_away, args=(folder, seconds, concurrency, start, results))
            for _ in range(clients)
        ]
        for worker in workers:
            worker.start()
        found = [results.get(timeout=120) for _ in workers]
        for worker in workers:
            worker.join()
        server.terminate()
        server.join()
    waits = sorted(wait for _, some, _ in found for wait in some)
    counts = [count for count, _, _ in found]
    return {
        "per_second": sum(counts) / seconds,
        "p50_ms": waits[len(waits) // 2] * 1000,
        "p99_ms": waits[int(len(waits) * 0.99)] * 1000,
        "max_ms": waits[-1] * 1000,
        "fairness": max(counts) / min(counts),
        "cpu_us": sum(used for _, _, used in found) / sum(counts) * 1e6,
    }


def bare_commits(seconds: float) -> float:
    """Commits/s of a bare SQLite loop with ``synchronous=FULL`` on the same disk: the baseline of waits."""
    with tempfile.TemporaryDirectory() as folder:
        db = sqlite3.connect(Path(folder) / "bare.db", isolation_level=None)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("CREATE TABLE t(x)")
        until, count = time.perf_counter() + seconds, 0
        while time.perf_counter() < until:
            db.execute("INSERT INTO t VALUES (?)", (b"x" * 1000,))
            count += 1
        db.close()
    return count / seconds


# -- one large ledger


def verified(path: Path, *, figures: bool) -> float:
    """Events/s of our verification, by processor time of this one thread."""
    began = time.process_time()
    result = verify(path, figures=figures)
    if not result.ok:
        raise SystemExit(f"the ledger does not verify: {result}")
    return result.events / (time.process_time() - began)


def timed(work: Callable[[], Any], times: int = 20) -> float:
    """The median of ``times`` runs, in milliseconds."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def queries(path: Path) -> dict[str, float]:
    """Milliseconds of what the screens ask."""
    with LedgerReader(path) as reader:
        top = reader.rollups(60)[-1].start if reader.rollups(60) else 0
        asked: dict[str, Callable[[], Any]] = {
            "minutes of the last 5 min": lambda: reader.rollups(60, top - 300),
            "minutes of the last hour": lambda: reader.rollups(60, top - 3600),
            "ten minutes of a day": lambda: reader.rollups(600, top - 86_400),
            "hours of 7 days": lambda: reader.rollups(3600, top - 7 * 86_400),
            "totals": reader.totals,
            "verdicts and errors of an hour": lambda: (
                reader.critic(60, top - 3600),
                reader.errors(60, top - 3600),
            ),
            "tail of 50 calls": lambda: reader.find(EventFilter(kinds=ENDED), limit=50),
            "50 calls of a layer": lambda: reader.find(EventFilter(kinds=ENDED, layers=("L2",)), limit=50),
            "50 calls of a model": lambda: reader.find(
                EventFilter(kinds=ENDED, model_ids=("gpt-5.2",)), limit=50
            ),
            "budgets": reader.budgets,
        }
        return {name: timed(work) for name, work in asked.items()}


def measure(events: int, seconds: float) -> list[Line]:
    """All figures."""
    lines: list[Line] = []
    lines.append(
        Line("load of the machine before (1, 5, 15 min)", " ".join(f"{one:.1f}" for one in os.getloadavg()))
    )
    bare = bare_commits(min(seconds, 2))
    lines.append(Line("bare SQLite commits, one at a time (baseline)", f"{bare:,.0f}/s"))
    for clients, concurrency in ((1, 1), (4, 1), (16, 1), (1, 64), (16, 4)):
        one = appends(clients, seconds, concurrency)
        name = f"appends, {clients} client(s) x {concurrency}"
        many = (clients, concurrency) == (16, 1)
        lines += [
            Line(name, f"{one['per_second']:,.0f}/s = {one['per_second'] / bare:.2f} x baseline"),
            Line(
                f"{name}: wait p50 / p99 / max",
                f"{one['p50_ms']:.1f} / {one['p99_ms']:.1f} / {one['max_ms']:.1f} ms",
                "p99 <= 20 ms" if many else "",
                one["p99_ms"] <= 20 if many else None,
            ),
        ]
        if clients > 1:
            lines.append(
                Line(f"{name}: fairness max/min", f"{one['fairness']:.2f}", "<= 2", one["fairness"] <= 2)
            )
        lines.append(Line(f"{name}: client's CPU an append", f"{one['cpu_us']:.0f} us"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        lines.append(Line(f"{events:,} events written in batches", f"{fill(path, events):,.0f}/s"))
        lines.append(Line("size", f"{path.stat().st_size / events:,.0f} B/event"))
        loop = plain_loop(path)
        plain, chain = loop.events / loop.cpu_s, max(verified(path, figures=False) for _ in range(2))
        whole = verified(path, figures=True)
        lines += [
            Line("plain sqlite3, json, hashlib loop (baseline)", f"{plain:,.0f} events/s"),
            Line(
                "verify: every header and body",
                f"{chain:,.0f} events/s = {chain / plain:.2f} x baseline",
                ">= 130,000/s",
                chain >= 130_000,
            ),
            Line("verify with figures folded again", f"{whole:,.0f} events/s"),
        ]
        for name, taken in queries(path).items():
            lines.append(Line(f"query: {name}", f"{taken:.2f} ms", "<= 20 ms", taken <= 20))
    return lines


def main() -> None:
    """Measure and print; exit 1 when a target was missed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="size of the large ledger")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each append run")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--folder", type=Path, help="where its temporary folders lie: the disk to measure")
    options = parser.parse_args()
    if options.folder is not None:
        if not options.folder.is_dir():
            parser.error(f"--folder: {options.folder} is no folder")
        tempfile.tempdir = str(options.folder.resolve(strict=True))
    report(measure(options.events, options.seconds), as_json=options.json)


if __name__ == "__main__":
    main()
