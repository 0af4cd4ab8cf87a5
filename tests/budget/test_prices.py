"""Price arithmetic: cached and reasoning tokens as providers bill them, and a bound that nothing exceeds."""

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from peak_console.budget.prices import Price, bound, cost
from peak_console.domain.calls import Usage

USD = st.decimals(0, 200, places=6)
RATES = st.decimals("0.5", "1.5", places=4)
TOKENS = st.integers(0, 5_000_000)


def price(
    *,
    given_in: Decimal = Decimal("1.25"),
    out: Decimal = Decimal(10),
    read: Decimal | None = Decimal("0.125"),
    write: Decimal | None = None,
    request: Decimal = Decimal(0),
) -> Price:
    """A price, of gpt-5's size unless told otherwise."""
    day = date(2026, 11, 1)
    return Price("openai", "gpt-5", given_in, out, read, write, request, "test", day, day)


PRICES = st.builds(price, given_in=USD, out=USD, read=st.none() | USD, write=st.none() | USD, request=USD)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """A usage whose cached tokens are among its input, and reasoning among its output."""
    given_in, out = draw(TOKENS), draw(TOKENS)
    read = draw(st.integers(0, given_in))
    write = draw(st.integers(0, given_in - read))
    return Usage(given_in, read, write, out, draw(st.integers(0, out)))


@given(PRICES, usages(), RATES)
def test_no_bill_exceeds_its_bound(one: Price, usage: Usage, rate: Decimal) -> None:
    """The bound holds for every usage within its numbers, however it is billed."""
    most = bound(one, input_tokens=usage.input_total, max_output_tokens=usage.output_total, eur_per_usd=rate)
    assert 0 <= cost(one, usage, rate) <= most


@given(PRICES, usages(), RATES)
def test_the_bill_is_the_sum_of_its_parts_rounded_up(one: Price, usage: Usage, rate: Decimal) -> None:
    """Exact to the nano-EUR, by rational arithmetic done another way."""
    fresh = usage.input_total - usage.cache_read - usage.cache_write
    parts = [
        (fresh, one.input_usd_per_mtok),
        (usage.cache_read, one.cache_read),
        (usage.cache_write, one.cache_write),
        (usage.output_total, one.output_usd_per_mtok),
    ]
    # USD prices here have six decimals and rates four: as integers nothing is rounded.
    units = sum(count * int(usd * 10**6) for count, usd in parts) + int(one.request_usd * 10**6) * 10**6
    exact = units * int(rate * 10**4)  # in 10^-16 EUR
    assert cost(one, usage, rate) == -(-exact // 10**7)


@given(PRICES, TOKENS, TOKENS, RATES)
def test_a_bound_grows_with_what_is_asked(one: Price, given_in: int, out: int, rate: Decimal) -> None:
    """More tokens never have a smaller bound."""
    small = bound(one, input_tokens=given_in, max_output_tokens=out, eur_per_usd=rate)
    large = bound(one, input_tokens=given_in + 1, max_output_tokens=out + 1, eur_per_usd=rate)
    assert small <= large


def test_cached_tokens_are_taken_out_of_the_input() -> None:
    """A million input tokens, 400,000 of them cached at a tenth, at parity: 0.75 + 0.05 EUR."""
    assert cost(price(), Usage(input_total=1_000_000, cache_read=400_000), Decimal(1)) == 800_000_000


def test_reasoning_tokens_are_output_once() -> None:
    """Reasoning is part of the output total: it is not billed a second time."""
    assert cost(price(), Usage(output_total=1000, reasoning=900), Decimal(1)) == 10_000_000


def test_without_a_cached_price_cached_tokens_cost_full() -> None:
    """An unpublished discount is no discount."""
    usage = Usage(input_total=1_000_000, cache_read=1_000_000)
    assert cost(price(read=None), usage, Decimal(1)) == 1_250_000_000


def test_a_dearer_cache_write_is_in_the_bound() -> None:
    """Where writing a cache costs more than input, the bound reckons with it."""
    dear = price(write=Decimal(3))
    most = bound(dear, input_tokens=1_000_000, max_output_tokens=0, eur_per_usd=Decimal(1))
    assert most == 3_000_000_000


def test_the_rate_and_the_fee_per_request_count() -> None:
    """USD become EUR by the rate; a request's own fee is in bill and bound."""
    fee = price(request=Decimal("0.01"))
    assert cost(fee, Usage(), Decimal("0.9")) == 9_000_000
    assert bound(fee, input_tokens=0, max_output_tokens=0, eur_per_usd=Decimal("0.9")) == 9_000_000


def test_the_smallest_fraction_is_rounded_up() -> None:
    """One token of a millionth of a nano-EUR still costs a nano-EUR: never understated."""
    cheap = price(given_in=Decimal("0.000001"), out=Decimal(0), read=None)
    assert cost(cheap, Usage(input_total=1), Decimal(1)) == 1


def test_more_cached_than_input_is_not_a_rebate() -> None:
    """A provider's inconsistent usage never makes a negative part."""
    assert cost(price(), Usage(input_total=10, cache_read=100), Decimal(1)) == 100 * 125
