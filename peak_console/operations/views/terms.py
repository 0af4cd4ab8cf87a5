"""The words of a filter expression: ``key:value``, ``key>number``, ``-key:value``, free words, quotes.

Pure. What the keys mean is said by the filter that uses them (``call_filter``, ``log_filter``).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Final

from peak_console.domain.errors import PeakError

_TERM = re.compile(r"""(?P<no>-)?(?:(?P<key>[A-Za-z_]+)(?P<op>>=|<=|:|=|>|<))?(?P<value>"[^"]*"?|[^\s"]*)""")
_NUMBER = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)(?P<unit>[a-zA-Zµ€]*)")
_DURATION_S: Final[Mapping[str, float]] = {
    "us": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86_400.0,
}


class FilterInvalid(PeakError):
    """A filter expression that cannot be read; ``details['column']`` counts from 1."""

    default_code = "filter_invalid"
    exit_code = 2


@dataclass(frozen=True, slots=True)
class Term:
    """One word of an expression. ``key`` is empty for a free word; ``op`` one of ``: > >= < <=``."""

    key: str
    op: str
    value: str
    negated: bool
    column: int

    @property
    def choices(self) -> tuple[str, ...]:
        """The alternatives of ``a,b,c``."""
        return tuple(one for one in self.value.split(",") if one)


def read_terms(text: str, keys: Sequence[str]) -> tuple[Term, ...]:
    """The terms of ``text``; raises :class:`FilterInvalid` for an unknown key or a missing value."""
    terms: list[Term] = []
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        found = _TERM.match(text, place)
        if found is None or found.end() == place:
            raise invalid(f"{text[place]!r} cannot stand here", place + 1, "put text with spaces in quotes")
        terms.append(_term(found, place + 1, keys))
        place = found.end()
    return tuple(terms)


def _term(found: re.Match[str], column: int, keys: Sequence[str]) -> Term:
    key, op = (found["key"] or "").lower(), (found["op"] or ":").replace("=", ":", 1)
    op = {">:": ">=", "<:": "<="}.get(op, op)
    value = found["value"]
    if value.startswith('"'):
        if len(value) == 1 or not value.endswith('"'):
            raise invalid("a quote is opened and never closed", column, 'close it with "')
        value = value[1:-1]
    if key and key not in keys:
        raise invalid(f"{key} is not a filter key", column, f"keys: {' '.join(keys)}")
    if not value:
        raise invalid(f"{key or 'the word'} has no value", column, f"write {key or 'word'}{op}something")
    return Term(key, op, value, bool(found["no"]), column)


def invalid(message: str, column: int, remedy: str) -> FilterInvalid:
    """The error for what stands at ``column``."""
    return FilterInvalid(f"{message} (column {column})", remedy=remedy, column=column)


def one_of(term: Term, allowed: Sequence[str]) -> tuple[str, ...]:
    """The term's alternatives, each out of ``allowed`` (in any case)."""
    need_equality(term)
    known = {one.lower(): one for one in allowed}
    for choice in term.choices:
        if choice.lower() not in known:
            raise invalid(f"{term.key} cannot be {choice}", term.column, f"one of: {' '.join(allowed)}")
    return tuple(known[choice.lower()] for choice in term.choices)


def need_equality(term: Term) -> None:
    """Refuse ``>`` and ``<`` on something that has no order."""
    if term.op != ":":
        raise invalid(f"{term.key} has no order", term.column, f"write {term.key}:{term.value}")


def number(term: Term, units: Mapping[str, float], example: str) -> float:
    """The term's value in the base unit of ``units``; the empty unit must be listed to be allowed."""
    found = _NUMBER.fullmatch(term.value)
    if found is None or found["unit"].lower() not in units:
        named = " ".join(one or "(none)" for one in units)
        raise invalid(f"{term.value} is no {term.key}", term.column, f"for example {example}; units: {named}")
    return float(found["number"]) * units[found["unit"].lower()]


def seconds(term: Term, example: str) -> float:
    """A duration with its unit: ``250ms``, ``5s``, ``10m``, ``2h``, ``7d``."""
    return number(term, _DURATION_S, example)


def moment(term: Term, now: datetime) -> datetime:
    """A point in time: ``10m`` ago, ``14:30`` (UTC, today), or ISO 8601 (UTC unless it says otherwise)."""
    if _NUMBER.fullmatch(term.value):
        return now - timedelta(seconds=seconds(term, f"{term.key}:10m"))
    text = (
        f"{now.astimezone(UTC):%Y-%m-%d}T{term.value}"
        if re.fullmatch(r"\d\d:\d\d", term.value)
        else term.value
    )
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        remedy = f"for example {term.key}:10m, {term.key}:14:30 or {term.key}:2026-11-22T14:30"
        raise invalid(f"{term.value} is no time", term.column, remedy) from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def compares(op: str, left: float, right: float) -> bool:
    """Whether ``left op right``; ``:`` is equality."""
    if op == ">":
        return left > right
    if op == ">=":
        return left >= right
    if op == "<":
        return left < right
    return left <= right if op == "<=" else left == right


def like(pattern: str, text: str) -> bool:
    """Whether ``text`` is like ``pattern``: ``*`` and ``?`` as in a shell, whole text, any case."""
    return fnmatchcase(text.lower(), pattern.lower())
