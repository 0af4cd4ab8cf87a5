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
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
CONCURRENCY = 64
PROMPT = (
    "Give the outlook for EURUSD over the next session in three sentences, and what would prove it wrong."
)
ANSWER = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1764000000,"model":"gpt-5-mini-2025-08-07","choices":'
    b'[{"index":0,"message":{"role":"assistant","content":"A range day; a close above the high would disprove it.",'
    b'"refusal":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":42,"completion_tokens":17,'
    b'"total_tokens":59,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":'
    b'{"reasoning_tokens":0}},"system_fingerprint":"fp_1"}'
)
REQUEST = {
    "model": "gpt-5-mini",
    "messages": [{"role": "user", "content": PROMPT}],
    "max_completion_tokens": 500,
}

Once = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Row:
    """One way of calling, measured one by one and many at a time. Times in milliseconds."""

    name: str
    p50: float
    p99: float
    mean: float
    at_64_per_s: float
    at_64_p99: float
    at_64_cpu: float
    """CPU time of the calling process, for one call."""


# -- the loopback server


class Instant(asyncio.Protocol):
    """Answers every whole request at once."""

    response = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req_1\r\ncontent-length: %d\r\n\r\n%s"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answer what is complete."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            self.transport.write(self.response % (len(ANSWER), ANSWER))  # type: ignore[attr-defined]


async def serve_answers() -> None:
    """The provider: print the port, serve until killed."""
    server = await asyncio.get_running_loop().create_server(Instant, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def serve_ledger(root: str) -> None:
    """The ledger of a workspace with its budgets and figures, and a lease kept fresh, as the node does."""
    from dataclasses import replace

    from peak_console.config.load import ConfigCache
    from peak_console.config.workspace import Workspace
    from peak_console.control import lease as leases
    from peak_console.control.boot import boot_id
    from peak_console.control.files import encode
    from peak_console.domain.clock import SystemClock
    from peak_console.domain.events import EventDraft
    from peak_console.domain.posture import Orders, PostureState
    from peak_console.ledger.reservations import Reservations
    from peak_console.ledger.rollups import Rollups
    from peak_console.ledger.server import LedgerServer
    from peak_console.ledger.writer import LedgerWriter

    ws, clock = Workspace(Path(root)), SystemClock()
    ws.control.mkdir(parents=True)
    configs = ConfigCache(ws, clock=clock)
    reservations = Reservations(lambda: configs.current().budgets.limits, clock=clock)
    writer = LedgerWriter(ws.ledger, clock=clock, projections=[Rollups(), reservations])
    writer.append([(EventDraft("ev_genesis", "workspace.initialised", {"simulated": True}), "benchmark")])
    server = LedgerServer(
        writer, ws.control / "s", authorise=lambda *_: False, clock=clock, open_calls=reservations
    )
    await server.start()
    (ws.control / "ENABLED").write_bytes(encode({"event_id": "ev_enabled"}))
    lease = leases.Lease(
        boot_id=boot_id(), session="benchmark", generation=1, issued_us=0, expires_us=0, phase="foundation",
        calls=True, orders=Orders.NONE, state=PostureState.DISARMED, reasons=("enabled",), enabled="ev_enabled",
        seq=1, simulated=True,
    )  # fmt: skip
    printed = False
    while True:
        now = clock.boot_us()
        fresh = replace(lease, issued_us=now, expires_us=now + leases.LIFETIME_US)
        leases.write(ws.control / "lease", leases.encode(fresh))
        if not printed:
            print("ready", flush=True)
            printed = True
        await asyncio.sleep(1)


# -- the ways of calling


async def over_httpx(url: str, measure: "Measure") -> Row:
    """Plain ``httpx.AsyncClient``, as most programs use it."""
    import httpx

    body = json.dumps(REQUEST).encode()
    headers = {"content-type": "application/json", "authorization": "Bearer x"}
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(limits=limits, trust_env=False, timeout=30) as client:

        async def once() -> None:
            response = await client.post(f"{url}/chat/completions", content=body, headers=headers)
            assert response.status_code == 200

        return await measure("httpx.AsyncClient", once)


async def over_bare_transport(url: str, measure: "Measure") -> Row:
    """``httpx.AsyncClient`` on the aiohttp transport, and nothing else."""
    import httpx
    from httpx_aiohttp import AiohttpTransport

    body = json.dumps(REQUEST).encode()
    headers = {"content-type": "application/json", "authorization": "Bearer x"}
    transport = AiohttpTransport(trust_env=False, limits=httpx.Limits(max_connections=1000))
    async with httpx.AsyncClient(transport=transport, trust_env=False, timeout=30) as client:

        async def once() -> None:
            response = await client.post(f"{url}/chat/completions", content=body, headers=headers)
            assert response.status_code == 200

        return await measure("httpx on aiohttp (bare transport)", once)


async def over_the_road(url: str, measure: "Measure", root: Path) -> Row:
    """The governed road."""
    from peak_console.config.workspace import Workspace
    from peak_console.domain.calls import CallLimits, CallRequest, Message
    from peak_console.domain.vocabulary import Layer
    from peak_console.ledger.client import SocketLedgerClient
    from peak_console.llm.client import Client

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


async def over_openai(url: str, measure: "Measure") -> Row:
    """The openai SDK."""
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=url, api_key="x", max_retries=0) as client:

        async def once() -> None:
            await client.chat.completions.create(**REQUEST)

        return await measure("openai SDK", once)


