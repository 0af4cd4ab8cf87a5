"""What a capture gathers of a workspace, each part for itself: one that fails leaves a gap and its reason."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from peak_console.config.sources import CANARIES, MAIN_FILES, PROMPTS, SCOPES, read_either
from peak_console.config.workspace import Workspace
from peak_console.control.files import ENABLED, ENABLING, LEASE, NODE, STOP
from peak_console.control.folder import read_file
from peak_console.control.gate import CallGate
from peak_console.domain.clock import Clock, iso
from peak_console.domain.errors import PeakError
from peak_console.domain.ids import is_run_id
from peak_console.evidence.captured_files import Room, Taken, file_at, files_below
from peak_console.evidence.capturing import CONTROL, FIGURES, INCIDENT, LOGS, METRICS, RUNS, STATUS, Capturing
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.capture_ledger import BEFORE, slice_of
from peak_console.operations.incidents.surroundings import runs_alive
from peak_console.operations.logs import rotated
from peak_console.operations.metrics import Meter
from peak_console.operations.scraping import scraped
from peak_console.operations.status import status

Told = Callable[[str, int, int], object]
"""Told which part is being captured, how many are done, and of how many."""

LOG_FILES: Final = 2
"""The log and the file before it."""

RUNS_MOST: Final = 200

_FOR_PROOFS: Final = 0.6
"""The share of the time that files leave to the ledger's proofs, which one pass over its hashes makes."""

