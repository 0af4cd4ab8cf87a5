"""What a worker of a job may speak for: the run that its node has started, and nothing beside it. Pure."""

from dataclasses import dataclass
from typing import Final

from peak_console.domain.canonical import sha256_hex
from peak_console.domain.drift import Tier, puts_gold_case
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.jobs import JobKind

_KINDS: Final = {
    EventKind.GATE_DECIDED.value: frozenset({JobKind.SHADOW_CYCLE}),
    EventKind.SHADOW_CYCLE_FINISHED.value: frozenset({JobKind.SHADOW_CYCLE}),
    EventKind.DRIFT_CHECKED.value: frozenset({JobKind.CANARY, JobKind.TWO_SAMPLE}),
}
"""What jobs of which kind record."""

_TIERS: Final = {JobKind.CANARY: Tier.CANARY.value, JobKind.TWO_SAMPLE: Tier.TWO_SAMPLE.value}


@dataclass(frozen=True, slots=True)
class JobClaim:
    """One run of a job, as its node began it."""

    job: str
    kind: JobKind
    key: str
    """Of the run: the job and when it was due."""
    attempt: int = 1
    book: str = ""
    """The paper book that the job is configured for; empty where it has none."""
    slots: frozenset[tuple[str, str]] = frozenset()
    """Layers and roles that it tests: its params', or those that the job is configured for."""

    def beyond(self, draft: EventDraft) -> str:
        """Why this run cannot have done what ``draft`` says; empty where it can, and for other kinds."""
        if puts_gold_case(draft.kind, draft.body):
            return self._no_gold_case(draft)
        kinds = _KINDS.get(draft.kind)
        if kinds is None:
            return ""
        if self.kind not in kinds:
            return f"the job {self.job!r} is a {self.kind}"
        if draft.kind == EventKind.GATE_DECIDED:
            another = draft.body.get("intent_id") != intent_id_of(self.job, self.key)
            return f"its intent is another run's than {self.key!r}" if another else ""
        if (draft.body.get("job"), draft.body.get("key")) != (self.job, self.key):
            return f"it names another run than {self.key!r} of {self.job!r}"
        return self._no_end(draft) if draft.kind == EventKind.SHADOW_CYCLE_FINISHED else self._no_check(draft)

    def _no_end(self, draft: EventDraft) -> str:
        attempt, book = draft.body.get("attempt"), draft.body.get("book")
        if type(attempt) is not int or attempt != self.attempt:
            return f"this is attempt {self.attempt} of {self.key!r}"
        if not isinstance(book, dict) or book.get("name") != self.book:
            return f"the job {self.job!r} writes the book {self.book!r}"
        return ""

    def _no_gold_case(self, draft: EventDraft) -> str:
        """A canary job puts gold cases to its own slots, and there to the model that stands first."""
        if self.kind is not JobKind.CANARY:
            return f"the job {self.job!r} is a {self.kind}, and puts no gold case"
        asked = draft.body.get("asked_layer"), draft.body.get("asked_role")
        if all(asked != slot for slot in self.slots):  # foreign, so perhaps not hashable
            return f"the job {self.job!r} was not to test that slot"
        if asked != (draft.layer, draft.role):
            return "a gold case is put to the slot's own model, and to none that stands in"
        return ""

    def _no_check(self, draft: EventDraft) -> str:
        names = ("layer", "role", "provider", "model_id")
        told = tuple(draft.body.get(name) for name in names)
        if draft.body.get("tier") != _TIERS[self.kind]:
            return f"the job {self.job!r} is a {self.kind}"
        if all(told[:2] != slot for slot in self.slots):  # foreign, so perhaps not hashable
            return f"the job {self.job!r} was not to test that slot"
        if told != tuple(getattr(draft, name) for name in names):
            return "it names another slot or model than its event"
        return ""


def intent_id_of(job: str, key: str) -> str:
    """The id of the order intent of a run: the same however often it is tried, so that it is never two."""
    return f"{job}.{sha256_hex(key.encode())[:20]}"
