"""What the benchmark of the road sends, and how every way of calling is measured. Standard library only."""

import asyncio
import resource
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONCURRENCY = 64
PROMPT = (
    "Give the outlook for EURUSD over the next session in three sentences, and what would prove it wrong."
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


Measure = Callable[[str, Once], Awaitable[Row]]


def measuring(calls: int) -> Measure:
    """Measure a way of calling: a warm-up, ``calls`` / 4 one by one, ``calls`` at 64 at a time."""

    async def measure(name: str, once: Once) -> Row:
        await asyncio.gather(*(once() for _ in range(CONCURRENCY)))
        await asyncio.gather(*(once() for _ in range(CONCURRENCY)))
        single = sorted([await _timed(once) for _ in range(max(calls // 4, 50))])
        times: list[float] = []

        async def worker(count: int) -> None:
            times.extend([await _timed(once) for _ in range(count)])

        each = max(calls // CONCURRENCY, 4)
        cpu, begun = cpu_s(), time.perf_counter()
        await asyncio.gather(*(worker(each) for _ in range(CONCURRENCY)))
        elapsed, cpu = time.perf_counter() - begun, cpu_s() - cpu
        done = each * CONCURRENCY
        times.sort()
        return Row(
            name,
            p50=at_share(single, 0.50),
            p99=at_share(single, 0.99),
            mean=statistics.fmean(single),
            at_64_per_s=done / elapsed,
            at_64_p99=at_share(times, 0.99),
            at_64_cpu=cpu / done * 1000,
        )

    return measure


async def _timed(once: Once) -> float:
    begun = time.perf_counter()
    await once()
    return (time.perf_counter() - begun) * 1000


def resident_mb(pid: int | str = "self") -> float:
    """Resident memory of a process in MB; of this one's highest mark where the system has no /proc."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def cpu_s() -> float:
    """CPU time of this process, in seconds."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def at_share(ordered: list[float], share: float) -> float:
    """The value below which ``share`` of the ordered ones lie."""
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
