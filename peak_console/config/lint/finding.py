"""What lint says: a finding, its severity, and the rule behind it."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from peak_console.config.editing.changes import Change
from peak_console.domain.vocabulary import PhaseLevel


class Severity(StrEnum):
    """How grave a finding is; only errors make ``peak lint`` fail."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Fix:
    """What mends a finding: changes to one file, applied together and linted again before they are saved."""

    title: str
    """For people, such as ``put openai:gpt-6-luna in its place``."""
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class LintFinding:
    """One point of lint's report. ``line`` and ``column`` count from 1; ``file`` is relative to the root."""

    rule: str
    severity: Severity
    file: str
    line: int
    column: int
    message: str
    remedy: str
    blocks: bool = False
    """Whether the configs cannot be used while it stands."""
    fix: Fix | None = field(default=None, compare=False)
    """How it can be mended without thought, where the rule knows."""

    @property
    def order(self) -> tuple[str, int, int, str, str]:
        """The place in a report: by file, line, column, rule, message."""
        return self.file, self.line, self.column, self.rule, self.message

    def as_dict(self) -> dict[str, Any]:
        """The shape of ``peak lint --json``."""
        return {
            "rule": self.rule,
            "severity": self.severity.value,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "message": self.message,
            "remedy": self.remedy,
            **({"fix": self.fix.title} if self.fix else {}),
        }


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the linter; its id is stable. The reference page is generated from these."""

    id: str
    title: str
    explanation: str
    remedy: str
    severity: Severity = Severity.ERROR
    error_from: PhaseLevel | None = None
    """For a warning: the phase from which on it is an error."""
    blocks: bool = True
    """Whether an error of this rule makes the configs unusable; else only calls it concerns are refused."""

    def severity_in(self, phase: PhaseLevel) -> Severity:
        """The severity in a phase."""
        if self.error_from is not None and phase.at_least(self.error_from):
            return Severity.ERROR
        return self.severity
