"""``peak prices``: the price table and what newer data say of it."""

from collections.abc import Iterator
from datetime import UTC, datetime

import click

from peak_console.cli.options import Invocation, common
from peak_console.cli.output import counted, table
from peak_console.operations.price_refresh import Refresh, RowKind, draft_of, refresh


@click.group("prices", epilog="Example: peak prices refresh")
def command() -> None:
    """Prices: the only ones at run time stand in configs/ai/prices.toml."""


@command.command("refresh", epilog="Example: peak prices refresh --draft")
@click.option("--draft", is_flag=True, help="Put the proposal into the editor as a draft.")
@click.option("--replace-draft", is_flag=True, help="As --draft, in the place of a draft that stands there.")
@common
def refresh_command(invocation: Invocation, *, draft: bool, replace_draft: bool) -> int:
    """Hold the price table against the data of the installed package genai-prices. Contacts nobody.

    A changed price becomes a row of its own that holds from today on. Rows of other sources, and of models
    that the package does not know, are kept and said. Nothing is saved: the draft waits in the editor.
    """
    ws, now = invocation.workspace(), datetime.now(UTC)
    found = refresh(ws, now)
    made = draft_of(ws, found, now, replace=replace_draft) if draft or replace_draft else None
    invocation.reporter.result(found.as_dict(made), *_lines(found, drafted=made is not None))
    return 0


def _lines(found: Refresh, *, drafted: bool) -> Iterator[str]:
    told = [one for one in found.rows if one.kind is not RowKind.SAME]
    if told:
        rows = [
            [
                f"{one.provider}:{one.model_id}",
                one.kind.value,
                ", ".join(
                    f"{key.removesuffix('_usd_per_mtok')} {old if old is not None else 'none'} → "
                    f"{new if new is not None else 'none'}"
                    for key, (old, new) in one.fields.items()
                ),
                one.note,
            ]
            for one in told
        ]
        yield from table(["model", "", "USD", "why"], rows)
    same = sum(one.kind is RowKind.SAME for one in found.rows)
    proposed = f"{counted(found.changes, 'change')} proposed, {counted(same, 'price')} as before"
    yield f"{found.source}, {found.on}: {proposed}"
    if drafted:
        yield "the draft waits in the editor of the console; nothing is saved yet"
    elif found.changes:
        yield "to put it into the editor: peak prices refresh --draft"
