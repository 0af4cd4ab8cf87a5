"""What the road adds to a streamed answer, chunk by chunk, against the bare transport.

    python benchmarks/road_streams.py [--chunks 200] [--pause-ms 10] [--json]

A provider on loopback gives a chunk of about three tokens every ``--pause-ms``, as a fast model does. The
same streams are read as bytes over httpx on the aiohttp transport, and as deltas over the road: one at a
time, and 64 at a time. A stream's time is that from its first chunk to its last, so that what a call costs
before it (``road.py``) does not count here. Beside it, without a target: CPU for a chunk at full speed,
where nobody waits for a model. Exit 1 when a target is missed.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
from httpx_aiohttp import AiohttpTransport
from road import make_workspace, said, spawn
from road_measuring import CONCURRENCY, PROMPT, REQUEST, cpu_s

from peak_console.config.workspace import Workspace
from peak_console.ledger.service.client import SocketLedgerClient
from peak_console.llm.client import Client

MOST_PCT = 5.0
ROUNDS = 3

OneStream = Callable[[], Awaitable[float]]
"""Reads one stream; gives the seconds from its first chunk to its last."""


@dataclass(frozen=True)
class Row:
    """A way of reading: milliseconds for a chunk, alone and among many, and its CPU at full speed."""

    name: str
    one_ms: float
    many_ms: float
    cpu_us: float = 0.0


async def bare(url: str, chunks: int, paced: "Paced") -> tuple[float, float]:
    """Bytes over the transport, and nothing else."""
    body = json.dumps(REQUEST | {"stream": True}).encode()
    headers = {"content-type": "application/json", "authorization": "Bearer x"}
    transport = AiohttpTransport(trust_env=False, limits=httpx.Limits(max_connections=1000))
    async with httpx.AsyncClient(transport=transport, trust_env=False, timeout=60) as client:

        async def once() -> float:
            first = last = 0.0
            seen = 0
            async with client.stream("POST", f"{url}/chat/completions", content=body, headers=headers) as got:
                async for data in got.aiter_raw():
                    last = time.perf_counter()
                    first = first or last
                    seen += data.count(b"\n\n")
            assert seen >= chunks
            return last - first

        return await paced(once)


async def road(url: str, root: Path, chunks: int, paced: "Paced") -> tuple[float, float]:
    """Deltas over the governed road."""
    ws = Workspace(root)
    ledger = await SocketLedgerClient.connect(ws.control / "s", name="benchmark")
    environ = {"PEAK_PROVIDER_OPENAI_BASE_URL": url, "PEAK_PROVIDER_GOOGLE_BASE_URL": url}
    async with Client(ws, ledger, environ=environ) as client, client.run(purpose="benchmark") as run:

        async def once() -> float:
            first = last = 0.0
            seen = 0
            asked = client.stream(layer="L2", messages=PROMPT, max_output_tokens=500, run=run)
            async with asked as stream:
                async for _ in stream:
                    last = time.perf_counter()
                    first = first or last
                    seen += 1
                assert (await stream.result()).recorded
            assert seen >= chunks
            return last - first

        found = await paced(once)
    await ledger.close()
    return found


Paced = Callable[[OneStream], Awaitable[tuple[float, float]]]


async def in_time(once: OneStream) -> tuple[float, float]:
    """Median seconds of a stream alone, and of one among many."""
    await once()
    alone = [await once() for _ in range(ROUNDS)]
    among: list[float] = []
    for _ in range(ROUNDS):
        among += await asyncio.gather(*(once() for _ in range(CONCURRENCY)))
    return statistics.median(alone), statistics.median(among)


async def at_full_speed(once: OneStream) -> tuple[float, float]:
    """CPU seconds of a stream among many, twice."""
    await once()
    begun = cpu_s()
    for _ in range(ROUNDS):
        await asyncio.gather(*(once() for _ in range(CONCURRENCY)))
    spent = (cpu_s() - begun) / ROUNDS / CONCURRENCY
    return spent, spent


def main() -> int:
    """Run the benchmark; gives the exit code."""
    parser = argparse.ArgumentParser(description="What the road adds to a streamed answer.")
    parser.add_argument("--chunks", type=int, default=200, help="chunks of a stream")
    parser.add_argument("--pause-ms", type=float, default=10.0, help="between two chunks")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    count = options.chunks
    with tempfile.TemporaryDirectory(prefix="peak-road-") as folder:
        root = Path(folder) / "ws"
        make_workspace(root)
        slow = spawn("streams", str(count), str(options.pause_ms))
        fast = spawn("streams", str(count), "0")
        ledger = spawn("ledger", str(root))
        try:
            url, quick = (f"http://127.0.0.1:{said(one)}/v1" for one in (slow, fast))
            assert said(ledger) == "ready"
            rows = [
                row("bare transport", count, *(asyncio.run(bare(u, count, p)) for u, p in pairs(url, quick))),
                row("the road", count, *(asyncio.run(road(u, root, count, p)) for u, p in pairs(url, quick))),
            ]
        finally:
            for process in (slow, fast, ledger):
                process.kill()
                process.wait()
    return report(rows, as_json=options.json)


def pairs(url: str, quick: str) -> tuple[tuple[str, Paced], tuple[str, Paced]]:
    """Both servers, each with its way of measuring."""
    return (url, in_time), (quick, at_full_speed)


def row(name: str, chunks: int, times: tuple[float, float], cpu: tuple[float, float]) -> Row:
    """A stream's figures for one chunk."""
    return Row(name, times[0] / chunks * 1000, times[1] / chunks * 1000, cpu[0] / chunks * 1e6)


def report(rows: list[Row], *, as_json: bool) -> int:
    """Print what was measured against what is wanted; gives the exit code."""
    bytes_, deltas = rows
    verdicts = []
    for name, plain, ours in (
        ("one stream", bytes_.one_ms, deltas.one_ms),
        (f"{CONCURRENCY} streams", bytes_.many_ms, deltas.many_ms),
    ):
        added = (ours / plain - 1) * 100
        verdicts.append(
            (f"added to a chunk, {name}", f"{added:+.2f} % <= {MOST_PCT:.0f} %", added <= MOST_PCT)
        )
    if as_json:
        targets = [{"name": name, "measured": text, "holds": holds} for name, text, holds in verdicts]
        print(json.dumps({"rows": [asdict(one) for one in rows], "targets": targets}, indent=2))
    else:
        print(f"{'for a chunk':20} {'one stream':>12} {'64 streams':>12} {'CPU at full speed':>20}")
        for one in rows:
            print(f"{one.name:20} {one.one_ms:9.3f} ms {one.many_ms:9.3f} ms {one.cpu_us:17.1f} us")
        for name, text, holds in verdicts:
            print(f"{'holds ' if holds else 'MISSED'} {name:42} {text}")
    return 0 if all(holds for _, _, holds in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
