"""``python -m peak_console.demo.traffic``: an ordinary client that keeps every layer of a demo busy.

It knows nothing that another client would not know: prompts and matrix from the workspace, calls over the
road, verdicts by the critic. It runs in a simulated workspace only.
"""

import asyncio
import random
import shutil
import sys
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from peak_console.config.load import ConfigCache
from peak_console.config.workspace import Workspace
from peak_console.control.gate import CallGate
from peak_console.critic.service import Critic
from peak_console.demo.market import window
from peak_console.demo.pacing import Pacer
from peak_console.demo.scenes import PARTS, Part, Stage
from peak_console.demo.tally import Tally
from peak_console.domain.calls import CallRequest, CallResult
from peak_console.domain.clock import SystemClock
from peak_console.domain.errors import CallFailed, ControlRefused, PeakError
from peak_console.domain.ledgering import LedgerClient
from peak_console.domain.vocabulary import Phase, PhaseLevel
from peak_console.llm.client import Client
from peak_console.llm.runs import Run

_STOPPED_PAUSE_S: Final = 0.25
_LONGEST_REST_S: Final = 5.0
_STEP: Final = 7
"""Bars between the windows of two runs."""
KEPT_RUNS: Final = 6000
"""Run folders kept: some ten minutes at the usual rate, and 200 MB of disk."""


@dataclass(frozen=True, slots=True)
class TrafficOptions:
    """How much traffic, from which seed, and how much of it is kept."""

    rate: float = 20.0
    """Calls per second, critics' calls included."""
    seed: int = 0
    keep_runs: int = KEPT_RUNS
    """Run folders kept, 0 for all; older ones of this process are removed."""
    at_once: int = 256
    """Runs at once."""
    last_calls_s: float = 2.0
    """How long calls in flight may take to end when the traffic ends; those that do not are cancelled."""


class PacedRun:
    """A run whose calls wait for their ticket and are counted; the first ticket is already there."""

    def __init__(self, run: Run, pacer: Pacer, tally: Tally) -> None:
        self._run = run
        self._pacer = pacer
        self._tally = tally
        self._has_ticket = True
        self.run_id = str(run.run_id)

    async def call(self, request: CallRequest) -> CallResult:
        """One governed call, when its turn comes."""
        if not self._has_ticket:
            await self._pacer.ticket()
        self._has_ticket = False
        try:
            answer = await self._run.call(request)
        except CallFailed:
            self._tally.failed += 1
            raise
        except PeakError:
            self._tally.refused += 1
            raise
        self._tally.answered(answer)
        return answer

    def write_artefact(self, agent: str, name: str, text: str) -> Path:
        """Write an artefact of the run."""
        return self._run.write_artefact(agent, name, text)


