"""A demo workspace with its ledger, simulated providers and the tools of one job, for cycles."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestServer

from peak_console.config.jobs import Job
from peak_console.config.load import ConfigCache
from peak_console.config.workspace import Workspace
from peak_console.control import lease as leases
from peak_console.control.boot import boot_id
from peak_console.control.files import encode
from peak_console.control.gate import CallGate
from peak_console.control.lease import Lease
from peak_console.control.sockets import prepare_socket, socket_path
from peak_console.demo.workspace import make_demo_workspace
from peak_console.domain.claims import JobClaim
from peak_console.domain.clock import Clock, SystemClock
from peak_console.domain.events import EventDraft, EventKind, LedgerEvent
from peak_console.domain.jobs import RunCause
from peak_console.domain.posture import Orders, PostureState
from peak_console.ledger.folds.breakers import Breakers
from peak_console.ledger.folds.reservations import Reservations
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.client import SocketLedgerClient
from peak_console.ledger.service.server import LedgerServer
from peak_console.ledger.writer import LedgerWriter
from peak_console.llm.client import Client
from peak_console.node.cycle_gates import CycleGates
from peak_console.node.paper_books import PaperBooks
from peak_console.node.scheduling.claims import claim_of
from peak_console.node.scheduling.tables import RunRow
from peak_console.shadow.working import Working
from peak_console.simulator.server import PATHS, application
from peak_console.simulator.simulation import Simulation

CYCLE: Mapping[str, Any] = {
    "instrument": "EUR/USD",
    "eur_per_quote": Decimal("0.85"),
    "eur_as_of": datetime.now(UTC).date(),
    "file": {"path": "package:eurusd_1h"},
    "replay": {"start": 0, "step": 7},
    "sizing": {
        "risk_eur": Decimal(50),
        "max_notional_eur": Decimal(900),
        "fee_bps": Decimal(1),
        "slippage_bps": Decimal(1),
    },
}


def job(*, budget: Mapping[str, Any] | None = None, **changes: Any) -> Job:
    """A cycle's job with these settings changed."""
    told = {"name": "eurusd", "kind": "shadow_cycle", "shadow_cycle": {**CYCLE, **changes}}
    return Job.model_validate(told | ({"budget": budget} if budget else {}))


def permit(ws: Workspace, **changes: Any) -> None:
    """The control files as a node leaves them that permits calls."""
    now = SystemClock().boot_us()
    lease = Lease(
        boot_id=boot_id(),
        session="test",
        generation=1,
        issued_us=now,
        expires_us=now + leases.LIFETIME_US,
        phase="matrix",
        calls=True,
        orders=Orders.NONE,
        state=PostureState.DISARMED,
        reasons=("enabled",),
        enabled="ev_enabled",
        seq=1,
        simulated=True,
    )
    ws.control.mkdir(parents=True, exist_ok=True)
    (ws.control / "ENABLED").write_bytes(encode({"event_id": "ev_enabled"}))
    leases.write(ws.control / "lease", leases.encode(replace(lease, **changes)))


def stop(ws: Workspace) -> None:
    """Forbid calls."""
    (ws.control / "STOP").write_bytes(encode({"stop_id": "s1"}))


@dataclass
class World:
    """What a cycle works with."""

    ws: Workspace
    simulation: Simulation
    client: Client
    ledger: SocketLedgerClient
    clock: Clock
    steps: list[str] = field(default_factory=list)
    keys: "itertools.count[int]" = field(default_factory=itertools.count)
    claims: dict[str, JobClaim] = field(default_factory=dict)
    """What the worker of the last run may speak for."""
    environ: Mapping[str, str] = field(default_factory=dict)

    def canary_client(self) -> Client:
        """A client that puts gold cases; closed by who asked for it."""
        return Client(self.ws, self.ledger, environ=self.environ, actor="job:eurusd", gold_cases=True)

    def working(self, of: Job, **changes: Any) -> Working:
        """The tools of the next run of a job."""
        told = {
            "ws": self.ws,
            "configs": ConfigCache(self.ws, clock=self.clock),
            "client": self.client,
            "ledger": self.ledger,
            "gate": CallGate(self.ws.control, self.clock, {}),
            "clock": self.clock,
            "job": of,
            "key": f"{of.name}@{next(self.keys)}",
            "cause": RunCause.DUE,
            "due_at": self.clock.now(),
            "step": self.steps.append,
        }
        made = Working(**(told | changes))
        row = RunRow(of.name, 0, made.key, "claimed", "due", params=json.dumps(dict(made.params)))
        self.claims["claim"] = claim_of(replace(row, attempt=made.attempt), of)
        return made

    def events(self, *kinds: str) -> list[LedgerEvent]:
        """The ledger's events of these kinds."""
        with LedgerReader(self.ws.ledger) as reader:
            return [event for event in reader.read(0, 100_000) if event.kind in kinds]

    def finished(self) -> list[Mapping[str, Any]]:
        """The bodies of the cycles that ended."""
        return [event.body or {} for event in self.events("shadow.cycle.finished")]


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """A world whose simulated providers answer at once and without errors."""
    ws = make_demo_workspace(folder / "demo", today=datetime.now(UTC).date())
    simulation = Simulation(seed=1, latency_scale=0.0, error_rate=0.0)
    server = TestServer(application(simulation))
    await server.start_server()
    permit(ws)
    renewing = asyncio.create_task(_keep(ws))
    clock = SystemClock()
    configs = ConfigCache(ws)
    breakers = Breakers(lambda: configs.current().control.provider_breaker.rules())  # noqa: PLW0108 - asked anew
    reservations = Reservations(lambda: configs.current().budgets.limits, clock=clock)
    books, gates = PaperBooks(), CycleGates()
    writer = LedgerWriter(
        ws.ledger,
        clock=clock,
        projections=[Rollups(), breakers, reservations, books, gates],
        conditions=[
            breakers.out_of_place,
            reservations.out_of_place,
            gates.out_of_place,
            books.out_of_place,
        ],
    )
    writer.append([(EventDraft("ev_genesis", EventKind.WORKSPACE_INITIALISED, {"simulated": True}), "test")])
    claims: dict[str, JobClaim] = {}
    node = LedgerServer(
        writer,
        socket_path(ws.control, "node.sock"),
        authorise=lambda *_: False,
        clock=clock,
        open_calls=reservations,
        claims=claims.get,
    )
    prepare_socket(node.socket_path)
    await node.start()
    actor = "job:eurusd"
    ledger = await SocketLedgerClient.connect(node.socket_path, name="job", actor=actor, claim="claim")
    environ = {
        f"PEAK_PROVIDER_{name.upper()}_BASE_URL": str(server.make_url(path)) for name, path in PATHS.items()
    }
    client = Client(ws, ledger, environ=environ, actor=actor)
    try:
        yield World(ws, simulation, client, ledger, clock, claims=claims, environ=environ)
    finally:
        renewing.cancel()
        with suppress(asyncio.CancelledError):
            await renewing
        await client.close()
        await ledger.close()
        await node.close()
        writer.close()
        await server.close()


async def _keep(ws: Workspace) -> None:
    """Renew the lease for ever, as it stands."""
    while True:
        await asyncio.sleep(0.5)
        now = SystemClock().boot_us()
        held = leases.decode((ws.control / "lease").read_bytes())
        fresh = replace(held, issued_us=now, expires_us=now + leases.LIFETIME_US)
        leases.write(ws.control / "lease", leases.encode(fresh))
