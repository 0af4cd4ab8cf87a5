"""Filter expressions over calls: ``layer:L2 outcome:failed latency>5s model:gpt-5* since:10m``. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from peak_console.operations.views import terms
from peak_console.operations.views.calls import CallLine
from peak_console.operations.views.terms import Term

LAYERS: Final = ("L0", "L1", "L2", "L3", "L4", "L5", "L6")
ROLES: Final = ("primary", "fallback", "critic")
OUTCOMES: Final = ("ok", "failed", "refused")
MARKS: Final = ("fallback", "degraded", "streamed", "background", "pending", "repair")
KEYS: Final = (
    "layer",
    "role",
    "provider",
    "model",
    "outcome",
    "reason",
    "latency",
    "cost",
    "tokens",
    "hop",
    "run",
    "call",
    "is",
    "since",
    "until",
)
EXAMPLES: Final = (
    "layer:L2 outcome:failed",
    "latency>5s",
    "provider:openai model:gpt-5*",
    "is:fallback since:10m",
)

Test = Callable[[CallLine], bool]


@dataclass(frozen=True, slots=True)
class CallFilter:
    """A filter that was read. ``exact`` holds what an index can answer: one value a key, not negated."""

    text: str = ""
    tests: tuple[Test, ...] = ()
    exact: tuple[tuple[str, str], ...] = ()
    outcomes: tuple[str, ...] = ()
    since: datetime | None = None

    def matches(self, line: CallLine) -> bool:
        """Whether every term holds for ``line``."""
        return all(test(line) for test in self.tests)

    @property
    def everything(self) -> bool:
        """Whether nothing is filtered."""
        return not self.tests


EVERYTHING: Final = CallFilter()


def read_call_filter(text: str, now: datetime) -> CallFilter:
    """The filter that ``text`` says; times count back from ``now``. Raises ``FilterInvalid``."""
    words = terms.read_terms(text, KEYS)
    tests = tuple(_negate(_test(term, now)) if term.negated else _test(term, now) for term in words)
    plain = [term for term in words if not term.negated]
    starts = [terms.moment(term, now) for term in plain if term.key == "since"]
    outcomes = [terms.one_of(term, OUTCOMES) for term in plain if term.key == "outcome"]
    return CallFilter(
        text=text.strip(),
        tests=tests,
        exact=tuple(pair for term in plain if (pair := _exact(term))),
        outcomes=outcomes[0] if len(outcomes) == 1 else (),
        since=max(starts) if starts else None,
    )


def _exact(term: Term) -> tuple[str, str] | None:
    """What an index over the ledger's columns can answer for this term."""
    if term.key not in {"layer", "role", "provider", "model", "run", "call"} or len(term.choices) != 1:
        return None
    value = term.choices[0]
    if any(one in value for one in "*?["):
        return None
    if term.key in {"layer", "role"}:
        value = terms.one_of(term, LAYERS if term.key == "layer" else ROLES)[0]
    elif value != value.lower():
        return None  # text is compared in any case, an index is not
    names = {"model": "model_id", "run": "run_id", "call": "call_id"}
    return names.get(term.key, term.key), value


def _test(term: Term, now: datetime) -> Test:
    if term.key in _CHOICES:
        allowed, field = _CHOICES[term.key]
        wanted = frozenset(terms.one_of(term, allowed))
        return lambda line: getattr(line, field) in wanted
    if term.key in _TEXTS:
        return _text_test(term, _TEXTS[term.key])
    if term.key in _NUMBERS:
        return _number_test(term)
    if term.key == "is":
        marks = terms.one_of(term, MARKS)
        return lambda line: any(getattr(line, mark) for mark in marks)
    if term.key in {"since", "until"}:
        terms.need_equality(term)
        edge = terms.moment(term, now)
        return (lambda line: line.ts >= edge) if term.key == "since" else (lambda line: line.ts <= edge)
    return _word_test(term)


_CHOICES: Final = {
    "layer": (LAYERS, "layer"),
    "role": (ROLES, "role"),
    "outcome": (OUTCOMES, "outcome"),
}
_TEXTS: Final = {
    "provider": "provider",
    "model": "model_id",
    "reason": "reason",
    "run": "run_id",
    "call": "call_id",
}


def _text_test(term: Term, field: str) -> Test:
    terms.need_equality(term)
    patterns = term.choices
    return lambda line: any(terms.like(pattern, getattr(line, field)) for pattern in patterns)


_EURO_UNITS: Final = {"": 1e9, "€": 1e9, "eur": 1e9, "ct": 1e7}
_COUNT_UNITS: Final = {"": 1.0, "k": 1e3, "m": 1e6}
_NUMBERS: Final[dict[str, Callable[[CallLine], float | None]]] = {
    "latency": lambda line: line.latency_ms,
    "cost": lambda line: line.cost,
    "tokens": lambda line: line.tokens_in + line.tokens_out,
    "hop": lambda line: line.hop,
}


def _number_test(term: Term) -> Test:
    value = _figure(term)
    read, op = _NUMBERS[term.key], term.op

    def test(line: CallLine) -> bool:
        found = read(line)
        return found is not None and terms.compares(op, found, value)

    return test


def _figure(term: Term) -> float:
    if term.key == "latency":
        return terms.seconds(term, "latency>5s") * 1000
    if term.key == "cost":
        return terms.number(term, _EURO_UNITS, "cost>0.01€")
    return terms.number(term, _COUNT_UNITS, f"{term.key}>2")


def _word_test(term: Term) -> Test:
    word = term.value.lower()

    def test(line: CallLine) -> bool:
        texts = (
            line.model_id,
            line.provider,
            line.run_id,
            line.call_id,
            line.reason,
            line.layer,
        )
        return any(word in text.lower() for text in texts)

    return test


def _negate(test: Test) -> Test:
    return lambda line: not test(line)
