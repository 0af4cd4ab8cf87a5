"""Readiness of what shadow shows: each criterion bites, history counts where it may, unknown is not green."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.config.readiness import Criteria
from peak_console.domain.clock import ManualClock
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.jobs import RunState
from peak_console.domain.trading import GateLimits, GatePosture, Market, OrderIntent, Portfolio, Side
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.writer import LedgerWriter
from peak_console.operations.criterion import CriterionResult, CriterionStatus
from peak_console.operations.readiness_shadow import (
    CanaryMark,
    CriticTally,
    ShadowEvidence,
    shadow_results,
)
from peak_console.operations.readiness_shadow_facts import canaries, quarantined
from peak_console.operations.readiness_tallies import CycleMark, DecisionMark, Tallies, decision_mark
from peak_console.operations.shadow.lost_cycles import LostCycle
from peak_console.risk.document import inputs_document
from peak_console.risk.gate import decide
from peak_console.risk.recorded import decided_body

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CRITERIA = Criteria(
    window_days=7,
    min_days_with_cycles=3,
    max_aborted_pct=Decimal(25),
    min_gate_decisions=2,
    gate_agrees=True,
    max_critic_disagreement_pct=Decimal(10),
    max_policy_incidents=0,
    models_clear=True,
    max_canary_age_h=24,
)
CYCLES = tuple(
    CycleMark(20 - day, NOW - timedelta(days=day), outcome, replayed=False, stale=False, gate_id=gate)
    for day, outcome, gate in (
        *((3, "aborted", ""), (2, "would_block", "ev_block")),
        *((1, "no_trade", ""), (0, "would_allow", "ev_allow")),
    )
)
DECISIONS = (
    DecisionMark(11, NOW, allowed=False, differs="", event_id="ev_block", intent_id="i_1"),
    DecisionMark(12, NOW, allowed=True, differs="", event_id="ev_allow", intent_id="i_2"),
)
WRONG = replace(DECISIONS[1], seq=13, differs="verdict: recorded ALLOW")
LOST = LostCycle(19, NOW, "eurusd", "eurusd@2026-11-22T12:00:00Z", RunState.TIMED_OUT)
CANARY = CanaryMark(NOW - timedelta(hours=24), ok=True, seq=9)
GOOD = ShadowEvidence(
    level_since=NOW - timedelta(days=14),
    level_seq=4,
    cycles=CYCLES,
    lost=(),
    decisions=DECISIONS,
    policy_incidents=(),
    critics=CriticTally(pairs=20, disagreed=2, first_seq=1, last_seq=9),
    models=("openai:gpt-5.2",),
    quarantined={},
    canaries={"openai:gpt-5.2": CANARY},
)


def judged(facts: ShadowEvidence) -> dict[str, CriterionResult]:
    """Every criterion's result."""
    return {one.id: one for one in shadow_results(CRITERIA, facts, NOW)}


def test_exactly_at_every_bound_is_green_and_names_window_and_evidence() -> None:
    """In words and in JSON."""
    results = judged(GOOD)
    assert {one.status for one in results.values()} == {CriterionStatus.GREEN}
    assert len(results) == 8
    for one in results.values():
        assert one.window
        assert one.as_dict()["window"] == one.window
        assert any(letter.isdigit() for letter in one.found)
        assert one.evidence
    assert results["min_days_with_cycles"].evidence == "shadow.cycle.finished #18 to #20"
    assert results["max_aborted_pct"].found == "25.0 % (1 of 4)"
    assert list(shadow_results(Criteria(), GOOD, NOW)) == []


@pytest.mark.parametrize(
    ("criterion", "change"),
    [
        ("min_days_with_cycles", {"cycles": (*CYCLES[:2], replace(CYCLES[2], stale=True), CYCLES[3])}),
        ("min_days_with_cycles", {"level_since": NOW - timedelta(hours=30)}),
        ("max_aborted_pct", {"cycles": (replace(CYCLES[0], seq=9), *CYCLES)}),
        ("min_gate_decisions", {"decisions": DECISIONS[:1]}),
        ("min_gate_decisions", {"decisions": [replace(one, intent_id="i_1") for one in DECISIONS]}),
        ("gate_agrees", {"decisions": (*DECISIONS, WRONG)}),
        ("max_aborted_pct", {"lost": (LOST,)}),
        ("max_critic_disagreement_pct", {"critics": CriticTally(pairs=20, disagreed=3)}),
        ("max_policy_incidents", {"policy_incidents": (40,)}),
        ("models_clear", {"quarantined": {"openai:gpt-5.2": 30}}),
        ("max_canary_age_h", {"canaries": {"openai:gpt-5.2": replace(CANARY, at=NOW - timedelta(hours=25))}}),
        ("max_canary_age_h", {"canaries": {"openai:gpt-5.2": replace(CANARY, ok=False)}}),
        ("max_canary_age_h", {"canaries": {"openai:gpt-5.2": replace(CANARY, at=NOW + timedelta(hours=1))}}),
    ],
)
def test_one_step_beyond_a_bound_is_red(criterion: str, change: Mapping[str, Any]) -> None:
    """That criterion alone, with what to do."""
    missing = [one for one in judged(replace(GOOD, **change)).values() if one.status != CriterionStatus.GREEN]
    assert [(one.id, one.status.value, bool(one.remedy)) for one in missing] == [(criterion, "red", True)]


