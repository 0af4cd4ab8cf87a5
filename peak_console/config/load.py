"""Loading: the configs of a workspace as one frozen value, at once or kept up to date."""

import os
import threading
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from peak_console.config.assembly import assemble
from peak_console.config.configs import Configs
from peak_console.config.lint.engine import inspect
from peak_console.config.sources import (
    CANARIES,
    KEYS,
    MAIN_FILES,
    PROMPTS,
    SCOPES,
    YAML_SUFFIXES,
    read_sources,
)
from peak_console.config.workspace import Workspace
from peak_console.domain.clock import Clock, SystemClock
from peak_console.domain.errors import ConfigInvalid
from peak_console.domain.vocabulary import PhaseLevel

_SETTLED_NS: Final = 50_000_000
"""A file changed less than this long ago may change again without a new time stamp; it is read again."""


def load_configs(ws: Workspace, *, phase: PhaseLevel = PhaseLevel.RESEARCH, today: date) -> Configs:
    """The configs of ``ws``, found fit for use in ``phase`` on ``today``. Same content, same digests.

    Raises ``ConfigInvalid`` when an error stands that makes them unusable; ``details["findings"]`` lists
    every finding with file, line, column, message and remedy. Errors that concern single calls only (a
    missing price, a model past its shutdown date) do not raise: the router refuses those calls.
    """
    sources = read_sources(ws.root)
    return assemble(sources, inspect(sources, phase=phase, today=today))


_PROMPTS_EVERY_NS: Final = 250_000_000
"""Prompts and scopes are many and seldom change: their state is asked for this often, the others' always."""

_Stamp = tuple[tuple[int, ...], ...]


@dataclass(slots=True)
class _Kept:
    files: tuple[str, ...]
    prompts: tuple[str, ...]
    files_stamp: _Stamp
    prompts_stamp: _Stamp
    phase: PhaseLevel
    today: date
    settled: bool
    prompts_checked_ns: int
    outcome: Configs | ConfigInvalid

    def holds(self, phase: PhaseLevel, today: date) -> bool:
        """Whether the files still are what was read, and were read for this phase and day."""
        if not self.settled or self.phase is not phase or self.today != today:
            return False
        if _stamp(self.files) != self.files_stamp:
            return False
        now = time.monotonic_ns()
        if now - self.prompts_checked_ns < _PROMPTS_EVERY_NS:
            return True
        if _stamp(self.prompts) != self.prompts_stamp:
            return False
        self.prompts_checked_ns = now
        return True


class ConfigCache:
    """The configs of a workspace, read again when a file changed. Safe to share between threads.

    ``current()`` asks the file system for the state of each file (some microseconds in all; of the prompts,
    four times a second) and gives the configs last read while nothing changed. There is no last good version:
    while a file is broken, gone or unreadable it raises, because what an operator cannot see in the folder
    must not be in force.
    """

    def __init__(
        self, ws: Workspace, *, phase: PhaseLevel = PhaseLevel.RESEARCH, clock: Clock | None = None
    ) -> None:
        self._ws = ws
        self._phase = phase
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._kept: _Kept | None = None

    def current(self, phase: PhaseLevel | None = None) -> Configs:
        """The configs as the files stand now, for ``phase`` or the one given at the start.

        Raises ``ConfigInvalid`` as :func:`load_configs` does.
        """
        phase = phase or self._phase
        today = self._clock.now().date()
        kept = self._kept
        if kept is None or not kept.holds(phase, today):
            with self._lock:
                kept = self._kept
                if kept is None or not kept.holds(phase, today):
                    kept = self._kept = self._read(phase, today)
        if isinstance(kept.outcome, ConfigInvalid):
            raise _again(kept.outcome)
        return kept.outcome

    def _read(self, phase: PhaseLevel, today: date) -> _Kept:
        """Stamp, read, stamp again: a file that changes meanwhile is read once more at the next call."""
        root, checked = self._ws.root, time.monotonic_ns()
        files, prompts = _watched_files(root), _watched_prompts(root)
        stamps = _stamp(files), _stamp(prompts)
        outcome: Configs | ConfigInvalid
        try:
            outcome = load_configs(self._ws, phase=phase, today=today)
        except ConfigInvalid as why:
            outcome = why.with_traceback(None)
        settled = (
            _settled(stamps[0] + stamps[1])
            and (_watched_files(root), _watched_prompts(root)) == (files, prompts)
            and (_stamp(files), _stamp(prompts)) == stamps
        )
        return _Kept(files, prompts, *stamps, phase, today, settled, checked, outcome)


def _again(refusal: ConfigInvalid) -> ConfigInvalid:
    """The same refusal as a new exception, so that tracebacks do not grow on a kept one."""
    return ConfigInvalid(refusal.message, code=refusal.code, remedy=refusal.remedy, **refusal.details)


def _watched_files(root: Path) -> tuple[str, ...]:
    """The main files, and their folders, whose state changes when a file comes or goes."""
    twins = [name.removesuffix(".toml") + suffix for name in MAIN_FILES.values() for suffix in YAML_SUFFIXES]
    present = [twin for twin in twins if os.path.lexists(root / twin)]
    return tuple(os.fspath(root / name) for name in (*MAIN_FILES.values(), *present, "configs", "configs/ai"))


def _watched_prompts(root: Path) -> tuple[str, ...]:
    """The folders of prompts, scopes, gold cases and keys, each prompt's folder, and each file in them."""
    top = os.fspath(root / PROMPTS)
    folders = _listed(top)
    versions = (version for folder in folders for version in _listed(folder))
    flat = [os.fspath(root / one) for one in (SCOPES, CANARIES, KEYS)]
    return (top, *folders, *versions, *(path for one in flat for path in (one, *_listed(one))))


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.path.join(folder, name) for name in os.listdir(folder))  # noqa: PTH118, PTH208 - hot
    except OSError:
        return []


def _stamp(paths: tuple[str, ...]) -> _Stamp:
    return tuple([_state(path) for path in paths])


def _state(path: str) -> tuple[int, ...]:
    """What changes when a file does: content, name, owner or permissions; the error where it has no state."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a Path object would cost more than the call
    except OSError as error:
        return (error.errno or 0,)
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev


def _settled(stamp: _Stamp) -> bool:
    """Whether every change lies far enough back that a further one would show in its time stamp."""
    now = time.time_ns()
    return not any(len(state) > 1 and 0 <= now - state[1] < _SETTLED_NS for state in stamp)
