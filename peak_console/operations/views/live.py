"""The Live screen's snapshot: key figures, series over time, a table by slot, alerts, the tail of calls."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from peak_console.operations.views.breakers import BreakerLine
from peak_console.operations.views.calls import CallLine
from peak_console.operations.views.freshness import NEVER, Freshness

KEY_REFUSED: Final = "authentication"
"""The reason of a call whose key the provider refused (401, 403)."""
_YOUNG_S: Final = 600
"""Age in seconds from which a ledger is looked at by the hour."""


class Window(StrEnum):
    """How far back the Live screen looks."""

    M5 = "5m"
    H1 = "1h"
    H24 = "24h"
    D7 = "7d"

    @property
    def seconds(self) -> int:
        """Length of the window."""
        return {"5m": 300, "1h": 3600, "24h": 86_400, "7d": 604_800}[self.value]

    @property
    def step_s(self) -> int:
        """Width of one point of a series."""
        return {"5m": 5, "1h": 60, "24h": 600, "7d": 3600}[self.value]

    @property
    def rollup_s(self) -> int:
        """Width of the ledger's rollups that the window is folded from."""
        return max(60, self.step_s)

    @property
    def label(self) -> str:
        """The window as people read it."""
        return {"5m": "5 min", "1h": "1 h", "24h": "24 h", "7d": "7 d"}[self.value]

    @classmethod
    def for_age(cls, age_s: float) -> "Window":
        """The window to begin with: the short one for a ledger that would fill little of an hour."""
        return cls.M5 if age_s < _YOUNG_S else cls.H1

    def step(self, by: int) -> "Window":
        """The next longer (``by`` > 0) or shorter window; the ends hold."""
        every = list(Window)
        return every[max(0, min(len(every) - 1, every.index(self) + by))]


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """A slot of the matrix with the model that answered in it."""

    layer: str
    role: str
    provider: str
    model_id: str


@dataclass(frozen=True, slots=True)
class KeyFigures:
    """The figures at the top. ``None`` is "no data", never zero; money in nano-EUR.

    ``calls`` are hops sent. Errors are percent of hops that ended, also where nothing could be sent;
    fallbacks percent of answers, both counted when a call ends.
    """

    calls: int = 0
    ended: int = 0
    """Answers and failures; above ``calls`` where hops failed before they were sent."""
    calls_per_min: float | None = None
    calls_per_min_now: float | None = None
    error_pct: float | None = None
    fallback_pct: float | None = None
    refused: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    cost_today: int | None = None
    cost_projected: int | None = None
    budget_today: int | None = None
    critic_fail_pct: float | None = None
    critic_judged: int = 0
    tokens_in: int = 0
    tokens_out: int = 0

    @property
    def judged_by(self) -> int:
        """What the percentage of errors is of."""
        return max(self.calls, self.ended)


Points = tuple[float | None, ...]
"""A series' values, oldest first; ``None`` where there is no data."""


@dataclass(frozen=True, slots=True)
class LiveSeries:
    """Series over the window: ``start`` is the left edge of the first point, each ``step_s`` wide."""

    start: datetime
    step_s: int
    volume: tuple[tuple[str, Points], ...] = ()
    cost_eur_per_h: Points = ()
    p95_ms: Points = ()
    critic_fails: Points = ()
    cost_limit_eur_per_h: float | None = None
    p95_limit_ms: float | None = None


@dataclass(frozen=True, slots=True)
class SlotRow:
    """One line of the table: a slot over the window, its cost today, its share of the layer's day budget."""

    slot: Slot
    calls: int
    errors: int
    p50_ms: float | None
    p95_ms: float | None
    cost_today: int
    budget_pct: float | None
    fallback_pct: float | None = None
    """Answers of this slot's layer that its fallbacks gave in its place, in percent; none for a fallback."""
    flags: tuple[str, ...] = ()
    ended: int = 0
    """Answers and failures; above ``calls`` where hops failed before they were sent."""

    @property
    def error_pct(self) -> float | None:
        """Failed hops as percent of hops that ended: never above 100, whatever was sent."""
        ended = max(self.calls, self.ended)
        return 100.0 * self.errors / ended if ended else None


class Severity(StrEnum):
    """How much an alert asks of the operator."""

    BAD = "bad"
    WARN = "warn"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Alert:
    """Something the operator should know, and the next thing to do.

    ``code`` is stable; ``filter`` is a Calls filter that shows the evidence (Enter opens it); ``cli`` is the
    command that does or shows the same.
    """

    severity: Severity
    code: str
    title: str
    detail: str = ""
    action: str = ""
    filter: str = ""
    cli: str = ""


@dataclass(frozen=True, slots=True)
class LiveSnapshot:
    """Everything on the Live screen, at one moment."""

    taken_at: datetime
    window: Window
    series: LiveSeries
    freshness: Freshness = NEVER
    figures: KeyFigures = field(default_factory=KeyFigures)
    rows: tuple[SlotRow, ...] = ()
    alerts: tuple[Alert, ...] = ()
    tail: tuple[CallLine, ...] = ()
    marks: Mapping[str, Severity] = field(default_factory=dict)
    """Key figures that stand out, by field name."""
    workspace_new: bool = False
    breakers: tuple[BreakerLine, ...] | None = None
    """The providers' breakers and rate limits; ``None`` while they are not known."""
    refused_keys: tuple[str, ...] = ()
    """Providers that refused our key, and have answered nothing since."""

    @property
    def empty(self) -> bool:
        """Whether the window holds no call at all."""
        return not self.figures.calls and not self.figures.refused and not self.tail
