"""``peak ledger backup`` and ``peak ledger recover``: before and after the worst."""

import sys
import time
from pathlib import Path

import click

from peak_console.cli.options import Invocation, common
from peak_console.operations.backup import SAME_DISK, back_up_ledger, backup_as_json

_EVERY_S = 0.2
_MEGABYTE = 1024 * 1024


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

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._enabled and now >= self._next:
            self._next = now + _EVERY_S
            sys.stderr.write(f"\r\033[Kcopying: {done:,} of {total:,} pages")
            sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._enabled and self._next:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
