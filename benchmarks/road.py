"""What the governed road costs: against the bare transport, plain httpx, and two well-known clients.

    python benchmarks/road.py [--calls 3000] [--peers PYTHON] [--json]

All rows call the same loopback server, which answers at once from a process of its own, one after another in
the same run: sequentially, then 64 at a time. The road's ledger is served by a process of its own as well.
Peers (openai, litellm) are large; they live in an environment of their own, whose interpreter ``--peers``
names, and are left out with the reason where that has none. Exit 1 when a target of the design is missed.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import httpx
from httpx_aiohttp import AiohttpTransport
from road_measuring import PROMPT, REQUEST, Measure, Row, at_share, measuring

from peak_console.config.defaults import write_demo_configs
from peak_console.config.workspace import Workspace
from peak_console.domain.calls import CallLimits, CallRequest, Message
from peak_console.domain.vocabulary import Layer
from peak_console.ledger.service.client import SocketLedgerClient
from peak_console.llm.client import Client

HERE = Path(__file__).resolve().parent

# -- the ways of calling


async def over_httpx(url: str, measure: Measure) -> Row:
    """Plain ``httpx.AsyncClient``, as most programs use it."""
    body = json.dumps(REQUEST).encode()
    headers = {"content-type": "application/json", "authorization": "Bearer x"}
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(limits=limits, trust_env=False, timeout=30) as client:

        async def once() -> None:
            response = await client.post(f"{url}/chat/completions", content=body, headers=headers)
            assert response.status_code == 200

        return await measure("httpx.AsyncClient", once)


async def over_bare_transport(url: str, measure: Measure) -> Row:
    """``httpx.AsyncClient`` on the aiohttp transport, and nothing else."""
    body = json.dumps(REQUEST).encode()
    headers = {"content-type": "application/json", "authorization": "Bearer x"}
    transport = AiohttpTransport(trust_env=False, limits=httpx.Limits(max_connections=1000))
    async with httpx.AsyncClient(transport=transport, trust_env=False, timeout=30) as client:

        async def once() -> None:
            response = await client.post(f"{url}/chat/completions", content=body, headers=headers)
            assert response.status_code == 200

        return await measure("httpx on aiohttp (bare transport)", once)


async def over_the_road(url: str, measure: Measure, root: Path) -> Row:
    """The governed road."""
    ws = Workspace(root)
    ledger = await SocketLedgerClient.connect(ws.control / "s", name="benchmark")
    environ = {"PEAK_PROVIDER_OPENAI_BASE_URL": url, "PEAK_PROVIDER_GOOGLE_BASE_URL": url}
    async with Client(ws, ledger, environ=environ) as client, client.run(purpose="benchmark") as run:

        async def once() -> None:
            request = CallRequest(
                layer=Layer.L2,
                messages=(Message(role="user", content=PROMPT),),
                limits=CallLimits(max_output_tokens=500),
                run_id=run.run_id,
            )
            result = await client.call(request)
            assert result.recorded

        row = await measure("the governed road", once)
    await ledger.close()
    return row


def two_syncs_ms(folder: Path) -> tuple[float, float]:
    """p50 and p99 of two fdatasync of an appending 12 KB write, on the ledger's file system."""
    sync = getattr(os, "fdatasync", os.fsync)
    times = []
    handle = os.open(folder / "sync.probe", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for _ in range(200):
            begun = time.perf_counter()
            for _ in range(2):
                os.write(handle, b"x" * 12_288)
                sync(handle)
            times.append((time.perf_counter() - begun) * 1000)
    finally:
        os.close(handle)
    times.sort()
    return at_share(times, 0.50), at_share(times, 0.99)


# -- composing


def make_workspace(root: Path) -> None:
    """The demo's configs, with budgets that never bind."""
    root.mkdir(parents=True, exist_ok=True)
    write_demo_configs(root, today=datetime.now(UTC).date())
    Workspace(root).budgets.write_text(
        "[currency]\neur_per_usd = 0.9\nas_of = 2026-11-01\n[run]\nmax_cost_eur = 100000.0\n"
        "[day]\nmax_cost_eur = 100000.0\n"
    )


def spawn(*part: str) -> "subprocess.Popen[str]":
    """Another process of the benchmark."""
    command = [sys.executable, str(HERE / "road_servers.py"), *part]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def said(process: "subprocess.Popen[str]") -> str:
    """The first line a process prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def peer(name: str, python: str | None, url: str, calls: int) -> Row | str:
    """A peer's row from its own environment, or why there is none."""
    interpreter = python or sys.executable
    probe = [interpreter, "-c", f"import {name}"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        return f"{name} is not installed there; name an environment that has it with --peers"
    environ = os.environ | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    command = [interpreter, str(HERE / f"road_peer_{name}.py"), url, str(calls)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["it failed"])[-1]
    return Row(**json.loads(done.stdout.strip().splitlines()[-1]))


def targets(
    road: Row, bare: Row, plain: Row, syncs: tuple[float, float], litellm: Row | str
) -> list[tuple[str, str, bool]]:
    """Each target of the design: what, measured against wanted, and whether it holds."""
    p50, p99 = road.p50 - bare.p50, road.p99 - bare.p99
    ratio = bare.at_64_per_s / road.at_64_per_s
    cpu = road.at_64_cpu - bare.at_64_cpu
    share = plain.at_64_per_s / road.at_64_per_s
    rows = [
        ("sequential overhead p50", f"{p50:.2f} ms <= 2 + {syncs[0]:.2f} ms", p50 <= 2 + syncs[0]),
        ("sequential overhead p99", f"{p99:.2f} ms <= 6 + {syncs[1]:.2f} ms", p99 <= 6 + syncs[1]),
        ("time per call at 64", f"{ratio:.2f}x <= 1.6x the bare transport", ratio <= 1.6),
        ("more CPU in the caller at 64", f"{cpu:.3f} ms <= 0.25 ms", cpu <= 0.25),
        ("calls per second at 64", f"{road.at_64_per_s:.0f} >= 1000", road.at_64_per_s >= 1000),
        ("ceiling: time against plain httpx at 64", f"{share:.2f}x <= 0.6x", share <= 0.6),
    ]
    if isinstance(litellm, Row):
        share = litellm.at_64_per_s / road.at_64_per_s
        rows.append(("ceiling: time against litellm.Router", f"{share:.3f}x <= 0.2x", share <= 0.2))
    return rows


def main() -> int:
    """Run the benchmark; gives the exit code."""
    parser = argparse.ArgumentParser(description="What the governed road costs.")
    parser.add_argument("--calls", type=int, default=3000, help="calls a row at concurrency 64")
    parser.add_argument("--peers", help="interpreter of the environment that has openai and litellm")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    return compare(options, measuring(options.calls))


def compare(options: argparse.Namespace, measure: Measure) -> int:
    """All rows in one run, and the verdict."""
    with tempfile.TemporaryDirectory(prefix="peak-road-") as folder:
        root = Path(folder) / "ws"
        make_workspace(root)
        answers, ledger = spawn("answers"), spawn("ledger", str(root))
        try:
            url = f"http://127.0.0.1:{said(answers)}/v1"
            assert said(ledger) == "ready"
            syncs = two_syncs_ms(root)
            bare = asyncio.run(over_bare_transport(url, measure))
            road = asyncio.run(over_the_road(url, measure, root))
            plain = asyncio.run(over_httpx(url, measure))
            sdk = peer("openai", options.peers, url, options.calls)
            litellm = peer("litellm", options.peers, url, max(options.calls // 4, 256))
        finally:
            for process in (answers, ledger):
                process.kill()
                process.wait()
    verdicts = targets(road, bare, plain, syncs, litellm)
    rows = [bare, road, plain]
    named = {"openai SDK": sdk, "litellm.Router": litellm}
    if options.json:
        document = {
            "rows": [
                asdict(row) for row in (*rows, *(one for one in named.values() if isinstance(one, Row)))
            ],
            "skipped": {name: one for name, one in named.items() if isinstance(one, str)},
            "two_fdatasync_ms": {"p50": syncs[0], "p99": syncs[1]},
            "targets": [{"name": name, "measured": text, "holds": holds} for name, text, holds in verdicts],
        }
        print(json.dumps(document, indent=2))
    else:
        show(rows, named, verdicts, syncs)
    return 0 if all(holds for _, _, holds in verdicts) else 1


def show(
    rows: list[Row],
    peers: dict[str, Row | str],
    verdicts: list[tuple[str, str, bool]],
    syncs: tuple[float, float],
) -> None:
    """Print the table."""
    print(f"{'':34} {'one by one':>21} {'64 at a time':>31}")
    print(f"{'ms per call':34} {'p50':>10} {'p99':>10} {'calls/s':>10} {'p99':>9} {'CPU':>10}")
    for row in (*rows, *(one for one in peers.values() if isinstance(one, Row))):
        single = f"{row.p50:10.2f} {row.p99:10.2f}"
        print(f"{row.name:34} {single} {row.at_64_per_s:10.0f} {row.at_64_p99:9.1f} {row.at_64_cpu:10.3f}")
    for name, one in peers.items():
        if isinstance(one, str):
            print(f"{name:34} left out: {one}")
    print(f"\ntwo fdatasync of 12 KB: p50 {syncs[0]:.2f} ms, p99 {syncs[1]:.2f} ms")
    for name, text, holds in verdicts:
        print(f"{'holds ' if holds else 'MISSED'} {name:42} {text}")


if __name__ == "__main__":
    sys.exit(main())
