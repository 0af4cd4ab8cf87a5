"""``peak disarm``: end arming, and nothing else."""

import click

from peak_console.cli.lowering import lower
from peak_console.cli.options import Invocation, common
from peak_console.operations.lowering import disarm


@click.command("disarm", epilog='Example: peak disarm --reason "shift ends"')
@click.option("--reason", default="", help="Why; an empty reason disarms as well.")
@common
def command(invocation: Invocation, reason: str) -> int:
    """End arming: no live order passes any more. Calls go on. Never refused.

    Needs no token and no operator's key. Arming lives in the node's memory, so where no node lives it is over
    already. A node that lives and does not answer, or a lease that goes on saying armed or cannot be read, is
    answered by stopping everything.
    """
    return lower(invocation, lambda ws: disarm(ws, reason=reason))
