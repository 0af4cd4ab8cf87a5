"""A run's line is a fold of its events, the same in any pieces; late answers correct what was booked."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.operations.runs import LOOSE, LOST_CALLER, OPEN, RunFold, run_line

RUN = "20261122_140000_k3v9qx"
NO_HASH = "0" * 64


def event(seq: int, kind: str, body: Mapping[str, Any] | None, **where: Any) -> LedgerEvent:
    """An event of the run at ``seq``, a second after the one before it."""
    header = {"run_id": RUN, "call_id": "call_1", "layer": "L2", **where}
    ts = f"2026-11-22T14:00:{seq % 60:02d}.000000Z"
    return LedgerEvent(
        seq, f"ev_{seq}", ts, seq, kind, "mara", NO_HASH, NO_HASH, NO_HASH, body=body, **header
    )


def ended(
    seq: int, hop: int, cost: str, kind: EventKind = EventKind.CALL_COMPLETED, **more: Any
) -> LedgerEvent:
    """A hop's end."""
    usage = {"input": 10, "output": 5}
    return event(seq, kind, {"hop": hop, "cost_eur": cost, "cost_basis": "usage", "usage": usage, **more})


STORY = [
    event(1, EventKind.RUN_STARTED, {"purpose": "out\u202elook", "phase": "shadow"}, call_id=None),
    event(2, EventKind.CALL_REQUESTED, {"hop": 1}),
    ended(3, 1, "0.500000000", EventKind.CALL_FAILED, cost_basis="worst_case", reason="timeout"),
    event(4, EventKind.CALL_REQUESTED, {"hop": 2}),
    event(5, EventKind.FALLBACK_TAKEN, {"hop": 2}),
    ended(6, 2, "0.020000000"),
    event(7, EventKind.CALL_REQUESTED, {"hop": 1}, call_id="call_2", layer="L4"),
    event(8, EventKind.CALL_COMPLETED, {"hop": 1, "cost_eur": "0.010000000"}, call_id="call_2", layer="L4"),
    event(9, EventKind.CRITIC_JUDGED, {"verdict": "REVIEW"}, call_id="call_2"),
    event(10, EventKind.CRITIC_JUDGED, {"verdict": "PASS"}, call_id="call_2"),
    event(11, EventKind.RUN_FINISHED, {"outcome": "ok", "artefacts": [{"path": "a"}]}, call_id=None),
    event(12, EventKind.BUDGET_SETTLED, {"hop": 1, "cost_eur": "0.100000000", "was_eur": "0.500000000"}),
    event(13, EventKind.EVIDENCE_SEALED, {"path": f"audits/{RUN}/evidence"}, call_id=None),
]


def test_a_whole_run_is_told_in_one_line() -> None:
    """Outcome, layers, calls, failures, fallbacks, strictest verdict, settled cost and the pack are there."""
    line = run_line(RUN, STORY)
    assert (line.outcome, line.layers, line.phase, line.purpose) == (
        "ok",
        ("L2", "L4"),
        "shadow",
        "out\ufffdlook",
    )
    assert (line.calls, line.hops, line.failed, line.fallbacks, line.in_flight) == (2, 3, 1, 1, 0)
    assert (line.verdict, line.cost, line.at_bound) == ("REVIEW", 130_000_000, 0)
    assert (line.artefacts, line.evidence, line.seq, line.last_seq) == (1, f"audits/{RUN}/evidence", 1, 13)


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        (STORY[:2], OPEN),
        (STORY[1:2], LOOSE),
        ([*STORY[:2], ended(3, 1, "0.1", EventKind.CALL_FAILED, reason="caller_lost")], LOST_CALLER),
        (STORY[:11], "ok"),
    ],
)
def test_a_run_that_did_not_say_that_it_ended_is_told_as_such(
    events: list[LedgerEvent], outcome: str
) -> None:
    """Open, lost with its caller, and never begun as a run are three things."""
    assert run_line(RUN, events).outcome == outcome


def test_a_late_answer_takes_the_place_of_a_loss() -> None:
    """A hop booked as lost and answered later counts once, at what it cost, and as no failure."""
    lost = ended(3, 1, "0.900000000", EventKind.CALL_FAILED, reason="caller_lost", cost_basis="worst_case")
    line = run_line(RUN, [*STORY[:2], lost, ended(4, 1, "0.020000000")])
    assert (line.hops, line.failed, line.cost, line.at_bound) == (1, 0, 20_000_000, 0)


def test_pruned_bodies_are_counted_and_never_fail() -> None:
    """Without bodies a run still has its calls and its place; what is not known is said."""
    bare = [event(one.seq, one.kind, None, call_id=one.call_id, layer=one.layer) for one in STORY]
    line = run_line(RUN, bare)
    assert (line.calls, line.fallbacks, line.pruned, line.cost) == (2, 1, len(STORY), 0)


@given(st.data())
def test_the_fold_is_the_same_in_any_pieces_and_repetitions(data: st.DataObject) -> None:
    """An index that takes events twice, or goes on after a restart, tells what one pass tells."""
    fold = RunFold(RUN)
    at = 0
    while at < len(STORY):
        begin = data.draw(st.integers(0, at))
        end = data.draw(st.integers(at + 1, len(STORY)))
        for one in STORY[begin:end]:
            fold.take(one)
        at = end
    assert fold.line == run_line(RUN, STORY)


@given(
    kind=st.sampled_from(sorted(RunFold.kinds)),
    body=st.dictionaries(
        st.sampled_from(["hop", "cost_eur", "usage", "verdict", "outcome", "artefacts", "reason", "purpose"]),
        st.none() | st.integers() | st.text(max_size=20) | st.lists(st.integers(), max_size=2),
    ),
)
def test_a_hostile_body_never_fails_the_fold(kind: str, body: dict[str, Any]) -> None:
    """Whatever a body holds, a line comes of it."""
    assert run_line(RUN, [STORY[0], event(2, kind, body)]).last_seq == 2
