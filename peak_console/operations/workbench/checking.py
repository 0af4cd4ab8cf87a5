"""Checks of a draft: lint of the workspace with it in the file's place, quick enough for every keystroke."""

import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

from peak_console.config.document import Document, parse_document, read_document
from peak_console.config.editing.targets import PROMPT_KIND, SCOPE_KIND, Target
from peak_console.config.lint.engine import inspect
from peak_console.config.lint.finding import LintFinding, Severity
from peak_console.config.lint.inspection import Memo
from peak_console.config.lint.targets import all_sources
from peak_console.config.sources import Sources
from peak_console.config.workspace import Workspace
from peak_console.domain.text import plain
from peak_console.domain.vocabulary import PhaseLevel
from peak_console.operations.workbench.shapes import Checked

_SETTLED_NS: Final = 50_000_000
"""A file changed less than this long ago may change again within one time stamp; it is read again."""

_State = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Standing:
    """The workspace as it is on disk: its files, and what lint says of them."""

    sources: Sources
    findings: tuple[LintFinding, ...]


class Checker:
    """Checks texts against the workspace. Files that did not change are neither read nor parsed again.

    One instance may be shared between threads; one check runs at a time. ``phase`` may be set to another
    one between two checks.
    """

    def __init__(self, ws: Workspace, *, phase: PhaseLevel, today: date) -> None:
        self._ws = ws
        self.phase = phase
        self.today = today
        self._lock = threading.Lock()
        self._read: dict[str, tuple[_State, Document]] = {}
        self._memo = Memo()
        self._standing: tuple[PhaseLevel, date, _Standing] | None = None

    def check(self, target: Target, text: str) -> Checked:
        """What lint says of the workspace with ``text`` in the place of the target's file."""
        with self._lock:
            phase, today = self.phase, self.today
            standing = self._stand(phase, today)
            sources = with_text(standing.sources, target, text)
            findings = inspect(sources, phase=phase, today=today, memo=self._memo).findings
        name = plain(target.path)
        own = tuple(one for one in findings if one.file == name)
        rest = [one for one in findings if one.file != name and one.severity is Severity.ERROR]
        return Checked(target, own, tuple(_caused(rest, standing.findings)), phase)

    def _stand(self, phase: PhaseLevel, today: date) -> _Standing:
        """The files as they stand now; lint of them anew only where one changed."""
        sources = all_sources(self._ws, self._document)
        if self._standing is not None and self._standing[:2] == (phase, today):
            standing = self._standing[2]
            if _same_documents(standing.sources, sources):
                return standing
        standing = _Standing(
            sources, tuple(inspect(sources, phase=phase, today=today, memo=self._memo).findings)
        )
        self._standing = (phase, today, standing)
        return standing

    def _document(self, file: Path, name: str) -> Document:
        """The file as read before where it did not change since."""
        state = _state_of(file)
        kept = self._read.get(name)
        if kept is not None and state is not None and kept[0] == state:
            return kept[1]
        document = read_document(file, name)
        if state is not None and time.time_ns() - state[1] > _SETTLED_NS and _state_of(file) == state:
            self._read[name] = (state, document)
        return document


def with_text(sources: Sources, target: Target, text: str) -> Sources:
    """The sources with a text in the place of a target's file, whether that is there or not."""
    document = parse_document(text.encode("utf-8", "surrogatepass"), target.path)
    if target.kind == PROMPT_KIND:
        return replace(sources, prompts={**sources.prompts, target.name.partition("/")[2]: document})
    if target.kind == SCOPE_KIND:
        return replace(sources, scopes={**sources.scopes, target.name.partition("/")[2]: document})
    return replace(sources, main={**sources.main, target.kind: document})


def _caused(now: Iterable[LintFinding], before: Iterable[LintFinding]) -> list[LintFinding]:
    """The errors that do not stand without the text: more of a rule at a place than stood there."""
    stood: dict[tuple[str, str, int, int], list[LintFinding]] = defaultdict(list)
    for one in before:
        if one.severity is Severity.ERROR:
            stood[_where(one)].append(one)
    standing: dict[tuple[str, str, int, int], list[LintFinding]] = defaultdict(list)
    for one in now:
        standing[_where(one)].append(one)
    return [
        one
        for where, findings in standing.items()
        if len(findings) > len(stood[where])
        for one in findings
        if one not in stood[where]
    ]


def _where(finding: LintFinding) -> tuple[str, str, int, int]:
    return finding.rule, finding.file, finding.line, finding.column


def _same_documents(old: Sources, new: Sources) -> bool:
    """Whether both hold the very same files, in the same places."""
    if (
        old.beside != new.beside
        or list(old.prompts) != list(new.prompts)
        or list(old.scopes) != list(new.scopes)
    ):
        return False
    ours, theirs = list(old.documents()), list(new.documents())
    return len(ours) == len(theirs) and all(
        one is other or one == other for one, other in zip(ours, theirs, strict=True)
    )


def _state_of(file: Path) -> _State | None:
    try:
        found = os.stat(file)  # noqa: PTH116 - once a file on every keystroke
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev
