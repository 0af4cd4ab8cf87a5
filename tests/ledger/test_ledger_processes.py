"""Several processes at one ledger: a run's own limits hold, and one probe passes, whoever is killed when."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger_events import began, completed, failed
from ledger_service import Service, until

ASKING = Path(__file__).parent / "asking_process.py"


@dataclass
class Asking:
    """A process that asks for calls when told to."""

    process: asyncio.subprocess.Process

    async def go(self) -> dict[str, Any]:
        """What came of its calls."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"go\n")
        async with asyncio.timeout(30):
            return dict(json.loads(await self.process.stdout.readline()))


@asynccontextmanager
async def asking(service: Service, run_id: str, calls: int) -> AsyncIterator[Asking]:
    """Begin such a process; it is killed at the end if it has not ended."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ASKING.parent), *sys.path])}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ASKING), str(service.socket_path), run_id, str(calls),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=environ,
    )  # fmt: skip
    try:
        yield Asking(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def all_at_once(some: Sequence[Asking]) -> list[dict[str, Any]]:
    """What came of all their calls, asked together."""
    return await asyncio.gather(*(one.go() for one in some))


async def test_a_runs_own_limit_holds_over_processes_and_a_restart(service: Service) -> None:
    """Sixty first calls at once from three processes, limit seven; none more after the node is new."""
    service.desk.write(began("r9", max_calls=7))
    async with AsyncExitStack() as stack:
        some = [await stack.enter_async_context(asking(service, "r9", 20)) for _ in range(3)]
        ends = await all_at_once(some)
        assert sum(len(one["through"]) for one in ends) == 7
        assert {code for one in ends for code in one["refused"]} == {"budget_exceeded"}
        await service.restart()
        again = await stack.enter_async_context(asking(service, "r9", 5))
        assert (await again.go())["through"] == []


async def test_one_probe_passes_of_all_processes_and_a_killed_one_gives_its_place(service: Service) -> None:
    """Thirty calls at once: one passes. Its process is killed: after the time for that, one more does."""
    desk = service.desk
    desk.write(*(failed(f"t{number}") for number in range(5)))
    async with AsyncExitStack() as stack:
        early = await stack.enter_async_context(asking(service, "r1", 10))
        assert await early.go() == {"through": [], "refused": ["breaker_open"]}
        desk.clock.advance(60)
        some = [await stack.enter_async_context(asking(service, "r1", 10)) for _ in range(3)]
        ends = await all_at_once(some)
        (prober,) = [one for one, end in zip(some, ends, strict=True) if end["through"]]
        assert sum(len(end["through"]) for end in ends) == 1
        prober.process.kill()
        await prober.process.wait()
        alive = 3
        await until(lambda: len(service.server._sessions) == alive)
        desk.clock.advance(11)
        await until(lambda: not desk.reservations.clients())
        late = [await stack.enter_async_context(asking(service, "r1", 10)) for _ in range(2)]
        ends = await all_at_once(late)
        ((probe,),) = [end["through"] for end in ends if end["through"]]
        desk.write(completed(probe, cost=5, body={"usage": {}}))
        last = await stack.enter_async_context(asking(service, "r1", 10))
        assert len((await last.go())["through"]) == 10
