"""Money as integer nano-EUR: exact, and far below 2^53 for any bill (2^53 nano-EUR are 9 million EUR)."""

from decimal import ROUND_CEILING, Decimal
from typing import NewType

NanoEur = NewType("NanoEur", int)
"""An amount in 10^-9 EUR."""

NANO = 1_000_000_000
ZERO = NanoEur(0)
_DECIMALS = 9


def nano_from_decimal(amount: Decimal) -> NanoEur:
    """An amount in EUR as nano-EUR, rounded up: a bound is never understated."""
    return NanoEur(int((amount * NANO).to_integral_value(rounding=ROUND_CEILING)))


def decimal_from_nano(amount: int) -> Decimal:
    """Nano-EUR as an exact decimal number of EUR."""
    return Decimal(amount).scaleb(-9)


def text_from_nano(amount: int) -> str:
    """Nano-EUR as the ledger writes it: EUR with exactly nine decimals, for example ``0.000123456``."""
    sign, size = ("-", -amount) if amount < 0 else ("", amount)
    return f"{sign}{size // NANO}.{size % NANO:09d}"


def nano_from_text(text: str) -> NanoEur:
    """The inverse of :func:`text_from_nano`; any decimal text of whole nano-EUR is read.

    Raises ``ValueError`` for more than nine decimals: nothing is rounded in silence. Raises
    ``decimal.InvalidOperation`` for what is no number.
    """
    if text[-_DECIMALS - 1 : -_DECIMALS] == ".":
        return NanoEur(int(text[: -_DECIMALS - 1] + text[-_DECIMALS:]))
    amount = Decimal(text) * NANO
    whole = int(amount)
    if whole != amount:
        raise ValueError(f"{text!r} is no whole number of nano-EUR")
    return NanoEur(whole)
