"""``peak lint``: every config checked, every finding with its rule, its place and its remedy."""

from peak_console.config.lint.catalogue import CATALOGUE
from peak_console.config.lint.engine import Report, inspect
from peak_console.config.lint.finding import LintFinding, Rule, Severity
from peak_console.config.lint.targets import lint_paths, lint_workspace

__all__ = [
    "CATALOGUE",
    "LintFinding",
    "Report",
    "Rule",
    "Severity",
    "inspect",
    "lint_paths",
    "lint_workspace",
]
