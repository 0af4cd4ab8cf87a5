"""``peak console``: the console on this workspace."""

import sys

import click

from peak_console.cli.options import Invocation, common
from peak_console.domain.errors import EnvironmentUnfit, PeakError, UsageWrong


@click.command("console", epilog="Example: peak console --readonly")
@click.option("--readonly", is_flag=True, help="Disable what goes more dangerous; stopping stays.")
@common
def command(invocation: Invocation, *, readonly: bool) -> int:
    """Open the console. Starts this workspace's node when none runs."""
    if invocation.as_json:
        raise UsageWrong("the console has no JSON form", remedy="use: peak status --json")
    if not sys.stdout.isatty():
        raise UsageWrong("the console needs a terminal", remedy="for scripts: peak status --json")
    from peak_console.tui.app import run_console  # noqa: PLC0415 - the terminal program, for people only

    try:
        ws = invocation.workspace()
    except EnvironmentUnfit as unfit:
        return run_console(None, readonly=readonly, problem=f"{unfit.message}; {unfit.remedy}")
    from peak_console.node.spawn import ensure_node  # noqa: PLC0415 - not needed to look on

    problem = ""
    if not readonly:
        try:
            ensure_node(ws)
        except PeakError as error:
            problem = f"no node: {error.message}; {error.remedy}"
    return run_console(ws, readonly=readonly, problem=problem)