async def over_litellm(url: str, measure: "Measure") -> Row:
    """litellm's router."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm

    litellm.suppress_debug_info = True
    router = litellm.Router(
        model_list=[
            {
                "model_name": "gpt-5-mini",
                "litellm_params": {"model": "openai/gpt-5-mini", "api_base": url, "api_key": "x"},
            }
        ],
        num_retries=0,
    )

    async def once() -> None:
        await router.acompletion(**REQUEST)

    return await measure("litellm.Router", once)


# -- measuring

Measure = Callable[[str, Once], Awaitable[Row]]


def measuring(calls: int) -> Measure:
    """Measure a way of calling: a warm-up, ``calls`` / 4 one by one, ``calls`` at 64 at a time."""

    async def measure(name: str, once: Once) -> Row:
        await asyncio.gather(*(once() for _ in range(CONCURRENCY)))
        await asyncio.gather(*(once() for _ in range(CONCURRENCY)))
        single = sorted([await _timed(once) for _ in range(max(calls // 4, 50))])
        times: list[float] = []

        async def worker(count: int) -> None:
            for _ in range(count):
                times.append(await _timed(once))

        each = max(calls // CONCURRENCY, 4)
        cpu, begun = _cpu_s(), time.perf_counter()
        await asyncio.gather(*(worker(each) for _ in range(CONCURRENCY)))
        elapsed, cpu = time.perf_counter() - begun, _cpu_s() - cpu
        done = each * CONCURRENCY
        times.sort()
        return Row(
            name,
            p50=_at(single, 0.50),
            p99=_at(single, 0.99),
            mean=statistics.fmean(single),
            at_64_per_s=done / elapsed,
            at_64_p99=_at(times, 0.99),
            at_64_cpu=cpu / done * 1000,
        )

    return measure


async def _timed(once: Once) -> float:
    begun = time.perf_counter()
    await once()
    return (time.perf_counter() - begun) * 1000


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


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
    return _at(times, 0.50), _at(times, 0.99)


# -- composing


def make_workspace(root: Path) -> None:
    """The demo's configs, with budgets that never bind."""
    from datetime import UTC, datetime

    from peak_console.config.defaults import write_demo_configs
    from peak_console.config.workspace import Workspace

    root.mkdir(parents=True, exist_ok=True)
    write_demo_configs(root, today=datetime.now(UTC).date())
    Workspace(root).budgets.write_text(
        "[currency]\neur_per_usd = 0.9\nas_of = 2026-11-01\n[run]\nmax_cost_eur = 100000.0\n"
        "[day]\nmax_cost_eur = 100000.0\n"
    )


def spawn(*arguments: str, python: str = sys.executable) -> "subprocess.Popen[str]":
    """A process of this script in another part."""
    return subprocess.Popen([python, str(HERE), *arguments], stdout=subprocess.PIPE, text=True)


def said(process: "subprocess.Popen[str]") -> str:
    """The first line a process prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def peer(name: str, python: str | None, url: str, calls: int) -> Row | str:
    """A peer's row from its own environment, or why there is none."""
    interpreter = python or sys.executable
    module = "openai" if name == "openai" else "litellm"
    probe = subprocess.run([interpreter, "-c", f"import {module}"], capture_output=True, check=False)
    if probe.returncode:
        return f"{module} is not installed in {Path(interpreter).parent.parent.name}"
    command = [interpreter, str(HERE), "--part", name, "--url", url, "--calls", str(calls)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "it failed"
    return Row(**json.loads(done.stdout.splitlines()[-1]))


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
    """Run the benchmark, or one of its parts in its own process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--calls", type=int, default=3000, help="calls a row at concurrency 64")
    parser.add_argument("--peers", help="interpreter of the environment that has openai and litellm")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--root", help=argparse.SUPPRESS)
    options = parser.parse_args()
    measure = measuring(options.calls)
    if options.part == "answers":
        asyncio.run(serve_answers())
    elif options.part == "ledger":
        asyncio.run(serve_ledger(options.root))
    elif options.part in {"openai", "litellm"}:
        way = over_openai if options.part == "openai" else over_litellm
        print(json.dumps(asdict(asyncio.run(way(options.url, measure)))))
    else:
        return compare(options, measure)
    return 0


def compare(options: argparse.Namespace, measure: Measure) -> int:
    """All rows in one run, and the verdict."""
    with tempfile.TemporaryDirectory(prefix="peak-road-") as folder:
        root = Path(folder) / "ws"
        make_workspace(root)
        answers, ledger = spawn("--part", "answers"), spawn("--part", "ledger", "--root", str(root))
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
        figures = f"{row.p50:10.2f} {row.p99:10.2f} {row.at_64_per_s:10.0f} {row.at_64_p99:9.1f} {row.at_64_cpu:10.3f}"
        print(f"{row.name:34} {figures}")
    for name, one in peers.items():
        if isinstance(one, str):
            print(f"{name:34} left out: {one}")
    print(f"\ntwo fdatasync of 12 KB: p50 {syncs[0]:.2f} ms, p99 {syncs[1]:.2f} ms")
    for name, text, holds in verdicts:
        print(f"{'holds ' if holds else 'MISSED'} {name:42} {text}")


if __name__ == "__main__":
    sys.exit(main())
