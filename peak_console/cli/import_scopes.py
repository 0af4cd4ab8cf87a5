"""``peak import scopes``: a folder of capability scopes of another house, read into drafts."""

from pathlib import Path

import click

from peak_console.cli.options import Invocation, common
from peak_console.cli.output import counted, table
from peak_console.domain.clock import SystemClock
from peak_console.operations.importing.scopes import ScopesImport, draft_scopes, read_scopes_import
from peak_console.operations.importing.scopes_form import Understood


@click.command("scopes", epilog="Example: peak import scopes config/capability_scopes --dry-run")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--dry-run", is_flag=True, help="List what would come of it; keep no draft.")
@click.option("--replace-draft", is_flag=True, help="Replace drafts of these scopes that stand already.")
@common
def scopes_command(invocation: Invocation, folder: Path, *, dry_run: bool, replace_draft: bool) -> int:
    """Read the capability scopes of DIR; every mapping, loss and conflict is listed.

    The folder is only read. Each scope becomes a draft in the editor, and no file of this workspace changes
    until somebody saves it.
    """
    ws = invocation.workspace()
    found = read_scopes_import(ws, folder)
    drafts = () if dry_run else draft_scopes(ws, found, SystemClock().now(), replace=replace_draft)
    named = ", ".join(one.target for one in drafts)
    end = "nothing was kept (--dry-run)" if dry_run else f"drafts: {named or 'none'}; read them in the editor"
    invocation.reporter.result(found.as_dict(drafts), *_lines(found), end)
    return 0


def _lines(found: ScopesImport) -> list[str]:
    return [line for one in found.files for line in _file(one)]


def _file(one: Understood) -> list[str]:
    head = f"{one.file}: {one.layer or 'no layer of ours'}; {counted(len(one.mapped), 'mapping')}, "
    head += f"{counted(len(one.lost), 'loss', 'losses')}, {counted(len(one.conflicts), 'conflict')}"
    parts = (
        ("taken over", [[row.source, row.key, row.value] for row in one.mapped]),
        ("lost", [[row.source, row.value, row.why] for row in one.lost]),
        (
            "conflicts",
            [[row.source, f"ours: {row.ours}", f"theirs: {row.theirs}", row.why] for row in one.conflicts],
        ),
    )
    lines = [head]
    for title, rows in parts:
        if rows:
            drawn = table([""] * len(rows[0]), rows)[1:]
            lines += [f"  {title}", *(f"    {line}" for line in drawn)]
    return [*lines, ""]
