"""Reading and verifying the ledger."""

import contextlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from peak_console.config.load import ConfigCache
from peak_console.config.workspace import Workspace
from peak_console.control.keys import WORKSPACE, KeyStore, KeyUnusable, state_folder
from peak_console.control.running import running_nodes
from peak_console.domain.errors import LedgerUnavailable, PeakError
from peak_console.domain.events import LedgerEvent
from peak_console.ledger.heads.anchors import survey
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.verifying.chain_range import verify_range as verify_range_of
from peak_console.ledger.verifying.known_limits import KnownLimits
from peak_console.ledger.verifying.result import RangeResult, VerifyCancelled, never
from peak_console.ledger.verifying.verify import Plan, Sources, VerifyResult, VerifyStage
from peak_console.ledger.verifying.verify import verify as verify_file
from peak_console.operations.missing_ledger import is_missing, missing_ledger
from peak_console.operations.settings import ledger_settings
from peak_console.operations.succession import proved_by

__all__ = [
    "MEMORY",
    "RangeResult",
    "VerifyCancelled",
    "VerifyResult",
    "as_json",
    "existing",
    "follow",
    "heads_of",
    "is_served",
    "tail",
    "verified_as_json",
    "verify",
    "verify_range",
]

MEMORY: Final = "verified.json"
"""In ``audits/``: the last good verification."""


def verify(
    ws: Workspace,
    progress: Callable[[str, int, int], None] | None = None,
    *,
    cancelled: Callable[[], bool] = never,
    incremental: bool = False,
    file: Path | None = None,
    witness: Path | None = None,
    workers: int | None = None,
) -> VerifyResult:
    """Verify every event, figure and signed head from the stored bytes, against anchors and witnesses.

    ``progress`` gets what is being verified, events done and events in all; ``cancelled`` is asked often, by
    the calling thread, and ends every process at once. ``file`` names another ledger than the workspace's, a
    copy that may end earlier; ``witness`` a head that was kept elsewhere. A good result is remembered in
    ``audits/verified.json``, where an ``incremental`` verification begins. Raises ``LedgerUnavailable`` when
    there is no ledger, or one that cannot be read, ``VerifyCancelled``, and ``UsageWrong`` for a witness that
    is none.
    """
    path = existing(ws).ledger if file is None else _named(file)
    plan = Plan(
        workers=workers,
        incremental=incremental,
        memory=ws.audits / MEMORY if file is None else None,
        limits=_limits(ws),
    )
    sources = heads_of(ws, own=file is None, witness=witness)
    return verify_file(path, _staged(progress), plan=plan, sources=sources, cancelled=cancelled)


def verify_range(
    ws: Workspace,
    first: int,
    last: int,
    progress: Callable[[str, int, int], None] | None = None,
    cancelled: Callable[[], bool] = never,
) -> RangeResult:
    """Whether events ``first`` to ``last`` are whole and follow each other; says which ones were looked at.

    Raises ``LedgerUnavailable`` and ``VerifyCancelled``.
    """
    return verify_range_of(existing(ws).ledger, first, last, _staged(progress), cancelled=cancelled)


def heads_of(ws: Workspace, *, own: bool = True, witness: Path | None = None) -> Sources:
    """Where the signed heads of a workspace are: its files, its anchors, what else is named."""
    store, settings = KeyStore(ws.keys), ledger_settings(ws)
    key: bytes | None = None
    with contextlib.suppress(KeyUnusable):  # without it no head counts, which the result says
        key = store.raw_public()
    return Sources(
        key=key,
        notes=ws.checkpoints,
        anchors=survey(ws.root, settings.anchors, key, state_folder()) if key is not None else None,
        witness=witness,
        max_lag_s=settings.anchors.max_lag_s,
        own=own,
        proved=proved_by(ws),
        key_here=_is_key_here(store),
    )


def verified_as_json(result: VerifyResult) -> dict[str, Any]:
    """A verification as ``--json`` shows it."""
    return asdict(result)


def _limits(ws: Workspace) -> KnownLimits | None:
    """The budgets' limits as they stand; ``None`` where the configs cannot be read."""
    try:
        return KnownLimits.of(ConfigCache(ws).current().budgets.limits)
    except PeakError:
        return None


def _staged(progress: Callable[[str, int, int], None] | None) -> Callable[[VerifyStage, int, int], None]:
    def tell(stage: VerifyStage, done: int, total: int) -> None:
        if progress is not None:
            progress(stage.value, done, total)

    return tell


def _named(file: Path) -> Path:
    if file.exists():
        return file
    raise LedgerUnavailable(
        f"{file} does not exist", code="ledger_missing", remedy="name a ledger file that is there"
    )


def _is_key_here(store: KeyStore) -> bool:
    try:
        return os.access(store.private_path(WORKSPACE), os.R_OK)
    except KeyUnusable:
        return False


def tail(ws: Workspace, count: int, after: int | None = None) -> list[LedgerEvent]:
    """The last ``count`` events, or the first ``count`` after a sequence number; ascending."""
    with LedgerReader(existing(ws).ledger) as reader:
        return reader.latest(count) if after is None else reader.read(after, count)


def is_served(ws: Workspace) -> bool:
    """Whether a node of this workspace runs here."""
    return any(node.root.resolve() == ws.root.resolve() for node in running_nodes())


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
    if is_missing(ws):
        raise missing_ledger(ws)
    return ws
