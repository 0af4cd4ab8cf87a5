"""What a call costs, and what it may cost at most."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext

from peak_console.domain.calls import Usage
from peak_console.domain.money import NanoEur, nano_from_decimal

_MILLION = 1_000_000
_DIGITS = 60
"""Precision enough for every product here to be exact; only the last step, to nano-EUR, rounds (up)."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a provider asks for a model, in USD per million tokens, with where and when that was read.

    ``None`` for a cached price means that none was published: such tokens then cost as much as any input.
    """

    provider: str
    model_id: str
    input_usd_per_mtok: Decimal
    output_usd_per_mtok: Decimal
    cache_read_usd_per_mtok: Decimal | None
    cache_write_usd_per_mtok: Decimal | None
    request_usd: Decimal
    source: str
    as_of: date
    valid_from: date
    hosted_call_usd: Decimal | None = None
    """For one run of a tool that the provider runs; ``None``: not published, so none may be used."""

    @property
    def cache_read(self) -> Decimal:
        """The price of a token read from a cache."""
        cached = self.cache_read_usd_per_mtok
        return self.input_usd_per_mtok if cached is None else cached

    @property
    def cache_write(self) -> Decimal:
        """The price of a token written to a cache."""
        cached = self.cache_write_usd_per_mtok
        return self.input_usd_per_mtok if cached is None else cached

    @property
    def dearest_input(self) -> Decimal:
        """The most that one input token can cost, however it is billed."""
        return max(self.input_usd_per_mtok, self.cache_read, self.cache_write)


def cost(price: Price, usage: Usage, eur_per_usd: Decimal) -> NanoEur:
    """What ``usage`` costs, rounded up to a nano-EUR.

    ``input_total`` includes the cached tokens, which are taken out and priced as cached; ``output_total``
    includes the reasoning tokens, which every provider bills as output.
    """
    fresh = max(usage.input_total - usage.cache_read - usage.cache_write, 0)
    with localcontext(prec=_DIGITS):
        usd_millionths = (
            fresh * price.input_usd_per_mtok
            + usage.cache_read * price.cache_read
            + usage.cache_write * price.cache_write
            + usage.output_total * price.output_usd_per_mtok
            + (price.request_usd + usage.hosted_calls * (price.hosted_call_usd or 0)) * _MILLION
        )
        return nano_from_decimal(usd_millionths * eur_per_usd / _MILLION)


def bound(
    price: Price, *, input_tokens: int, max_output_tokens: int, eur_per_usd: Decimal, hosted_calls: int = 0
) -> NanoEur:
    """The most a call can cost: every input token at its dearest, and all the output it may give.

    ``hosted_calls`` are the runs of provider-run tools that it may make; what these read counts among
    ``input_tokens``. At least :func:`cost` of every usage within those numbers.
    """
    with localcontext(prec=_DIGITS):
        usd_millionths = (
            input_tokens * price.dearest_input
            + max_output_tokens * price.output_usd_per_mtok
            + (price.request_usd + hosted_calls * (price.hosted_call_usd or 0)) * _MILLION
        )
        return nano_from_decimal(usd_millionths * eur_per_usd / _MILLION)
