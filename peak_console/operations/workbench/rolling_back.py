"""Rolling a config back to a version of before: a save like any other, linted under today's rules."""

from collections.abc import Collection, Mapping
from datetime import datetime

from peak_console.config.editing.targets import Target
from peak_console.config.workspace import Workspace
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.workbench.files import read_standing
from peak_console.operations.workbench.history import resolve, version_text
from peak_console.operations.workbench.saving import Change, Told, carry_out, preview
from peak_console.operations.workbench.shapes import Preview, Saved


def preview_rollback(
    ws: Workspace, target: Target, to: str, *, now: datetime | None = None, operator: str | None = None
) -> Preview:
    """What rolling back to the version that ``to`` names would do; words as in ``history.resolve``."""
    return preview(ws, target, version_text(ws, target, resolve(ws, target, to)), now=now, operator=operator)


def roll_back(
    ws: Workspace,
    client: BlockingLedgerClient,
    target: Target,
    to: str,
    *,
    reason: str,
    operator: str | None = None,
    confirmed: Collection[str] = (),
    now: datetime | None = None,
    environ: Mapping[str, str] | None = None,
    told: Told | None = None,
) -> Saved:
    """Put the version that ``to`` names back in its place; words as in ``history.resolve``.

    What stands on disk when it begins is what is replaced. Lint, confirmations and approval hold as for a
    save. Raises as ``resolve``, ``version_text`` and ``saving.save`` do.
    """
    base = read_standing(ws, target).digest
    text = version_text(ws, target, resolve(ws, target, to))
    change = Change(target, text, base, reason, back=True)
    return carry_out(
        ws, client, change, operator=operator, confirmed=confirmed, now=now, environ=environ, told=told
    )
