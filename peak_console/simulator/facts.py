"""What a prompt holds that an answer can be about: an instrument, prices, a time."""

import re
from dataclasses import dataclass
from typing import Final

_SCANNED: Final = 20_000
_PAIR: Final = re.compile(r"\b[A-Z]{3}/[A-Z]{3}\b")
_PRICE: Final = re.compile(r"(?<![\d.])\d{1,6}\.\d{3,6}(?![\d.])")
_NUMBER: Final = r"(\d{1,9}(?:\.\d{1,9})?)"
_BAR: Final = re.compile(rf"^(20[^,\n]{{8,18}}),{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER},\d+$", re.MULTILINE)
"""A row of bars: time, open, high, low, close, volume."""
_WHEN: Final = re.compile(r"\b20\d\d-[01]\d-[0-3]\d(?:[ T][0-2]\d:[0-5]\d)?")


@dataclass(frozen=True, slots=True)
class Facts:
    """Figures found in a prompt; without prices all of them are zero and ``known`` is false."""

    pair: str = "the instrument"
    last: float = 0.0
    first: float = 0.0
    low: float = 0.0
    high: float = 0.0
    when: str = "the last observation"
    known: bool = False

    @property
    def change_pct(self) -> float:
        """From the first to the last price, in percent."""
        return (self.last / self.first - 1) * 100 if self.first else 0.0

    @property
    def middle(self) -> float:
        """Half way between low and high."""
        return (self.low + self.high) / 2


def facts(prompt: str) -> Facts:
    """The facts in ``prompt``: of its table of bars, else of its prices in the order in which they stand."""
    text = prompt[:_SCANNED]
    pair = _PAIR.search(text)
    name = pair.group() if pair else "the instrument"
    rows = _BAR.findall(text)
    return _of_bars(name, rows) if rows else _of_prices(name, text)


def _of_bars(name: str, rows: list[tuple[str, str, str, str, str]]) -> Facts:
    lows, highs = [float(row[3]) for row in rows], [float(row[2]) for row in rows]
    first, last = float(rows[0][4]), float(rows[-1][4])
    return Facts(name, last, first, min(lows), max(highs), rows[-1][0], known=True)


def _of_prices(name: str, text: str) -> Facts:
    times = _WHEN.findall(text)
    prices = [float(one) for one in _PRICE.findall(text)]
    when = max(times) if times else "the last observation"
    if not prices:
        return Facts(pair=name, when=when)
    return Facts(name, prices[-1], prices[0], min(prices), max(prices), when, known=True)
