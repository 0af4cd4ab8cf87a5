"""Shadow as screens show it: jobs and their runs, cycles, drift, the way to the next phase. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from peak_console.domain.jobs import JobKind, RunCause, RunState
from peak_console.operations.views.freshness import NEVER, Freshness

if TYPE_CHECKING:
    from peak_console.operations.readiness import Readiness


class JobState(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    """It runs when it is due."""
    RUNNING = "running"
    PAUSED = "paused"
    """An operator paused it."""
    HELD = "held"
    """The posture permits no calls: nothing is begun."""
    DISABLED = "disabled"
    """Its config says so."""
    ON_DEMAND = "on_demand"
    """It has no schedule."""
    GONE = "gone"
    """The config does not name it any more; what is known of it is kept."""
    UNKNOWN = "unknown"
    """No node tells."""


@dataclass(frozen=True, slots=True)
class JobRunLine:
    """One run of a job. ``key`` is its claim: the job and when it was due."""

    key: str
    job: str
    state: RunState
    due_at: datetime
    cause: RunCause = RunCause.DUE
    run_id: str = ""
    """The ledger's run, where it began one."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str = ""
    """How it came out, in a word."""
    detail: str = ""
    step: str = ""
    """What it does now."""
    asked_by: str = ""
    reason: str = ""
    """Why it was asked for."""

    def duration_s(self, now: datetime) -> float | None:
        """How long it took, or takes."""
        return None if self.started_at is None else ((self.ended_at or now) - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class JobLine:
    """One job: what its config says, when it runs, how it went."""

    name: str
    kind: JobKind | None
    state: JobState
    schedule: str = ""
    timezone: str = "UTC"
    next_at: datetime | None = None
    last: JobRunLine | None = None
    running: tuple[JobRunLine, ...] = ()
    runs: int = 0
    """Runs that began, as far as is kept."""
    failed: int = 0
    missed: int = 0
    interrupted: int = 0
    p95_s: float | None = None
    tags: tuple[str, ...] = ()
    description: str = ""
    note: str = ""
    """What an operator should know: why it is held, who paused it, that it was renamed."""


@dataclass(frozen=True, slots=True)
class CycleLine:
    """One finished shadow cycle."""

    run_id: str
    seq: int
    at: datetime
    job: str
    instrument: str
    outcome: str
    """``would_allow``, ``would_block``, ``no_trade``, ``aborted`` or ``review_required``."""
    reasons: tuple[str, ...] = ()
    """The gate's, or why it ended early."""
    details: tuple[str, ...] = ()
    """Figures behind those of the reasons that do not say what to change."""
    as_of: datetime | None = None
    """The moment of the data."""
    idea: str = ""
    """The intent in words, as ``buy 800 EUR/USD``; empty where there is none."""
    outlook: str = ""
    critic: str = ""
    cost_eur: Decimal | None = None
    duration_s: float | None = None
    models: tuple[str, ...] = ()
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class BookLine:
    """A paper book as of its last cycle. Money in EUR."""

    name: str
    equity_eur: Decimal | None
    """``None`` while a position has no price."""
    day_pnl_eur: Decimal | None
    drawdown_pct: Decimal | None
    positions: tuple[tuple[str, Decimal], ...] = ()
    fees_eur: Decimal = Decimal(0)
    fills: int = 0
    """As far as its cycles are kept."""
    at: datetime | None = None


class DriftState(StrEnum):
    """What is known of a model."""

    OK = "ok"
    WATCH = "watch"
    """Evidence grows, below the alarm."""
    DRIFTED = "drifted"
    QUARANTINED = "quarantined"
    NOT_TESTED = "not_tested"
    """The lock knows it and has nothing to test it against: no baseline, no round of gold cases."""
    UNKNOWN = "unknown"
    """The lock does not know it, or nothing was seen of it yet."""


@dataclass(frozen=True, slots=True)
class StreamLine:
    """One stream of a model's behaviour under its sequential test (tier 1)."""

    name: str
    """``critic_fail``, ``format_fail``, ``refusal``, ``fallback``, ``latency`` or ``cost``."""
    seen: int
    hits: int
    usual_pct: float | None
    """The rate it is tested against, in percent; ``None`` where there is no baseline."""
    evidence: float
    """Natural logarithm, from 0."""
    alarm_at: float
    alarmed: bool = False


@dataclass(frozen=True, slots=True)
class CheckLine:
    """The newest canary round or two-sample test of a model."""

    at: datetime
    ok: bool
    detail: str
    seq: int = 0
    incomplete: bool = False
    """A round that failed nothing, and in which not every case was answered: no evidence."""


@dataclass(frozen=True, slots=True)
class GoldSince:
    """Gold cases that a quarantined model was put since its quarantine, in any slot."""

    rounds: int = 0
    cases: int = 0
    """Those that it answered itself and that count."""
    passed: int = 0
    newest_at: datetime | None = None
    clean: int = 0
    """The newest rounds in a row in which every case was answered and passed."""

    @property
    def mends(self) -> bool:
        """Whether it failed before and does not any more: a provider rolled back, perhaps."""
        return 0 < self.clean < self.rounds and self.passed < self.cases

    @property
    def words(self) -> str:
        """How many passed; empty where none was answered."""
        if not self.cases:
            return ""
        said = f"{self.passed} of {self.cases} gold cases passed"
        if self.mends:
            return f"{said}, last {self.clean} of {self.rounds} rounds clean"
        return f"{said} in {self.rounds} round{'s' if self.rounds > 1 else ''}"


@dataclass(frozen=True, slots=True)
class DriftLine:
    """One model in one slot, over all tiers."""

    provider: str
    model_id: str
    slots: tuple[str, ...]
    """As ``L2.primary``."""
    state: DriftState
    served: tuple[str, ...] = ()
    """Names under which it answered."""
    fingerprints: int = 0
    """Different fingerprints seen."""
    unexpected: tuple[str, ...] = ()
    """Names or fingerprints that the lock does not know."""
    streams: tuple[StreamLine, ...] = ()
    canary: CheckLine | None = None
    two_sample: CheckLine | None = None
    why: str = ""
    """Why it is drifted or quarantined, not tested or unknown."""
    since: datetime | None = None
    incident_id: str = ""
    last_answer_at: datetime | None = None
    gold_since: GoldSince | None = None
    """Of a quarantined model: what speaks for its release, or against it."""

    @property
    def name(self) -> str:
        """``PROVIDER:MODEL``."""
        return f"{self.provider}:{self.model_id}"

    @property
    def gauge(self) -> tuple[float, float]:
        """The strongest evidence of its streams, and where that one alarms."""
        strongest = max(self.streams, key=lambda one: one.evidence / one.alarm_at, default=None)
        return (strongest.evidence, strongest.alarm_at) if strongest else (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class CycleFigures:
    """Cycles of a window, counted."""

    cycles: int = 0
    would_allow: int = 0
    would_block: int = 0
    no_trade: int = 0
    aborted: int = 0
    reasons: tuple[tuple[str, int], ...] = ()
    """The gate's reasons, the most frequent first."""
    review_required: int = 0
    since: datetime | None = None
    """When the window begins."""
    first_seq: int = 0
    """The first cycle's place in the ledger; 0 where there is none."""
    last_seq: int = 0


@dataclass(frozen=True, slots=True)
class ShadowFacts:
    """Everything on the Shadow screen, at one moment."""

    taken_at: datetime
    jobs: tuple[JobLine, ...] = ()
    runs: tuple[JobRunLine, ...] = ()
    """The newest runs of all jobs."""
    cycles: tuple[CycleLine, ...] = ()
    """The newest first."""
    figures: CycleFigures = field(default_factory=CycleFigures)
    books: tuple[BookLine, ...] = ()
    drift: tuple[DriftLine, ...] = ()
    readiness: "Readiness | None" = None
    """Towards the next phase; ``None`` while it is not judged."""
    readiness_problem: str = ""
    scheduler: str = ""
    """What the scheduler is doing, in words; empty where no node tells."""
    problem: str = ""
    """Why jobs cannot be told, with what to do."""
    freshness: Freshness = NEVER