@dataclass(slots=True)
class Traffic:
    """The traffic of one process over one client."""

    ws: Workspace
    client: Client
    ledger: LedgerClient
    gate: CallGate
    options: TrafficOptions
    tally: Tally = field(default_factory=Tally)
    broken: BaseException | None = None
    """An error that is no refusal: a fault of the program."""
    _configs: ConfigCache = field(init=False)
    _pacer: Pacer = field(init=False)
    _draw: random.Random = field(init=False)
    _playing: set[asyncio.Task[None]] = field(init=False, default_factory=set)
    _kept: deque[Path] = field(init=False, default_factory=deque)
    _begun: int = field(init=False, default=0)
    _refusals: int = field(init=False, default=0)
    _rest_until: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._configs = ConfigCache(self.ws)
        self._pacer = Pacer(self.options.rate, self._begin)
        self._draw = random.Random(f"traffic/{self.options.seed}")  # noqa: S311 - a demonstration, not a secret

    async def run(self, stop: asyncio.Event) -> None:
        """Make traffic until ``stop``; raises what broke it."""
        pacing = asyncio.create_task(self._pacer.run(self._pause))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({pacing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            pacing.cancel()
            await asyncio.gather(pacing, stopping, return_exceptions=True)
            await self._end()
        if not pacing.cancelled() and (error := pacing.exception()) is not None:
            raise error
        if self.broken is not None:
            raise self.broken

    async def _end(self) -> None:
        self._pacer.close(ControlRefused("the traffic ends", code="traffic_ends"))
        if self._playing:
            await asyncio.wait(self._playing, timeout=self.options.last_calls_s)
        left = list(self._playing)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _pause(self) -> float:
        """Seconds for which no call may begin: while posture forbids, and after refusals."""
        if self.broken is not None:
            raise self.broken
        posture = self.gate.posture()
        if not posture.calls:
            why = f"posture is {posture.state}: {', '.join(posture.reasons)}"
            self._pacer.refuse(ControlRefused(why, code="posture"))
            return _STOPPED_PAUSE_S
        return self._rest_until - asyncio.get_running_loop().time()

    def _begin(self) -> bool:
        if len(self._playing) >= self.options.at_once:
            return False
        part = self._draw.choices(PARTS, [one.weight for one in PARTS])[0]
        self._begun += 1
        task = asyncio.create_task(self._play(part, self._begun))
        self._playing.add(task)
        task.add_done_callback(self._ended)
        return True

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._playing.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.broken = error

    async def _play(self, part: Part, number: int) -> None:
        draw = random.Random(f"{self.options.seed}/{number}")  # noqa: S311 - a demonstration, not a secret
        try:
            await self._played(part, number, draw)
        except CallFailed:
            self.tally.runs_failed += 1
        except PeakError:
            self.tally.runs_failed += 1
            self._rest()
        else:
            self.tally.runs += 1
            self._refusals = 0

    async def _played(self, part: Part, number: int, draw: random.Random) -> None:
        level = self._level()
        configs = self._configs.current(level)
        async with self.client.run(purpose=part.purpose, layer=part.layer) as run:
            try:
                scribe = PacedRun(run, self._pacer, self.tally)
                critic = Critic(scribe, self.ledger, configs, level)
                await part.scene(Stage(scribe, configs, critic, window(number * _STEP), draw))
            finally:
                await self._pruned(run.folder)

    def _level(self) -> PhaseLevel:
        lease = self.gate.lease()
        return Phase(lease.phase).level if lease and lease.phase in set(Phase) else PhaseLevel.LIVE

    def _rest(self) -> None:
        """After a refusal wait a little, after the next one longer: who is refused does not hammer."""
        self._refusals = min(self._refusals + 1, 10)
        rest = min(_LONGEST_REST_S, 0.1 * 2**self._refusals)
        self._rest_until = max(self._rest_until, asyncio.get_running_loop().time() + rest)

    async def _pruned(self, folder: Path) -> None:
        if not self.options.keep_runs:
            return
        self._kept.append(folder)
        while len(self._kept) > self.options.keep_runs:
            await asyncio.to_thread(shutil.rmtree, self._kept.popleft(), ignore_errors=True)


async def simulated(gate: CallGate, within_s: float = 30.0) -> None:
    """Wait for the node's lease, then return if it says that the workspace is a simulated one.

    Raises ``ControlRefused`` where it is not, or where no node gives a lease in time.
    """
    end = asyncio.get_running_loop().time() + within_s
    while (lease := gate.lease()) is None:
        if asyncio.get_running_loop().time() > end:
            raise ControlRefused(
                "no node holds a lease here", code="no_node", remedy="start one: peak node run"
            )
        await asyncio.sleep(0.05)
    if not lease.simulated:
        raise ControlRefused(
            "this workspace is not a simulated one",
            code="not_simulated",
            remedy="traffic is made in demo workspaces only: peak demo",
        )


def gate_of(ws: Workspace) -> CallGate:
    """The gate of ``ws`` on the machine's clocks."""
    return CallGate(ws.control, SystemClock())


if __name__ == "__main__":
    from peak_console.demo.main import main

    sys.exit(main())