def test_cycles_on_stale_data_make_no_day_and_no_decision() -> None:
    """Nor do those that came to no verdict; how many were stale is told."""
    stale = replace(GOOD, cycles=tuple(replace(one, stale=True) for one in CYCLES))
    results = judged(stale)
    assert results["min_days_with_cycles"].status is CriterionStatus.RED
    assert results["min_days_with_cycles"].found == "0 days, 0 cycles; 3 of 3 (100.0 %) on stale data"
    assert results["min_gate_decisions"].status is CriterionStatus.RED
    assert results["gate_agrees"].status is CriterionStatus.GREEN, "they were decided all the same"
    review = replace(GOOD, cycles=tuple(replace(one, outcome="review_required") for one in CYCLES))
    assert judged(review)["min_days_with_cycles"].found == "0 days, 0 cycles"


def test_a_round_of_gold_cases_that_was_not_wholly_answered_is_no_evidence() -> None:
    """Neither green nor red."""
    part = replace(CANARY, ok=False, incomplete=True)
    found = judged(replace(GOOD, canaries={"openai:gpt-5.2": part}))["max_canary_age_h"]
    assert (found.status, found.found) == (
        CriterionStatus.NO_EVIDENCE,
        "1 incomplete: openai:gpt-5.2 (#9)",
    )
    assert "ask again" in found.remedy


def test_a_cycle_that_was_lost_counts_as_an_aborted_one() -> None:
    """One that hung or was killed leaves no cycle, and is not forgotten for it; older ones are."""
    found = judged(replace(GOOD, lost=(LOST, replace(LOST, at=NOW - timedelta(days=8)))))["max_aborted_pct"]
    assert found.found == "40.0 % (2 of 5); 1 without a record, #19 the last"
    only = judged(replace(GOOD, cycles=(), lost=(LOST,)))["max_aborted_pct"]
    assert (only.status, only.found[:5]) == (CriterionStatus.RED, "100.0")


def test_a_decision_that_was_pruned_is_no_evidence_that_the_gate_agrees() -> None:
    """Neither red nor green by itself; one that differs is red whatever was pruned."""
    gone = DecisionMark(10, NOW, allowed=False, differs="", pruned=True, event_id="ev_gone")
    pruned = judged(replace(GOOD, decisions=(gone, *DECISIONS)))
    assert pruned["gate_agrees"].status is CriterionStatus.NO_EVIDENCE
    assert "1 of 3 pruned: #10" in pruned["gate_agrees"].found
    assert "keep bodies longer" in pruned["gate_agrees"].remedy
    assert "1 not of a cycle that counts" in pruned["min_gate_decisions"].found
    known = replace(GOOD, decisions=(DECISIONS[1], replace(gone, event_id="ev_block")))
    assert "1 allowed, 0 blocked, 1 pruned" in judged(known)["min_gate_decisions"].found
    wrong = judged(replace(GOOD, decisions=(gone, *DECISIONS, WRONG)))
    assert wrong["gate_agrees"].status is CriterionStatus.RED


def test_played_history_shows_nothing_but_in_a_simulated_workspace() -> None:
    """It is told that it was left out."""
    played = replace(GOOD, cycles=tuple(replace(one, replayed=True) for one in CYCLES))
    results = judged(played)
    assert results["min_days_with_cycles"].status is CriterionStatus.RED
    assert "4 of replayed history do not count" in results["min_days_with_cycles"].found
    assert results["min_gate_decisions"].status is CriterionStatus.RED
    assert results["min_gate_decisions"].found.startswith("0 (0 allowed, 0 blocked); 2 not of a cycle")
    assert results["gate_agrees"].status is CriterionStatus.NO_EVIDENCE
    assert results["max_aborted_pct"].status is CriterionStatus.NO_EVIDENCE
    assert judged(replace(played, simulated=True)) == judged(replace(GOOD, simulated=True))


