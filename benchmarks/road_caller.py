"""One calling process of the road's benchmark: ``python road_caller.py URL ROOT CALLS``.

Says ``ready`` once it is connected, begins when a line comes on standard input, and prints one line of JSON:
calls, seconds, the longest wait for an append in ms, and its memory in MB after a tenth of the calls, at
half, and at the end.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from road_measuring import CONCURRENCY, PROMPT, resident_mb

from peak_console.config.workspace import Workspace
from peak_console.domain.calls import CallLimits, CallRequest, Message
from peak_console.domain.events import EventDraft
from peak_console.domain.ledgering import Ack
from peak_console.domain.vocabulary import Layer
from peak_console.ledger.service.client import SocketLedgerClient
from peak_console.llm.client import Client

CALLS_A_RUN = 10_000
"""A long-lived program makes its calls in many runs; each has a file of texts."""


class Timed:
    """A ledger client that keeps the longest wait for an append."""

    def __init__(self, inner: SocketLedgerClient) -> None:
        self.inner = inner
        self.longest_ms = 0.0

    async def append(self, drafts: Sequence[EventDraft]) -> list[Ack]:
        """Append, and look at the clock."""
        begun = time.perf_counter()
        acks = await self.inner.append(drafts)
        self.longest_ms = max(self.longest_ms, (time.perf_counter() - begun) * 1000)
        return acks

    async def close(self) -> None:
        """End the connection."""
        await self.inner.close()


async def calling(url: str, root: Path, calls: int) -> dict[str, object]:
    """Make the calls, 64 at a time."""
    ws = Workspace(root)
    ledger = Timed(await SocketLedgerClient.connect(ws.control / "s", name="benchmark"))
    environ = {"PEAK_PROVIDER_OPENAI_BASE_URL": url, "PEAK_PROVIDER_GOOGLE_BASE_URL": url}
    memory: list[float] = []
    async with Client(ws, ledger, environ=environ) as client:
        await _some(client, CONCURRENCY)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        ledger.longest_ms = 0.0
        begun = time.perf_counter()
        done = 0
        for share in (0.1, 0.5, 1.0):
            while done < calls * share:
                done += await _some(client, min(CALLS_A_RUN, max(int(calls * share) - done, CONCURRENCY)))
            memory.append(resident_mb())
        seconds = time.perf_counter() - begun
    await ledger.close()
    return {"calls": done, "seconds": seconds, "longest_append_ms": ledger.longest_ms, "memory_mb": memory}


async def _some(client: Client, calls: int) -> int:
    """About so many calls in one run; gives how many."""
    each = max(calls // CONCURRENCY, 1)
    async with client.run(purpose="benchmark") as run:
        request = CallRequest(
            layer=Layer.L2,
            messages=(Message(role="user", content=PROMPT),),
            limits=CallLimits(max_output_tokens=500),
            run_id=run.run_id,
        )

        async def worker() -> None:
            for _ in range(each):
                assert (await client.call(request)).recorded

        await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))
    return each * CONCURRENCY


if __name__ == "__main__":
    print(json.dumps(asyncio.run(calling(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))), flush=True)
