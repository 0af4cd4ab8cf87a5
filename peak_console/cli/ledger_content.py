"""``peak ledger prune``, ``export``, ``import``: what of the ledger is kept, and what leaves it."""

import sys
import time
from pathlib import Path

import click

from peak_console.cli.options import Invocation, common
from peak_console.cli.output import counted, table
from peak_console.domain.errors import UsageWrong
from peak_console.node.spawn import ledger_client
from peak_console.operations import export as exporting
from peak_console.operations import import_export as importing
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
        lines.append(
            f"dropped: {counted(planned.bodies, 'body', 'bodies')}, texts of {counted(done.texts, 'run')}"
        )
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
        held = counted(planned.held, "body", "bodies")
        stays = "stays" if planned.held == 1 else "stay"
        lines.append(f"{held} {stays}: bills of calls are open (peak budget show)")
    return lines


@click.command("export", epilog="Example: peak ledger export --from 2026-11-01 --out november.jsonl")
@click.option(
    "--format",
    "form",
    type=click.Choice([exporting.JSONL, exporting.PARQUET]),
    default=exporting.JSONL,
    help="JSON lines, or Parquet (needs the extra parquet).",
)
@click.option("--from", "begin", metavar="SEQ|TIME", help="The first event, or the time from which on.")
@click.option("--to", "end", metavar="SEQ|TIME", help="The last event, or the time before which.")
@click.option("--run", "run_id", metavar="RUN_ID", help="Only the events of a run, each with its proof.")
@click.option("--out", default=exporting.STDOUT, metavar="FILE|-", help="Where to; - is standard output.")
@click.option("--no-bodies", is_flag=True, help="Headers only: what is proven, not what was said.")
@click.option("--replace", is_flag=True, help="Take the place of a file that is there.")
@common
def export(  # noqa: PLR0917 - click names every argument
    invocation: Invocation,
    form: str,
    begin: str | None,
    end: str | None,
    run_id: str | None,
    out: str,
    *,
    no_bodies: bool,
    replace: bool,
) -> int:
    """Write events with what proves them: the newest signed head over them, and the way from it to them.

    The first line says what the file is; each further line is an event, with all of its header and its body,
    so that anybody can compute its hash. A file appears once it is whole.
    """
    if invocation.as_json and out == exporting.STDOUT:
        raise UsageWrong(
            "--json would stand between the events on standard output",
            code="export_needs_file",
            remedy="name a file: --out ledger.jsonl; the events themselves are JSON without --json",
        )
    progress = Progress(enabled=not invocation.as_json and sys.stderr.isatty())
    done = exporting.export(
        invocation.workspace(),
        form=form,
        begin=begin,
        end=end,
        run_id=run_id,
        out=out,
        bodies=not no_bodies,
        replace=replace,
        progress=progress,
    )
    progress.clear()
    head = done.head
    said = f"{counted(head.events, 'event')}, #{head.first:,} to #{head.last:,}"
    signed = "under a signed head" if head.checkpoint else "under no signed head: peak ledger checkpoint"
    if out == exporting.STDOUT:
        sys.stderr.write(f"{said}, {signed}\n")
    else:
        invocation.reporter.result(
            done.as_json(), f"{out}: {said}, {signed}", f"elsewhere: peak ledger import {Path(out).name}"
        )
    return 0


@click.command("import", epilog="Example: peak ledger import november.jsonl --key workspace.pub")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--to",
    "--out",
    "to",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="A new folder (default: named for the file, in the working folder).",
)
@click.option("--key", metavar="FILE|VKEY", help="The workspace's public key, from somewhere you trust.")
@common
def import_(invocation: Invocation, file: Path, to: Path | None, key: str | None) -> int:
    """Verify an export, and make a ledger of its own of it where it is whole, with a report.

    Needs no workspace. Every hash, link and path is computed again; the report says what that proves and what
    it cannot. No ledger of a workspace is touched. Without --to the folder is made in the working folder,
    under the file's name.
    """
    if to is None:
        to = importing.default_folder(file)
        if not invocation.as_json:
            invocation.reporter.result({}, f"into the working folder: {to.absolute()} (--to names another)")
    progress = Progress(enabled=not invocation.as_json and sys.stderr.isatty())
    try:
        done = importing.read_export(file, to=to, key=key, progress=progress)
    finally:
        progress.clear()
    lines = [_imported(done), *(f"proven: {one}" for one in done.found.proven)]
    lines += [f"cannot know: {one}" for one in done.found.unproven]
    invocation.reporter.result(
        {"folder": str(done.folder), **done.as_json()},
        *lines,
        f"report: {done.folder / importing.REPORT_NAME}",
    )
    return 0


def _imported(done: importing.Imported) -> str:
    """What was made of an export, first of all: a ledger, or nothing but what was proven."""
    events, head = counted(done.found.events, "event"), done.head
    if done.ledger is not None:
        return (
            f"ok: {events} verified and made a ledger: "
            f"{done.ledger} (peak ledger verify --file {done.ledger})"
        )
    piece = f"of run {head.run_id}" if head.run_id else f"from #{head.first:,} to #{head.last:,}"
    why = "are a piece of one" if head.first > 1 or not head.contiguous else "came without their bodies"
    return f"ok: {events} {piece} verified; no ledger file was made, because they {why}"


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
