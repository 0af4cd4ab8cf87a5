"""A ledger server in a process of its own, to be killed: ``python ledger_node.py FOLDER``."""

import asyncio
import sys
from decimal import Decimal
from pathlib import Path

from peak_console.budget.limits import BudgetLimits, Limit, Scope
from peak_console.domain.clock import SystemClock
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.money import NanoEur
from peak_console.ledger.reservations import Reservations
from peak_console.ledger.rollups import Rollups
from peak_console.ledger.server import LedgerServer
from peak_console.ledger.writer import LedgerWriter

PLENTY = NanoEur(10**15)
LIMITS = BudgetLimits(
    (Limit(Scope.RUN, max_cost=PLENTY), Limit(Scope.DAY, max_cost=PLENTY)), Decimal(80), "UTC", "test"
)


async def serve(folder: Path) -> None:
    """Serve until killed."""
    clock = SystemClock()
    reservations = Reservations(lambda: LIMITS, clock=clock)
    writer = LedgerWriter(folder / "ledger.db", clock=clock, projections=(Rollups(), reservations))
    server = LedgerServer(
        writer,
        folder / "s",
        authorise=lambda *_: False,
        clock=clock,
        open_calls=reservations,
        lost_after_s=3600,
    )
    await server.start()
    if writer.head[0] == 0:
        await server.append([EventDraft("ev_genesis", EventKind.WORKSPACE_INITIALISED, {})], actor="test")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
