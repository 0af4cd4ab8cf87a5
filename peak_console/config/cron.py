"""How often a schedule fires, if ever: read without the library that the node's clock uses. Pure.

Fields as ``crontab(5)`` of Debian has them; day of the month *or* weekday where both are given.
"""

import re
from dataclasses import dataclass
from typing import Final

_DAY_S: Final = 86_400
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": _DAY_S}
_MONTHS: Final = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS: Final = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_LONGEST: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""Days of each month, in the longest year."""

_PART: Final = re.compile(r"(\*|[0-9]+|[A-Za-z]+)(?:-([0-9]+|[A-Za-z]+))?(?:/([0-9]+))?")
_FIVE: Final = 5


@dataclass(frozen=True, slots=True)
class Firing:
    """How often a schedule fires."""

    shortest_s: int
    """Seconds between the two firings that follow each other fastest."""
    ever: bool = True
    """Whether any day fits it."""


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    """Words for its numbers, the first for the lowest."""


_FIELDS: Final = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, tuple(_MONTHS)),
    _Field("weekday", 0, 7, tuple(_DAYS)),
)


def firing(schedule: str) -> Firing:
    """How often ``schedule`` fires; raises ``ValueError`` with what is wrong with it."""
    words = schedule.split()
    if words and words[0] == "every":
        length = "".join(words[1:])
        return Firing(int(length[:-1]) * _UNITS[length[-1]])
    if words and words[0] == "daily":
        return Firing(_DAY_S)
    if len(words) != _FIVE:
        raise ValueError("a cron line has five fields")
    minutes, hours, days, months, weekdays = (
        _values(word, one) for word, one in zip(words, _FIELDS, strict=True)
    )
    either = not (words[2].startswith("*") or words[4].startswith("*"))
    ever = bool(either and weekdays) or any(day <= _LONGEST[month - 1] for month in months for day in days)
    times = sorted(hour * 60 + minute for hour in hours for minute in minutes)
    gaps = [later - earlier for earlier, later in zip(times, [*times[1:], times[0] + 24 * 60], strict=True)]
    return Firing(min(gaps) * 60, ever)


def _values(text: str, field: _Field) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"{part[:20] or 'nothing'} is no {field.name}")
        first, last, step = match.groups()
        if first == "*" and last is not None:
            raise ValueError(f"{part[:20]} is no span of the field {field.name}")
        low = field.low if first == "*" else _number(first, field)
        high = field.high if first == "*" or (step and last is None) else low if last is None else 0
        high = _number(last, field) if last is not None else high
        if field.name == "weekday" and last is not None and high < low and high == 0:
            high = 7  # to Sunday
        stride = 1 if step is None else int(step)
        too_far = step is not None and field.name != "weekday" and stride > high - low
        if high < low or stride == 0 or too_far:
            raise ValueError(f"{part[:20]} is no span of the field {field.name}")
        found.update(range(low, high + 1, stride))
    return found


def _number(word: str, field: _Field) -> int:
    if word.lower() in field.names:
        return field.names.index(word.lower()) + (1 if field.low else 0)
    number = int(word) if word.isdigit() else -1
    if not field.low <= number <= field.high:
        raise ValueError(f"{word[:20]} is no {field.name}")
    return number