@given(st.sets(st.sampled_from([name for name in GOOD.__dataclass_fields__ if name != "simulated"])))
def test_knowing_less_is_never_greener(forgotten: set[str]) -> None:
    """And nothing at all is green nowhere, with what to do at every criterion."""
    nothing = ShadowEvidence()
    facts = replace(GOOD, **{name: getattr(nothing, name) for name in forgotten})
    green = all(one.status is CriterionStatus.GREEN for one in judged(facts).values())
    assert green == (not forgotten - {"level_seq"})
    for one in judged(nothing).values():
        assert one.status is CriterionStatus.NO_EVIDENCE
        assert one.remedy


def write(path: Path, *events: tuple[str, Mapping[str, Any]], at: datetime = NOW) -> None:
    """Append events."""
    with LedgerWriter(path, clock=ManualClock(at)) as writer:
        if not writer.head[0]:
            writer.append([(EventDraft("ev_genesis", EventKind.WORKSPACE_INITIALISED, {}), "node")])
        head = writer.head[0]
        drafts = [
            (EventDraft(f"ev_{head + n}", kind, dict(body)), "n") for n, (kind, body) in enumerate(events)
        ]
        assert not [one for one in writer.append(drafts) if isinstance(one, Exception)]


def test_events_are_counted_once_and_decided_again(tmp_path: Path) -> None:
    """A decision that the gate would not make differs; what was counted is not read anew."""
    path = tmp_path / "events.db"
    intent = OrderIntent("i_1", "run_1", "EUR/USD", Side.BUY, Decimal(1))
    inputs = inputs_document(intent, Portfolio(), (), (), GateLimits(), Market(0), GatePosture())
    body = decided_body(inputs, decide(inputs))
    write(path, ("gate.decided", body), ("gate.decided", {**body, "verdict": "ALLOW", "would": "allow"}))
    told = {"outcome": "would_block", "replayed": False, "stale": False, "gate": {"event_id": "ev_1"}}
    write(path, ("shadow.cycle.finished", told))
    tallies, since = Tallies(), NOW - timedelta(days=1)
    with LedgerReader(path) as reader:
        first, second = tallies.decisions(reader, since)
        assert (first.differs, first.allowed) == ("", False)
        assert second.differs.startswith("verdict: recorded ALLOW")
        (event,) = reader.read(first.seq - 1, 1)
        assert decision_mark(event) == first
        assert decision_mark(replace(event, body=None)) == replace(first, pruned=True, intent_id="")
        (cycle,) = tallies.cycles(reader, since)
        assert (cycle.outcome, cycle.shows, cycle.gate_id) == ("would_block", True, first.event_id)
        write(path, ("shadow.cycle.finished", {"outcome": "aborted"}))
        assert [one.replayed for one in tallies.cycles(reader, since)] == [False, True]
        assert tallies.cycles(reader, NOW + timedelta(seconds=1)) == ()
        assert len(tallies.cycles(reader, since)) == 2


def test_gold_cases_and_quarantines_are_those_of_last(tmp_path: Path) -> None:
    """Of a model in several slots the one that failed, else the oldest; what was released is out no more."""
    path = tmp_path / "events.db"
    model = {"provider": "openai", "model_id": "m", "tier": "canary", "role": "primary"}
    write(path, ("drift.checked", {**model, "layer": "L0", "ok": False}))
    write(path, ("drift.checked", {**model, "layer": "L0", "ok": True}))
    write(path, ("drift.checked", {**model, "layer": "L1", "ok": True, "tier": "two_sample"}))
    write(path, ("drift.checked", {**model, "layer": "L1", "ok": True}), at=NOW + timedelta(hours=1))
    part = {**model, "layer": "L2", "ok": False, "asked": 13, "cases": 4, "passed": 4, "unanswered": 9}
    write(path, ("model.quarantined", model), ("model.quarantined", {**model, "model_id": "n"}))
    write(path, ("model.released", model))
    with LedgerReader(path) as reader:
        assert canaries(reader) == {"openai:m": CanaryMark(NOW, ok=True, seq=3)}
        assert dict(quarantined(reader)) == {"openai:n": 7}
        write(path, ("drift.checked", {**model, "layer": "L0", "ok": False, "out_of_use": True}))
        assert canaries(reader)["openai:m"].ok, "what a quarantined model was put speaks of its release only"
        write(path, ("drift.checked", part))
        assert (canaries(reader)["openai:m"].incomplete, canaries(reader)["openai:m"].ok) == (True, False)
        write(path, ("drift.checked", {**model, "layer": "L1", "ok": False}))
        assert canaries(reader)["openai:m"].ok is False
