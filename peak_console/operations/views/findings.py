"""Lint's findings for screens, read again only when a config file has changed."""

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from peak_console.config.lint import lint_workspace
from peak_console.config.workspace import Workspace
from peak_console.domain.vocabulary import PhaseLevel
from peak_console.operations.views.bar import ConfigFinding

_Stamp = tuple[tuple[str, int, int], ...]


class FindingsCache:
    """The findings on a workspace's configs."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._kept: tuple[_Stamp, PhaseLevel, date, tuple[ConfigFinding, ...]] | None = None

    def current(self, phase: PhaseLevel, today: date) -> tuple[ConfigFinding, ...]:
        """The findings under the rules of ``phase`` on ``today``; errors first. Never raises."""
        stamp = tuple(_stamps(self._ws.root / "configs"))
        kept = self._kept
        if kept is not None and kept[:3] == (stamp, phase, today):
            return kept[3]
        found = lint_workspace(self._ws, phase=phase, today=today)
        findings = tuple(
            ConfigFinding(
                rule=one.rule,
                severity=one.severity.value,
                file=one.file,
                line=one.line,
                column=one.column,
                message=one.message,
                remedy=one.remedy,
            )
            for one in sorted(found, key=lambda one: one.severity.value != "error")
        )
        self._kept = (stamp, phase, today, findings)
        return findings


def _stamps(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Name, time and size of every file below ``folder``."""
    for here, _, names in os.walk(folder):
        for name in sorted(names):
            path = os.path.join(here, name)  # noqa: PTH118 - a hundred of these each second
            try:
                found = os.stat(path)  # noqa: PTH116 - likewise
            except OSError:
                continue
            yield path, found.st_mtime_ns, found.st_size
