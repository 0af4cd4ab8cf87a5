"""Money: exact nano-EUR, text with nine decimals, bounds never understated."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.domain.money import decimal_from_nano, nano_from_decimal, nano_from_text, text_from_nano

AMOUNTS = st.integers(-(2**60), 2**60)


@given(AMOUNTS)
def test_text_and_amount_are_inverse(amount: int) -> None:
    """What the ledger writes reads back to the same amount, always with nine decimals."""
    text = text_from_nano(amount)
    assert nano_from_text(text) == amount
    assert len(text.rpartition(".")[2]) == 9


@given(AMOUNTS)
def test_decimal_and_amount_are_inverse(amount: int) -> None:
    """A whole number of nano-EUR is exact as a decimal."""
    assert nano_from_decimal(decimal_from_nano(amount)) == amount


@given(st.decimals(0, 1000, places=14))
def test_an_amount_is_rounded_up_and_by_less_than_a_nano(amount: Decimal) -> None:
    """Rounding never makes a bound smaller than it is."""
    rounded = decimal_from_nano(nano_from_decimal(amount))
    assert amount <= rounded < amount + Decimal("1e-9")


def test_known_texts() -> None:
    """The form of the contract."""
    assert text_from_nano(123_456) == "0.000123456"
    assert text_from_nano(-1) == "-0.000000001"
    assert nano_from_text("1.5") == 1_500_000_000


@pytest.mark.parametrize("text", ["0.0000000001", "abc", "1,5", "x.123456789", "NaN", ""])
def test_text_beyond_nano_or_no_number_is_refused(text: str) -> None:
    """Nothing is rounded silently when reading."""
    with pytest.raises((ArithmeticError, ValueError)):
        nano_from_text(text)
