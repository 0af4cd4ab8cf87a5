"""Words for what shadow records: ideas, outlooks, reasons. Pure; what a model wrote is made harmless."""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from peak_console.domain.text import one_line
from peak_console.operations.views.body_fields import listed, mapping, moment, text_of, whole

_WORD: Final = 40
_MOST: Final = 20


def word(value: Any, limit: int = _WORD) -> str:
    """``value`` on one line where it is a text; empty where it is none."""
    return one_line(value, limit) if isinstance(value, str) else ""


def words(value: Any, limit: int = _WORD) -> tuple[str, ...]:
    """The texts of a list, each on one line, at most twenty."""
    return tuple(one for each in listed(value)[:_MOST] if (one := word(each, limit)))


def amount(value: Any) -> Decimal | None:
    """A finite amount, written as text or as a whole number."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    try:
        number = Decimal(value)
    except (InvalidOperation, ValueError):
        return None
    return number if number.is_finite() else None


def instant(value: Any) -> datetime | None:
    """``value`` where it is a time that names its zone."""
    found = moment(value)
    return found if found is not None and found.tzinfo is not None else None


def idea_words(intent: Any) -> str:
    """An intent, as ``buy 800 EUR/USD``; empty where there is none."""
    told = mapping(intent)
    side, instrument = word(told.get("side"), 8), word(told.get("instrument"))
    if not (side and instrument):
        return ""
    quantity = amount(told.get("quantity"))
    size = "" if quantity is None else f"{_plain(quantity)} "
    limit = amount(told.get("limit_price"))
    at = "" if limit is None else f" at {_plain(limit)}"
    return f"{side} {size}{instrument}{at}"


def outlook_words(outlook: Any, hypothesis: Any = None) -> str:
    """Scenarios with their probabilities, the view and its conviction, as far as they are told."""
    told, idea = mapping(outlook), mapping(hypothesis)
    parts = [_scenarios(told.get("scenarios"))]
    if confidence := _share(told.get("confidence")):
        parts.append(f"confidence {confidence}")
    if view := word(idea.get("view"), 12):
        conviction = _share(idea.get("conviction"))
        parts.append(f"view {view}{f' ({conviction})' if conviction else ''}")
    return ", ".join(one for one in parts if one)


def _scenarios(value: Any) -> str:
    count = whole(value)
    if count is not None:
        return f"{count} scenarios"
    named = []
    for one in listed(value)[:4]:
        scenario = mapping(one)
        name = word(scenario.get("name"), 24) or word(scenario.get("direction"), 12)
        share = _share(scenario.get("probability_pct"))
        if name and share:
            named.append(f"{name} {share} %")
    return ", ".join(named)


def _share(value: Any) -> str:
    number = amount(value)
    return word(text_of(value), 16) if number is None else _plain(number)


def _plain(number: Decimal) -> str:
    """Without an exponent and without zeros at the end; a number beyond all measure as it is."""
    if abs(number.adjusted()) > _MOST:
        return f"{number:.6E}"
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
