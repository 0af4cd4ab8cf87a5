"""The workspace of control's figures: a ledger of a million events, a node, and traffic over a simulator."""

import asyncio
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ledger_traffic import append_calls

from peak_console.cli.demo_house import OPERATOR, DemoHouse
from peak_console.config.workspace import Workspace
from peak_console.control.gate import CallGate
from peak_console.control.keys import WORKSPACE, KeyStore
from peak_console.demo.workspace import make_demo_workspace
from peak_console.domain.clock import ManualClock, SystemClock, from_iso
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.writer import LedgerWriter
from peak_console.node.admission import MADE_BY_INIT
from peak_console.node.engine import Node
from peak_console.node.genesis import Genesis
from peak_console.node.spawn import connect_node
from peak_console.operations.enable import enable_workspace

CALLS_PER_S = 50.0
_BATCH_S = 500 / CALLS_PER_S
_LOOKED_AT_S = 900.0
"""How far a capture looks back."""


@dataclass(frozen=True)
class Place:
    """A workspace that calls are made in."""

    ws: Workspace

    def enable(self) -> None:
        """Permit calls, as its operator does; returns when the gate shows it."""
        with connect_node(self.ws, name="benchmark") as client:
            enable_workspace(self.ws, client, reason="benchmark", confirm="ENABLE", operator=OPERATOR)
        self.await_calls(permitted=True)

    def await_calls(self, *, permitted: bool, within_s: float = 20.0) -> None:
        """Wait until the gate permits calls, or does not; raises ``TimeoutError``."""
        gate, until = CallGate(self.ws.control, SystemClock(), {}), time.monotonic() + within_s
        while gate.posture().calls is not permitted:
            if time.monotonic() > until:
                raise TimeoutError(f"calls {permitted}: {gate.posture()}")
            time.sleep(0.005)

    def answered(self) -> int:
        """The ledger's length, by which traffic is seen."""
        with LedgerReader(self.ws.ledger) as reader:
            return reader.head()[0]


def made(folder: Path, events: int) -> tuple[Workspace, float]:
    """The workspace with ``events`` events on its ledger and the seconds that took; one of before is taken.

    The calls lie as close as the traffic's, and end now: what looks back a quarter of an hour finds
    ``900 * CALLS_PER_S`` calls. Keys and state lie beside it, for this process and its children.
    """
    os.environ["PEAK_KEYS_DIR"], os.environ["PEAK_STATE_DIR"] = str(folder / "keys"), str(folder / "state")
    root, done = folder / f"desk-{events}", folder / f"desk-{events}.made"
    began = time.monotonic()
    if not done.exists():
        shutil.rmtree(root, ignore_errors=True)
        ws = make_demo_workspace(root, today=datetime.now(UTC).date())
        _loosen(ws)
        clock = ManualClock(datetime.now(UTC) - timedelta(seconds=events / 2 / CALLS_PER_S + events / 8000))
        _begin(ws, clock)
        with LedgerWriter(ws.ledger, clock=clock, projections=(Rollups(),)) as writer:
            append_calls(writer, clock, events, _BATCH_S)
        shutil.rmtree(ws.control)
        done.touch()
    _bring_up(Workspace(root))
    return Workspace(root), time.monotonic() - began


def _bring_up(ws: Workspace) -> None:
    """Append calls until now to a ledger of before: at most the last quarter of an hour's."""
    with LedgerReader(ws.ledger) as reader:
        ended = reader.read(reader.head()[0] - 1, 1)[0].ts
    missing_s = min((datetime.now(UTC) - from_iso(ended)).total_seconds() - 30, _LOOKED_AT_S)
    if missing_s > 0:
        clock = ManualClock(datetime.now(UTC) - timedelta(seconds=missing_s + 20))
        with LedgerWriter(ws.ledger, clock=clock, projections=(Rollups(),)) as writer:
            append_calls(writer, clock, round(missing_s * CALLS_PER_S * 2), _BATCH_S)


def _begin(ws: Workspace, clock: ManualClock) -> None:
    """A simulated workspace's genesis, with the demo's operator."""
    keys = KeyStore(ws.keys)
    keys.create(WORKSPACE)
    genesis = Genesis(MADE_BY_INIT, simulated=True, operator=OPERATOR, public_key=keys.create(OPERATOR))

    async def write() -> None:
        node = Node(ws, genesis=genesis, leasing=False, clock=clock)
        await node.start()
        await node.close()

    asyncio.run(write())


def _loosen(ws: Workspace) -> None:
    """No cooldown and no ramp: stops follow each other here."""
    ws.control_config.write_text("[enable]\ncooldown_s = 0\n", encoding="utf-8")


@contextmanager
def busy(ws: Workspace, rate: float = CALLS_PER_S) -> Iterator[Place]:
    """The workspace with its node and calls at ``rate`` a second, over simulated providers."""
    with DemoHouse(ws.root, rate=rate, seed=11) as house:
        place = Place(house.ws)
        if not CallGate(ws.control, SystemClock(), {}).posture().calls:
            place.enable()
        begun, until = place.answered(), time.monotonic() + 60
        while place.answered() < begun + 4 * rate:
            if time.monotonic() > until:
                raise TimeoutError("no traffic within a minute")
            time.sleep(0.1)
        yield place
