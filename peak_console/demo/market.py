"""Real market data for the demo's prompts: an excerpt of EUR/USD hourly bars, shipped with the package."""

import csv
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from typing import Final

PAIR: Final = "EUR/USD"
SOURCE: Final = "EUR/USD hourly bars, test data of the PyPI package backtesting 0.6.6"


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour: its start (exchange time as in the source), prices, ticks."""

    time: str
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int


@dataclass(frozen=True, slots=True)
class Window:
    """Some bars in a row, oldest first."""

    bars: tuple[Bar, ...]

    @property
    def first(self) -> Bar:
        """The oldest bar."""
        return self.bars[0]

    @property
    def last(self) -> Bar:
        """The latest bar."""
        return self.bars[-1]

    def table(self) -> str:
        """The bars as CSV, as a prompt carries them."""
        rows = [f"{bar.time},{bar.open},{bar.high},{bar.low},{bar.close},{bar.volume}" for bar in self.bars]
        return "\n".join(["time,open,high,low,close,volume", *rows])

    def described(self) -> str:
        """What the bars are, in one line."""
        return f"{PAIR}, {len(self.bars)} hourly bars from {self.first.time} to {self.last.time} ({SOURCE})"


@lru_cache(maxsize=1)
def bars() -> tuple[Bar, ...]:
    """All bars of the excerpt, oldest first."""
    text = files("peak_console.demo").joinpath("data", "eurusd_1h.csv").read_text(encoding="ascii")
    rows = list(csv.reader(text.splitlines()))[1:]
    return tuple(_bar(row) for row in rows)


def _bar(row: list[str]) -> Bar:
    time, opened, high, low, close, volume = row
    return Bar(time, Decimal(opened), Decimal(high), Decimal(low), Decimal(close), int(volume))


def window(place: int, size: int = 48) -> Window:
    """``size`` bars from ``place`` on; places beyond the end begin again at the start."""
    every = bars()
    start = place % (len(every) - size + 1)
    return Window(every[start : start + size])
