"""Figures of a window: counters, latency, verdicts and reasons; and the rows they are stored as."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from peak_console.domain.clock import from_iso
from peak_console.stats.sketch import QuantileSketch

Place = tuple[int, int, int]
"""A window: width in seconds, start in Unix seconds, part."""

MINUTE: Final = 60
WIDER: Final = (600, 3600, 86400, 0)
"""Widths in seconds that closed minutes are folded into; 0 is everything since the genesis."""

CellKey = tuple[str, str, str, str]
"""Layer, role, provider, model_id; empty where an event had none."""


class Cell:
    """Figures of one layer, role, provider and model in one window. ``calls`` are hops that were sent."""

    __slots__ = (
        "calls",
        "cost_nano_eur",
        "errors",
        "fallbacks",
        "latency",
        "latency_us",
        "refused",
        "tokens_cached",
        "tokens_in",
        "tokens_out",
        "tokens_reasoning",
    )

    def __init__(self, counts: Sequence[int] = (0,) * 10, latency: QuantileSketch | None = None) -> None:
        (
            self.calls,
            self.errors,
            self.fallbacks,
            self.refused,
            self.tokens_in,
            self.tokens_out,
            self.tokens_cached,
            self.tokens_reasoning,
            self.cost_nano_eur,
            self.latency_us,
        ) = counts
        self.latency = latency or QuantileSketch()

    def counts(self) -> tuple[int, ...]:
        """The ten counters in the table's order."""
        return (
            self.calls,
            self.errors,
            self.fallbacks,
            self.refused,
            self.tokens_in,
            self.tokens_out,
            self.tokens_cached,
            self.tokens_reasoning,
            self.cost_nano_eur,
            self.latency_us,
        )

    def merge(self, other: "Cell") -> None:
        """Add ``other``'s figures."""
        self.calls += other.calls
        self.errors += other.errors
        self.fallbacks += other.fallbacks
        self.refused += other.refused
        self.tokens_in += other.tokens_in
        self.tokens_out += other.tokens_out
        self.tokens_cached += other.tokens_cached
        self.tokens_reasoning += other.tokens_reasoning
        self.cost_nano_eur += other.cost_nano_eur
        self.latency_us += other.latency_us
        self.latency.merge(other.latency)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Cell):
            return NotImplemented
        return self.counts() == other.counts() and self.latency == other.latency

    __hash__ = None  # type: ignore[assignment]  # a cell changes


class Tally(NamedTuple):
    """A table of plain counts: its name, and the columns that name what is counted."""

    table: str
    columns: tuple[str, ...]


CRITIC: Final = Tally("critic_rollup", ("layer", "verdict"))
ERRORS: Final = Tally("error_rollup", ("layer", "role", "provider", "model_id", "outcome", "reason"))
DENIALS: Final = Tally("denial_rollup", ("rule", "place"))
TALLIES: Final = (CRITIC, ERRORS, DENIALS)


class Figures:
    """All figures of one window: cells, and counts by tally."""

    def __init__(self) -> None:
        self.cells: dict[CellKey, Cell] = {}
        self.counts: dict[Tally, dict[tuple[str, ...], int]] = {tally: {} for tally in TALLIES}

    def cell(self, key: CellKey) -> Cell:
        """The cell of ``key``, made when missing."""
        found = self.cells.get(key)
        if found is None:
            found = self.cells[key] = Cell()
        return found

    def count(self, tally: Tally, key: tuple[str, ...], more: int = 1) -> None:
        """Count ``key``."""
        counted = self.counts[tally]
        counted[key] = counted.get(key, 0) + more

    def __bool__(self) -> bool:
        return bool(self.cells) or any(self.counts.values())

    def merge(self, other: "Figures") -> None:
        """Add ``other``'s figures."""
        for key, cell in other.cells.items():
            self.cell(key).merge(cell)
        for tally, counted in other.counts.items():
            for name, more in counted.items():
                self.count(tally, name, more)


def read_window(db: sqlite3.Connection, place: Place) -> Figures:
    """The figures stored for one window."""
    figures = Figures()
    where = "WHERE width_s = ? AND start = ? AND part = ?"
    for row in db.execute(f"SELECT * FROM rollup {where}", place):  # noqa: S608 - constant text
        figures.cells[row[3:7]] = cell_of(row)
    for tally in TALLIES:
        for row in db.execute(f"SELECT * FROM {tally.table} {where}", place):  # noqa: S608 - our own table's name
            figures.counts[tally][row[3:-1]] = row[-1]
    return figures


def cell_of(row: Sequence[Any]) -> Cell:
    """The cell in a row of ``rollup``."""
    return Cell(row[7:17], QuantileSketch.from_bytes(row[17]))


def write_cells(db: sqlite3.Connection, place: Place, cells: Iterable[tuple[CellKey, Cell]]) -> None:
    """Store cells of one window, in the place of what was there."""
    marks = ",".join("?" * 18)
    db.executemany(
        f"INSERT OR REPLACE INTO rollup VALUES ({marks})",  # noqa: S608 - marks only
        [(*place, *key, *cell.counts(), cell.latency.to_bytes()) for key, cell in cells],
    )


def write_counts(
    db: sqlite3.Connection, tally: Tally, place: Place, counts: Iterable[tuple[tuple[str, ...], int]]
) -> None:
    """Store counts of one window, in the place of what was there."""
    marks = ",".join("?" * (4 + len(tally.columns)))
    db.executemany(
        f"INSERT OR REPLACE INTO {tally.table} VALUES ({marks})",  # noqa: S608 - our own table's name
        [(*place, *name, count) for name, count in counts],
    )


def minute_of(ts: str) -> int:
    """The start of the minute of a ledger time, in Unix seconds."""
    seconds = int(from_iso(ts).timestamp())
    return seconds - seconds % MINUTE


def window_start(start: int, width: int) -> int:
    """The start of the window of ``width`` seconds that holds ``start``; 0 for the totals."""
    return start - start % width if width else 0
