"""``peak init``: make a workspace."""

from pathlib import Path

import click

from peak_console.cli.options import Invocation, common
from peak_console.node.genesis import Genesis
from peak_console.node.spawn import ledger_client
from peak_console.operations.init import init_workspace


@click.command("init", epilog="Example: peak init desk")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), required=False)
@click.option("--operator", help="The first operator's name (default: your login).")
@common
def command(invocation: Invocation, folder: Path | None, operator: str | None) -> int:
    """Make a workspace in DIR (default: here) from the packaged defaults. Overwrites nothing.

    Makes configs, keys (private halves go to your config folder) and the ledger's first events. The new
    workspace is STOPPED, in research.
    """
    made = init_workspace(folder or invocation.root or Path(), operator=operator)
    genesis = Genesis("peak init", operator=made.operator, public_key=made.public_key)
    with ledger_client(made.ws, name="peak init", genesis=genesis) as client:
        head = int(client.server["seq"])
    document = {
        "root": str(made.ws.root),
        "made": list(made.made),
        "kept": list(made.kept),
        "operator": made.operator,
        "events": head,
    }
    kept = f", {len(made.kept)} kept as they were" if made.kept else ""
    invocation.reporter.result(
        document,
        f"made a workspace in {made.ws.root}: {len(made.made)} files{kept}",
        f"operator {made.operator}; the workspace is STOPPED",
        "next:",
        f"  cd {made.ws.root}",
        "  peak lint",
        '  peak enable --reason "..." --confirm ENABLE',
        "  peak",
    )
    return 0
