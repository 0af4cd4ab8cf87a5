"""No cycle's end says more of the gate than stands on the ledger: forged ones are no evidence of anything."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from peak_console.domain.clock import ManualClock
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.ledger.headers import Header
from peak_console.ledger.writer import LedgerWriter
from peak_console.node.cycle_gates import CODE, DECIDED_BEFORE, CycleGates

RUN, OTHER = "20261122_110003_aaaaaa", "20261122_120003_bbbbbb"


def opened(path: Path) -> LedgerWriter:
    """A writer with that condition."""
    gates = CycleGates()
    return LedgerWriter(path, clock=ManualClock(), projections=[gates], conditions=[gates.out_of_place])


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[LedgerWriter]:
    """One with its genesis."""
    made = opened(tmp_path / "ledger.db")
    made.append([(EventDraft("ev_genesis", EventKind.WORKSPACE_INITIALISED, {}), "test")])
    yield made
    made.close()


def decided(event_id: str = "ev_gate", run_id: str = RUN, verdict: str = "ALLOW") -> EventDraft:
    """A decision of the gate."""
    reasons = [] if verdict == "ALLOW" else ["stale_price"]
    body = {"verdict": verdict, "reasons": reasons}
    return EventDraft(event_id, EventKind.GATE_DECIDED, body, run_id=run_id)


def ended(outcome: str = "would_allow", run_id: str | None = RUN, gate: Any = "ALLOW") -> EventDraft:
    """The end of a cycle that names this verdict."""
    if isinstance(gate, str):
        reasons = [] if gate == "ALLOW" else ["stale_price"]
        gate = {"event_id": "ev_gate", "verdict": gate, "reasons": reasons}
    body = {"outcome": outcome, "gate": gate}
    return EventDraft("ev_end", EventKind.SHADOW_CYCLE_FINISHED, body, run_id=run_id)


def codes(writer: LedgerWriter, *drafts: EventDraft) -> list[str]:
    """How each came out."""
    results = writer.append([(one, "job:a") for one in drafts])
    return [one.code if isinstance(one, PeakError) else "written" for one in results]


def test_decision_and_end_come_together_or_one_after_the_other(writer: LedgerWriter, tmp_path: Path) -> None:
    """In one append, and over a restart; a run ends one cycle."""
    assert codes(writer, decided(), ended()) == ["written", "written"]
    again = EventDraft("ev_again", EventKind.SHADOW_CYCLE_FINISHED, ended().body, run_id=RUN)
    assert codes(writer, again) == [CODE]
    assert codes(writer, decided("ev_gate_2", OTHER, "BLOCK")) == ["written"]
    writer.close()
    gate = {"event_id": "ev_gate_2", "verdict": "BLOCK", "reasons": ["stale_price"]}
    late = ended("would_block", OTHER, gate)
    late = EventDraft("ev_late", late.kind, late.body, run_id=OTHER)
    twice = EventDraft("ev_twice", late.kind, late.body, run_id=OTHER)
    with opened(tmp_path / "ledger.db") as anew:
        assert codes(anew, late, twice) == ["written", CODE]


@pytest.mark.parametrize(
    "forged",
    [
        ended(gate=None),
        ended("would_block", gate=None),
        ended(gate={"verdict": "ALLOW"}),
        ended(gate=["ev_gate"]),
        ended(gate={"event_id": "ev_none", "verdict": "ALLOW", "reasons": []}),
        ended(gate={"event_id": "ev_genesis", "verdict": "ALLOW", "reasons": []}),
        ended("would_block", gate="BLOCK"),
        ended("would_block"),
        ended(gate={"event_id": "ev_gate", "verdict": "ALLOW", "reasons": ["stale_price"]}),
        ended("aborted", gate="BLOCK"),
        ended(run_id=OTHER),
        ended(run_id=None),
    ],
)
def test_a_forged_end_is_refused_and_the_decision_stands(writer: LedgerWriter, forged: EventDraft) -> None:
    """No decision, another's, another verdict, an outcome that does not follow; alone and in one append."""
    assert codes(writer, decided(), forged) == ["written", CODE]
    assert codes(writer, forged) == [CODE]


@pytest.mark.parametrize("outcome", ["no_trade", "aborted", "review_required"])
def test_an_end_before_the_gate_names_none(writer: LedgerWriter, outcome: str) -> None:
    """Where the gate was not asked there is nothing to prove; where it was, it is told."""
    assert codes(writer, ended(outcome, gate=None)) == ["written"]
    after = EventDraft("ev_o", "shadow.cycle.finished", ended(outcome).body, run_id=OTHER)
    assert codes(writer, decided(run_id=OTHER), after) == ["written", "written"]


def test_what_a_failed_transaction_took_in_is_forgotten(writer: LedgerWriter) -> None:
    """The decision was not committed: an end that names it later does not stand."""
    gates = CycleGates()
    gates.apply(_header(), {"verdict": "ALLOW", "reasons": []})
    assert gates.out_of_place(ended()) is None
    gates.reset()
    refused = gates.out_of_place(ended())
    assert refused is not None
    assert refused.code == CODE


def _header() -> Header:
    told: dict[str, Any] = dict.fromkeys(Header._fields, "")
    return Header(**told | {"seq": 2, "event_id": "ev_gate", "kind": "gate.decided", "run_id": RUN})


def named(draft: EventDraft, **more: Any) -> EventDraft:
    """The same with more in its body."""
    return replace(draft, body={**draft.body, **more})


@pytest.mark.parametrize("anew", [False, True])
def test_an_intent_is_decided_on_in_one_run(writer: LedgerWriter, tmp_path: Path, *, anew: bool) -> None:
    """Tried again it is not allowed again, only blocked: at once, in one append, and over a restart."""
    first = named(decided(), intent_id="eurusd.1")
    copied = replace(first, event_id="ev_copied", run_id=OTHER)
    other = replace(named(first, intent_id="eurusd.2"), event_id="ev_other", run_id=OTHER)
    assert codes(writer, first, copied) == ["written", DECIDED_BEFORE]
    writer.close()
    with opened(tmp_path / "ledger.db") as again:
        if not anew:
            assert codes(again, replace(first, event_id="ev_twice")) == ["written"]
        assert codes(again, copied, other) == [DECIDED_BEFORE, "written"]
        blocked = named(decided("ev_blocked", OTHER, "BLOCK"), intent_id="eurusd.1")
        assert codes(again, blocked) == ["written"]


def test_the_end_names_the_intent_that_was_decided_on(writer: LedgerWriter) -> None:
    """Another's verdict is none on it."""
    assert codes(writer, named(decided(), intent_id="eurusd.1")) == ["written"]
    for intent in (None, {"intent_id": "eurusd.2"}, ["eurusd.1"], {}):
        assert codes(writer, named(ended(), intent=intent)) == [CODE]
    assert codes(writer, named(ended(), intent={"intent_id": "eurusd.1"})) == ["written"]


def test_an_attempt_ends_one_cycle(writer: LedgerWriter, tmp_path: Path) -> None:
    """Whatever its run: a key is ended twice only where it was tried twice."""
    told = named(ended("aborted", gate=None), key="eurusd@1", attempt=1)
    twice = replace(told, event_id="ev_twice", run_id=OTHER)
    assert codes(writer, told, twice) == ["written", CODE]
    writer.close()
    with opened(tmp_path / "ledger.db") as again:
        assert codes(again, twice, named(twice, attempt=2)) == [CODE, "written"]
