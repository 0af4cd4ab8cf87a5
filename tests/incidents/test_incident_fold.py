"""Where incidents stand, folded from their events."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from incident_events import ID, START, did, event, node_did, opened, sealed

from peak_console.domain.clock import iso
from peak_console.domain.incidents import IncidentState, Trigger
from peak_console.incidents.fold import KINDS, Incident, find_incident, fold_incidents
from peak_console.incidents.guidance import GUIDANCE


def folded(*events: Any) -> Incident:
    """The one incident of these events."""
    (one,) = fold_incidents(events).values()
    return one


def test_an_incident_goes_from_open_over_acknowledged_to_closed() -> None:
    """Who saw it has it; a close is final, and later words change nothing but the notes."""
    one = folded(opened())
    assert (one.state, one.trigger, one.scope) == (IncidentState.OPEN, Trigger.BUDGET_RUNAWAY, "layer:L2")
    one = folded(opened(), did("acknowledged", note="on it"))
    assert (one.state, one.acknowledged_by, one.assignee) == (IncidentState.ACKNOWLEDGED, "anna", "anna")
    closed = (opened(), did("acknowledged"), did("closed", who="ben", note="loop ended", at_s=60))
    one = folded(*closed)
    assert (one.is_open, one.closed_by, one.closed_at) == (False, "ben", START + timedelta(seconds=60))
    again = folded(*closed, did("acknowledged", who="carl"), did("closed", who="carl", at_s=90))
    assert (again.state, again.closed_by, again.closed_at) == (one.state, one.closed_by, one.closed_at)


def test_a_hand_over_holds_once_the_other_accepts() -> None:
    """Until then it stays with who had it; whoever else acknowledges does not take it away."""
    begun = (opened(), did("acknowledged"), did("handed_over", to="ben", note="my shift ends"))
    one = folded(*begun)
    assert (one.assignee, one.handing_to) == ("anna", "ben")
    assert folded(*begun, did("acknowledged", who="carl")).handing_to == "ben"
    taken = folded(*begun, did("acknowledged", who="ben"))
    assert (taken.assignee, taken.handing_to, taken.acknowledged_by) == ("ben", "", "ben")
    assert taken.notes[-1].what == "accepted"
    given_away = folded(*begun, did("assigned", to="dora"))
    assert (given_away.assignee, given_away.handing_to) == ("dora", "")


def test_a_silence_ends_within_a_day_whatever_was_recorded() -> None:
    """It is bounded where it is read, too; one that ends before it begins is none; it ends with the close."""
    for_ever = folded(opened(), did("silenced", until="9999-12-31T00:00:00.000000Z", at_s=0))
    assert for_ever.silenced_until == START + timedelta(days=1)
    assert for_ever.silent(START + timedelta(hours=23))
    assert not for_ever.silent(START + timedelta(hours=24))
    past = did("silenced", until=iso(START - timedelta(hours=1)), at_s=0)
    assert folded(opened(), past).silenced_until is None
    hour = did("silenced", until=iso(START + timedelta(hours=1)), at_s=0)
    assert folded(opened(), hour, did("closed", note="x")).silenced_until is None


def test_what_was_done_and_seen_is_counted_and_kept() -> None:
    """Times by what an event tells or by one more; what happened by itself and whether."""
    seen = [node_did("seen", times=7), node_did("seen", times=7)]
    assert folded(opened(), *seen).times == 7
    assert folded(opened(), node_did("seen"), opened(at_s=9)).times == 3
    assert folded(opened(), *seen, node_did("seen", times=3)).times == 7
    acted = node_did("stop_scope", ok=False, detail="no node")
    assert folded(opened(), acted).acted == "stop_scope failed"


def test_a_capture_lies_where_its_seal_says_and_no_word_moves_it() -> None:
    """Only a seal tells of one, below its incident; the first stays the one shown."""
    assert folded(opened(), sealed()).captured == f"audits/{ID}/capture"
    assert folded(opened(), sealed(), sealed(edition=7)).captured == f"audits/{ID}/capture"
    for word in ("capture", "captured"):
        forged = did("action_taken", action=word, path="audits/x", ok=True)
        assert folded(opened(), forged).captured == ""
        assert folded(opened(), sealed(), forged).captured == f"audits/{ID}/capture"
    for edition in (0, -1, True, "1", None, 1 << 60):
        assert folded(opened(), sealed(edition=edition)).captured == ""


@pytest.mark.parametrize("actor", ["mara", "mara/agent:x", "mara/operator:anna", "node/agent:x", "NODE"])
def test_only_the_node_tells_what_it_saw_did_or_told(actor: str) -> None:
    """Of anybody else such words are a line of the page, and change nothing."""
    for action in ("told", "seen", "test_over", "stop_scope"):
        said = node_did(action, actor=actor, hook="pager", about="escalated", ok=True, operator="root")
        one = folded(opened(), said)
        assert (one.told, one.times, one.acted, one.is_open) == ((), 1, "", True)
    assert folded(opened(trigger="test"), node_did("test_over", actor=actor)).is_open
    assert not folded(opened(trigger="test"), node_did("test_over")).is_open


def test_nobody_acts_in_anothers_name() -> None:
    """Who did what needs no proof is whom the kernel named; what the event says is an annotation."""
    one = folded(opened(), did("action_taken", action="stop", who="root"), did("noted", note="x", who="root"))
    assert [note.who for note in one.notes] == ["mara (says: root)", "root"]
    assert folded(opened(), did("action_taken", action="stop", who="mara")).notes[0].who == "mara"


def test_tests_and_drills_do_not_count() -> None:
    """They are shown as what they are."""
    assert not folded(opened(trigger="test")).counts
    assert not folded(opened(drill=True)).counts
    assert folded(opened()).counts


_LOOSE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just(ID),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
_FIELDS = (
    "incident_id",
    "trigger",
    "operator",
    "to",
    "note",
    "until",
    "action",
    "times",
    "ok",
    "path",
    "auto",
)
_BODIES = st.none() | st.lists(st.integers(), max_size=1) | st.dictionaries(st.sampled_from(_FIELDS), _LOOSE)
_TIMES = st.just(iso(START)) | st.sampled_from(
    ["", "yesterday", "2026-11-22T03:00:00", "9999-12-31T23:59:59Z"]
)
_EVENTS = st.builds(
    lambda kind, body, ts, meant: event(kind, {**body, "incident_id": ID} if meant and body else body, ts=ts),
    st.sampled_from([*KINDS, "incident.invented", "run.started"]),
    _BODIES.filter(lambda body: body is None or isinstance(body, dict)),
    _TIMES,
    st.booleans(),
)


@settings(max_examples=60)
@given(st.lists(_EVENTS, max_size=12))
def test_no_event_breaks_the_fold(events: list[Any]) -> None:
    """Whatever stands in bodies and times: every incident has a known trigger and state, and stays itself."""
    found = fold_incidents([opened(), *events, event("incident.noted", ["no", "table"])])
    one = found[ID]
    assert (one.cause, one.summary, one.opened_at) == ("layer:L2", "14 times the even rate", START)
    for each in found.values():
        assert each.trigger in GUIDANCE
        assert each.state in set(IncidentState)
        assert each.times >= 1


@settings(max_examples=60)
@given(st.lists(_EVENTS, max_size=10), st.integers(0, 10))
def test_the_fold_goes_on_from_where_it_ended(events: list[Any], cut: int) -> None:
    """Folding in two parts gives what folding at once gives, and leaves the first part as it was."""
    whole = [opened(), *events]
    first = fold_incidents(whole[:cut])
    kept = dict(first)
    assert fold_incidents(whole[cut:], first) == fold_incidents(whole)
    assert first == kept


def test_an_incident_is_found_by_part_of_its_id() -> None:
    """By its whole id, its beginning, or the short part at its end; by nothing else."""
    other = "inc_20261122_030000_abd999"
    known = fold_incidents([opened(), opened(other)])
    assert [one.incident_id for one in find_incident(known, ID)] == [ID]
    assert [one.incident_id for one in find_incident(known, "abc123")] == [ID]
    assert [one.incident_id for one in find_incident(known, "20261122_030000_abd")] == [other]
    assert len(find_incident(known, "inc_20261122")) == 2
    assert find_incident(known, "") == ()
    assert find_incident(known, "zzz") == ()
