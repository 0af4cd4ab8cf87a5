"""The price table: the only source of prices at run time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated

from pydantic import Field

from peak_console.budget.prices import Price
from peak_console.config.schema import ConfigModel, FreeText, Listed, Name, Usd


class PriceEntry(ConfigModel):
    """One price of one model, from a day on."""

    provider: Name = Field(description="The provider as the matrix names it.")
    model_id: Name = Field(description="The id as the provider writes it.")
    input_usd_per_mtok: Usd = Field(description="USD for a million input tokens.")
    output_usd_per_mtok: Usd = Field(description="USD for a million output tokens, reasoning included.")
    cache_read_usd_per_mtok: Usd | None = Field(
        default=None,
        description="USD for a million input tokens read from the provider's cache; absent: as input.",
    )
    cache_write_usd_per_mtok: Usd | None = Field(
        default=None, description="USD for a million input tokens written to the cache; absent: as input."
    )
    request_usd: Usd = Field(default=Decimal(0), description="USD for each request, besides its tokens.")
    hosted_call_usd: Usd | None = Field(
        default=None,
        description="USD for one run of a tool that the provider runs (web search); "
        "absent: none may be used.",
    )
    source: FreeText = Field(description="Where the price was read.")
    as_of: date = Field(description="When it was read.")
    valid_from: date = Field(description="The first day on which it holds.")

    def price(self) -> Price:
        """The price as the budget's arithmetic takes it."""
        return Price(**self.__dict__)


class PricesFile(ConfigModel):
    """The shape of `configs/ai/prices.toml`."""

    price: Annotated[tuple[PriceEntry, ...], Listed] = Field(
        default=(), description="The prices, one `[[price]]` each; a model may have several, by `valid_from`."
    )


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices by model, the newest first."""

    rows: Mapping[tuple[str, str], tuple[Price, ...]]
    digest: str

    @classmethod
    def of(cls, file: PricesFile, digest: str) -> "PriceTable":
        """The table a file describes."""
        rows: dict[tuple[str, str], list[Price]] = {}
        for entry in sorted(file.price, key=lambda one: one.valid_from, reverse=True):
            rows.setdefault((entry.provider, entry.model_id), []).append(entry.price())
        return cls(MappingProxyType({key: tuple(prices) for key, prices in rows.items()}), digest)

    def find(self, provider: str, model_id: str, on: date) -> Price | None:
        """The price that holds on a day; ``None`` when there is none, and then the call is refused."""
        for price in self.rows.get((provider, model_id), ()):
            if price.valid_from <= on:
                return price
        return None

    def __iter__(self) -> Iterator[Price]:
        return (price for prices in self.rows.values() for price in prices)
