"""What posture bar and alerts know of shadow: what runs, what is due, what fails, what drifts. Pure."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from peak_console.operations.views.shadow import DriftState


@dataclass(frozen=True, slots=True)
class JobTrouble:
    """A job that does not go as it should."""

    name: str
    failed_in_row: int = 0
    """Its last runs that failed or hung, one after the other."""
    last_detail: str = ""
    missed: int = 0
    """Runs that were missed since it last succeeded."""
    missed_why: str = ""


@dataclass(frozen=True, slots=True)
class DriftTrouble:
    """A model whose tests see something."""

    name: str
    """``PROVIDER:MODEL``."""
    state: DriftState
    why: str = ""
    evidence: float = 0.0
    alarm_at: float = 0.0


@dataclass(frozen=True, slots=True)
class BookTrouble:
    """A paper book that lost much of what the limit lets it lose."""

    name: str
    drawdown_pct: Decimal
    limit_pct: Decimal


@dataclass(frozen=True, slots=True)
class ShadowBar:
    """Shadow, as of a moment. Without a node (``told`` is false) nobody knows what is due."""

    as_of: datetime
    told: bool = False
    scheduled: int = 0
    """Jobs that run by a schedule."""
    running: tuple[str, ...] = ()
    next_job: str = ""
    next_at: datetime | None = None
    held: bool = False
    """The posture lets no job begin."""
    paused: int = 0
    jobs: tuple[JobTrouble, ...] = ()
    books: tuple[BookTrouble, ...] = ()
    models: int = 0
    """Models of which anything is known."""
    unknown: int = 0
    """Of them, those that no test says anything of."""
    drift: tuple[DriftTrouble, ...] = ()
    """The gravest first."""
    drift_at: datetime | None = None
    """When a model was last looked at."""

    def count(self, state: DriftState) -> int:
        """Models in a state that is worth telling."""
        return sum(one.state is state for one in self.drift)
