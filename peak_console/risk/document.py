"""All that the gate looks at as one document of canonical JSON, and back. Pure.

The gate decides on the document, not on the objects that it was written from: so whoever holds the recorded
document holds the whole of the decision. Equal inputs have one document: decimals stand in plain notation
without zeros at the end, quotes stand in the order of their keys. Whatever has another type than it should
have is written as ``{"unreadable": <type>}``, and blocks.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from peak_console.domain.canonical import NotCanonical, canonical
from peak_console.domain.trading import (
    GateLimits,
    GatePosture,
    Market,
    OrderIntent,
    OrderType,
    Portfolio,
    Position,
    Quote,
    RecentOrder,
    Side,
    WorkingOrder,
)

FORM: Final = 2
"""The form of document and decision. Another form is another gate: what was decided stays decidable."""

TEXT_LIMIT: Final = 100
"""Characters of a text, printable ASCII; any other is unreadable."""

POSITIONS_LIMIT: Final = 200
WORKING_LIMIT: Final = 200
RECENT_LIMIT: Final = 1000
QUOTES_LIMIT: Final = 200
"""Entries of a list; a longer one is unreadable, so that a document has a largest size."""

DIGITS_LIMIT: Final = 60
_WHOLE_LIMIT: Final = 2**53
_EXPONENT_LIMIT: Final = 9999
_PLAIN_DIGITS: Final = 18
_NUMBER: Final = re.compile(r"-?[0-9]{1,60}(\.[0-9]{1,60})?(E[+-][0-9]{1,4})?")
_NOT_FINITE: Final = frozenset({"NaN", "Infinity", "-Infinity"})
_UNREADABLE: Final = "unreadable"
_WORD: Final = re.compile(r"[A-Za-z0-9_ ]{1,60}")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands where a value had another type, or was too large; ``what`` says which."""

    what: str


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the gate decides on. A value that could not be read is :class:`Unreadable`, wherever it stands."""

    intent: OrderIntent
    portfolio: Portfolio
    working_orders: tuple[WorkingOrder, ...]
    recent_orders: tuple[RecentOrder, ...]
    limits: GateLimits
    market: Market
    posture: GatePosture


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a value is written as JSON and read back; each gives something for whatever it is handed."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def inputs_document(  # noqa: PLR0917 - one argument an input, in the gate's order
    intent: OrderIntent,
    portfolio: Portfolio,
    working_orders: Iterable[WorkingOrder],
    recent_orders: Iterable[RecentOrder],
    limits: GateLimits,
    market: Market,
    posture: GatePosture,
) -> dict[str, Any]:
    """The document of these inputs: canonical JSON of at most 600 KiB. Never raises."""
    values = (intent, portfolio, working_orders, recent_orders, limits, market, posture)
    parts = {name: shape.write(value) for (name, shape), value in zip(_PARTS.items(), values, strict=True)}
    return {"gate": FORM, **parts}


def inputs_from(document: Any) -> Inputs:
    """The inputs that a document holds; what it lacks, or holds of another type, is :class:`Unreadable`.

    Raises ``ValueError`` where it is no document of the gate's at all.
    """
    if not isinstance(document, Mapping) or document.get("gate") != FORM:
        raise ValueError(f"no document of the gate's form {FORM}")
    return Inputs(*(shape.read(_held(document, name)) for name, shape in _PARTS.items()))


def is_written_by_the_gate(document: Any, inputs: Inputs) -> bool:
    """Whether ``document`` is the one document that the gate writes of ``inputs``, byte for byte."""
    again = inputs_document(*(getattr(inputs, one.name) for one in fields(Inputs)))
    try:
        return canonical(document) == canonical(again)
    except NotCanonical:
        return False


def number_text(number: Decimal) -> str:
    """A decimal as the document has it: ``1000``, ``-0.5``, ``1E+40``, ``NaN``; equal decimals, equal texts.

    Independent of any decimal context. At most :data:`DIGITS_LIMIT` digits: ``ValueError`` beyond.
    """
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        return "NaN" if number.is_nan() else ("-Infinity" if sign else "Infinity")
    text = "".join(map(str, digits)).lstrip("0")
    stripped = text.rstrip("0")
    if not stripped:
        return "0"
    exponent += len(text) - len(stripped)
    if len(stripped) > DIGITS_LIMIT or abs(exponent) > _EXPONENT_LIMIT:
        raise ValueError("a decimal of too many digits")
    return ("-" if sign else "") + _notation(stripped, exponent)


def _notation(digits: str, exponent: int) -> str:
    """Plain where few zeros need writing, else with an exponent."""
    if 0 <= exponent <= _PLAIN_DIGITS:
        return digits + "0" * exponent
    point = len(digits) + exponent
    if exponent < 0 and point > 0:
        return f"{digits[:point]}.{digits[point:]}"
    if exponent < 0 and point >= -_PLAIN_DIGITS:
        return f"0.{'0' * -point}{digits}"
    return f"{digits}E{exponent:+d}"


# --- shapes --------------------------------------------------------------------------------------------


def _unreadable(value: Any) -> dict[str, str]:
    if type(value) is Unreadable:
        return {_UNREADABLE: value.what}
    name = type(value).__name__
    return {_UNREADABLE: name if _WORD.fullmatch(name) else "value"}


def _not_read(value: Any) -> Unreadable:
    """What stands for a JSON value that does not fit; what was written as unreadable says the same again."""
    if type(value) is Unreadable:
        return value
    what = value.get(_UNREADABLE) if type(value) is dict and len(value) == 1 else None
    return Unreadable(what if isinstance(what, str) and _WORD.fullmatch(what) else type(value).__name__)


def _write_text(value: Any) -> Any:
    fits = isinstance(value, str) and len(value) <= TEXT_LIMIT and value.isascii() and value.isprintable()
    return str.__str__(value) if fits else _unreadable(value)


def _read_text(value: Any) -> Any:
    fits = isinstance(value, str) and _write_text(value) == value
    return value if fits else _not_read(value)


def _write_number(value: Any) -> Any:
    if value is None:
        return None
    if type(value) is not Decimal:
        return _unreadable(value)
    try:
        return number_text(value)
    except ValueError:
        return _unreadable(value)


def _read_number(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, str) and (value in _NOT_FINITE or _NUMBER.fullmatch(value)):
        return Decimal(value)
    return _not_read(value)


def _is_whole(value: Any) -> bool:
    return type(value) is int and abs(value) < _WHOLE_LIMIT


def _is_flag(value: Any) -> bool:
    return type(value) is bool


def _plain(fits: Callable[[Any], bool], *, or_none: bool = False) -> _Shape:
    def kept(value: Any) -> bool:
        return fits(value) or (or_none and value is None)

    return _Shape(
        lambda value: value if kept(value) else _unreadable(value),
        lambda value: value if kept(value) else _not_read(value),
    )


def _word(words: type[Side] | type[OrderType]) -> _Shape:
    def read(value: Any) -> Any:
        text = _read_text(value)
        return words(text) if isinstance(text, str) and text in set(words) else text

    return _Shape(_write_text, read)


def _record(cls: type[Any], shapes: Mapping[str, _Shape]) -> _Shape:
    """A dataclass as an object of its fields."""

    def write(value: Any) -> Any:
        if type(value) is not cls:
            return _unreadable(value)
        return {name: shape.write(getattr(value, name)) for name, shape in shapes.items()}

    def read(value: Any) -> Any:
        if not isinstance(value, Mapping) or _UNREADABLE in value:
            return _not_read(value)
        return cls(**{name: shape.read(_held(value, name)) for name, shape in shapes.items()})

    return _Shape(write, read)


def _listed(shape: _Shape, limit: int) -> _Shape:
    """A tuple as an array."""

    def write(value: Any) -> Any:
        if type(value) not in {tuple, list} or len(value) > limit:
            return _unreadable(value)
        return [shape.write(one) for one in value]

    def read(value: Any) -> Any:
        if type(value) not in {tuple, list} or len(value) > limit:
            return _not_read(value)
        return tuple(shape.read(one) for one in value)

    return _Shape(write, read)


def _held(record: Mapping[Any, Any], name: str) -> Any:
    return record[name] if name in record else Unreadable("missing")


_TEXT: Final = _Shape(_write_text, _read_text)
_NUMERAL: Final = _Shape(_write_number, _read_number)
_COUNT: Final = _plain(_is_whole, or_none=True)
_TIME: Final = _plain(_is_whole)
_FLAG: Final = _plain(_is_flag)
_QUOTE: Final = _record(
    Quote,
    {"instrument": _TEXT, "price": _NUMERAL, "at_us": _TIME, "eur_per_quote": _NUMERAL, "eur_at_us": _TIME},
)


def _write_quotes(value: Any) -> Any:
    """By key, as pairs: a key may be any text, and those of canonical JSON are ASCII."""
    if type(value) not in {dict, MappingProxyType} or len(value) > QUOTES_LIMIT:
        return _unreadable(value)
    pairs = [[_write_text(key), _QUOTE.write(quote)] for key, quote in value.items()]
    return sorted(pairs, key=lambda pair: canonical(pair[0]))


def _read_quotes(value: Any) -> Any:
    if type(value) not in {tuple, list} or len(value) > QUOTES_LIMIT:
        return _not_read(value)
    pairs = [pair for pair in value if type(pair) in {tuple, list} and len(pair) == 2]  # noqa: PLR2004 - a pair
    if len(pairs) != len(value):
        return _not_read(value)
    return {_read_text(key): _QUOTE.read(quote) for key, quote in pairs}


_PARTS: Final[Mapping[str, _Shape]] = {
    "intent": _record(
        OrderIntent,
        {
            **dict.fromkeys(("intent_id", "run_id", "instrument"), _TEXT),
            "side": _word(Side),
            "quantity": _NUMERAL,
            "order_type": _word(OrderType),
            "limit_price": _NUMERAL,
            "venue": _TEXT,
            "venue_kind": _TEXT,
            "reduce_only": _FLAG,
        },
    ),
    "portfolio": _record(
        Portfolio,
        {
            "positions": _listed(
                _record(Position, {"instrument": _TEXT, "quantity": _NUMERAL, "average_price": _NUMERAL}),
                POSITIONS_LIMIT,
            ),
            **dict.fromkeys(("equity_eur", "peak_equity_eur", "day_pnl_eur"), _NUMERAL),
        },
    ),
    "working_orders": _listed(
        _record(
            WorkingOrder,
            {
                **dict.fromkeys(("intent_id", "instrument"), _TEXT),
                "side": _word(Side),
                **dict.fromkeys(("quantity", "limit_price"), _NUMERAL),
            },
        ),
        WORKING_LIMIT,
    ),
    "recent_orders": _listed(_record(RecentOrder, {"intent_id": _TEXT, "submitted_us": _TIME}), RECENT_LIMIT),
    "limits": _record(
        GateLimits,
        {
            **dict.fromkeys(
                ("max_order_size", "max_notional_eur", "max_position_eur", "max_exposure_eur"), _NUMERAL
            ),
            **dict.fromkeys(("max_open_orders", "max_order_rate_per_min", "max_orders_per_session"), _COUNT),
            "price_collar_pct": _NUMERAL,
            **dict.fromkeys(("max_price_age_s", "max_rate_age_s"), _COUNT),
            **dict.fromkeys(("max_daily_loss_eur", "max_drawdown_pct"), _NUMERAL),
        },
    ),
    "market": _record(Market, {"now_us": _TIME, "quotes": _Shape(_write_quotes, _read_quotes)}),
    "posture": _record(
        GatePosture, dict.fromkeys(("calls", "reduce", "armed", "critic_passed", "sod_ok"), _FLAG)
    ),
}
