"""``peak lock``: the lock of verified models, written, checked, shown, compared, put back."""

from typing import Any

import click

from peak_console.cli.lock_drawing import (
    checked_lines,
    diff_lines,
    rolled_back_lines,
    shown_lines,
    written_lines,
)
from peak_console.cli.options import Invocation, common
from peak_console.cli.rehearsed import rehearsed_lines
from peak_console.domain.vocabulary import PhaseLevel
from peak_console.node.spawn import ledger_client
from peak_console.operations.locking.checking import check
from peak_console.operations.locking.differing import differ
from peak_console.operations.locking.rolling_back import roll_back
from peak_console.operations.locking.showing import show
from peak_console.operations.locking.writing import Asked, duration_of, rehearse, write
from peak_console.operations.rehearsing import rehearse_lock_rollback

_operator = click.option("--operator", help="Whose key signs (default: the only one you hold).")


@click.group("lock", epilog='Example: peak lock write --attest "looked at 40 answers" --reason "shadow"')
def command() -> None:
    """The lock of verified models: which model may work in which slot from shadow on."""


@command.command("write", epilog='Example: peak lock write --slot L2.primary --attest "..." --reason "..."')
@click.option("--reason", default="", help="Why; it stands in the lock and on the ledger.")
@click.option("--attest", default="", metavar="WHY", help="Vouch for the models that no eval stands for.")
@click.option("--slot", "slots", multiple=True, metavar="L2.primary", help="Write only this slot anew.")
@click.option(
    "--snapshot",
    "snapshots",
    multiple=True,
    metavar="PROVIDER:MODEL=NAME",
    help="A name under which a model answers, besides those that the ledger has seen.",
)
@click.option(
    "--fingerprint",
    "fingerprints",
    multiple=True,
    metavar="PROVIDER:MODEL=NAME",
    help="A fingerprint under which a model answers, besides those learnt in research.",
)
@click.option("--expires-in", default="30d", show_default=True, help="How long it holds: 12h, 30d, 4w.")
@click.option("--window", default="30d", show_default=True, help="How far back the ledger is counted.")
@click.option("--dry-run", is_flag=True, help="Show what would be written; sign and change nothing.")
@_operator
@common
def write_command(
    invocation: Invocation,
    *,
    reason: str,
    attest: str,
    slots: tuple[str, ...],
    snapshots: tuple[str, ...],
    fingerprints: tuple[str, ...],
    expires_in: str,
    window: str,
    dry_run: bool,
    operator: str | None,
) -> int:
    """Write and sign a lock for the matrix as it stands, with what the ledger knows of each model.

    A model's eval evidence is taken over while model, registry entry and price are unchanged. What no eval
    stands for needs --attest, which is enough for shadow and no more. With --slot the other slots are taken
    over as they stand, and the lock ends when the one before it would have.
    """
    ws = invocation.workspace()
    asked = Asked(
        reason, attest, slots, snapshots, fingerprints, duration_of(expires_in), duration_of(window)
    )
    if dry_run:
        done = rehearse(ws, asked, operator=operator)
    else:
        with ledger_client(ws, name="peak lock") as client:
            done = write(ws, client, asked, operator=operator)
    invocation.reporter.result(done.as_json(), *written_lines(done))
    return 0


@command.command("check", epilog="Example: peak lock check --phase testnet")
@click.option(
    "--phase",
    type=click.Choice([one.value for one in PhaseLevel]),
    help="Judge as this phase would (default: the workspace's own).",
)
@common
def check_command(invocation: Invocation, *, phase: str | None) -> int:
    """Check the lock: signature, signer on the ledger, end, and each slot of the matrix.

    Exit 1 lists all that keeps a model from being verified in the phase.
    """
    found = check(invocation.workspace(), phase=PhaseLevel(phase) if phase else None)
    invocation.reporter.result(found.as_json(), *checked_lines(found))
    return 0 if found.ok else 1


@command.command("show", epilog="Example: peak lock show previous")
@click.argument("digest", required=False, metavar="[DIGEST|previous]")
@common
def show_command(invocation: Invocation, digest: str | None) -> int:
    """Show the lock, or any kept one: by its digest, six digits of it or more, or `previous`."""
    found = show(invocation.workspace(), digest)
    invocation.reporter.result(found.as_json(), *shown_lines(found))
    return 0


@command.command("diff", epilog="Example: peak lock diff previous")
@click.argument("first", required=False, metavar="[A]")
@click.argument("second", required=False, metavar="[B]")
@common
def diff_command(invocation: Invocation, first: str | None, second: str | None) -> int:
    """Show how lock B (default: the one in force) differs from A (default: the one before it)."""
    found = differ(invocation.workspace(), first, second)
    invocation.reporter.result(found.as_json(), *diff_lines(found))
    return 0


@command.command("rollback", epilog='Example: peak lock rollback previous --reason "wrong price"')
@click.argument("digest", default="previous", metavar="[DIGEST|previous]")
@click.option("--reason", default="", help="Why; it is recorded.")
@click.option(
    "--rehearse", "rehearsing", is_flag=True, help="Walk the whole way on a mirror; change nothing."
)
@_operator
@common
def rollback_command(invocation: Invocation, digest: str, *, rehearsing: bool, **named: Any) -> int:
    """Put a lock of before back: a sound one, of an enrolled operator, that has not expired.

    With --rehearse nothing moves: the way is walked on a mirror and recorded, and the pre-live checklist
    reads that; exit 1 where it did not hold.
    """
    ws = invocation.workspace()
    if rehearsing:
        with ledger_client(ws, name="peak lock") as client:
            walked = rehearse_lock_rollback(ws, client, digest, operator=named["operator"])
        invocation.reporter.result(walked.as_json(), *rehearsed_lines(walked))
        return 0 if walked.held else 1
    with ledger_client(ws, name="peak lock") as client:
        done = roll_back(ws, client, digest, reason=named["reason"], operator=named["operator"])
    invocation.reporter.result(done.as_json(), *rolled_back_lines(done))
    return 0
