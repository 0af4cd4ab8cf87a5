"""Retention as the node carries it out: bodies go in small transactions, and every append goes first."""

import asyncio
import logging
import time
from typing import Final

from peak_console.domain.errors import LedgerUnavailable, PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.ledger.folds.lost_hops import derived_id
from peak_console.ledger.keeping.pruning import Pruning
from peak_console.ledger.service.server import LedgerServer
from peak_console.ledger.writer import LedgerWriter

STEP_S: Final = 0.01
"""What one transaction may take: an append that comes meanwhile waits for no more than it."""

LOOK_S: Final = 0.25
_AFTER_FAULT_S: Final = 5.0

logger = logging.getLogger(__name__)


async def keep_pruning(pruning: Pruning, server: LedgerServer) -> None:
    """Carry out what ``ledger.pruned`` events ask for, forever; half of the time is left to others."""
    while True:
        if not pruning.pending:
            await asyncio.sleep(LOOK_S)
            continue
        try:
            took_s = prune_step(pruning, server.writer)
        except LedgerUnavailable as error:
            logger.warning("retention waits: %s", error.message)
            await asyncio.sleep(_AFTER_FAULT_S)
            continue
        await asyncio.sleep(max(took_s, STEP_S / 2))


def prune_step(pruning: Pruning, writer: LedgerWriter) -> float:
    """One transaction of it; gives the seconds it took. Raises ``LedgerUnavailable``."""
    started = time.monotonic()
    writer.maintain(pruning.step)
    took_s = time.monotonic() - started
    pruning.stepped(took_s, STEP_S)
    return took_s


def record_migrations(writer: LedgerWriter, actor: str) -> None:
    """Have every migration of this file on record: once each, however often a node starts.

    Raises what kept one from being recorded.
    """
    drafts = [
        EventDraft(
            derived_id("migrated", source, target),
            EventKind.LEDGER_MIGRATED.value,
            {"from": source, "to": target},
        )
        for source, target in writer.schema_changes()
    ]
    for result in writer.append([(draft, actor) for draft in drafts]):
        if isinstance(result, PeakError):
            raise result
