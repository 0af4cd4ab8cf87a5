"""Filter expressions over the Shadow screen: ``outcome:would_block reason:max_*``, ``job:eurusd*``. Pure.

A term narrows the lists that know its key; a free word is looked for in every list.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from peak_console.operations.views import terms
from peak_console.operations.views.shadow import CycleLine, DriftLine, JobLine
from peak_console.operations.views.terms import Term

KEYS: Final = (
    "job",
    "kind",
    "state",
    "tag",
    "outcome",
    "reason",
    "instrument",
    "critic",
    "run",
    "model",
    "slot",
)
EXAMPLES: Final = (
    "outcome:would_block",
    "reason:max_*",
    "job:eurusd*",
    "state:running,paused",
    "model:*gpt-5*",
)

Row = JobLine | CycleLine | DriftLine
Texts = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class ShadowFilter:
    """A filter that was read."""

    text: str = ""
    terms: tuple[Term, ...] = ()

    def matches(self, row: Row) -> bool:
        """Whether every term that the row's list knows holds for it."""
        texts = texts_of(row)
        return all(_holds(term, texts) for term in self.terms)


def read_shadow_filter(text: str) -> ShadowFilter:
    """The filter that ``text`` says. Raises ``FilterInvalid``."""
    words = terms.read_terms(text, KEYS)
    for term in words:
        if term.key:
            terms.need_equality(term)
    return ShadowFilter(text.strip(), words)


def _holds(term: Term, texts: Texts) -> bool:
    if not term.key:
        word = term.value.lower()
        found = any(word in one.lower() for many in texts.values() for one in many)
        return found != term.negated
    if term.key not in texts:
        return True
    known = texts[term.key]
    return any(terms.like(choice, one) for choice in term.choices for one in known) != term.negated


def texts_of(row: Row) -> Texts:
    """What the filter's keys say of a row; the empty key holds what only free words find."""
    if isinstance(row, JobLine):
        return _job(row)
    if isinstance(row, CycleLine):
        return _cycle(row)
    return {
        "model": (row.name, row.model_id),
        "slot": row.slots,
        "state": (row.state.value,),
        "": (*row.served, *row.unexpected, row.why, row.incident_id),
    }


def _job(row: JobLine) -> Texts:
    last = row.last
    return {
        "job": (row.name,),
        "kind": (row.kind.value,) if row.kind else (),
        "state": (row.state.value,),
        "tag": row.tags,
        "outcome": (last.outcome, last.state.value) if last else (),
        "": (row.schedule, row.timezone, row.description, row.note),
    }


def _cycle(row: CycleLine) -> Texts:
    return {
        "job": (row.job,),
        "outcome": (row.outcome,),
        "reason": row.reasons,
        "instrument": (row.instrument,),
        "critic": (row.critic,),
        "run": (row.run_id,),
        "model": row.models,
        "": (row.idea, row.outlook, *(("replayed",) if row.replayed else ())),
    }
