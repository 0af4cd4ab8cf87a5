"""Readiness, judged: criteria held against facts. Pure; what nothing is known of is never green."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from peak_console.config.readiness import Criteria, demanded
from peak_console.domain.vocabulary import PhaseLevel
from peak_console.operations.criterion import CriterionResult, listed_words, result_of, since_words
from peak_console.operations.rehearsal_commands import drill_command


@dataclass(frozen=True, slots=True)
class LockFacts:
    """What is known of the lock, held against the matrix of now."""

    problem: str
    """Why it does not hold for every candidate of the matrix; empty where it does."""
    expires_at: datetime | None
    entries: int
    """Candidates of the matrix, each in its slot."""
    attested: int
    """Of them, those that an operator only attests."""


@dataclass(frozen=True, slots=True)
class VerifiedFacts:
    """What the node last found of the whole chain."""

    ok: bool
    whole: bool
    events: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Drill:
    """The last drill of a name."""

    at: datetime
    held: bool
    seq: int


@dataclass(frozen=True, slots=True)
class ReadinessFacts:
    """What is known. ``None`` means that nothing feeds it, or that it cannot be read."""

    level: PhaseLevel
    """The level of now."""
    level_since: datetime | None = None
    level_seq: int = 0
    """The event by which it began; 0 = the ledger's beginning."""
    lint_errors: tuple[str, ...] | None = None
    """Errors under the rules of the level asked about, as ``file:line rule``."""
    lock: LockFacts | None = None
    without_scope: tuple[str, ...] | None = None
    """Layers that hold a model and have no scope."""
    limits_open: tuple[str, ...] | None = None
    """Risk limits that are absent or zero."""
    verified: VerifiedFacts | None = None
    calls: int | None = None
    p95_ms: int | None = None
    verdicts: Mapping[str, int] = field(default_factory=dict)
    budget_used_pct: Decimal | None = None
    """Of the day's budget in EUR, on the worst day."""
    budget_day: str = ""
    last_call_at: datetime | None = None
    open_incidents: int | None = None
    watched_since: datetime | None = None
    """When a node began that watches for incidents."""
    watched_seq: int = 0
    cycles: int | None = None
    """Shadow cycles since the level began that came to a verdict on fresh data; of replayed history in
    simulated workspaces alone."""
    cycles_at: str = ""
    """Where they stand in the ledger."""
    cycles_stale: str = ""
    """How many others ended on stale data, in words."""
    drills: Mapping[str, Drill] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What every judgement needs."""

    level: PhaseLevel
    criteria: Criteria
    facts: ReadinessFacts
    now: datetime

    def wants(self, key: str) -> bool:
        return key in demanded(self.level) or bool(getattr(self.criteria, key))

    def age(self, at: datetime | None) -> float | None:
        return None if at is None else (self.now - at).total_seconds()


def evaluate(
    level: PhaseLevel, criteria: Criteria, facts: ReadinessFacts, now: datetime
) -> tuple[CriterionResult, ...]:
    """Every criterion that is asked before ``level``, in a fixed order."""
    asked = _Asked(level, criteria, facts, now)
    return (*_configs(asked), *_record(asked), *_traffic(asked), *_systems(asked))


def _configs(asked: _Asked) -> Iterator[CriterionResult]:
    facts, level = asked.facts, asked.level
    if asked.wants("lint_clean"):
        errors = facts.lint_errors
        yield result_of(
            "lint_clean",
            f"configs clean under the rules of {level}",
            met=None if errors is None else not errors,
            found="not known" if errors is None else listed_words(errors, "no error", "error"),
            wanted="no error",
            evidence=f"peak lint --phase {level}",
            remedy=f"mend them: peak lint --phase {level}",
        )
    if asked.wants("lock_valid"):
        yield _lock_valid(asked)
    if asked.wants("eval_evidence"):
        yield _eval_evidence(asked)
    if asked.wants("scopes_present"):
        missing = facts.without_scope
        yield result_of(
            "scopes_present",
            "a capability scope for every layer with a model",
            met=None if missing is None else not missing,
            found="not known" if missing is None else listed_words(missing, "all there", "layer without one"),
            wanted="all layers",
            evidence="configs/ai/capability_scopes",
            remedy="write configs/ai/capability_scopes/<L>.toml for each",
        )
    if asked.wants("limits_set"):
        unset = facts.limits_open
        yield result_of(
            "limits_set",
            "every risk limit set",
            met=None if unset is None else not unset,
            found="not known" if unset is None else listed_words(unset, "all set", "absent or zero"),
            wanted="all above zero",
            evidence="configs/risk/limits.toml",
            remedy="write them into configs/risk/limits.toml",
        )


def _lock_valid(asked: _Asked) -> CriterionResult:
    lock = asked.facts.lock
    found = "no lock" if lock is None else lock.problem
    if lock is not None and not found:
        until = f", until {lock.expires_at:%Y-%m-%d}" if lock.expires_at else ""
        found = f"{lock.entries} candidates{until}"
    return result_of(
        "lock_valid",
        "a sound lock that covers the matrix",
        met=lock is not None and not lock.problem,
        found=found,
        wanted="signed, in time, every candidate in it",
        evidence="peak lock check",
        remedy="peak lock check says what is wrong; peak lock write makes a new one",
    )


def _eval_evidence(asked: _Asked) -> CriterionResult:
    lock = asked.facts.lock
    met: bool | None = None
    found = "no lock"
    if lock is not None:
        met = bool(lock.entries) and not lock.attested
        found = f"{lock.attested} of {lock.entries} only attested" if lock.attested else "all by eval"
    if lock is not None and lock.problem:
        met, found = None, "the lock does not hold"
    return result_of(
        "eval_evidence",
        "every model of the lock stands on an eval",
        met=met,
        found=found,
        wanted="eval evidence for each",
        evidence="peak lock check",
        remedy="an attested entry is enough for shadow only: write the lock on evals",
        unknown="write a lock that holds: peak lock write",
    )


def _record(asked: _Asked) -> Iterator[CriterionResult]:
    if asked.wants("ledger_verified"):
        yield _verified(asked)
    if asked.criteria.min_days:
        yield _days(asked)


def _verified(asked: _Asked) -> CriterionResult:
    told, hours = asked.facts.verified, asked.criteria.max_verified_age_h
    age = None if told is None else asked.age(told.at)
    met: bool | None = None
    found = "nobody verified it since the node started"
    if told is not None and age is not None:
        met = told.ok and told.whole and 0 <= age <= hours * 3600
        what = f"{told.events:,} events hold" if told.ok else "BROKEN"
        found = what if told.whole or not told.ok else f"{what}, but not from the beginning yet"
    return result_of(
        "ledger_verified",
        "the ledger verifies",
        met=met,
        found=found,
        wanted=f"whole chain, at most {hours} h ago",
        evidence="peak ledger verify; the node verifies when it starts",
        remedy="start the node again, which verifies the whole chain: peak node stop, peak node start",
        unknown="start the node, which verifies the whole chain: peak node start",
        age=age,
    )


def _days(asked: _Asked) -> CriterionResult:
    facts, wanted = asked.facts, asked.criteria.min_days
    before = list(PhaseLevel)[asked.level.rank - 1]
    since, met = facts.level_since, False
    if facts.level.at_least(asked.level):
        found, met = f"{asked.level} has begun", True
    elif facts.level is not before or since is None:
        found = f"{before} has not begun"
    else:
        passed = asked.now - since
        found, met = f"{max(passed.days, 0)} days", passed >= timedelta(days=wanted)
    return result_of(
        "min_days",
        f"days of {before}",
        met=met,
        found=found,
        wanted=f"{wanted} days",
        evidence=f"event #{facts.level_seq}" if facts.level_seq else "the ledger's beginning",
        remedy=f"go on in {before} until they have passed",
        window=since_words(since, facts.level_seq),
        age=asked.age(since) if facts.level is before else None,
    )


def _traffic(asked: _Asked) -> Iterator[CriterionResult]:
    facts, criteria, days = asked.facts, asked.criteria, asked.criteria.window_days
    age, window, over = asked.age(facts.last_call_at), f"in {days} days", f"{days} days"
    if criteria.min_calls:
        calls = facts.calls
        yield result_of(
            "min_calls",
            f"calls answered {window}",
            met=None if calls is None else calls >= criteria.min_calls,
            found="not known" if calls is None else f"{calls:,}",
            wanted=f"≥ {criteria.min_calls:,}",
            evidence="the ledger's figures by hour",
            remedy="let it work longer before this phase",
            age=age,
            window=over,
        )
    used = facts.budget_used_pct
    yield result_of(
        "max_budget_used_pct",
        f"day's budget used, worst day {window}",
        met=None if used is None else used <= criteria.max_budget_used_pct,
        found="nothing was counted" if used is None else f"{used:.1f} % on {facts.budget_day}",
        wanted=f"≤ {criteria.max_budget_used_pct} %",
        evidence="peak budget show",
        remedy="find out what spends: peak budget show; a day that was over stays in the window",
        age=age,
        window=over,
    )
    if criteria.max_critic_fail_pct is not None:
        yield _critic(asked, criteria.max_critic_fail_pct, window, age)
    if criteria.max_p95_ms is not None:
        p95 = facts.p95_ms
        yield result_of(
            "max_p95_ms",
            f"p95 of answered calls {window}",
            met=None if p95 is None else p95 <= criteria.max_p95_ms,
            found="no call answered" if p95 is None else f"{p95:,} ms",
            wanted=f"≤ {criteria.max_p95_ms:,} ms",
            evidence="the ledger's figures by hour",
            remedy="give the slow slots another model, or a shorter timeout",
            age=age,
            window=over,
        )


def _critic(asked: _Asked, most: Decimal, window: str, age: float | None) -> CriterionResult:
    verdicts = asked.facts.verdicts
    total, failed = sum(verdicts.values()), verdicts.get("FAIL", 0)
    share = Decimal(100 * failed) / total if total else None
    return result_of(
        "max_critic_fail_pct",
        f"verdicts that were FAIL {window}",
        met=None if share is None else share <= most,
        found="no verdict" if share is None else f"{share:.1f} % of {total:,}",
        wanted=f"≤ {most} %",
        evidence="critic.judged on the ledger",
        remedy="read the findings of the critics, and mend the prompt or the model behind them",
        age=age,
        window=f"{asked.criteria.window_days} days",
    )


def _systems(asked: _Asked) -> Iterator[CriterionResult]:
    facts, criteria = asked.facts, asked.criteria
    if criteria.max_open_incidents is not None:
        yield _incidents(facts, criteria.max_open_incidents)
    if criteria.min_cycles:
        cycles = facts.cycles
        yield result_of(
            "min_cycles",
            "shadow cycles that came to a verdict on fresh data",
            met=None if cycles is None else cycles >= criteria.min_cycles,
            found="none was recorded" if cycles is None else f"{cycles:,}{facts.cycles_stale}",
            wanted=f"≥ {criteria.min_cycles:,}",
            evidence=f"shadow.cycle.finished {facts.cycles_at or 'on the ledger'}",
            remedy="let the shadow jobs run on: peak jobs list",
            window=since_words(facts.level_since, facts.level_seq),
        )
    for name in criteria.drills:
        yield _drill(asked, name)


def _incidents(facts: ReadinessFacts, most: int) -> CriterionResult:
    """None opened is evidence only where a node watched."""
    count, since = facts.open_incidents, facts.watched_since
    watched = f", watched since {since:%Y-%m-%d} (#{facts.watched_seq})" if since else ""
    return result_of(
        "max_open_incidents",
        "open incidents",
        met=None if count is None else count <= most,
        found="nothing watches for incidents yet" if count is None else f"{count}{watched}",
        wanted=f"≤ {most}",
        evidence="incident events on the ledger",
        remedy="close them with what was found out",
        unknown="start the node, which watches: peak node start",
    )


def _drill(asked: _Asked, name: str) -> CriterionResult:
    drill, days = asked.facts.drills.get(name), asked.criteria.max_drill_age_days
    age = asked.age(drill.at) if drill else None
    met: bool | None = None
    found = "never recorded"
    if drill is not None and age is not None:
        met = drill.held and 0 <= age <= days * 86_400
        found = "held" if drill.held else "did not hold"
    return result_of(
        f"drill:{name}",
        f"drill {name}",
        met=met,
        found=found,
        wanted=f"held, at most {days} days ago",
        evidence=f"event #{drill.seq}" if drill else "drill.finished on the ledger",
        remedy=f"run the drill again: {drill_command(name)}",
        unknown=f"run the drill: {drill_command(name)}",
        window=f"{days} days",
        age=age,
    )
