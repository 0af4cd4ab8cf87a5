"""``peak config``: every config of the workspace, with the same commands as the matrix."""

import click

from peak_console.cli.options import Invocation, common
from peak_console.cli.output import table
from peak_console.cli.workbench import add_workbench
from peak_console.cli.workbench_words import shown
from peak_console.operations.workbench.naming import listed


@click.group("config", epilog='Example: peak config set budgets day.max_cost_eur 60 --reason "more shadow"')
def command() -> None:
    """Every config: look, change, look back, roll back. CONFIG is a name of peak config list."""


@command.command("list", epilog="Example: peak config list --json")
@common
def list_command(invocation: Invocation) -> int:
    """Every config that can be edited, there or not, and which of them have a draft of yours."""
    found = listed(invocation.workspace())
    rows = [
        [one.target.name, shown(one.digest), f"draft by {one.draft}" if one.draft else "", one.target.path]
        for one in found
    ]
    document = {"configs": [one.as_dict() for one in found]}
    invocation.reporter.result(document, *table(["config", "version", "draft", "file"], rows))
    return 0


add_workbench(command, None)
