"""How findings are written: for people, for programs, and for annotations on a pull request. Pure."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from peak_console.config.lint.finding import LintFinding, Severity
from peak_console.domain.text import one_line

_SHOWN = 2000


def summary(findings: Iterable[LintFinding]) -> dict[str, int]:
    """How many errors and warnings there are."""
    severities = [finding.severity for finding in findings]
    return {
        "errors": severities.count(Severity.ERROR),
        "warnings": severities.count(Severity.WARNING),
    }


def as_document(findings: Sequence[LintFinding]) -> dict[str, Any]:
    """The document of ``peak lint --json``."""
    return {"findings": [finding.as_dict() for finding in findings], "summary": summary(findings)}


def as_json(findings: Sequence[LintFinding]) -> str:
    """The document as JSON, ASCII only, with a newline at its end."""
    return json.dumps(as_document(findings), indent=2) + "\n"


def as_text(findings: Sequence[LintFinding]) -> str:
    """Two lines a finding, ``file:line:column`` first so that editors jump there, and a line of counts.

    Foreign text in it is plain: it holds no control, bidirectional or zero-width character.
    """
    lines = []
    for one in findings:
        where = f"{one_line(one.file, _SHOWN)}:{one.line}:{one.column}"
        lines.append(f"{where}: {one.severity}: {one_line(one.message, _SHOWN)} [{one.rule}]")
        lines.append(f"    → {one_line(one.remedy, _SHOWN)}")
    counts = summary(findings)
    lines.append(
        f"{_counted(counts['errors'], 'error')}, {_counted(counts['warnings'], 'warning')}"
        if findings
        else "no findings"
    )
    return "\n".join(lines) + "\n"


def as_github(findings: Sequence[LintFinding]) -> str:
    """Workflow commands of GitHub Actions, one a finding, and a line of counts.

    Source of the form and its escapes: GitHub Docs, "Workflow commands for GitHub Actions", and
    ``escapeData`` and ``escapeProperty`` of actions/toolkit.
    """
    lines = [_command(one) for one in findings]
    counts = summary(findings)
    lines.append(f"{_counted(counts['errors'], 'error')}, {_counted(counts['warnings'], 'warning')}")
    return "\n".join(lines) + "\n"


def _command(one: LintFinding) -> str:
    place = {"file": one.file, "line": str(one.line), "col": str(one.column), "title": one.rule}
    properties = ",".join(f"{name}={_property(value)}" for name, value in place.items())
    return f"::{one.severity} {properties}::{_data(f'{one.message} → {one.remedy}')}"


def _data(text: str) -> str:
    safe = one_line(text, _SHOWN)
    return safe.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
