"""Lint: every config of a workspace, or the files named, under the rules of a phase."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from peak_console.config.document import read_document
from peak_console.config.lint import LintFinding, Severity, lint_paths, lint_workspace
from peak_console.config.lint.catalogue import CATALOGUE
from peak_console.config.lock import LockFlaw
from peak_console.config.sources import KEYS, MAIN_FILES, read_keys
from peak_console.config.verifying import flaw_of, judged
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import LedgerUnavailable, UsageWrong
from peak_console.domain.vocabulary import Phase, PhaseLevel
from peak_console.operations.locking.recorded import record_of
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
    found = [*lint_workspace(ws, phase=level, today=today), *_of_ledger(ws, level)]
    return LintReport(tuple(sorted(found, key=lambda one: one.order)), level)


def _of_ledger(ws: Workspace, level: PhaseLevel) -> list[LintFinding]:
    """``lock.signer_removed``, ``lock.not_current``: what the ledger, where it is, has against the lock."""
    if not ws.ledger.exists() or not ws.lock.exists():
        return []
    lock = judged(read_document(ws.lock, MAIN_FILES["lock"]), read_keys(ws.root / KEYS))
    try:
        found = record_of(ws).judged(lock)
    except LedgerUnavailable:
        return []
    if lock is None or lock.flaw is not None or found is None or found.flaw is None:
        return []
    current = found.flaw is LockFlaw.NOT_CURRENT
    rule = CATALOGUE["lock.not_current" if current else "lock.signer_removed"]
    trouble = flaw_of(found.flaw, found.signer)
    finding = LintFinding(
        rule.id, rule.severity_in(level), MAIN_FILES["lock"], 1, 1, trouble.message, trouble.remedy
    )
    return [finding]


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
