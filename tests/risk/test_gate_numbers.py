from decimal import Decimal

import pytest

from peak_console.risk.document import number_text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1000", "1000"),
        ("1E+3", "1000"),
        ("-0.50", "-0.5"),
        ("-0", "0"),
        ("1E+40", "1E+40"),
        ("12E-19", "0.0000000000000000012"),
        ("0.000000000000000001", "0.000000000000000001"),
        ("1000000000000000000", "1000000000000000000"),
        ("1E-30", "1E-30"),
        ("1E+19", "1E+19"),
        ("1E-19", "0.0000000000000000001"),
        ("1E-20", "1E-20"),
        ("NaN", "NaN"),
        ("sNaN12", "NaN"),
        ("-Infinity", "-Infinity"),
        ("Infinity", "Infinity"),
    ],
)
def test_a_decimal_has_this_text(number: str, text: str) -> None:
    """Plain notation within eighteen places, an exponent beyond; what is no number keeps its name."""
    assert number_text(Decimal(number)) == text


@pytest.mark.parametrize("number", ["1" * 60, "1E+9999", "1E-9999", "-1E+9999"])
def test_the_longest_decimals_have_a_text(number: str) -> None:
    """At the limit they are told exactly."""
    assert Decimal(number_text(Decimal(number))) == Decimal(number)


@pytest.mark.parametrize("number", ["1" * 61, "1E+10000", "1E-10000"])
def test_longer_decimals_have_none(number: str) -> None:
    """Beyond it nobody is shown a part of a number."""
    with pytest.raises(ValueError, match="too many digits"):
        number_text(Decimal(number))
