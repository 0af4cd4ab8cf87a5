"""Findings as SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format"), for code scanning.

Pure but for the texts it is given: a quick fix is shown as the lines it replaces.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import quote

from peak_console.config.editing.fixing import fixed
from peak_console.config.editing.merging import lines_of
from peak_console.config.lint.catalogue import CATALOGUE
from peak_console.config.lint.finding import Fix, LintFinding, Rule
from peak_console.domain.errors import UsageWrong
from peak_console.domain.text import plain

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_INDEX: Final = {rule: place for place, rule in enumerate(CATALOGUE)}

TextOf = Callable[[str], str | None]
"""The text of a file by the name that findings give it; ``None`` where it cannot be read."""


def as_sarif(findings: Sequence[LintFinding], text_of: TextOf, version: str) -> str:
    """A run of ``peak lint`` as a SARIF log: every rule with its help, every finding with its region."""
    driver = {
        "name": "peak lint",
        "version": version,
        "rules": [_rule(rule) for rule in CATALOGUE.values()],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, text_of) for one in findings],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": "".join(part.capitalize() for part in rule.id.replace(".", "_").split("_")),
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.explanation},
        "help": {
            "text": f"{rule.explanation}\nRemedy: {rule.remedy}.",
            "markdown": f"{rule.explanation}\n\n**Remedy:** {rule.remedy}.",
        },
        "defaultConfiguration": {"level": rule.severity.value},
    }


def _result(finding: LintFinding, text_of: TextOf) -> dict[str, Any]:
    subject = f"{finding.rule}\n{finding.file}\n{finding.message}"
    region = {"startLine": finding.line, "startColumn": finding.column}
    place = {"artifactLocation": _artifact(finding.file), "region": region}
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": _INDEX[finding.rule],
        "level": finding.severity.value,
        "message": {"text": f"{finding.message} → {finding.remedy}"},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"peakLint/v1": hashlib.sha256(subject.encode()).hexdigest()},
    }
    text = text_of(finding.file) if finding.fix is not None else None
    replaced = _replaced(text, finding.fix) if text is not None and finding.fix is not None else None
    if replaced is not None and finding.fix is not None:
        change = {"artifactLocation": _artifact(finding.file), "replacements": [replaced]}
        result["fixes"] = [{"description": {"text": finding.fix.title}, "artifactChanges": [change]}]
    return result


def _artifact(file: str) -> dict[str, str]:
    path = quote(file)
    return {"uri": f"file://{path}" if file.startswith("/") else path}


def _replaced(text: str, fix: Fix) -> dict[str, Any] | None:
    """The lines that a fix changes, as one replacement; ``None`` where it cannot be made."""
    try:
        new = lines_of(fixed(text, fix))
    except UsageWrong:
        return None
    old = lines_of(text)
    if old == new:
        return None
    head = _alike(old, new)
    tail = _alike(old[head:][::-1], new[head:][::-1])
    end = len(old) - tail
    region = {"startLine": head + 1, "startColumn": 1, "endLine": end + 1, "endColumn": 1}
    if end == len(old) and old and not old[-1].endswith("\n"):
        region |= {"endLine": end, "endColumn": len(old[-1]) + 1}
    inserted = "".join(new[head : len(new) - tail])
    return {"deletedRegion": region, "insertedContent": {"text": plain(inserted)}}


def _alike(ours: list[str], theirs: list[str]) -> int:
    """How many lines two lists have in common at their beginning."""
    pairs = zip(ours, theirs, strict=False)
    return next(
        (place for place, (one, other) in enumerate(pairs) if one != other), min(len(ours), len(theirs))
    )
