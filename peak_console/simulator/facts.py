"""What a prompt holds that an answer can be about: an instrument, prices, a time."""

import re
from dataclasses import dataclass
from typing import Final

_SCANNED: Final = 20_000
_PAIR: Final = re.compile(r"\b[A-Z]{3}/[A-Z]{3}\b")
_PRICE: Final = re.compile(r"(?<![\d.])\d{1,6}\.\d{3,6}(?![\d.])")
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
    """The facts in ``prompt``: prices in the order in which they stand, times alike."""
    text = prompt[:_SCANNED]
    pair = _PAIR.search(text)
    times = _WHEN.findall(text)
    prices = [float(one) for one in _PRICE.findall(text)]
    name = pair.group() if pair else "the instrument"
    when = max(times) if times else "the last observation"
    if not prices:
        return Facts(pair=name, when=when)
    return Facts(name, prices[-1], prices[0], min(prices), max(prices), when, known=True)
