"""``peak stop`` as the command tree knows it: help and options; the work is done in ``cli/stop.py``."""

import click

from peak_console.cli.options import Invocation, common
from peak_console.cli.stop import stop


@click.command("stop", epilog='Example: peak stop --reason "error rate looks wrong"')
@click.option("--reason", default="", help="Why; an empty reason stops as well.")
@click.option("--scope", default="global", help="Only this part: layer:L2, provider:NAME, model:P:M, run:ID.")
@click.option("--all", "everywhere", is_flag=True, help="Stop the workspace of every node on this host.")
@common
def command(invocation: Invocation, reason: str, scope: str, *, everywhere: bool) -> int:
    """Stop every call and order of this workspace now. Never refused.

    Needs no token, no database, no network, no free disk and no file that parses. Removes ENABLED, leaves
    STOP, reads back, then records what was done. Calls in flight are cancelled by their own process.

    With --scope only that part is stopped, through the node, until peak enable --scope lifts it. What cannot
    be shown and recorded at once, or names no part, stops everything instead, and says so.
    """
    words = ["stop", f"--reason={reason}", f"--scope={scope}"]
    words += [f"--root={invocation.root}"] if invocation.root else []
    words += ["--all"] if everywhere else []
    words += ["--json"] if invocation.as_json else []
    return stop(words)
