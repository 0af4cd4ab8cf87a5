"""The fold of enables and stops: what is in force, what is late, what stands unrecorded."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from peak_console.control.history import (
    REMOVED,
    ControlHistory,
    Observed,
    admit_enable,
    enable_draft,
    permitted,
    stop_draft,
    unrecorded_stop,
)
from peak_console.domain.events import EventDraft


def folded(*drafts: EventDraft) -> ControlHistory:
    """The history after these events."""
    history = ControlHistory()
    for number, draft in enumerate(drafts):
        history = history.after(draft.kind, draft.event_id, draft.body, f"t{number}")
    return history


def enabled(event_id: str, *, after_stop: str | None = None) -> EventDraft:
    """An enable."""
    return enable_draft(event_id, reason="go", operator="anna", after_stop=after_stop, after_event=None)


def stopped(stop_id: str, *, ended: str | None = None, scope: str = "global") -> EventDraft:
    """A stop."""
    return stop_draft(stop_id, reason="why", operator="anna", ended=ended, scope=scope)


def seen(enabling: str | None = None, enabled: str | None = None, stop: str | None = None) -> Observed:
    """What stands in the folder."""
    return Observed(enabling, enabled, stop)


def test_an_enable_is_in_force_until_a_stop() -> None:
    """And its time and reason are told."""
    history = folded(enabled("e1"))
    assert (history.in_force, history.since, history.reason) == ("e1", "t0", "go")
    assert folded(enabled("e1"), stopped("s1")).in_force is None


def test_a_stop_recorded_late_does_not_end_the_enable_that_lifted_it() -> None:
    """Whoever stopped may be slow to record it; the operator who enabled has seen it."""
    assert folded(enabled("e1"), enabled("e2", after_stop="s1"), stopped("s1")).in_force == "e2"


def test_a_stop_that_ended_another_enable_does_not_end_this_one() -> None:
    """A stop that could leave no mark says which enable it removed."""
    assert folded(enabled("e1"), enabled("e2"), stopped("s1", ended="e1")).in_force == "e2"
    assert folded(enabled("e1"), enabled("e2"), stopped("s1", ended="e2")).in_force is None


def test_a_stop_without_a_node_is_recorded_with_its_own_time() -> None:
    """Long after it was made, by the node that found its file."""
    draft = unrecorded_stop(folded(), Observed(None, None, "s1", {"at": "2026-11-22T04:08:24.000000Z"}))
    assert draft is not None
    assert draft.body["at"] == "2026-11-22T04:08:24.000000Z"


def test_narrower_scopes_do_not_count_here() -> None:
    """Only global stops and enables make the posture of the whole."""
    assert folded(enabled("e1"), stopped("s1", scope="layer:L2")).in_force == "e1"


def test_a_lease_permits_only_the_enable_in_force() -> None:
    """ENABLED must name the ledger's last enable, and no STOP may stand."""
    history = folded(enabled("e1"))
    assert permitted(history, seen(enabled="e1")) == "e1"
    assert permitted(history, seen(enabled="e0")) is None
    assert permitted(history, seen(enabled="e1", stop="s9")) is None
    assert permitted(ControlHistory(), seen(enabled="e1")) is None
    assert permitted(folded(enabled("e1"), stopped("s1")), seen(enabled="e1")) is None


def test_a_stop_in_the_files_is_recorded_once() -> None:
    """The event's id follows from the stop's, whoever records it."""
    draft = unrecorded_stop(folded(enabled("e1")), seen(stop="s1"))
    assert draft is not None
    assert draft.event_id == "ev_s1" == stopped("s1").event_id
    assert unrecorded_stop(folded(enabled("e1"), draft), seen(stop="s1")) is None


def test_a_removal_by_hand_is_recorded_as_one() -> None:
    """ENABLED gone with nobody's record: the event says so and names the enable it ended."""
    draft = unrecorded_stop(folded(enabled("e1")), seen())
    assert draft is not None
    assert draft.body["reason"] == REMOVED
    assert draft.body["ended"] == "e1"
    assert folded(enabled("e1"), draft).in_force is None


def test_an_enable_on_its_way_is_no_removal() -> None:
    """Recorded and not renamed yet: ENABLING still names it."""
    assert unrecorded_stop(folded(enabled("e1")), seen(enabling="e1")) is None
    assert unrecorded_stop(folded(enabled("e1")), seen(enabled="e1")) is None


def test_an_enable_under_an_older_look_is_refused() -> None:
    """Whatever was recorded since the look, the operator must look again."""
    history = folded(enabled("e1"), stopped("s1"))
    assert admit_enable(history, {"after_event": "ev_s1"}) is None
    for after in ("e1", None, "other"):
        refusal = admit_enable(history, {"after_event": after})
        assert refusal is not None
        assert refusal.code == "changed_meanwhile"


events = st.one_of(
    st.builds(enabled, st.sampled_from(["e1", "e2"]), after_stop=st.sampled_from([None, "s1", "s2"])),
    st.builds(stopped, st.sampled_from(["s1", "s2"]), ended=st.sampled_from([None, "e1", "e2"])),
)


@settings(deadline=None)  # the machine of a test run is shared
@given(st.lists(events, max_size=8))
def test_only_an_enable_brings_anything_into_force(drafts: list[EventDraft]) -> None:
    """No order of records makes a stop bring an enable back."""
    history = ControlHistory()
    for draft in drafts:
        before, body = history.in_force, dict[str, Any](draft.body)
        history = history.after(draft.kind, draft.event_id, body, "")
        if draft.kind == "control.stopped":
            assert history.in_force in {before, None}
        else:
            assert history.in_force == draft.event_id
