"""``peak matrix``: which model works in which layer and role; every change linted, saved whole, recorded."""

import click

from peak_console.cli.workbench import add_workbench
from peak_console.cli.workbench_approving import approve_command


@click.group("matrix", epilog='Example: peak matrix set L2.primary openai:gpt-5-mini --reason "cheaper"')
def command() -> None:
    """The matrix: look, change, look back, roll back. The same for other configs: peak config."""


add_workbench(command, "matrix")
command.add_command(approve_command)
