"""What a verification found, what it relied on, and what it could not know."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from peak_console.domain.errors import EnvironmentUnfit, PeakError
from peak_console.ledger.heads.succession import Succeeded


class VerifyStage(StrEnum):
    """What a progress report counts."""

    CHAIN = "chain"
    FIGURES = "figures"


Progress = Callable[[VerifyStage, int, int], None]
"""Told now and then: the stage, events done, events in all."""

Cancelled = Callable[[], bool]
"""Asked often: whether to give up."""


class VerifyCancelled(PeakError):
    """The verification was given up on request."""

    default_code = "verify_cancelled"
    why = "it was cancelled before it came to a result"
    exit_code = 130


class VerifyWorkerLost(EnvironmentUnfit):
    """A process that verified a part ended without a result."""

    default_code = "verify_worker_lost"
    why = "a process that was needed ended early"


@dataclass(frozen=True, slots=True)
class CheckpointsSeen:
    """The signed heads that were compared."""

    count: int = 0
    """Heads of this log, each signature checked."""
    size: int = 0
    """Events under the largest of them."""
    root: str = ""
    """Its root, in hexadecimal."""
    unsigned_events: int = 0
    """Events after it."""
    key: str = ""
    """The origin: which key signs which log."""
    problem: str = ""
    """What an operator should know of the files; empty when nothing."""


@dataclass(frozen=True, slots=True)
class AnchorSeen:
    """One anchor or witness, and how it compares."""

    kind: str
    place: str
    size: int = 0
    """Events under its newest head; 0 without one."""
    at: str = ""
    """When that was kept, where it says so."""
    lag_s: float | None = None
    """Seconds of the ledger's time it stands behind; ``None`` where that is not asked."""
    ok: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class PrunedSeen:
    """Bodies that retention dropped."""

    events: int = 0
    before: str = ""
    """They are of before this time; empty where none are missing."""


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What a verification found. ``head`` is the hash of the last event that holds."""

    ok: bool
    events: int
    head: str
    broken_seq: int | None = None
    broken_how: str | None = None
    detail: str = ""
    checkpoints: CheckpointsSeen = CheckpointsSeen()
    anchors: tuple[AnchorSeen, ...] = ()
    anchor_used: str = ""
    """The strongest place outside the database that agreed; empty without one."""
    cannot_know: tuple[str, ...] = ()
    """What this verification could not see, a sentence each."""
    incremental_from: int | None = None
    """The last event that was not looked at again; ``None`` when all were."""
    pruned: PrunedSeen = PrunedSeen()
    succeeded: Succeeded | None = None
    """The log that this one goes on after; ``None`` where it is a first one."""
    workers: int = 1
    """Processes that took part."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RangeResult:
    """Whether events ``first`` to ``last`` are whole and follow each other."""

    ok: bool
    first: int
    last: int
    """The last event that was looked at and holds."""
    broken_seq: int | None = None
    broken_how: str | None = None
    detail: str = ""


def silent(stage: VerifyStage, done: int, total: int) -> None:
    """No progress is wanted."""


def never() -> bool:
    """It is never cancelled."""
    return False
