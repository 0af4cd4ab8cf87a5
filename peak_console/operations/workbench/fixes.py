"""Quick fixes of a config: each made and linted again, so that the next one meets the text as it then is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from peak_console.config.editing.fixing import fixed
from peak_console.config.editing.targets import Target
from peak_console.config.lint.finding import LintFinding
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import UsageWrong
from peak_console.operations.phase import rules_of
from peak_console.operations.workbench.checking import Checker

_MOST: Final = 500
"""Fixes made in one go; fixes that undo each other end there."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """A text with fixes made in it, in the order in which they were made."""

    text: str
    made: tuple[LintFinding, ...]
    left: tuple[LintFinding, ...]
    """Findings that were asked for, and whose fixes could not be made."""


def available(ws: Workspace, target: Target, text: str, now: datetime) -> tuple[LintFinding, ...]:
    """The findings on a text that know how they can be mended."""
    return _mendable(_checker(ws, now), target, text, frozenset())


def repaired(ws: Workspace, target: Target, text: str, now: datetime, rules: Iterable[str] = ()) -> Repaired:
    """The text with the fixes of these rules made, of all rules where none is named."""
    checker, wanted = _checker(ws, now), frozenset(rules)
    made: list[LintFinding] = []
    left: dict[tuple[str, str], LintFinding] = {}
    seen = {text}
    for _ in range(_MOST):
        open_ones = [one for one in _mendable(checker, target, text, wanted) if _key(one) not in left]
        if not open_ones:
            break
        first = open_ones[0]
        after = _made(text, first)
        if after is None or after in seen:
            left[_key(first)] = first
            continue
        text = after
        seen.add(text)
        made.append(first)
    return Repaired(text, tuple(made), tuple(left.values()))


def _checker(ws: Workspace, now: datetime) -> Checker:
    return Checker(ws, phase=rules_of(ws), today=now.date())


def _mendable(checker: Checker, target: Target, text: str, wanted: frozenset[str]) -> tuple[LintFinding, ...]:
    findings = checker.check(target, text).findings
    return tuple(one for one in findings if one.fix is not None and (not wanted or one.rule in wanted))


def _key(finding: LintFinding) -> tuple[str, str]:
    """Names a finding wherever in the text it stands by then."""
    return finding.rule, finding.message


def _made(text: str, finding: LintFinding) -> str | None:
    try:
        return fixed(text, finding.fix) if finding.fix else None
    except UsageWrong:
        return None
