"""Short questions with one right answer: sums, sorted lists, dates, letters, plain JSON.

A question that fits no form here gets the usual text, which is a wrong answer, as a model gives that cannot.
"""

import json
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Final

_SCANNED: Final = 2_000
_NUMBER: Final = r"(-?\d{1,12}(?:\.\d{1,9})?)"
_WORD: Final = r"['\"“]([^'\"”\n]{1,80})['\"”]"


def exact(prompt: str) -> str | None:
    """The answer to a question of a known form; ``None`` for every other prompt."""
    text = prompt[:_SCANNED]
    for pattern, answer in _FORMS:
        found = pattern.search(text)
        if found is not None:
            return answer(found)
    return None


def _sum(found: re.Match[str]) -> str:
    left, sign, right = Decimal(found[1]), found[2], Decimal(found[3])
    made = {"+": left + right, "-": left - right, "*": left * right}[sign]
    return _plain(made)


def _percent(found: re.Match[str]) -> str:
    return _plain(Decimal(found[1]) * Decimal(found[2]) / 100)


def _sorted(found: re.Match[str]) -> str:
    numbers = [one.strip() for one in found[2].split(",")]
    numbers.sort(key=Decimal, reverse=found[1].lower() == "descending")
    return ", ".join(numbers)


def _extreme(found: re.Match[str]) -> str:
    numbers = [one.strip() for one in found[2].split(",")]
    return (max if found[1].lower() in {"largest", "highest"} else min)(numbers, key=Decimal)


def _month_end(found: re.Match[str]) -> str:
    year, month = int(found[1]), int(found[2])
    following = date(year + month // 12, month % 12 + 1, 1)
    return date.fromordinal(following.toordinal() - 1).isoformat()


def _weekday(found: re.Match[str]) -> str:
    return date.fromisoformat(found[1]).strftime("%A")


def _compared(found: re.Match[str]) -> str:
    return "yes" if Decimal(found[1]) > Decimal(found[2]) else "no"


def _as_json(found: re.Match[str]) -> str:
    """Keys and values as given, ``key value`` pairs: numbers stay numbers, all else is text."""
    pairs = [one.strip().split(" ", 1) for one in found[1].split(",")]
    return json.dumps({key: _value(value) for key, value in pairs})


def _value(text: str) -> str | int | float | bool | None:
    text = text.strip()
    named: dict[str, bool | None] = {"true": True, "false": False, "null": None}
    if text in named:
        return named[text]
    if re.fullmatch(r"-?\d{1,12}", text):
        return int(text)
    return float(text) if re.fullmatch(r"-?\d{1,12}\.\d{1,9}", text) else text


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _form(pattern: str, answer: Callable[[re.Match[str]], str]) -> tuple[re.Pattern[str], Callable[..., str]]:
    return re.compile(pattern, re.IGNORECASE), answer


_LIST: Final = rf"({_NUMBER.replace('(-', '(?:-', 1)}(?:, ?{_NUMBER.replace('(-', '(?:-', 1)})+)"
_FORMS: Final = (
    _form(rf"what is {_NUMBER} ?([-+*]) ?{_NUMBER}\?", _sum),
    _form(rf"what is {_NUMBER} ?% of {_NUMBER}\?", _percent),
    _form(rf"sort in (ascending|descending) order: {_LIST}", _sorted),
    _form(rf"which is the (largest|smallest|highest|lowest) of: {_LIST}", _extreme),
    _form(r"last day of the month (20\d\d)-([01]\d)\b", _month_end),
    _form(r"which day of the week was (20\d\d-[01]\d-[0-3]\d)\?", _weekday),
    _form(rf"is {_NUMBER} greater than {_NUMBER}\?", _compared),
    _form(rf"in upper case: {_WORD}", lambda found: found[1].upper()),
    _form(rf"in lower case: {_WORD}", lambda found: found[1].lower()),
    _form(rf"repeat exactly: {_WORD}", lambda found: found[1]),
    _form(
        rf"first letters of the words of {_WORD}", lambda found: "".join(one[0] for one in found[1].split())
    ),
    _form(r"one JSON object with these keys and values: ([a-z_]+ [^,\n]+(?:, [a-z_]+ [^,\n]+)*)\n", _as_json),
)
