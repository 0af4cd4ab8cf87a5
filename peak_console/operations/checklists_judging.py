"""Checklists, judged: each item held against what is known of it. Pure; what nothing shows is never green.

A person's word makes an item amber, and green only where nobody but a person can judge it (:data:`SIGNABLE`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from peak_console.domain.incidents import DrillKind
from peak_console.operations.criterion import CriterionResult, CriterionStatus
from peak_console.operations.readiness_judging import Drill
from peak_console.operations.rehearsal_commands import ARM_DRILL, ROLLBACK_DRILL
from peak_console.operations.views.checklists import ChecklistItem, ItemState

SIGNED_DAYS: Final = 30
"""How long an operator's word counts, in days."""

LOG_DAYS: Final = 7
"""How old the newest line of a call may be that shows what the log holds, in days."""

FIGURES_S: Final = 60
"""How old the figures of a dashboard may be, in seconds."""

NOTE_LIMIT: Final = 500
"""Characters of an operator's note."""

_DAY_S: Final = 86_400


class ListName(StrEnum):
    """The checklists of the runbook."""

    PRE_MERGE = "pre-merge"
    PRE_SHADOW = "pre-shadow"
    PRE_LIVE = "pre-live"


class SignedCounts(StrEnum):
    """What an operator's word makes of an item of which nothing else is known."""

    AMBER = "amber"
    GREEN = "green"


SIGNABLE: Final[Mapping[tuple[ListName, str], SignedCounts]] = {
    (ListName.PRE_MERGE, "eval_suite"): SignedCounts.AMBER,
    (ListName.PRE_LIVE, "escalation_path"): SignedCounts.GREEN,
}
"""Items that may be signed. All others are computed, and nobody's word replaces what is computed."""


@dataclass(frozen=True, slots=True)
class Signature:
    """An operator's word on an item, as ``checklist.signed`` has it, and the matrix it was given under."""

    operator: str
    note: str
    at: datetime
    seq: int
    matrix: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """What was looked at just now: whether it holds (``None``: nobody can tell), and how that is known."""

    holds: bool | None
    evidence: str
    at: datetime | None = None


def good(evidence: str, at: datetime | None) -> Shown:
    """It holds."""
    return Shown(True, evidence, at)  # noqa: FBT003 - what the function's name says


def bad(evidence: str, at: datetime | None) -> Shown:
    """It was seen not to hold."""
    return Shown(False, evidence, at)  # noqa: FBT003 - likewise


def unknown(evidence: str, at: datetime | None = None) -> Shown:
    """Nobody can tell, and why."""
    return Shown(None, evidence, at)


NOTHING: Final = unknown("not known")


@dataclass(frozen=True, slots=True)
class ChecklistFacts:
    """What is known of the items of one list."""

    deny: Shown = NOTHING
    lint: Shown = NOTHING
    log: Shown = NOTHING
    evals: Shown = NOTHING
    lock: Shown = NOTHING
    dashboards: Shown = NOTHING
    contacts: Shown = NOTHING
    order_breakers: Shown = NOTHING
    triggers: Shown = NOTHING
    drills: Mapping[str, Drill] = field(default_factory=dict)
    drill_days: int = 30
    signatures: Mapping[str, Signature] = field(default_factory=dict)
    """The newest of each item of this list."""
    matrix: str = ""
    """The matrix of now, by digest."""
    readiness: tuple[CriterionResult, ...] = ()


@dataclass(frozen=True, slots=True)
class _Asked:
    name: ListName
    facts: ChecklistFacts
    now: datetime


def items_of(name: ListName, facts: ChecklistFacts, now: datetime) -> tuple[ChecklistItem, ...]:
    """The items of a list in the runbook's order, and of pre-live the criteria of readiness behind them."""
    asked = _Asked(name, facts, now)
    return tuple(_signed(asked, one) for one in _LISTS[name](asked))


def _pre_merge(asked: _Asked) -> Iterator[ChecklistItem]:
    facts = asked.facts
    yield _shown("policy_deny", "policy deny tested", facts.deny, "see what is let through: peak lint")
    yield _shown("config_lint", "configs clean", facts.lint, "mend them: peak lint")
    yield _shown(
        "eval_suite",
        "eval suite unchanged or improved",
        facts.evals,
        'sign it where you have looked: peak checklist sign eval_suite --note "..."',
    )
    yield _aged(
        asked,
        _shown(
            "log_fields",
            "log lines hold run_id, provider and model_id",
            facts.log,
            "let a call be logged, and look: peak logs",
        ),
        LOG_DAYS,
    )


def _pre_shadow(asked: _Asked) -> Iterator[ChecklistItem]:
    facts = asked.facts
    yield _shown("lock_exists", "verified_models.lock holds", facts.lock, "peak lock check; peak lock write")
    yield _shown(
        "dashboards",
        "dashboards work",
        facts.dashboards,
        "start the node, which serves them: peak node start",
    )
    yield from _kill_switches(asked)


def _pre_live(asked: _Asked) -> Iterator[ChecklistItem]:
    yield _drilled(asked, "arming_tested", "arming TTL and confirm token tested", (DrillKind.ARM,), _ARM)
    yield _drilled(asked, "rollback_rehearsed", "rollback rehearsed", (DrillKind.ROLLBACK,), ROLLBACK_DRILL)
    yield _shown(
        "escalation_path",
        "on-call escalation path documented",
        asked.facts.contacts,
        "name whom to call in [[contacts]] of configs/console.toml",
    )
    yield from _kill_switches(asked)
    yield _shown(
        "order_breakers",
        "no breaker of orders is tripped, each over figures",
        asked.facts.order_breakers,
        "let orders be followed, and see what each breaker says: peak node status --json",
    )
    yield _watched(asked.facts.triggers)
    yield from (_criterion(one, asked.now) for one in asked.facts.readiness)


