"""Filter expressions over the log: ``level:warning logger:node since:10m timeout``. Pure."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from peak_console.operations.views import terms
from peak_console.operations.views.log import LEVELS, LogLine
from peak_console.operations.views.terms import Term

KEYS: Final = (
    "level",
    "logger",
    "event",
    "run",
    "call",
    "layer",
    "provider",
    "model",
    "outcome",
    "since",
    "until",
)
EXAMPLES: Final = ("level:warning", "logger:node since:1h", "layer:L2 outcome:failed", "timeout")
_FIELDS: Final = {
    "run": "run_id",
    "call": "call_id",
    "layer": "layer",
    "provider": "provider",
    "model": "model_id",
    "outcome": "outcome",
}

Test = Callable[[LogLine], bool]


@dataclass(frozen=True, slots=True)
class LogFilter:
    """A log filter that was read."""

    text: str = ""
    tests: tuple[Test, ...] = ()
    since: datetime | None = None

    def matches(self, line: LogLine) -> bool:
        """Whether every term holds for ``line``."""
        return all(test(line) for test in self.tests)


def read_log_filter(text: str, now: datetime) -> LogFilter:
    """The filter that ``text`` says. ``level:warning`` means warning and graver. Raises ``FilterInvalid``."""
    words = terms.read_terms(text, KEYS)
    tests = tuple(_negate(_test(term, now)) if term.negated else _test(term, now) for term in words)
    starts = [terms.moment(term, now) for term in words if term.key == "since" and not term.negated]
    return LogFilter(text=text.strip(), tests=tests, since=max(starts) if starts else None)


def _test(term: Term, now: datetime) -> Test:
    if term.key == "level":
        least = min(LEVELS.index(one) for one in terms.one_of(term, LEVELS))
        return lambda line: line.level not in LEVELS or LEVELS.index(line.level) >= least
    if term.key in {"since", "until"}:
        terms.need_equality(term)
        return _time_test(term.key, terms.moment(term, now))
    if term.key in {"logger", "event"}:
        terms.need_equality(term)
        field, patterns = term.key, term.choices
        return lambda line: any(terms.like(f"{one}*", getattr(line, field)) for one in patterns)
    if term.key in _FIELDS:
        terms.need_equality(term)
        name, patterns = _FIELDS[term.key], term.choices
        return lambda line: any(terms.like(one, str(line.fields.get(name, ""))) for one in patterns)
    word = term.value.lower()
    return lambda line: word in searchable(line)


def _time_test(key: str, edge: datetime) -> Test:
    if key == "since":
        return lambda line: line.ts is not None and line.ts >= edge
    return lambda line: line.ts is not None and line.ts <= edge


def searchable(line: LogLine) -> str:
    """The text that a free word is looked for in, lower case."""
    return line.raw.lower() if line.raw else f"{line.logger} {line.event} {json.dumps(line.fields)}".lower()


def _negate(test: Test) -> Test:
    return lambda line: not test(line)
