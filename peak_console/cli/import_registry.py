"""``peak import registry``: models, prices and assignments from a registry, LiteLLM or promptfoo."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from peak_console.cli.options import Invocation, common
from peak_console.cli.output import counted, table
from peak_console.operations.importing.foreign import Lost
from peak_console.operations.importing.models import FORMS, Import, draft_import, read_import
from peak_console.operations.workbench.shapes import Draft


@click.command("registry", epilog="Example: peak import registry config/model_registry.toml --dry-run")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--format",
    "form",
    type=click.Choice(["auto", *FORMS]),
    default="auto",
    show_default=True,
    help="What the file is: a registry in TOML, LiteLLM's proxy config, promptfoo's providers.",
)
@click.option("--dry-run", is_flag=True, help="Report only, make no drafts.")
@click.option("--replace-draft", is_flag=True, help="In the place of drafts that stand there.")
@common
def registry_command(
    invocation: Invocation, file: Path, form: str, *, dry_run: bool, replace_draft: bool
) -> int:
    """Read models, prices and layer assignments from FILE into drafts of models, prices and matrix.

    Every mapping, loss and conflict is listed. Models and prices that stand here stay as they are; the matrix
    draft takes what the file says, where policy lets a model be used. Keys are never taken over. Nothing is
    saved: the drafts wait in the editor.
    """
    ws, now = invocation.workspace(), datetime.now(UTC)
    found = read_import(ws, file, form, now)
    drafts = () if dry_run else draft_import(ws, found, now, replace=replace_draft)
    invocation.reporter.result(found.as_dict(drafts), *_lines(found, drafts))
    return 0


def _lines(found: Import, drafts: tuple[Draft, ...]) -> Iterator[str]:
    proposal = found.proposal
    yield f"{found.file}, read as {found.form}"
    if proposal.mapped:
        yield ""
        yield "taken over, or here already"
        yield from table(
            ["from", "config", "key", "value"],
            [[one.source, one.config, one.key, one.value] for one in proposal.mapped],
        )
    if proposal.conflicts:
        yield ""
        yield "conflicts: both values, and which the draft holds"
        yield from table(
            ["key", "ours", "theirs", "draft", "why"],
            [
                [f"{one.config}: {one.key}", one.ours, one.theirs, one.taken, one.why]
                for one in proposal.conflicts
            ],
        )
    if proposal.lost:
        yield ""
        yield "not taken over"
        yield from table(["what", "value", "why"], list(_lost_rows(proposal.lost)))
    yield ""
    counts = f"{counted(len(proposal.conflicts), 'conflict')}, {len(proposal.lost)} not taken over"
    yield f"{len(proposal.mapped)} mapped, {counts}"
    if drafts:
        yield f"drafts in the editor: {', '.join(one.target for one in drafts)}; nothing is saved yet"
    elif not found.texts:
        yield "nothing would change"
    else:
        yield f"would be drafts: {', '.join(one.name for one in found.texts)}"


def _lost_rows(lost: list[Lost]) -> Iterator[list[str]]:
    """Losses for people: refused ones first, and those of one key and reason together."""
    groups: dict[tuple[bool, str, str], list[Lost]] = {}
    for one in lost:
        head, _, key = one.source.rpartition(".")
        several = bool(head) and not one.refused
        groups.setdefault((not one.refused, one.why, f"….{key}" if several else one.source), []).append(one)
    for (_, why, name), ones in sorted(groups.items(), key=lambda group: group[0][0]):
        first = ones[0]
        mark = "refused: " if first.refused else ""
        if len(ones) == 1:
            yield [first.source, first.value, mark + why]
        else:
            yield [name, counted(len(ones), "value"), mark + why]
