"""``peak matrix approve``: in live another operator looks at a matrix before it is saved."""

import click

from peak_console.cli.options import Invocation, common
from peak_console.cli.workbench_words import DIGITS, preview_document, preview_lines
from peak_console.node.spawn import ledger_client
from peak_console.operations.workbench.approving import approve, proposal


@click.command("approve", epilog='Example: peak matrix approve 3f9a01c2 --reason "checked against the evals"')
@click.argument("digest")
@click.option("--dry-run", is_flag=True, help="Show what it would change; approve nothing.")
@click.option("--reason", default="", help="Why; it is recorded.")
@click.option("--operator", help="Whose key signs (default: the only one you hold).")
@common
def approve_command(
    invocation: Invocation, digest: str, reason: str, operator: str | None, *, dry_run: bool
) -> int:
    """Approve the matrix DIGEST, six digits of it or more, that another operator proposed to save.

    It shows what that matrix changes. An approval is for this very text, ends after a time (control.toml,
    [changes]), and counts nothing for a save of your own.
    """
    ws = invocation.workspace()
    seen = proposal(ws, digest)
    if dry_run:
        invocation.reporter.result(preview_document(seen, dry_run=True), *preview_lines(seen))
        return 0
    with ledger_client(ws, name="peak matrix") as client:
        done = approve(ws, client, seen.new, reason=reason, operator=operator)
    lines = [*preview_lines(seen), "", f"approved {done.digest[:DIGITS]} as {done.operator}"]
    lines.append(f"it holds until {done.valid_until[:19]}Z, for a save by another operator")
    invocation.reporter.result({**done.as_dict(), "approved": True}, *lines)
    return 0
