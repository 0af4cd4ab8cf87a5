"""``peak readiness``: what must be shown before a phase begins, and what of it is there."""

import click

from peak_console.cli.options import Invocation, common
from peak_console.cli.output import counted, table
from peak_console.operations.criterion import CriterionResult
from peak_console.operations.readiness import Readiness, phase_named, readiness

_WORDS = {"green": "green", "red": "RED", "no_evidence": "no evidence"}
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400


@click.command("readiness", epilog="Example: peak readiness shadow")
@click.argument("phase", required=False)
@common
def command(invocation: Invocation, phase: str | None) -> int:
    """Hold every criterion of configs/readiness.toml for PHASE against the ledger and the configs.

    PHASE is shadow, testnet or live; by default the next one. Exit 0 when all are green, 1 when not. What
    nothing is known of is "no evidence", which is not green; so is everything where the file, or its table of
    PHASE, is missing or cannot be read. Cycles that replay history count in simulated workspaces alone.
    """
    found = readiness(invocation.workspace(), phase_named(phase) if phase else None)
    invocation.reporter.result(found.as_dict(), *_lines(found))
    return 0 if found.green else 1


def _lines(found: Readiness) -> list[str]:
    if not found.criteria:
        return [f"{found.phase} counts as research, which asks for nothing but a reason"]
    rows = [
        [_WORDS[one.status.value], one.title, one.found, one.wanted, _age(one.age_s), _shown(one)]
        for one in found.criteria
    ]
    lines = table(["status", "criterion", "found", "wanted", "age", "window and evidence"], rows)
    counts = found.summary()
    missing = len(found.missing)
    lines.append("")
    if found.green:
        return [*lines, f"{found.phase} is ready: all {len(found.criteria)} criteria are green"]
    lines.append(
        f"{found.phase} is NOT ready: {missing} of {counted(len(found.criteria), 'criterion', 'criteria')} "
        f"not green ({counts['red']} red, {counts['no_evidence']} without evidence)"
    )
    return [*lines, *(line for one in found.missing for line in _remedy(one))]


def _remedy(one: CriterionResult) -> list[str]:
    return [f"  {one.id}: {one.remedy}"] if one.remedy else []


def _shown(one: CriterionResult) -> str:
    """The time that was looked at, and where what was found can be looked up."""
    return f"{one.window or 'now'}: {one.evidence}"


def _age(seconds: float | None) -> str:
    """An age in its largest unit: ``3 h``."""
    if seconds is None:
        return ""
    for size, unit in ((_DAY_S, "d"), (_HOUR_S, "h"), (_MINUTE_S, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
