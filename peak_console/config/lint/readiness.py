"""Rules of the criteria of promotion: they get no laxer towards live, and none is switched off unseen."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

from peak_console.config.editing.changes import Change
from peak_console.config.lint.finding import Fix, Rule, Severity
from peak_console.config.lint.inspection import Hit, Inspection
from peak_console.config.readiness import Criteria, ReadinessConfig, demanded
from peak_console.domain.vocabulary import PhaseLevel

READINESS_RULES: Final = (
    Rule(
        "readiness.missing",
        "Nothing says what must be shown before a phase",
        "A phase without criteria could be entered on nothing. Without the file, or the phase's table in it, "
        "no criterion of that phase is ever green, so nobody can be promoted into it.",
        "write the table, as the one that peak init makes has it",
        severity=Severity.WARNING,
        error_from=PhaseLevel.SHADOW,
        blocks=False,
    ),
    Rule(
        "readiness.laxer",
        "A later phase asks for less than the one before it",
        "More is at stake in each phase. A criterion that is laxer than in the phase before it is a slip, "
        "or a way around the one that was red.",
        "make the later phase at least as strict",
        severity=Severity.WARNING,
        error_from=PhaseLevel.SHADOW,
        blocks=False,
    ),
    Rule(
        "readiness.switched_off",
        "A criterion that decisions demand is switched off",
        "Lint, lock, scopes and a verified ledger are asked before every phase from shadow on, evals and "
        "risk limits before testnet and live. Promotion asks for them whatever the file says.",
        "set it to true, or take the key out",
        severity=Severity.WARNING,
        error_from=PhaseLevel.SHADOW,
        blocks=False,
    ),
    Rule(
        "readiness.unmeasured",
        "Shares are asked of no calls",
        "A share of failed verdicts or a p95 of a handful of calls says nothing. Without `min_calls` a "
        "single lucky call makes the criterion green.",
        "write min_calls above zero beside it",
        severity=Severity.WARNING,
        blocks=False,
    ),
)

_MORE_IS_STRICTER: Final = (
    "min_days",
    "min_calls",
    "min_cycles",
    "min_days_with_cycles",
    "min_gate_decisions",
    "gate_agrees",
    "models_clear",
)
_LESS_IS_STRICTER: Final = (
    "max_verified_age_h",
    "max_open_incidents",
    "max_policy_incidents",
    "max_aborted_pct",
    "max_critic_disagreement_pct",
    "max_canary_age_h",
    "max_budget_used_pct",
    "max_critic_fail_pct",
    "max_p95_ms",
    "max_drill_age_days",
)
_PHASES: Final = (PhaseLevel.SHADOW, PhaseLevel.TESTNET, PhaseLevel.LIVE)


def missing_criteria(inspection: Inspection) -> Iterator[Hit]:
    """``readiness.missing``: no file, or no table of a phase. What cannot be read, other rules tell."""
    document = inspection.document("readiness")
    if document.data is None:
        missing = document.trouble is not None and document.trouble.rule == "file.missing"
        if missing and inspection.sources.complete:
            message = f"there is no {document.name}: no phase beyond research can begin"
            yield inspection.hit("readiness.missing", "readiness", (), message)
        return
    for level in _PHASES:
        if level.value not in inspection.data("readiness"):
            message = f"there is no table [{level}], so {level} can never begin"
            yield inspection.hit("readiness.missing", "readiness", (), message)


def laxer_criteria(inspection: Inspection) -> Iterator[Hit]:
    """``readiness.laxer``: a later phase asks for less."""
    for earlier, later in pairwise(_PHASES):
        before, after = _criteria(inspection, earlier), _criteria(inspection, later)
        if before is None or after is None:
            continue
        for key in (*_MORE_IS_STRICTER, *_LESS_IS_STRICTER, "drills"):
            ours, theirs = getattr(after, key), getattr(before, key)
            if _laxer(key, theirs, ours):
                message = f"{later}.{key} is {_shown(ours)}, laxer than {earlier}.{key} = {_shown(theirs)}"
                yield inspection.hit("readiness.laxer", "readiness", _place(inspection, later, key), message)


def switched_off(inspection: Inspection) -> Iterator[Hit]:
    """``readiness.switched_off``: false where the program asks for it all the same."""
    for level in _PHASES:
        table = inspection.data("readiness").get(level.value)
        if not isinstance(table, dict):
            continue
        for key in sorted(demanded(level)):
            if table.get(key) is False:
                message = f"{level}.{key} is false, and promotion asks for it all the same"
                fix = Fix(f"set {key} to true", (Change((level.value, key), value=True),))
                place = (level.value, key)
                yield inspection.hit("readiness.switched_off", "readiness", place, message, fix=fix)


def unmeasured_shares(inspection: Inspection) -> Iterator[Hit]:
    """``readiness.unmeasured``: a share or a p95 is asked of any number of calls."""
    for level in _PHASES:
        criteria = _criteria(inspection, level)
        if criteria is None or criteria.min_calls:
            continue
        for key in ("max_critic_fail_pct", "max_p95_ms"):
            if getattr(criteria, key) is not None:
                message = f"{level}.{key} is asked of no number of calls"
                yield inspection.hit("readiness.unmeasured", "readiness", (level.value, key), message)


def _criteria(inspection: Inspection, level: PhaseLevel) -> Criteria | None:
    config = inspection.shapes.get("readiness")
    return config.before(level) if isinstance(config, ReadinessConfig) else None


def _laxer(key: str, before: Any, after: Any) -> bool:
    if key == "drills":
        return not set(before) <= set(after)
    if key in _MORE_IS_STRICTER:
        return bool(after < before)
    return before is not None and (after is None or after > before)


def _place(inspection: Inspection, level: PhaseLevel, key: str) -> tuple[str, ...]:
    table = inspection.data("readiness").get(level.value)
    if isinstance(table, dict) and key in table:
        return (level.value, key)
    return (level.value,) if isinstance(table, dict) else ()


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    return "not asked" if value is None else str(value)
