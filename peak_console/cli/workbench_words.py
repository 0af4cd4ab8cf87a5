"""What the workbench's commands print: previews, findings, versions; as lines and as JSON."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from peak_console.cli.output import counted, table
from peak_console.config.lint.finding import LintFinding
from peak_console.domain.clock import iso
from peak_console.operations.workbench.projecting import label_of
from peak_console.operations.workbench.saving import CONFIRM_WORD
from peak_console.operations.workbench.shapes import KeyChange, Preview, Saved, Version

DIGITS = 12
"""Digits of a digest that people are shown: more than any command needs."""


def preview_document(seen: Preview, *, dry_run: bool) -> dict[str, Any]:
    """The JSON of a change that was looked at."""
    return {
        "dry_run": dry_run,
        "config": seen.target.name,
        "path": seen.target.path,
        "old": seen.base,
        "new": seen.new,
        "changed": seen.changed,
        "phase": seen.checked.phase.value,
        "diff": seen.diff,
        "changes": changes_document(seen.keys),
        "findings": [one.as_dict() for one in seen.checked.findings],
        "elsewhere": [one.as_dict() for one in seen.checked.elsewhere],
        "errors": seen.checked.errors,
        "concerns": [
            {"code": one.code, "message": one.message, "figures": dict(one.figures)} for one in seen.concerns
        ],
        "needs_approval": seen.needs_approval,
        "approved_by": seen.approved_by,
    }


def changes_document(keys: Iterable[KeyChange]) -> list[dict[str, str | None]]:
    """Keys that differ, as JSON."""
    return [{"key": one.key, "old": one.old, "new": one.new} for one in keys]


def preview_lines(seen: Preview) -> list[str]:
    """A change for people: its difference, what lint says, what must be confirmed, what still stands."""
    if not seen.changed:
        return [f"nothing would change in {seen.target.path}"]
    return [*seen.diff.splitlines(), "", *finding_lines(seen), *concern_lines(seen)]


def concern_lines(seen: Preview) -> list[str]:
    """What must be confirmed, each with its figures."""
    lines = []
    for one in seen.concerns:
        lines += ["", f"to be confirmed: {one.message}"]
        rows = [[f"  {label_of(name)}", figure] for name, figure in one.figures.items()]
        lines += table(["", ""], rows)[1:] if rows else []
    return lines


def finding_lines(seen: Preview) -> list[str]:
    """What lint says of the new text, errors first, and what the text breaks in other files."""
    found = sorted([*seen.checked.findings, *seen.checked.elsewhere], key=lambda one: one.severity.value)
    if not found:
        return [f"lint: nothing to say (rules of {seen.checked.phase})"]
    lines = [_finding(one) for one in found]
    return [*lines, f"lint: {counted(seen.checked.errors, 'error')} (rules of {seen.checked.phase})"]


def verdict_line(seen: Preview, *, reason: str = "", confirm: str = "") -> str:
    """What a save of this would come to, for a look that saves nothing; with what was said already."""
    if not seen.changed:
        return "a save would be refused: nothing changes"
    if seen.checked.errors:
        return "a save would be refused: mend what lint calls an error first"
    asked = [] if reason.strip() else ["a reason: --reason"]
    if seen.concerns and confirm != CONFIRM_WORD:
        asked.append(f"the word {CONFIRM_WORD}: --confirm {CONFIRM_WORD}")
    if seen.needs_approval and seen.approved_by is None:
        asked.append(f"another operator's approval: peak matrix approve {seen.new[:DIGITS]}")
    if not asked:
        return "nothing was saved; a save without --dry-run would be made"
    return f"nothing was saved; a save asks for {'; '.join(asked)}"


def saved_lines(done: Saved) -> list[str]:
    """A save that is done."""
    lines = [f"saved {done.target.path}: {shown(done.old)} -> {shown(done.new)}, event #{done.seq:,}"]
    return lines + change_lines(done.keys)


def change_lines(keys: Iterable[KeyChange]) -> list[str]:
    """Keys that differ, one a line: ``L2.primary.model_id: "a" -> "b"``."""
    return [f"  {one.key}: {_value(one.old)} -> {_value(one.new)}" for one in keys]


def version_document(one: Version) -> dict[str, Any]:
    """The JSON of a version."""
    return {
        "digest": one.digest,
        "since": iso(one.since),
        "until": iso(one.until) if one.until else None,
        "actor": one.actor,
        "reason": one.reason,
        "how": one.how,
        "seq": one.seq,
        "kept": one.kept,
        "known_good": one.known_good,
        "incidents": one.incidents,
        "before": one.before,
    }


def version_rows(versions: Iterable[Version]) -> list[list[str]]:
    """Versions as rows of a table."""
    return [
        [
            shown(one.digest),
            f"{'before ' if one.before else ''}{moment(one.since)}",
            moment(one.until) if one.until else "in force" if one.how != "never_in_force" else "",
            one.how.replace("_", " "),
            one.actor or "nobody said",
            "; ".join(_marks(one)),
            one.reason,
        ]
        for one in versions
    ]


VERSION_HEAD = ("version", "since (UTC)", "until", "how", "who", "marks", "why")


def shown(digest: str | None) -> str:
    """A digest for people."""
    return digest[:DIGITS] if digest else "no file"


def moment(at: datetime) -> str:
    """A time for people, to the second."""
    return f"{iso(at)[:19]}Z"


def _marks(one: Version) -> list[str]:
    marks = ["known good"] if one.known_good else []
    if one.incidents:
        marks.append(counted(one.incidents, "incident or stop", "incidents or stops"))
    if not one.kept:
        marks.append("text not kept")
    return marks


def _finding(one: LintFinding) -> str:
    fix = f" (fix: {one.fix.title})" if one.fix else ""
    return f"{one.file}:{one.line}:{one.column} {one.severity} {one.rule}: {one.message}{fix}"


def _value(text: str | None) -> str:
    return "absent" if text is None else text
