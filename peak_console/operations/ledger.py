"""Reading and verifying the ledger."""

from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from typing import Any

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import LedgerUnavailable
from peak_console.domain.events import LedgerEvent
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.verify import VerifyResult, VerifyStage
from peak_console.ledger.verify import verify as verify_file


def verify(ws: Workspace, progress: Callable[[str, int, int], None] | None = None) -> VerifyResult:
    """Verify the whole chain from its stored bytes, and the rollups against the events.

    ``progress`` gets what is being verified, events done and events in all. Raises ``LedgerUnavailable`` when
    there is no ledger, or one that cannot be read.
    """

    def tell(stage: VerifyStage, done: int, total: int) -> None:
        if progress is not None:
            progress(stage.value, done, total)

    return verify_file(existing(ws).ledger, tell)


def verified_as_json(result: VerifyResult) -> dict[str, Any]:
    """A verification as ``--json`` shows it."""
    return asdict(result)


def tail(ws: Workspace, count: int, after: int | None = None) -> list[LedgerEvent]:
    """The last ``count`` events, or the first ``count`` after a sequence number; ascending."""
    with LedgerReader(existing(ws).ledger) as reader:
        return reader.latest(count) if after is None else reader.read(after, count)


async def follow(ws: Workspace, after: int) -> AsyncIterator[LedgerEvent]:
    """Events after a sequence number as they are committed, forever."""
    with LedgerReader(existing(ws).ledger) as reader:
        async for batch in reader.follow(after):
            for event in batch:
                yield event


def as_json(event: LedgerEvent) -> dict[str, Any]:
    """An event as ``--json`` shows it: its header, and its body where that was not pruned."""
    shown = event.header()
    return shown if event.body is None else {**shown, "body": dict(event.body)}


def existing(ws: Workspace) -> Workspace:
    """``ws``, whose ledger has begun; raises ``LedgerUnavailable``."""
    if not ws.ledger.exists():
        raise LedgerUnavailable(
            f"{ws.root} has no ledger yet",
            code="ledger_missing",
            remedy="start the node, which makes it: peak node start",
        )
    return ws
