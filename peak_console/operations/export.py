"""The ledger on its way out: exports that prove themselves."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore
from peak_console.domain.clock import iso
from peak_console.domain.errors import EnvironmentUnfit, UsageWrong
from peak_console.domain.ids import is_run_id
from peak_console.ledger.heads.checkpoint_files import CheckpointFiles
from peak_console.ledger.keeping.export_files import write_lines, write_whole
from peak_console.ledger.keeping.export_form import ExportedEvent, ExportHead
from peak_console.ledger.keeping.export_parquet import require_pyarrow, write_parquet
from peak_console.ledger.keeping.export_source import ExportSource, Piece
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.ledger import existing
from peak_console.operations.moments import moment_of

JSONL: Final = "jsonl"
PARQUET: Final = "parquet"
STDOUT: Final = "-"

_EVERY: Final = 1000

Progress = Callable[[str, int, int], None]
"""Told now and then: what is done, how much of it, and how much there is."""


@dataclass(frozen=True, slots=True)
class Exported:
    """An export that was written."""

    head: ExportHead
    file: str
    format: str

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        told = self.head.as_json()
        kept = ("origin", "first", "last", "events", "head", "run_id", "bodies", "checkpoint", "vkey")
        return {"file": self.file, "format": self.format, **{name: told[name] for name in kept}}


def export(
    ws: Workspace,
    *,
    form: str = JSONL,
    begin: str | None = None,
    end: str | None = None,
    run_id: str | None = None,
    out: str = STDOUT,
    bodies: bool = True,
    replace: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Write a piece of the ledger to a file, or as JSONL to standard output.

    ``begin`` and ``end`` are places or times; an end in time is not part of it. Raises ``UsageWrong`` for
    words that are none and where there is nothing, ``LedgerBroken`` at an event that is not what was written.
    """
    if form == PARQUET:
        require_pyarrow()
    target = _target(form, out, replace=replace)
    with LedgerReader(existing(ws).ledger) as reader:
        first, last = _place(reader, begin, 1), _place(reader, end, None)
        piece = Piece(first, last, _run(run_id), bodies)
        source = ExportSource(reader, piece, CheckpointFiles(ws.checkpoints), KeyStore(ws.keys).raw_public())
        events = _counted(source.events(), source.head.events, progress)
        if target is None:
            write_lines(sys.stdout.buffer, source.head, events)
            sys.stdout.buffer.flush()
        else:
            _write(target, form, source.head, events)
    return Exported(source.head, out, form)


def _write(target: Path, form: str, head: ExportHead, events: Iterator[ExportedEvent]) -> None:
    def write(part: Path) -> None:
        if form == PARQUET:
            write_parquet(part, head, events)
            return
        with part.open("xb") as file:
            write_lines(file, head, events)

    try:
        write_whole(target, write)
    except OSError as error:
        raise EnvironmentUnfit(
            f"{target} cannot be written: {error.strerror or error}",
            code="file_unwritable",
            remedy="name another file with --out",
        ) from error


def _target(form: str, out: str, *, replace: bool) -> Path | None:
    if out == STDOUT:
        if form == PARQUET:
            raise UsageWrong(
                "Parquet cannot be written to standard output",
                code="export_needs_file",
                remedy="name a file: --out ledger.parquet",
            )
        return None
    path = Path(out)
    if path.is_dir() or (path.exists() and not replace):
        raise UsageWrong(
            f"{out[:200]} is there already",
            code="file_exists",
            remedy="name another file, or take its place: --replace",
        )
    return path


def _place(reader: LedgerReader, text: str | None, default: int | None) -> int:
    """The place that a bound means: itself, or by a time the first from it on, the last before it."""
    head = reader.head()[0]
    if text is None:
        return head if default is None else default
    if text.isascii() and text.isdigit():
        return min(int(text[:18]), head + 1)
    before = reader.last_before(iso(moment_of(text)))
    return before if default is None else before + 1


def _run(run_id: str | None) -> str | None:
    if run_id is not None and not is_run_id(run_id):
        raise UsageWrong(
            f"{run_id!r:.60} is no run", code="run_unknown", remedy="take a run's id from: peak ledger tail"
        )
    return run_id


def _counted(
    events: Iterator[ExportedEvent], total: int, progress: Progress | None
) -> Iterator[ExportedEvent]:
    for number, event in enumerate(events, 1):
        if progress is not None and number % _EVERY == 0:
            progress("exporting", number, total)
        yield event
