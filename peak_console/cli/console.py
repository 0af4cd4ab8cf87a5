"""``peak console``: the console on this workspace, now or at a moment of its past."""

import click

from peak_console.cli.moments import MomentCommand
from peak_console.cli.options import Invocation, common
from peak_console.cli.terminal import need_terminal
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import EnvironmentUnfit, PeakError, UsageWrong

_EXAMPLES = """\b
Examples:
  peak console --readonly
  peak console --replay 03:00 03:40
  peak console --replay 2026-11-22T03:00Z +40m
  peak console --replay -2h
"""


@click.command("console", cls=MomentCommand, epilog=_EXAMPLES)
@click.option("--readonly", is_flag=True, help="Disable what goes more dangerous; stopping stays.")
@click.option(
    "--replay",
    metavar="FROM",
    help="Show the past from FROM on, to [TO]: an ISO time, HH:MM today (UTC unless it says otherwise), "
    "-2h, '#SEQ' or a run's id; TO may be +30m.",
)
@click.argument("to", required=False)
@common
def command(invocation: Invocation, *, readonly: bool, replay: str | None, to: str | None) -> int:
    """Open the console. Starts this workspace's node when none runs.

    With --replay it shows the workspace as it was: held at FROM, space plays. No node is started. What goes
    more dangerous is off; the incident panel acts on the live workspace, now.
    """
    if invocation.as_json:
        raise UsageWrong("the console has no JSON form", remedy="use: peak status --json")
    if to is not None and replay is None:
        raise UsageWrong("a moment without --replay", remedy="use: peak console --replay FROM TO")
    need_terminal("for scripts: peak status --json")
    from peak_console.tui.app import run_console  # noqa: PLC0415 - the terminal program, for people only

    if replay is not None:
        return _replay(invocation.workspace(), replay, to, readonly=readonly)
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


def _replay(ws: Workspace, begin: str, end: str | None, *, readonly: bool) -> int:
    """The console on the past of ``ws``. Raises ``UsageWrong`` and ``LedgerUnavailable``."""
    from peak_console.operations.views.replay_source import open_span  # noqa: PLC0415 - it loads the ledger
    from peak_console.tui.app import run_console  # noqa: PLC0415 - the terminal program

    return run_console(ws, readonly=readonly, replay=open_span(ws, begin, end))
