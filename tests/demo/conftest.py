import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from peak_console.config.load import ConfigCache
from peak_console.config.workspace import Workspace
from peak_console.control import lease as leases
from peak_console.control.boot import boot_id
from peak_console.control.files import encode
from peak_console.control.gate import CallGate
from peak_console.control.lease import Lease
from peak_console.control.sockets import prepare_socket, socket_path
from peak_console.demo.traffic import Traffic, TrafficOptions, gate_of
from peak_console.demo.workspace import make_demo_workspace
from peak_console.domain.clock import SystemClock
from peak_console.domain.events import EventDraft, EventKind, LedgerEvent
from peak_console.domain.posture import Orders, PostureState
from peak_console.ledger.folds.breakers import Breakers
from peak_console.ledger.folds.reservations import Reservations
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.client import SocketLedgerClient
from peak_console.ledger.service.server import LedgerServer
from peak_console.ledger.verifying.verify import verify
from peak_console.ledger.writer import LedgerWriter
from peak_console.llm.client import Client
from peak_console.simulator.server import PATHS, application
from peak_console.simulator.simulation import Simulation


class Permission:
    """The control files of a workspace, as a node and an operator leave them."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._lease = Lease(
            boot_id=boot_id(),
            session="test",
            generation=1,
            issued_us=0,
            expires_us=0,
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
        self.enable()

    def enable(self) -> None:
        """Permit calls."""
        (self._ws.control / "STOP").unlink(missing_ok=True)
        (self._ws.control / "ENABLED").write_bytes(encode({"event_id": "ev_enabled"}))
        self.renew()

    def stop(self) -> None:
        """Forbid calls."""
        (self._ws.control / "STOP").write_bytes(encode({"stop_id": "s1"}))

    def make_real(self) -> None:
        """Say from now on that the workspace is not simulated."""
        self._lease = replace(self._lease, simulated=False)
        self.renew()

    def renew(self) -> None:
        """A lease of now."""
        now = SystemClock().boot_us()
        fresh = replace(self._lease, issued_us=now, expires_us=now + leases.LIFETIME_US)
        leases.write(self._ws.control / "lease", leases.encode(fresh))

    async def keep(self) -> None:
        """Renew for ever."""
        while True:
            self.renew()
            await asyncio.sleep(1)


@dataclass
class Demo:
    """A demo workspace with its ledger, simulated providers and one client; traffic is the test's own."""

    ws: Workspace
    permission: Permission
    simulation: Simulation
    client: Client
    ledger: SocketLedgerClient
    gate: CallGate
    environ: dict[str, str]
    """What points the providers at the simulation."""

    def traffic(self, **options: Any) -> Traffic:
        """Traffic over this client; its last calls are waited for, so that it counts what the ledger does."""
        options = {"rate": 60.0, "last_calls_s": 60.0} | options
        return Traffic(self.ws, self.client, self.ledger, self.gate, TrafficOptions(**options))

    def events(self, *kinds: str) -> list[LedgerEvent]:
        """The ledger's events of these kinds."""
        with LedgerReader(self.ws.ledger) as reader:
            return [event for event in reader.read(0, 100_000) if event.kind in kinds]

    async def check(self) -> None:
        """The chain verifies and nothing stays in flight; what was cancelled ends a moment later."""
        with LedgerReader(self.ws.ledger) as reader:
            async with asyncio.timeout(60):
                while reader.in_flight():  # noqa: ASYNC110 - the condition is on the disk
                    await asyncio.sleep(0.02)
        result = verify(self.ws.ledger)
        assert result.ok, result


@pytest.fixture
def demo_workspace(tmp_path: Path) -> Workspace:
    """A demo workspace's files."""
    return make_demo_workspace(tmp_path / "demo", today=datetime.now(UTC).date())


@pytest.fixture
async def demo(demo_workspace: Workspace) -> AsyncIterator[Demo]:
    """A demo whose simulated providers answer at once and without errors."""
    simulation = Simulation(seed=1, latency_scale=0.0, error_rate=0.0)
    server = TestServer(application(simulation))
    await server.start_server()
    permission = Permission(demo_workspace)
    renewing = asyncio.create_task(permission.keep())
    clock = SystemClock()
    configs = ConfigCache(demo_workspace)
    breakers = Breakers(lambda: configs.current().control.provider_breaker.rules())  # noqa: PLW0108 - asked anew
    reservations = Reservations(lambda: configs.current().budgets.limits, clock=clock)
    writer = LedgerWriter(
        demo_workspace.ledger,
        clock=clock,
        projections=[Rollups(), breakers, reservations],
        conditions=[breakers.out_of_place, reservations.out_of_place],
    )
    genesis = EventDraft("ev_genesis", EventKind.WORKSPACE_INITIALISED, {"simulated": True})
    writer.append([(genesis, "test")])
    node = LedgerServer(
        writer,
        socket_path(demo_workspace.control, "node.sock"),
        authorise=lambda *_: False,
        clock=clock,
        open_calls=reservations,
    )
    prepare_socket(node.socket_path)
    await node.start()
    ledger = await SocketLedgerClient.connect(node.socket_path, name="demo", actor="agent:demo")
    environ = {
        f"PEAK_PROVIDER_{name.upper()}_BASE_URL": str(server.make_url(path)) for name, path in PATHS.items()
    }
    client = Client(demo_workspace, ledger, environ=environ, actor="agent:demo")
    yield Demo(demo_workspace, permission, simulation, client, ledger, gate_of(demo_workspace), environ)
    renewing.cancel()
    with suppress(asyncio.CancelledError):
        await renewing
    await client.close()
    await ledger.close()
    await node.close()
    writer.close()
    await server.close()
