"""The Matrix screen's grid: a row for each slot of a draft, with what is known of its model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from peak_console.config.verifying import Standing
from peak_console.operations.views.freshness import NEVER, Freshness
from peak_console.operations.views.live import Slot


@dataclass(frozen=True, slots=True)
class SlotTraffic:
    """Hops of one model in one slot over the last 24 hours, and how long its answers took."""

    calls: int
    p50_ms: float | None = None
    p95_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """The name under which a model answered last, and when."""

    model: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PriceFact:
    """The price that holds today, USD for a million tokens."""

    input_usd: Decimal
    output_usd: Decimal
    source: str = ""
    as_of: str = ""


@dataclass(frozen=True, slots=True)
class LifeFact:
    """What the registry says of a model: whether it may be used, and until when it answers."""

    allowed: bool = True
    shutdown: str = ""
    days_left: int | None = None
    successor: str = ""


@dataclass(frozen=True, slots=True)
class MatrixFacts:
    """What configs and ledger know, by slot and model. The grid joins it with the rows of a draft."""

    taken_at: datetime
    freshness: Freshness = NEVER
    """Of the ledger's figures."""
    phase: str = ""
    traffic: Mapping[Slot, SlotTraffic] = field(default_factory=dict)
    served: Mapping[Slot, Served] = field(default_factory=dict)
    prices: Mapping[tuple[str, str], PriceFact] = field(default_factory=dict)
    lives: Mapping[tuple[str, str], LifeFact] = field(default_factory=dict)
    verified: Mapping[Slot, Standing] = field(default_factory=dict)
    lock: Standing | None = None
    """What holds for every slot that ``verified`` does not name."""
    lock_words: str = ""
    """Who signed the lock and until when it holds, or why it is of no use."""
    scores: Mapping[Slot, str] = field(default_factory=dict)
    """Eval scores, 0 to 1, as the lock's evidence holds them."""
    files_problem: str = ""
    """Why registry and prices are not known."""
    past_text: str | None = None
    """In a replay: the matrix as it stood then."""
    past_digest: str = ""
    past_problem: str = ""
    """In a replay: why the matrix of then cannot be shown."""

    @property
    def calls(self) -> int:
        """All hops of the last 24 hours."""
        return sum(one.calls for one in self.traffic.values())


@dataclass(frozen=True, slots=True)
class Place:
    """A slot as it stands in a text. ``path`` leads to its table; ``line`` is its header's."""

    layer: str
    role: str
    position: int
    """0 for a primary or critic, from 0 on for fallbacks."""
    count: int
    """Slots of this role in the layer."""
    path: tuple[str | int, ...]
    line: int
    end: int
    """The last line of the table."""
    provider: str = ""
    model_id: str = ""
    service: str = ""
    """The layer that serves as critic."""
    degraded: bool = False
    missing: bool = False
    """Whether the text has no such slot."""
    base_url: str | None = None
    """Where it calls the model; ``None``: the provider's own address."""
    deployment: str | None = None

    @property
    def key(self) -> tuple[str, str, int]:
        """By what the cursor finds the row again."""
        return self.layer, self.role, self.position

    @property
    def slot(self) -> Slot:
        """The slot with its model."""
        return Slot(self.layer, self.role, self.provider, self.model_id)


@dataclass(frozen=True, slots=True)
class GridRow:
    """One row of the grid. ``None`` is "not known", never zero."""

    place: Place
    verified: Standing | None = None
    price: PriceFact | None = None
    life: LifeFact | None = None
    traffic: SlotTraffic | None = None
    share_pct: float | None = None
    served: Served | None = None
    score: str | None = None
    errors: int = 0
    warnings: int = 0
    stale: bool = False
    """Whether the ledger's figures are of an earlier look, as it cannot be read now."""


@dataclass(frozen=True, slots=True)
class MatrixGrid:
    """The grid of one text."""

    rows: tuple[GridRow, ...] = ()
    broken: str = ""
    """Why the text is no TOML; the rows are then what could be read of it line by line."""


def joined(
    places: tuple[Place, ...],
    facts: MatrixFacts | None,
    problems: Mapping[int, tuple[int, int]],
    broken: str = "",
) -> MatrixGrid:
    """Rows from places and facts. ``problems`` counts errors and warnings by line. Pure."""
    total = facts.calls if facts is not None else 0
    return MatrixGrid(tuple(_row(one, facts, total, problems) for one in places), broken)


def _row(
    place: Place, facts: MatrixFacts | None, total: int, problems: Mapping[int, tuple[int, int]]
) -> GridRow:
    found = [problems[line] for line in problems if not place.missing and place.line <= line <= place.end]
    errors, warnings = sum(one[0] for one in found), sum(one[1] for one in found)
    if facts is None or not place.model_id:
        return GridRow(place, errors=errors, warnings=warnings)
    slot, model = place.slot, (place.provider, place.model_id)
    traffic = facts.traffic.get(slot)
    known = facts.freshness.as_of is not None
    if traffic is None and known:
        traffic = SlotTraffic(0)
    return GridRow(
        place,
        facts.verified.get(slot, facts.lock),
        facts.prices.get(model),
        facts.lives.get(model),
        traffic,
        100 * traffic.calls / total if traffic is not None and total else None,
        facts.served.get(slot),
        facts.scores.get(slot),
        errors,
        warnings,
        bool(facts.freshness.why),
    )
