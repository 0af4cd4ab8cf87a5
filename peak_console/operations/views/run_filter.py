"""Filter expressions over runs: ``layer:L3 critic:FAIL cost>0.5 since:2h outcome:failed leverage``. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from peak_console.domain.clock import iso
from peak_console.domain.trading import GateVerdict
from peak_console.domain.verdict import Verdict
from peak_console.ledger.search.query import Condition, RunQuery
from peak_console.operations.runs import ENDED, OPEN, OUTCOMES, RunLine
from peak_console.operations.views import terms
from peak_console.operations.views.call_filter import LAYERS
from peak_console.operations.views.terms import Term

VERDICTS: Final = (*(one.value for one in Verdict), "none")
GATES: Final = (*(one.value for one in GateVerdict), "none")
MARKS: Final = ("ended", "open", "sealed", "simulated", "fallback", "refused", "bound", "pruned")
KEYS: Final = (
    "layer",
    "critic",
    "outcome",
    "phase",
    "gate",
    "cost",
    "calls",
    "failed",
    "run",
    "purpose",
    "actor",
    "text",
    "is",
    "since",
    "until",
)
EXAMPLES: Final = ("is:ended", "layer:L3 critic:FAIL", "cost>0.5 since:2h", "text:leverage", "is:sealed")

_RUN_BEGINS: Final = re.compile(r"[0-9]{8}(_[0-9a-z_]*)?\*?")
_OTHER_ID: Final = re.compile(r"(call_|ev_)[0-9a-z]+|#[0-9]{1,15}")
_LETTERS: Final = re.compile(r"\w")
_EURO_UNITS: Final = {"": 1e9, "€": 1e9, "eur": 1e9, "ct": 1e7}
_COUNT_UNITS: Final = {"": 1.0, "k": 1e3, "m": 1e6}
_MARKED: Final = {
    "ended": Condition("outcome", "among", ENDED),
    "open": Condition("outcome", "=", (OPEN,)),
    "sealed": Condition("evidence", "!=", ("",)),
    "simulated": Condition("simulated", "=", (1,)),
    "fallback": Condition("fallbacks", ">", (0,)),
    "refused": Condition("refused", ">", (0,)),
    "bound": Condition("at_bound", ">", (0,)),
    "pruned": Condition("pruned", ">", (0,)),
}
_LIKE: Final = {"phase": "phase", "purpose": "purpose", "actor": "actor", "run": "run_id"}
_COUNTED: Final = {"calls": "calls", "failed": "failed"}


@dataclass(frozen=True, slots=True)
class RunFilter:
    """A filter that was read. ``ids`` are calls and events (``#seq``) whose run is meant."""

    text: str = ""
    conditions: tuple[Condition, ...] = ()
    words: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()

    @property
    def everything(self) -> bool:
        """Whether nothing is filtered."""
        return not (self.conditions or self.words or self.without or self.ids)

    def query(self, run_ids: Sequence[str] = ()) -> RunQuery:
        """What the index is asked; ``run_ids`` are the runs that ``ids`` turned out to belong to."""
        named = (Condition("run_id", "among", tuple(run_ids)),) if self.ids else ()
        return RunQuery((*self.conditions, *named), self.words, self.without)

    def matches(self, line: RunLine) -> bool:
        """Whether the conditions hold for ``line``; words are looked for in what the line itself says."""
        if not all(one.holds(_value(line, one.column)) for one in self.conditions):
            return False
        said = " ".join(
            (line.run_id, line.purpose, line.actor, line.phase, line.outcome, *line.layers)
        ).lower()
        found = [word.rstrip("*").lower() in said for word in self.words]
        return all(found) and not any(word.rstrip("*").lower() in said for word in self.without)


def read_run_filter(text: str, now: datetime) -> RunFilter:
    """The filter that ``text`` says; times count back from ``now``. Raises ``FilterInvalid``."""
    conditions: list[Condition] = []
    words: dict[bool, list[str]] = {False: [], True: []}
    ids: list[str] = []
    for term in terms.read_terms(text, KEYS):
        if term.key in {"", "text"}:
            _read_word(term, conditions, words[term.negated], ids)
        else:
            conditions.append(_condition(term, now))
    return RunFilter(text.strip(), tuple(conditions), tuple(words[False]), tuple(words[True]), tuple(ids))


def _read_word(term: Term, conditions: list[Condition], words: list[str], ids: list[str]) -> None:
    """A word: the beginning of a run's id, the id of something in a run, or one to be searched for."""
    terms.need_equality(term)
    if not _LETTERS.search(term.value):
        raise terms.invalid(f"{term.value} holds no letter", term.column, "write a word")
    if not term.key and _RUN_BEGINS.fullmatch(term.value):
        begins = f"{term.value.rstrip('*')}*"
        conditions.append(Condition("run_id", "like", (begins,), term.negated))
    elif not term.key and not term.negated and _OTHER_ID.fullmatch(term.value):
        ids.append(term.value)
    else:
        words.append(term.value)


def _condition(term: Term, now: datetime) -> Condition:
    if term.key == "layer":
        return Condition("layers", "among", terms.one_of(term, LAYERS), term.negated)
    if term.key == "critic":
        told = tuple("" if one == "none" else one for one in terms.one_of(term, VERDICTS))
        return Condition("verdict", "among", told, term.negated)
    if term.key == "gate":
        decided = tuple("" if one == "none" else one for one in terms.one_of(term, GATES))
        return Condition("gate", "among", decided, term.negated)
    if term.key == "outcome":
        return Condition("outcome", "among", terms.one_of(term, OUTCOMES), term.negated)
    if term.key == "is":
        return _mark(term)
    if term.key in _LIKE:
        terms.need_equality(term)
        patterned = any(one in term.value for one in "*?[")
        op = "like" if patterned or term.key in {"purpose", "actor"} else "among"
        return Condition(_LIKE[term.key], op, term.choices, term.negated)
    if term.key in {"since", "until"}:
        terms.need_equality(term)
        edge = iso(terms.moment(term, now))
        return Condition("started", ">=" if term.key == "since" else "<=", (edge,), term.negated)
    return _figure(term)


def _mark(term: Term) -> Condition:
    marks = terms.one_of(term, MARKS)
    if len(marks) != 1:
        raise terms.invalid("is takes one word", term.column, "write is:sealed is:fallback for both")
    marked = _MARKED[marks[0]]
    return Condition(marked.column, marked.op, marked.values, term.negated)


def _figure(term: Term) -> Condition:
    op = "=" if term.op == ":" else term.op
    if term.key == "cost":
        value: Any = round(terms.number(term, _EURO_UNITS, "cost>0.5€"))
        return Condition("cost", op, (value,), term.negated)
    value = terms.number(term, _COUNT_UNITS, f"{term.key}>2")
    return Condition(_COUNTED[term.key], op, (value,), term.negated)


def _value(line: RunLine, column: str) -> Any:
    value = getattr(line, column)
    return iso(value) if isinstance(value, datetime) else value
