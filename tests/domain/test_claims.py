"""A worker speaks for its own run, in what its kind of job does, and for nothing else."""

from dataclasses import replace
from typing import Any

import pytest

from peak_console.domain.claims import JobClaim, intent_id_of
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.jobs import JobKind

KEY = "nightly@2026-11-23T08:00:00Z"
CYCLE = JobClaim("nightly", JobKind.SHADOW_CYCLE, KEY, attempt=2, book="paper")
CANARY = JobClaim("nightly", JobKind.CANARY, KEY, slots=frozenset({("L2", "primary"), ("L4", "critic")}))
TWO_SAMPLE = replace(CANARY, kind=JobKind.TWO_SAMPLE)
SLOT = {"layer": "L2", "role": "primary", "provider": "openai", "model_id": "gpt-5"}
ASKED = EventDraft(
    "ev_5",
    EventKind.CALL_REQUESTED,
    {"gold_case": True, "asked_layer": "L2", "asked_role": "primary"},
    **SLOT,
)
RUN = {"job": "nightly", "key": KEY}

ENDED = EventDraft("ev_1", EventKind.SHADOW_CYCLE_FINISHED, {**RUN, "attempt": 2, "book": {"name": "paper"}})
DECIDED = EventDraft("ev_2", EventKind.GATE_DECIDED, {"intent_id": intent_id_of("nightly", KEY)})
CHECKED = EventDraft("ev_3", EventKind.DRIFT_CHECKED, {**RUN, **SLOT, "tier": "canary"}, **SLOT)


def changed(draft: EventDraft, **body: Any) -> EventDraft:
    """The same with another body."""
    return replace(draft, body={**draft.body, **body})


def test_a_run_says_what_it_did() -> None:
    """Each kind of job what it does; what is no job's alone is not asked here."""
    for claim, draft in ((CYCLE, ENDED), (CYCLE, DECIDED), (CANARY, CHECKED)):
        assert claim.beyond(draft) == ""
    assert TWO_SAMPLE.beyond(changed(CHECKED, tier="two_sample")) == ""
    for claim in (CYCLE, CANARY):
        assert claim.beyond(EventDraft("ev_4", EventKind.RUN_STARTED, {})) == ""


@pytest.mark.parametrize(
    ("claim", "draft"),
    [
        (CANARY, ENDED),
        (TWO_SAMPLE, DECIDED),
        (CYCLE, CHECKED),
        (CYCLE, changed(ENDED, tier="canary", job="hourly")),
        (CYCLE, changed(ENDED, key="nightly@2026-11-23T09:00:00Z")),
        (CYCLE, changed(ENDED, key=None)),
        (CYCLE, changed(ENDED, attempt=1)),
        (CYCLE, changed(ENDED, attempt="2")),
        (replace(CYCLE, attempt=1), changed(ENDED, attempt=True)),
        (CYCLE, changed(ENDED, book={"name": "another"})),
        (CYCLE, changed(ENDED, book=None)),
        (CYCLE, changed(DECIDED, intent_id=intent_id_of("nightly", "nightly@2026-11-23T09:00:00Z"))),
        (CYCLE, changed(DECIDED, intent_id=None)),
        (TWO_SAMPLE, CHECKED),
        (CANARY, changed(CHECKED, tier="two_sample")),
        (CANARY, changed(CHECKED, job="hourly")),
        (CANARY, changed(CHECKED, key=[KEY])),
        (CANARY, changed(CHECKED, layer="L3")),
        (CANARY, changed(CHECKED, role="critic")),
        (CANARY, changed(CHECKED, layer=["L2"])),
        (CANARY, changed(CHECKED, model_id="gpt-6")),
        (CANARY, replace(CHECKED, provider=None)),
        (CANARY, replace(CHECKED, layer="L4")),
        (replace(CANARY, slots=frozenset()), CHECKED),
    ],
)
def test_a_run_says_nothing_else(claim: JobClaim, draft: EventDraft) -> None:
    """Another kind's work, another run, attempt or book; a slot or tier that it was not to test."""
    assert claim.beyond(draft)


def test_gold_cases_are_put_by_a_canary_job_to_its_own_slots() -> None:
    """To the slot's own model; who puts none may ask whom it likes."""
    assert CANARY.beyond(ASKED) == ""
    for claim in (CYCLE, TWO_SAMPLE):
        assert "puts no gold case" in claim.beyond(ASKED)
        assert claim.beyond(changed(ASKED, gold_case=False)) == ""
    for strange in (
        changed(ASKED, asked_layer="L3"),
        changed(ASKED, asked_role=["primary"]),
        replace(ASKED, role="fallback"),
        replace(ASKED, layer="L4"),
    ):
        assert CANARY.beyond(strange)
