"""Which values the gate takes for figures: decimals in bounds, whole numbers, texts, words. Pure.

Bounds keep every product and sum of the gate exact in its decimal context: what lies outside is no figure of
a market, and the order is blocked for it.
"""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Any, Final, TypeGuard

from peak_console.domain.trading import OrderType, Side

EXACT: Final = Context(
    prec=256,
    rounding=ROUND_HALF_EVEN,
    Emin=-9999,
    Emax=9999,
    traps=[InvalidOperation, DivisionByZero, Overflow, Inexact],
)
"""The context of the gate's arithmetic. Nothing is rounded in it: what would be, raises."""

MOST: Final = Decimal(10) ** 15
"""No quantity, price or amount reaches it."""
FINEST: Final = -18
"""Exponent of the last digit that a figure may have."""
NO_TIME_YET: Final = 0
MINUTE_US: Final = 60_000_000
"""The window of the order rate."""

VENUE_KINDS: Final = frozenset({"none", "paper", "testnet", "live"})
INSTRUMENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9./_-]{0,39}")
NAME: Final = re.compile(r"[!-~]{1,100}")
"""An intent's or a run's id: ASCII without spaces."""


def figure(value: Any) -> Decimal | None:
    """``value`` where it is a finite decimal in bounds, else ``None``."""
    if type(value) is not Decimal or not value.is_finite():
        return None
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < FINEST or not -MOST < value < MOST:
        return None
    return value


def above_zero(value: Any) -> Decimal | None:
    """``value`` where it is a figure above zero, else ``None``."""
    found = figure(value)
    return found if found is not None and found > 0 else None


def is_moment(value: Any) -> TypeGuard[int]:
    """Whether it is a time: microseconds since 1970."""
    return type(value) is int and value > NO_TIME_YET


def count_of(value: Any) -> int | None:
    """``value`` where it is a whole number above zero, else ``None``."""
    return value if type(value) is int and value > 0 else None


def is_instrument(value: Any) -> TypeGuard[str]:
    """Whether it can be an instrument's name."""
    return isinstance(value, str) and INSTRUMENT.fullmatch(value) is not None


def is_name(value: Any) -> TypeGuard[str]:
    """Whether it can be the id of an intent or a run."""
    return isinstance(value, str) and NAME.fullmatch(value) is not None


def is_side(value: Any) -> TypeGuard[Side]:
    """Whether it says which way an order goes."""
    return type(value) is Side


def is_order_type(value: Any) -> TypeGuard[OrderType]:
    """Whether it says how an order is priced."""
    return type(value) is OrderType
