"""Stored figures as a reader gets them: the open minute added to the wider windows."""

import sqlite3
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final, NamedTuple

from peak_console.domain.money import NanoEur
from peak_console.ledger.folds.figures import CRITIC, DENIALS, ERRORS, MINUTE, Tally, window_start
from peak_console.stats.sketch import QuantileSketch

_TALLIES: Final = {"critic": CRITIC, "errors": ERRORS, "denials": DENIALS}
_FOR_EVER: Final = 2**62
_NAMED: Final = 5
"""How many columns of a :class:`RollupRow` say where its figures belong."""

_COLUMNS = (
    "r.start, layer, role, provider, model_id, calls, errors, fallbacks, refused, tokens_in, tokens_out, "
    "tokens_cached, tokens_reasoning, cost_nano_eur, latency_us, latency_sketch"
)
_RANGE = "r.start >= ? AND r.start < ?"
_CELLS = f"SELECT {_COLUMNS} FROM rollup r WHERE width_s = ? AND part = ? AND {_RANGE}"  # noqa: S608 - constant
_CELLS_OF_PARTS = f"SELECT {_COLUMNS} FROM rollup r WHERE width_s = ? AND part > 0 AND {_RANGE}"  # noqa: S608 - constant
_CELLS_OPEN = (
    f"SELECT {_COLUMNS} FROM rollup r JOIN rollup_open o ON o.start = r.start AND o.part = r.part "  # noqa: S608 - same
    f"WHERE width_s = ? AND {_RANGE}"
)


class RollupRow(NamedTuple):
    """Figures of one layer, role, provider and model in one window (``start`` in Unix seconds)."""

    start: int
    layer: str
    role: str
    provider: str
    model_id: str
    calls: int
    errors: int
    fallbacks: int
    refused: int
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    tokens_reasoning: int
    cost_nano_eur: int
    latency_us: int
    """Sum of the latencies of answered calls, in microseconds."""
    latency_sketch: bytes
    """:attr:`latency` as it is stored."""

    @property
    def latency(self) -> QuantileSketch:
        """Latencies of answered calls, in microseconds; read when looked at, so a plot of counts is cheap."""
        return QuantileSketch.from_bytes(self.latency_sketch)


@dataclass(frozen=True, slots=True)
class CountRow:
    """How often something named was counted in one window."""

    start: int
    names: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """A budget counter. ``key`` is ``scope[:layer]:place``; money in nano-EUR."""

    key: str
    spent_cost: NanoEur
    spent_tokens: int
    spent_calls: int
    reserved_cost: NanoEur
    reserved_tokens: int
    reserved_calls: int


def read_rollups(db: sqlite3.Connection, width: int, since: int, until: int | None) -> list[RollupRow]:
    """The cells of every window of ``width`` that starts in ``[since, until)``, in order of their start."""
    first, last = _bounds(width, since, until)
    stored = [RollupRow._make(row) for row in db.execute(_CELLS, (width, 0, first, last))]
    # Further parts of reopened minutes, and the open minute that no wider window has taken in yet.
    added = db.execute(_CELLS_OF_PARTS if width == MINUTE else _CELLS_OPEN, (MINUTE, first, last)).fetchall()
    touched = {window_start(row[0], width) for row in added}
    found = {row[:_NAMED]: row for row in stored if row.start in touched} if touched else {}
    for row in added:
        place = (window_start(row[0], width), *row[1:_NAMED])
        earlier = found.get(place)
        figures = row[_NAMED:] if earlier is None else _sum(earlier[_NAMED:], row[_NAMED:])
        found[place] = RollupRow._make((*place, *figures))
    rest = [row for row in stored if row.start not in touched] if touched else stored
    return sorted([*rest, *found.values()], key=itemgetter(slice(_NAMED)))


def _sum(one: tuple[Any, ...], other: tuple[Any, ...]) -> tuple[Any, ...]:
    latency = QuantileSketch.from_bytes(one[-1])
    latency.merge(QuantileSketch.from_bytes(other[-1]))
    counts = (mine + its for mine, its in zip(one[:-1], other[:-1], strict=True))
    return (*counts, latency.to_bytes())


def read_counts(
    db: sqlite3.Connection, name: str, width: int, since: int, until: int | None
) -> list[CountRow]:
    """The counts of every window of ``width`` that starts in ``[since, until)``, in order of their start."""
    tally: Tally = _TALLIES[name]
    counts: dict[tuple[int, tuple[str, ...]], int] = {}
    for row in _window_rows(db, tally.table, width, since, until):
        place = (window_start(row[1], width), row[3:-1])
        counts[place] = counts.get(place, 0) + row[-1]
    return [CountRow(start, names, count) for (start, names), count in sorted(counts.items())]


def read_budgets(db: sqlite3.Connection) -> list[BudgetRow]:
    """Every stored counter, by key."""
    return [
        BudgetRow(*row)
        for row in db.execute(
            "SELECT key, spent_cost, spent_tokens, spent_calls, "
            "reserved_cost, reserved_tokens, reserved_calls FROM budget_counter ORDER BY key"
        )
    ]


def _bounds(width: int, since: int, until: int | None) -> tuple[int, int]:
    """The first start that counts, and the first that no longer does."""
    if width == 0:
        return 0, _FOR_EVER
    return window_start(since, width), _FOR_EVER if until is None else until


def _window_rows(
    db: sqlite3.Connection, table: str, width: int, since: int, until: int | None
) -> list[tuple[Any, ...]]:
    """Rows of the asked width, and of the open minute where it is not folded into that width yet."""
    first, last = _bounds(width, since, until)
    asked = f"SELECT * FROM {table} WHERE width_s = ? AND start >= ? AND start < ?"  # noqa: S608 - our own table
    if width == MINUTE:
        return db.execute(asked, (width, first, last)).fetchall()
    still_open = (
        f"SELECT t.* FROM {table} t JOIN rollup_open o USING (start, part) "  # noqa: S608 - our own table
        "WHERE t.width_s = ? AND t.start >= ? AND t.start < ?"
    )
    return db.execute(f"{asked} UNION ALL {still_open}", (width, first, last, MINUTE, first, last)).fetchall()
