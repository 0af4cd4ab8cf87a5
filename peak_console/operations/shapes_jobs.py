"""The shapes of what ``peak jobs`` and ``peak shadow`` print as JSON."""

from typing import Literal

from pydantic import BaseModel, Field

from peak_console.operations.shape import Shape

_State = Literal["claimed", "running", "done", "failed", "timed_out", "aborted", "interrupted", "missed"]


class JobRunShape(Shape):
    """One run of a job; ``key`` is the job and when the run was due."""

    key: str
    job: str
    state: _State
    due_at: str
    cause: Literal["due", "catch_up", "again", "asked", "suspicion"]
    run_id: str
    started_at: str | None
    ended_at: str | None
    outcome: str
    detail: str
    step: str
    asked_by: str
    reason: str


class JobShape(Shape):
    """One job; ``p95_ms`` is how long finished runs took."""

    name: str
    kind: Literal["shadow_cycle", "canary", "two_sample"] | None
    state: Literal["waiting", "running", "paused", "held", "disabled", "on_demand", "gone", "unknown"]
    schedule: str
    timezone: str
    next_at: str | None
    last: JobRunShape | None
    running: list[JobRunShape]
    runs: int
    failed: int
    missed: int
    interrupted: int
    p95_ms: int | None
    tags: list[str]
    description: str
    note: str


class SchedulerShape(Shape):
    """What the node's scheduler says of itself, in a line and in its own figures."""

    words: str


class JobsShape(Shape):
    """``peak jobs list``; without a node what configs and ledger have, and ``problem`` says so."""

    taken_at: str
    told_by_node: bool
    problem: str
    scheduler: SchedulerShape
    jobs: list[JobShape]
    runs: list[JobRunShape]


class JobRunsShape(Shape):
    """``peak jobs runs``."""

    told_by_node: bool
    problem: str
    runs: list[JobRunShape]


class JobDoneShape(Shape):
    """``peak jobs pause``, ``resume`` and ``cancel``."""

    what: Literal["run", "cancel", "pause", "resume"]
    job: str
    key: str
    already: bool
    operator: str
    seq: int


class ShadowRunShape(Shape):
    """``peak shadow run``: ``asked`` at once, ``runs`` with --once."""

    asked: list[JobDoneShape] = Field(default_factory=list)
    runs: list[JobRunShape] = Field(default_factory=list)


class CycleShape(Shape):
    """One finished cycle; money in EUR as text."""

    run_id: str
    seq: int
    at: str
    job: str
    instrument: str
    outcome: str
    reasons: list[str]
    details: list[str]
    as_of: str | None
    idea: str
    outlook: str
    critic: str
    cost_eur: str | None
    duration_ms: int | None
    models: list[str]
    replayed: bool


class CyclesShape(Shape):
    """``peak shadow cycles``."""

    cycles: list[CycleShape]


class PositionShape(Shape):
    """One paper position."""

    instrument: str
    quantity: str


class BookShape(Shape):
    """One paper book; money in EUR as text."""

    name: str
    equity_eur: str | None
    day_pnl_eur: str | None
    drawdown_pct: str | None
    positions: list[PositionShape]
    fees_eur: str
    fills: int
    at: str | None


class BooksShape(Shape):
    """``peak shadow book``."""

    books: list[BookShape]


JOB_SHAPES: dict[str, type[BaseModel]] = {
    "jobs-list": JobsShape,
    "jobs-runs": JobRunsShape,
    "jobs-pause": JobDoneShape,
    "shadow-run": ShadowRunShape,
    "shadow-cycles": CyclesShape,
    "shadow-book": BooksShape,
}
"""These shapes by the name ``peak schema`` knows them under."""
