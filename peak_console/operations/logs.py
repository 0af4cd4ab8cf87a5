"""The log of a workspace: its newest lines, filtered, and lines as they are written."""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import dropwhile
from pathlib import Path
from typing import Any, BinaryIO, Final

from peak_console.domain.clock import from_iso
from peak_console.domain.text import plain
from peak_console.operations.views.freshness import Freshness
from peak_console.operations.views.log import LogLine, LogPage
from peak_console.operations.views.log_filter import LogFilter, read_log_filter
from peak_console.operations.views.terms import FilterInvalid

_BLOCK: Final = 64 * 1024
_LONGEST: Final = 256 * 1024
"""Bytes of a line; what is longer is cut there and shown as unreadable."""
_LOOKED_AT: Final = 50_000
"""Lines that one page looks at, at most, for those its filter lets through."""
_HEADER: Final = frozenset({"ts", "level", "logger", "event"})


def read_log(
    path: Path, text: str, *, now: datetime, limit: int = 500, until: datetime | None = None
) -> LogPage:
    """The newest lines that the filter ``text`` lets through, newest first, rotated files included.

    With ``until``, those that were written by then.

    Never raises: a filter that cannot be read, and a log that cannot, are told in the page.
    """
    shown = str(path)
    try:
        wanted = read_log_filter(text, now)
    except FilterInvalid as error:
        return LogPage(path=shown, freshness=Freshness(now), problem=f"{error.message}; {error.remedy}")
    try:
        lines, skipped = _newest(path, wanted, limit, until)
    except OSError as error:
        why = f"{path.name}: {error.strerror or error}"
        return LogPage(path=shown, freshness=Freshness(None, why, "check the rights of audits/logs"))
    return LogPage(tuple(lines), skipped, shown, Freshness(now))


def _newest(path: Path, wanted: LogFilter, limit: int, until: datetime | None) -> tuple[list[LogLine], int]:
    found: list[LogLine] = []
    skipped = 0
    lines = _backwards(rotated(path))
    if until is not None:
        lines = dropwhile(lambda line: line.ts is None or line.ts > until, lines)
    for looked, line in enumerate(lines):
        if len(found) >= limit or looked >= _LOOKED_AT:
            break
        if wanted.since is not None and line.ts is not None and line.ts < wanted.since:
            break
        if wanted.matches(line):
            found.append(line)
        else:
            skipped += 1
    return found, skipped


def rotated(path: Path) -> list[Path]:
    """The log and the older files beside it (``peak.log.1`` …), newest first."""
    older = [
        (int(number), one)
        for one in path.parent.glob(f"{path.name}.*")
        if (number := one.name.removeprefix(f"{path.name}.")).isdigit()
    ]
    return [path, *(one for _, one in sorted(older))]


def _backwards(paths: Sequence[Path]) -> Iterator[LogLine]:
    for path in paths:
        try:
            file = path.open("rb")
        except FileNotFoundError:
            continue
        with file:
            for offset, raw in _lines_backwards(file):
                yield read_line(raw, offset)


def _lines_backwards(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Offsets and bytes of the lines from the last to the first; memory stays bounded."""
    place, rest = file.seek(0, os.SEEK_END), b""
    while place > 0:
        size = min(_BLOCK, place)
        place -= size
        file.seek(place)
        block = file.read(size) + rest
        lines = block.split(b"\n")
        rest = lines[0]
        offset = place + len(block)
        for raw in reversed(lines[1:]):
            offset -= len(raw)
            if raw:
                yield offset, raw
            offset -= 1
        if len(rest) > _LONGEST:
            yield place, rest[:_LONGEST]
            rest = b""
    if rest:
        yield 0, rest


def read_line(raw: bytes, offset: int = 0) -> LogLine:
    """A line of the log; one that is no JSON object is given as it stands, level ``unreadable``."""
    text = raw.decode("utf-8", "replace").rstrip("\r")
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        return LogLine(offset, None, "unreadable", "", "", {}, plain(text))
    fields: dict[str, Any] = {str(name): value for name, value in told.items() if name not in _HEADER}
    return LogLine(
        offset=offset,
        ts=_time(told.get("ts")),
        level=str(told.get("level", "info")).lower(),
        logger=str(told.get("logger", "")),
        event=str(told.get("event", "")),
        fields=fields,
    )


def _time(told: Any) -> datetime | None:
    try:
        found = from_iso(told) if isinstance(told, str) else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo else None


def follow_log(
    path: Path,
    text: str,
    *,
    now: datetime,
    poll_s: float = 0.2,
    wait: Callable[[float], object] = time.sleep,
) -> Iterator[LogLine]:
    """Lines as they are written, forever; a rotation is followed. Raises ``FilterInvalid`` at once.

    ``wait`` is called between looks; one that raises ends the following.
    """
    wanted = read_log_filter(text, now)
    return _follow(path, wanted, poll_s, wait)


def _follow(
    path: Path, wanted: LogFilter, poll_s: float, wait: Callable[[float], object]
) -> Iterator[LogLine]:
    file, identity, rest = _opened(path, at_end=True)
    try:
        while True:
            chunk = file.read(_BLOCK) if file else b""
            if chunk:
                *lines, rest = (rest + chunk).split(b"\n")
                rest = rest[-_LONGEST:]
                yield from (line for raw in lines if raw and wanted.matches(line := read_line(raw)))
                continue
            if _identity(path) != identity:
                if file:
                    file.close()
                file, identity, rest = _opened(path, at_end=False)
                continue
            wait(poll_s)
    finally:
        if file:
            file.close()


def _opened(path: Path, *, at_end: bool) -> tuple[BinaryIO | None, tuple[int, int] | None, bytes]:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None, None, b""
    found = os.fstat(file.fileno())
    if at_end:
        file.seek(0, os.SEEK_END)
    return file, (found.st_dev, found.st_ino), b""


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
