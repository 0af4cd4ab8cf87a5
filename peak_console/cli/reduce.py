"""``peak reduce``: only risk-reducing orders pass."""

import click

from peak_console.cli.lowering import lower
from peak_console.cli.options import Invocation, common
from peak_console.operations.lowering import reduce


@click.command("reduce", epilog='Example: peak reduce --reason "wind down before the close"')
@click.option("--reason", default="", help="Why; an empty reason reduces as well.")
@common
def command(invocation: Invocation, reason: str) -> int:
    """Let only orders pass that reduce an open position. Calls go on. Never refused.

    Needs no token and no operator's key, and stays over every restart. An operator lifts it with
    peak enable --scope reduce. Where the node cannot be reached, or cannot record it, everything is stopped.
    """
    return lower(invocation, lambda ws: reduce(ws, reason=reason))