_LINES: Final = (".jsonl", ".log")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a capture takes: seconds in all, files and bytes of runs, bytes of one file, of the log."""

    seconds: float = 8.0
    files: int = 1000
    size: int = 24 * 1024 * 1024
    largest: int = 4 * 1024 * 1024
    log: int = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class About:
    """What is captured, of when and by whom."""

    incident_id: str
    triggered_at: datetime
    taken_at: datetime
    operator: str
    reason: str


class Gathering:
    """Gathers one capture. ``left_s`` says how many seconds there are; ``no_ledger`` why it is not asked."""

    def __init__(
        self,
        ws: Workspace,
        about: About,
        into: Capturing,
        *,
        limits: Limits,
        left_s: Callable[[], float],
        clock: Clock,
        environ: Mapping[str, str],
        no_ledger: str = "",
    ) -> None:
        self._ws, self._about, self._into = ws, about, into
        self._limits, self._left_s = limits, left_s
        self._clock, self._environ = clock, environ
        self.runs: tuple[str, ...] = ()
        self.runs_left_out: tuple[str, ...] = ()
        """Those that were alive and of which nothing was taken, though something lies there."""
        self.events = 0
        self._absent: list[str] = []
        self._no_ledger = no_ledger

    def everything(self, told: Told) -> None:
        """Every part in turn, the small and telling ones first; none keeps the next from being taken."""
        parts: tuple[tuple[str, Callable[[], None]], ...] = (
            ("control", self._control),
            ("status", self._status),
            ("configs", self._configs),
            ("log", self._log),
            ("metrics", self._metrics),
            ("runs", self._runs),
            ("ledger", self._ledger),
        )
        for number, (name, part) in enumerate(parts):
            told(name, number, len(parts))
            try:
                part()
            except Exception as error:  # noqa: BLE001 - a part that fails is missing, and nothing else is
                why = error.message if isinstance(error, PeakError) else f"{type(error).__name__}: {error}"
                self._into.leave_out(name, why)
        self._incident()
        told("seal", len(parts), len(parts))

    # -- parts

    def _control(self) -> None:
        for name in (ENABLED, ENABLING, STOP, LEASE, NODE):
            try:
                data = read_file(os.fspath(self._ws.control / name))
            except OSError as error:
                self._into.leave_out(f"{CONTROL}/{name}", f"unreadable: {error.strerror}")
                continue
            if data is None:
                self._absent.append(name)
            else:
                self._into.put_file(CONTROL, name, data)

    def _status(self) -> None:
        found = status(self._ws, clock=self._clock, environ=self._environ)
        self._into.put_json(STATUS, found.as_json())

    def _configs(self) -> None:
        for name, listed in MAIN_FILES.items():
            document, _ = read_either(self._ws.root, listed)
            if document.text:
                data = document.text.encode("utf-8", "surrogateescape")
                self._into.put_config(name, data, Path(document.name).suffix)
            else:
                trouble = document.trouble
                self._into.leave_out(f"config {name}", "not_there" if trouble is None else trouble.message)
        room = Room(self._limits.files, self._limits.largest, self._limits.largest, self._late)
        for folder in (SCOPES, PROMPTS, CANARIES):
            for one in files_below(self._ws.root / folder, room):
                if one.data is None:
                    self._into.leave_out(f"{folder}/{one.path}", one.refused)
                else:
                    self._put_config(f"{Path(folder).name}.{one.path}".replace("/", "."), one.data)

    def _put_config(self, name: str, data: bytes) -> None:
        suffix = _suffix(name)
        self._into.put_config(name.removesuffix(suffix), data, suffix)

    def _ledger(self) -> None:
        if self._no_ledger:
            self._into.leave_out("ledger", self._no_ledger)
            return
        found = slice_of(self._ws, self._about.triggered_at, self._left_s, self._into.leave_out)
        self._into.put_slice(found)
        self.events = len(found.events) + len(found.governing) + len(found.unproved)

    def _log(self) -> None:
        room = Room(LOG_FILES, self._limits.log, self._limits.log, self._late)
        newest = [one for one in rotated(self._ws.log) if one.exists()][:LOG_FILES]
        if not newest:
            self._into.leave_out("log", "not_there")
        for path in newest:
            self._put(LOGS, file_at(path, room))

    def _metrics(self) -> None:
        self._figures()
        lease = CallGate(self._ws.control, self._clock, {}).lease()
        page = scraped(lease.metrics_url) if lease is not None and lease.metrics_url else None
        if page is None:
            self._into.leave_out(METRICS, "no node runs that serves /metrics")
        elif page.problem:
            self._into.leave_out(METRICS, page.problem)
        else:
            self._into.put(METRICS, page.text)

    def _figures(self) -> None:
        if self._no_ledger:
            self._into.leave_out(FIGURES, "they are the ledger's")
            return
        figures = Meter(self._ws, self._clock).read().ledger
        if isinstance(figures, PeakError):
            self._into.leave_out(FIGURES, figures.message)
        else:
            self._into.put_json(FIGURES, _plain(figures))

    def _runs(self) -> None:
        self.runs = self._alive()
        room = Room(self._limits.files, self._limits.size, self._limits.largest, self._late)
        wanted = [one for one in self.runs[:RUNS_MOST] if self._has_folder(one)]
        outcomes: dict[str, set[bool]] = {one: {False} for one in self.runs[RUNS_MOST:]}
        for number, run_id in enumerate(wanted):  # a half for what tells most, of every run
            outcomes[run_id] = self._files_of(run_id, room, 2 * (len(wanted) - number), telling=True)
        for number, run_id in enumerate(reversed(wanted)):  # the newest last: what others leave is its own
            outcomes[run_id] |= self._files_of(run_id, room, len(wanted) - number, telling=False)
        self.runs_left_out = tuple(one for one in self.runs if outcomes.get(one) == {False})

    def _has_folder(self, run_id: str) -> bool:
        if (self._ws.runs / run_id).exists():
            return True
        self._into.leave_out(f"{RUNS}/{run_id}", "it left no folder")
        return False

    def _files_of(self, run_id: str, room: Room, parts: int, *, telling: bool) -> set[bool]:
        """Take a run's share of ``room``; whether files were taken, and were not, each where it is so."""
        outcomes = set()
        with room.share(parts, self._late_in(parts)) as own:
            for one in files_below(self._ws.runs / run_id, own, telling=telling):
                self._put(f"{RUNS}/{run_id}", one)
                outcomes.add(one.data is not None)
        return outcomes

    def _alive(self) -> tuple[str, ...]:
        """The runs that were alive since before the trigger, by the ledger and by their folders."""
        since = self._about.triggered_at - BEFORE
        found: dict[str, None] = {}
        if not self._no_ledger:
            try:
                with LedgerReader(self._ws.ledger) as reader:
                    found |= dict.fromkeys(one for one in runs_alive(reader, since) if is_run_id(one))
            except PeakError as error:
                self._into.leave_out("runs by the ledger", error.message)
        found |= dict.fromkeys(_touched(self._ws.runs, since.timestamp()))
        return tuple(found)

    def _put(self, folder: str, one: Taken) -> None:
        if one.refused:
            self._into.leave_out(f"{folder}/{one.path}", one.refused)
        if one.data is not None:
            self._into.put_file(folder, one.path, one.data, lines=one.path.endswith(_LINES))

    def _incident(self) -> None:
        about = self._about
        self._into.put_json(
            INCIDENT,
            {
                "incident_id": about.incident_id,
                "triggered_at": iso(about.triggered_at),
                "since": iso(about.triggered_at - BEFORE),
                "captured_at": iso(about.taken_at),
                "operator": about.operator,
                "reason": about.reason,
                "runs": list(self.runs),
                "runs_not_taken": len(self.runs_left_out),
                "runs_left_out": list(self.runs_left_out),
                "events": self.events,
                "control_files_absent": self._absent,
                "limits": {name: str(value) for name, value in asdict(self._limits).items()},
            },
        )

    def _late(self) -> bool:
        return self._left_s() <= self._limits.seconds * _FOR_PROOFS

    def _late_in(self, parts: int) -> Callable[[], bool]:
        """Whether one of ``parts`` equal shares of the time that files have is over, from now on."""
        left = self._left_s()
        until = left - max(left - self._limits.seconds * _FOR_PROOFS, 0.0) / parts
        return lambda: self._left_s() <= until


def _touched(folder: Path, since: float) -> Iterator[str]:
    """Runs whose folder changed since then, the newest first."""
    found: list[tuple[float, str]] = []
    try:
        with os.scandir(folder) as entries:
            found += [
                (entry.stat(follow_symlinks=False).st_mtime, entry.name)
                for entry in entries
                if is_run_id(entry.name) and entry.is_dir(follow_symlinks=False)
            ]
    except OSError:
        return
    yield from (name for changed, name in sorted(found, reverse=True) if changed >= since)


def _suffix(name: str) -> str:
    """A suffix as the copy of a config may have; anything else is a text's."""
    found = re.search(r"\.[a-z]{2,4}$", name)
    return found[0] if found else ".txt"


def _plain(value: Any) -> Any:
    """Figures as JSON: names that are several are joined, what JSON does not know is a text."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {_key(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, str | int | bool | None) else str(value)


def _key(key: Any) -> str:
    if is_dataclass(key):
        key = tuple(getattr(key, field.name) for field in fields(key))
    return " ".join(map(_key, key)) if isinstance(key, tuple) else str(key)