def _watched(shown: Shown) -> ChecklistItem:
    """Somebody switched a trigger off on purpose: that is never green, and nothing that broke."""
    remedy = "set enabled = true in configs/incidents.toml, and see: peak lint"
    item = _shown("triggers_watched", "every trigger of incidents is watched", shown, remedy)
    return replace(item, state=ItemState.AMBER) if item.state is ItemState.RED else item


_ARM: Final = f"{ARM_DRILL}; peak arm confirm; let it run out"
_LISTS: Final[Mapping[ListName, Callable[[_Asked], Iterator[ChecklistItem]]]] = {
    ListName.PRE_MERGE: _pre_merge,
    ListName.PRE_SHADOW: _pre_shadow,
    ListName.PRE_LIVE: _pre_live,
}


def _kill_switches(asked: _Asked) -> Iterator[ChecklistItem]:
    kinds = (DrillKind.STOP, DrillKind.DISARM)
    yield _drilled(
        asked,
        "kill_switches",
        "kill switches tested",
        kinds,
        "peak incident drill stop; peak incident drill disarm",
    )


def _shown(item: str, title: str, shown: Shown, remedy: str) -> ChecklistItem:
    state = {True: ItemState.GREEN, False: ItemState.RED, None: ItemState.UNKNOWN}[shown.holds]
    remedy = "" if state is ItemState.GREEN else remedy
    return ChecklistItem(item, title, state, shown.evidence, shown.at, remedy)


def _aged(asked: _Asked, item: ChecklistItem, days: int) -> ChecklistItem:
    """Green only while its evidence is at most ``days`` old, and not of the future."""
    age = item.at is not None and asked.now - item.at
    if item.state is not ItemState.GREEN or (age is not False and timedelta() <= age <= timedelta(days=days)):
        return item
    return replace(item, state=ItemState.AMBER, evidence=f"{item.evidence}; more than {days} days ago")


def _drilled(
    asked: _Asked, item: str, title: str, kinds: tuple[DrillKind, ...], remedy: str
) -> ChecklistItem:
    """Drills of all ``kinds`` held, the oldest of them young enough; the worst of them decides."""
    drills = asked.facts.drills
    missing = [one for one in kinds if one.value not in drills]
    if missing:
        words = ", ".join(missing)
        return ChecklistItem(item, title, ItemState.UNKNOWN, f"no drill on record: {words}", None, remedy)
    known = {one: drills[one.value] for one in kinds}
    failed = [one for one, drill in known.items() if not drill.held]
    told = ", ".join(f"{one} #{drill.seq}" for one, drill in known.items())
    oldest = min(drill.at for drill in known.values())
    if failed:
        words = ", ".join(failed)
        return ChecklistItem(item, title, ItemState.RED, f"did not hold: {words} ({told})", oldest, remedy)
    days = asked.facts.drill_days
    fresh = all(0 <= (asked.now - one.at).total_seconds() <= days * _DAY_S for one in known.values())
    if fresh:
        return ChecklistItem(item, title, ItemState.GREEN, f"held: {told}", oldest)
    evidence = f"held, but more than {days} days ago: {told}"
    return ChecklistItem(item, title, ItemState.AMBER, evidence, oldest, remedy)


def _criterion(one: CriterionResult, now: datetime) -> ChecklistItem:
    state = {
        CriterionStatus.GREEN: ItemState.GREEN,
        CriterionStatus.RED: ItemState.RED,
        CriterionStatus.NO_EVIDENCE: ItemState.UNKNOWN,
    }[one.status]
    at = None if one.age_s is None else now - timedelta(seconds=one.age_s)
    evidence = f"{one.found}, wanted {one.wanted} ({one.evidence})"
    return ChecklistItem(f"readiness:{one.id}", one.title, state, evidence, at, one.remedy)


def _signed(asked: _Asked, item: ChecklistItem) -> ChecklistItem:
    """The item with an operator's word on it; red stays red, and what is green needs none."""
    counts = SIGNABLE.get((asked.name, item.id))
    if counts is None:
        return item
    item = replace(item, signable=True)
    given = asked.facts.signatures.get(item.id)
    if given is None or item.state is ItemState.GREEN:
        return item
    item = replace(item, signed_by=given.operator, note=given.note)
    void = _void(asked, given, bound=counts is SignedCounts.AMBER)
    if void:
        return replace(item, evidence=f"{item.evidence}; signed in #{given.seq}, {void}")
    if item.state is ItemState.RED and counts is SignedCounts.AMBER:
        return item  # what was seen to fail is not signed away
    state = ItemState.GREEN if counts is SignedCounts.GREEN else ItemState.AMBER
    evidence = f"signed by {given.operator} (#{given.seq}); {item.evidence}"
    remedy = "" if state is ItemState.GREEN else item.remedy
    return replace(item, state=state, evidence=evidence, at=given.at, remedy=remedy)


def _void(asked: _Asked, given: Signature, *, bound: bool) -> str:
    """Why a word does not count any more; empty while it does."""
    if not timedelta() <= asked.now - given.at <= timedelta(days=SIGNED_DAYS):
        return f"more than {SIGNED_DAYS} days ago"
    if bound and given.matrix != asked.facts.matrix:
        return "under another matrix"
    return ""
