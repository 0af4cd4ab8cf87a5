"""``peak ledger backup`` and ``peak ledger recover``: before and after the worst."""

import sys
import time
from pathlib import Path

import click

from peak_console.cli.options import Invocation, common
from peak_console.domain.text import one_line
from peak_console.domain.vocabulary import Phase, PhaseLevel
from peak_console.node.recovering import recover_ledger
from peak_console.node.recovery import Recovery
from peak_console.operations.backup import SAME_DISK, back_up_ledger, backup_as_json

_EVERY_S = 0.2
_MEGABYTE = 1024 * 1024
_PHASE_FROM = {
    "ledger": "as the ledger says",
    "operator": "as you say",
    "unknown": "nothing tells it, so the strictest; another one: --phase",
}


@click.command("backup", epilog="Example: peak ledger backup /mnt/other/ledger.db")
@click.argument("dest", required=False, type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Write over an earlier backup of that name.")
@common
def backup(invocation: Invocation, dest: Path | None, *, replace: bool) -> int:
    """Copy the ledger to DEST while it is written, with its signed checkpoints, and verify the copy.

    DEST is a file or a folder; without it the copy goes to audits/backups/. It appears whole or not at all.
    """
    shown = _Copying(enabled=not invocation.as_json and sys.stderr.isatty())
    try:
        made = back_up_ledger(invocation.workspace(), dest, replace=replace, progress=shown)
    finally:
        shown.clear()
    notes = f"its signed checkpoints: {made.notes}" if made.notes else "no checkpoints were signed yet"
    lines = [
        f"backed up to {made.path}: {made.events:,} events, {made.size / _MEGABYTE:,.1f} MB, verified",
        f"head {made.head}",
        notes,
    ]
    if made.same_disk:
        lines.append(f"note: {SAME_DISK}")
    invocation.reporter.result(backup_as_json(made), *lines)
    return 0


class _Copying:
    """A line of progress on standard error, for people only."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._next = 0.0

    def __call__(self, done: int, total: int, what: str = "pages") -> None:
        now = time.monotonic()
        if self._enabled and now >= self._next:
            self._next = now + _EVERY_S
            sys.stderr.write(f"\r\033[K{what}: {done:,} of {total:,}")
            sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._enabled and self._next:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()


@click.command("recover", epilog='Example: peak ledger recover --reason "disk replaced"')
@click.option("--reason", default="", help="Why; it is recorded.")
@click.option("--operator", help="Whose key signs (default: the only one you hold).")
@click.option(
    "--phase",
    type=click.Choice([phase.value for phase in Phase]),
    help="The phase, where the ledger cannot tell it any more (without it: live, the strictest).",
)
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A backup, whose events are saved instead of the broken file's.",
)
@click.option("--force", is_flag=True, help="Begin anew although the ledger verifies or holds more.")
@common
def recover(
    invocation: Invocation,
    reason: str,
    operator: str | None,
    phase: str | None,
    source: Path | None,
    *,
    force: bool,
) -> int:
    """Go on after a broken ledger: keep what can be proven, begin a new one that names it.

    Offline: end the node first. The old file is kept as it is. The workspace is STOPPED afterwards;
    operators, phase and what budgets of running periods have spent are carried over. --from puts a backup
    back this way; it is proven by its chain and every signed head, and may not know less than the old file.
    """
    shown = _Copying(enabled=not invocation.as_json and sys.stderr.isatty())
    try:
        done = recover_ledger(
            invocation.workspace(),
            reason=reason,
            operator=operator,
            phase=phase,
            force=force,
            backup=source,
            progress=lambda stage, place, total: shown(place, total, f"{stage} events"),
        )
    finally:
        shown.clear()
    invocation.reporter.result(done.as_json(), *_told(done))
    return 0


def _told(done: Recovery) -> list[str]:
    """What was saved, what is lost, where it lies, what to do next."""
    lines = [
        f"recovered: a new ledger of {done.events} events, head {done.head}",
        f"broken: {done.broken_how}: {one_line(done.detail, 600)}",
    ]
    if done.proven_file is not None:
        where = f" of {done.backup.name}" if done.backup else ""
        lines += [f"saved: events 1 to {done.proven:,}{where}, proven, in {done.proven_file}"]
    else:
        lines += ["saved: no event could be proven"]
    if done.bodiless is not None:
        some = f"{done.bodiless.events:,} of them (#{done.bodiless.first:,} to #{done.bodiless.last:,})"
        lines += [f"without bodies: {some}; the event that says retention dropped them is not proven,"]
        lines += ["  so verifying that file names the first of them deleted_body"]
    if done.lost:
        signed = max(done.signed - done.proven, 0)
        known = f", {signed:,} of them under signed heads" if signed else ""
        lines += [f"lost: {done.lost:,} events from #{done.proven + 1:,} on{known}"]
    else:
        lines += ["lost: nothing that anything tells of"]
    if done.had_file:
        lines += [f"kept: the old file as it was, in {done.folder}"]
    else:
        lines += [f"kept: there was no old file; the record of this is in {done.folder}"]
    if done.first.size:
        lines += [f"signed: the new ledger's first head, of {done.first.size:,} events"]
    if done.first.problem:
        what = "its anchor" if done.first.size else "the new ledger's head, which is NOT signed"
        lines += [f"problem: {what}: {one_line(done.first.problem, 300)}", f"  {done.first.remedy}"]
    lines += [f"operators: {', '.join(done.operators)}"]
    lines += [f"not enrolled again: {one}" for one in done.left_out]
    lines += [
        f"phase: {done.phase} ({_PHASE_FROM[done.phase_from]}){', SIMULATED' if done.simulated else ''}"
    ]
    spend = f"budgets: {done.carried} counters of running periods carried over"
    if not done.spend_known:
        spend += "; what lost events spent is not among them: compare with the providers' bills"
    lines += [spend]
    served = Phase(done.phase).level is not PhaseLevel.RESEARCH and not done.simulated
    lines += [
        "the workspace is STOPPED. next:",
        "  find out what broke it: disk, memory, a foreign program",
        *_if_unknown(done),
        "  peak ledger verify",
        "  start the node's service, or: peak node run" if served else "  peak node start",
        '  peak enable --reason "..." --confirm ENABLE   (after the cooldown)',
    ]
    return lines


def _if_unknown(done: Recovery) -> list[str]:
    """How to say the phase that nothing tells any more."""
    if done.phase_from != "unknown":
        return []
    names = "|".join(one.value for one in Phase if one.value != done.phase)
    return [
        (
            f"  where {done.phase} is not the phase, say which, now: "
            f'peak ledger recover --force --reason "the phase was another" --phase {names}'
        ),
    ]
