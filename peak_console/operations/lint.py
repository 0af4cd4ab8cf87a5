"""Lint: every config of a workspace, or the files named, under the rules of a phase."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from peak_console.config.document import read_document
from peak_console.config.lint import LintFinding, Severity, lint_paths, lint_workspace
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import UsageWrong
from peak_console.domain.vocabulary import Phase, PhaseLevel
from peak_console.operations.phase import rules_of


@dataclass(frozen=True, slots=True)
class LintReport:
    """What lint found, sorted by file and line."""

    findings: tuple[LintFinding, ...]
    phase: PhaseLevel

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return sum(one.severity is Severity.ERROR for one in self.findings)

    @property
    def warnings(self) -> int:
        """How many findings are warnings."""
        return len(self.findings) - self.errors

    def as_dict(self) -> dict[str, Any]:
        """The shape of ``peak lint --json``."""
        return {
            "findings": [one.as_dict() for one in self.findings],
            "summary": {"errors": self.errors, "warnings": self.warnings},
            "phase": self.phase.value,
        }


def lint(ws: Workspace, *, phase: PhaseLevel | None = None, today: date) -> LintReport:
    """All findings on a workspace; ``phase`` defaults to the ledger's."""
    level = phase or rules_of(ws)
    return LintReport(tuple(lint_workspace(ws, phase=level, today=today)), level)


def lint_files(paths: Sequence[Path], *, phase: PhaseLevel | None = None, today: date) -> LintReport:
    """The findings on files and folders by name; ``phase`` defaults to research."""
    level = phase or PhaseLevel.RESEARCH
    return LintReport(tuple(lint_paths(paths, phase=level, today=today)), level)


def text_of(root: Path, name: str) -> str | None:
    """The text of a file that a finding names; ``None`` where it is no UTF-8 text that can be read."""
    document = read_document(root / name, name)
    return document.text or None


def level_named(name: str) -> PhaseLevel:
    """A level of rules by its own name or a phase's; raises ``UsageWrong`` for any other word."""
    if name in set(PhaseLevel):
        return PhaseLevel(name)
    if name in set(Phase):
        return Phase(name).level
    known = ", ".join([*PhaseLevel, *(one for one in Phase if one.level is PhaseLevel.RESEARCH)])
    raise UsageWrong(f"there is no phase '{name}'", remedy=f"name one of: {known}")
