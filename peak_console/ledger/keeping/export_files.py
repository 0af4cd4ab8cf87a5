"""Exports in files: written whole or not at all, read line by line with bounds on everything."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from peak_console.ledger.keeping import export_parquet
from peak_console.ledger.keeping.export_form import (
    LINE_LIMIT,
    ExportedEvent,
    ExportHead,
    ExportMalformed,
    event_line,
    read_event,
)

_BUFFER = 256 * 1024


def write_lines(file: BinaryIO, head: ExportHead, events: Iterator[ExportedEvent]) -> None:
    """Write an export as JSONL."""
    file.write(head.to_bytes() + b"\n")
    with_path = not head.contiguous
    file.writelines(event_line(event, with_path=with_path) for event in events)


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Have ``write`` make a file beside ``path`` and put it there once it is whole and on the disk.

    Nothing is left where that fails; raises ``OSError``, and whatever ``write`` does.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(part)
        handle = os.open(part, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


class ExportFile:
    """An export as it came from somewhere: its head, and its events in their order.

    Raises :class:`ExportMalformed` for what is none, ``EnvironmentUnfit`` for Parquet without its library,
    ``OSError`` for what cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            self.parquet = file.read(len(export_parquet.MAGIC)) == export_parquet.MAGIC
        if self.parquet:
            export_parquet.require_pyarrow()
            self.head = export_parquet.read_head(path)
            return
        with path.open("rb", buffering=_BUFFER) as file:
            self.head = ExportHead.of_bytes(_line(file))

    @property
    def unit(self) -> str:
        """How a place in the file is called."""
        return "row" if self.parquet else "line"

    def events(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """The number of the line or row, from 1, and the event's fields."""
        if self.parquet:
            yield from enumerate(export_parquet.read_rows(self.path), 1)
            return
        with self.path.open("rb", buffering=_BUFFER) as file:
            _line(file)
            number = 2
            while line := _line(file, number):
                try:
                    yield number, read_event(line)
                except ExportMalformed as error:
                    raise ExportMalformed(f"line {number}: {error}") from None
                number += 1


def _line(file: BinaryIO, number: int = 1) -> bytes:
    line = file.readline(LINE_LIMIT + 1)
    if len(line) > LINE_LIMIT:
        raise ExportMalformed(f"line {number} is longer than {LINE_LIMIT} bytes")
    if line and not line.endswith(b"\n"):
        raise ExportMalformed(f"line {number} has no end: the file was cut off")
    return line
