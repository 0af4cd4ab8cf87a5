"""``peak ledger prune``, ``export``, ``import``: what of the ledger is kept, and what leaves it."""

import sys
import time

import click

from peak_console.cli.options import Invocation, common
from peak_console.cli.output import table
from peak_console.node.spawn import ledger_client
from peak_console.operations import prune as retention
from peak_console.operations.prune import PrunePlan

_EVERY_S = 0.2
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024


@click.command(
    "prune", epilog='Example: peak ledger prune --before 2026-06-01 --reason "retention" --dry-run'
)
@click.option("--before", required=True, metavar="DATE", help="Drop what is older: a day, or a time (UTC).")
@click.option("--reason", default="", help="Why it may go; it is recorded.")
@click.option("--confirm", default="", metavar="PRUNE", help="The word PRUNE, typed.")
@click.option("--dry-run", is_flag=True, help="Show what would go, and drop nothing.")
@click.option("--operator", help="Whose key signs (default: the only one you hold).")
@common
def prune(
    invocation: Invocation, before: str, reason: str, confirm: str, operator: str | None, *, dry_run: bool
) -> int:
    """Drop details of old calls to their hashes, and texts of runs that ended; it cannot be undone.

    Headers, hashes and proofs stay, as does everything that was decided or pressed. Needs an enrolled
    operator's key, a reason and the typed word. The file does not shrink: its free pages are used again.
    """
    ws = invocation.workspace()
    progress = Progress(enabled=not invocation.as_json and sys.stderr.isatty())
    planned = retention.plan(ws, before, progress=progress)
    progress.clear()
    if planned.nothing or dry_run:
        invocation.reporter.result({**planned.as_json(), "recorded": False}, *_planned(planned))
        return 0
    if not invocation.as_json:
        invocation.reporter.result({}, *_planned(planned))
    retention.check_words(reason, confirm)
    with ledger_client(ws, name="peak ledger prune") as client:
        done = retention.prune(
            ws, client, planned, reason=reason, confirm=confirm, operator=operator, progress=progress
        )
    progress.clear()
    document = {
        **planned.as_json(),
        "recorded": True,
        "seq": done.seq,
        "operator": done.operator,
        "done": done.done,
        "done_seq": done.done_seq,
        "texts_dropped": done.texts,
        "texts_left": list(done.left),
    }
    lines = [f"recorded as #{done.seq:,} by {done.operator}"]
    if done.done:
        lines.append(f"dropped: {planned.bodies:,} bodies, texts of {done.texts:,} runs")
    else:
        lines.append(f"bodies are gone up to #{done.done_seq:,}; the node goes on with the rest")
    lines += [f"texts not dropped: {one}" for one in done.left]
    invocation.reporter.result(document, *lines)
    return 1 if done.left else 0


def _planned(planned: PrunePlan) -> list[str]:
    if planned.nothing:
        return [f"nothing from before {planned.before} is left to drop"]
    rows = [[one.kind, f"{one.events:,}", size_text(one.bytes)] for one in planned.kinds]
    rows.append(["texts of runs", f"{len(planned.texts):,}", size_text(planned.text_bytes)])
    lines = [f"from before {planned.before}, up to event #{planned.upto_seq:,}:"]
    lines += table(["goes", "count", "size"], rows)
    if planned.held:
        lines.append(f"{planned.held:,} bodies stay: bills of their calls are open (peak budget show)")
    return lines


def size_text(count: int) -> str:
    """Bytes for people."""
    size, unit = float(count), 0
    while size >= _STEP and unit < len(_UNITS) - 1:
        size, unit = size / _STEP, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if not unit else f"{size:.1f} {_UNITS[unit]}"


class Progress:
    """A line of progress on standard error, for people only."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._next = 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        """Say how far it is, a few times a second."""
        now = time.monotonic()
        if self._enabled and now >= self._next:
            self._next = now + _EVERY_S
            share = f" of {total:,} ({100 * done // total} %)" if total else ""
            sys.stderr.write(f"\r\033[K{what}: {done:,}{share}")
            sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._enabled and self._next:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
            self._next = 0.0
