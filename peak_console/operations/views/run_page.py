"""A run's page from the ledger and its folder: line, timeline, figures, artefacts, evidence."""

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import LedgerUnavailable
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.ids import is_run_id
from peak_console.domain.text import one_line
from peak_console.evidence.places import packs_of
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.runs import RunFold, RunLine
from peak_console.operations.views.body_fields import listed, mapping, text_of, whole
from peak_console.operations.views.freshness import Freshness
from peak_console.operations.views.run_detail import ArtefactLine, PackState, RunDetail
from peak_console.operations.views.timeline import timeline

LARGEST: Final = 32 * 1024**2
"""Bytes of an artefact up to which it is hashed when the page is opened."""
_MOST_ARTEFACTS: Final = 200
_FOLDED: Final = 20_000
"""Events of a run that its line is folded from."""
_PAGE: Final = 1000
_GONE: Final = "the run's folder is not here any more"


class RunPages:
    """Makes run pages and keeps the last one, so that a page at rest costs one look at its folder."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._kept: tuple[tuple[object, ...], RunDetail] | None = None

    def page(self, reader: LedgerReader, run_id: str, events: int, freshness: Freshness) -> RunDetail:
        """The page of a run with its first ``events`` events. Raises ``LedgerUnavailable``."""
        state = (run_id, events, reader.data_version(), *self._folder_state(run_id))
        if self._kept is not None and self._kept[0] == state:
            return replace(self._kept[1], freshness=freshness)
        detail = self._made(reader, run_id, events, freshness)
        self._kept = (state, detail)
        return detail

    def last(self, run_id: str, error: LedgerUnavailable) -> RunDetail:
        """The page as it was last, told that it is old; or why there is none."""
        if self._kept is not None and self._kept[1].run_id == run_id:
            kept = self._kept[1]
            return replace(kept, freshness=replace(kept.freshness, why=error.message))
        return RunDetail(run_id, missing=error.message, freshness=Freshness(None, error.message))

    def _folder_state(self, run_id: str) -> tuple[object, ...]:
        if not is_run_id(run_id):
            return ()
        return tuple(_changed(path) for path in (self._ws.runs / run_id, self._ws.audits / run_id))

    def _made(self, reader: LedgerReader, run_id: str, most: int, freshness: Freshness) -> RunDetail:
        line, first, ended = _read(reader, run_id, most)
        if not first:
            missing = f"no event of run {one_line(run_id, 60)} is in the ledger"
            return RunDetail(run_id, missing=missing, freshness=freshness)
        lines = timeline(first)
        spent = sorted(one.latency_ms for one in lines if one.latency_ms is not None)
        return RunDetail(
            run_id,
            line,
            lines,
            more=line.last_seq > first[-1].seq,
            first_seq=first[0].seq,
            last_seq=first[-1].seq,
            p50_ms=spent[(len(spent) - 1) // 2] if spent else None,
            longest_ms=spent[-1] if spent else None,
            artefacts=tuple(_artefacts(self._ws.runs, run_id, ended)),
            pack=pack_state(self._ws, run_id),
            freshness=freshness,
        )


def _read(
    reader: LedgerReader, run_id: str, most: int
) -> tuple[RunLine, list[LedgerEvent], list[LedgerEvent]]:
    """The run's line, its first events, and those that ended it."""
    fold, first, ended, after = RunFold(run_id), list[LedgerEvent](), list[LedgerEvent](), 0
    read = 0
    while read < _FOLDED and (events := reader.by_run(run_id, after, _PAGE)):
        for event in events:
            fold.add(event)
            if event.kind == EventKind.RUN_FINISHED:
                ended.append(event)
        first += events[: max(0, most - len(first))]
        read, after = read + len(events), events[-1].seq
    return fold.line, first, ended


def _changed(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (-1, -1)
    return (found.st_ino, found.st_mtime_ns)


def _artefacts(runs: Path, run_id: str, ended: Sequence[LedgerEvent]) -> Iterator[ArtefactLine]:
    """What the run says it wrote, each with whether it still has its hash."""
    told = [one for event in ended for one in listed((event.body or {}).get("artefacts"))]
    gone = is_run_id(run_id) and not os.path.lexists(runs / run_id)
    for one in told[:_MOST_ARTEFACTS]:
        fields = mapping(one)
        path, sha256 = text_of(fields.get("path")) or "?", text_of(fields.get("sha256")) or ""
        state, why = ("removed", _GONE) if gone else _file_state(runs, run_id, path, sha256)
        yield ArtefactLine(one_line(path), one_line(sha256, 64), whole(fields.get("bytes")) or 0, state, why)


def _file_state(runs: Path, run_id: str, inner: str, sha256: str) -> tuple[str, str]:
    parts = PurePosixPath(inner).parts
    if not is_run_id(run_id) or not parts or inner.startswith("/") or {".", ".."} & set(parts):
        return "unchecked", "its path leads out of the run's folder"
    try:
        with os.fdopen(_opened(runs / run_id, parts), "rb") as file:
            if os.fstat(file.fileno()).st_size > LARGEST:
                return "unchecked", "too large to be hashed here; the evidence pack's verification does"
            same = hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        return "missing", "the file is not there"
    except OSError as error:
        return "unchecked", error.strerror or str(error)
    return ("ok", "") if same else ("changed", "its content has another hash than the ledger says")


def _opened(folder: Path, parts: Sequence[str]) -> int:
    """A descriptor of a plain file below ``folder``; no link is followed on the way."""
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place)
            os.close(place)
            place = below
        found = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place)
    finally:
        os.close(place)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise OSError("it is no plain file")
    return found


def pack_state(ws: Workspace, run_id: str) -> PackState:
    """What is known of the run's evidence without verifying it; the newest edition."""
    packs = packs_of(ws.audits, run_id) if is_run_id(run_id) else []
    if not packs:
        return PackState()
    newest = packs[-1]
    sizes = [one.stat().st_size for one in newest.path.rglob("*") if one.is_file() and not one.is_symlink()]
    return PackState("sealed", newest.edition, len(sizes), sum(sizes))
