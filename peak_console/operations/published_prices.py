"""Prices as the package genai-prices knows them: the data it brings with it, nothing is contacted."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.metadata import version
from typing import Any, Final, Protocol

from peak_console.domain.errors import EnvironmentUnfit

PACKAGE: Final = "genai-prices"
_PROVIDERS: Final = {"bedrock": "aws"}
"""Our providers that the package names otherwise."""

_KEYS: Final = {
    "input_usd_per_mtok": ("input_mtok", 1),
    "output_usd_per_mtok": ("output_mtok", 1),
    "cache_read_usd_per_mtok": ("cache_read_mtok", 1),
    "cache_write_usd_per_mtok": ("cache_write_mtok", 1),
    "request_usd": ("requests_kcount", 1000),
    "hosted_call_usd": ("web_searches_kcount", 1000),
}
"""Our keys, the package's, and how many of ours the package's price is for."""


@dataclass(frozen=True, slots=True)
class Published:
    """A model's prices by our keys, in USD; a kind that the package does not price is absent."""

    prices: dict[str, Decimal]
    tiers: tuple[int, ...] = ()
    """Input tokens from which on the package knows a higher price."""


class PriceSource(Protocol):
    """Where prices are read."""

    @property
    def name(self) -> str:
        """What goes into a row's ``source``."""

    def find(self, provider: str, model_id: str, on: date, context_tokens: int) -> Published | None:
        """The prices of a day, at the dearest that ``context_tokens`` of input can reach; or ``None``."""


class GenaiPrices:
    """The data of the installed package."""

    def __init__(self) -> None:
        try:
            from genai_prices import data_snapshot  # noqa: PLC0415 - an extra, and slow
        except ImportError as error:
            raise EnvironmentUnfit(
                "the package genai-prices is not installed",
                code="extra_missing",
                remedy='install it: pip install "peak-console[prices]"',
                extra="prices",
            ) from error
        self._snapshot: Any = data_snapshot.get_snapshot()
        self.name = f"{PACKAGE} {version(PACKAGE)}"

    def find(self, provider: str, model_id: str, on: date, context_tokens: int) -> Published | None:
        """As :class:`PriceSource` says."""
        theirs = _PROVIDERS.get(provider, provider)
        try:
            _, model = self._snapshot.find_provider_model(model_id, None, theirs, None)
        except LookupError:
            return None
        held = model.get_prices(datetime.combine(on, time(12), tzinfo=UTC))
        prices, tiers = dict[str, Decimal](), set[int]()
        for key, (name, count) in _KEYS.items():
            found = getattr(held, name, None)
            if found is None:
                continue
            dearest, from_tokens = _dearest(found, context_tokens)
            prices[key] = _plain(dearest / count)
            tiers |= from_tokens
        return Published(prices, tuple(sorted(tiers))) if "input_usd_per_mtok" in prices else None


def _dearest(price: Any, context_tokens: int) -> tuple[Decimal, set[int]]:
    """A flat price, or of one by tiers the dearest that so much input reaches; and where tiers begin."""
    if isinstance(price, Decimal):
        return price, set()
    reached = [tier.price for tier in price.tiers if tier.start < context_tokens]
    return max([price.base, *reached]), {tier.start for tier in price.tiers}


def _plain(amount: Decimal) -> Decimal:
    """Without trailing zeros and exponent."""
    short = amount.normalize()
    return short.quantize(Decimal(1)) if short == short.to_integral_value() else short
