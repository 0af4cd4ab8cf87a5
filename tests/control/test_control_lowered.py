"""What is lowered besides the global stop, folded from the ledger: lifted by its own enable alone."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.control.lowered import (
    Lowered,
    Mark,
    disarm_draft,
    is_drill,
    marked_scope,
    narrow_scope,
    reduce_draft,
)


def after(*events: tuple[str, dict[str, Any]]) -> Lowered:
    """The fold of these events."""
    lowered = Lowered()
    for number, (kind, body) in enumerate(events):
        lowered = lowered.after(kind, f"ev_{number}", body, f"t{number}", number)
    return lowered


def stopped(scope: str, stop_id: str = "s1") -> tuple[str, dict[str, Any]]:
    """A stop of a scope."""
    return "control.stopped", {"scope": scope, "stop_id": stop_id, "reason": "odd", "operator": "anna"}


def enabled(scope: str) -> tuple[str, dict[str, Any]]:
    """An enable of a scope."""
    return "control.enabled", {"scope": scope}


def test_a_scope_is_stopped_until_its_own_enable() -> None:
    """A global enable, an enable of another scope and a global stop leave it."""
    events = [
        stopped("layer:L2"),
        enabled("global"),
        enabled("layer:L1"),
        ("control.stopped", {"scope": "global"}),
    ]
    mark = after(*events).mark("layer:L2")
    assert mark is not None
    assert (mark.stop_id, mark.since, mark.operator) == ("s1", "t0", "anna")
    assert after(*events, enabled("layer:L2")).mark("layer:L2") is None


def test_the_last_stop_of_a_scope_is_the_one_to_lift() -> None:
    """Its cooldown counts from there."""
    mark = after(stopped("layer:L2"), stopped("layer:L2", "s2")).mark("layer:L2")
    assert mark is not None
    assert (mark.stop_id, mark.boot_us) == ("s2", 1)


def test_a_stop_recorded_again_after_it_was_lifted_stops_nothing() -> None:
    """A late record of a stop that an operator has lifted, of a scope and of reduce."""
    reduced = ("control.reduced", dict(reduce_draft("r1", reason="", operator="").body))
    events = [stopped("run:a"), reduced, enabled("run:a"), enabled("reduce"), stopped("run:a"), reduced]
    assert after(*events[:2]).reduce is not None
    assert after(*events).scopes == {}
    assert after(*events).reduce is None


def test_what_is_no_part_of_the_workspace_stops_nothing() -> None:
    """Everything and texts that name nothing are no stopped scopes; a drill's is kept, and no part either."""
    assert narrow_scope("drill:stop") is None
    assert list(after(stopped("drill:stop")).scopes) == ["drill:stop"]
    for text in ("global", "drill:", "L2", "layer:L99", "", "reduce", None, 7, "run:" + "x" * 200):
        assert narrow_scope(text) is None
        assert after(("control.stopped", {"scope": text})).scopes == {}


def test_a_disarm_names_what_it_ended() -> None:
    """Nothing, where nothing was armed; texts are bounded."""
    assert disarm_draft("d1", lease_id=None, reason="x" * 900, operator="y" * 900).body == {
        "lease_id": None,
        "reason": "x" * 500,
        "operator": "y" * 100,
    }


def test_a_mark_says_what_is_known() -> None:
    """Who recorded it too; what is not said is empty, and a stop without a name has its event's."""
    whole = Lowered().after(*stopped("layer:L2")[:1], "ev", stopped("layer:L2")[1], "t", 7, actor="node")
    assert whole.scopes == {"layer:L2": Mark("s1", "t", 7, "odd", "anna", "node")}
    bare = Lowered().after("control.stopped", "ev", {"scope": "layer:L2"}, "t", 7)
    assert bare.scopes == {"layer:L2": Mark("ev", "t", 7)}
    assert (bare.scopes["layer:L2"].reason, bare.scopes["layer:L2"].operator) == ("", "")
    nulls = {"stop_id": None, "reason": None, "operator": None}
    reduced = Lowered().after("control.reduced", "ev", nulls, "t", 7, actor="node")
    assert reduced == Lowered(reduce=Mark("ev", "t", 7))
    assert (reduced.mark("reduce"), reduced.mark("layer:L2")) == (Mark("ev", "t", 7), None)


def test_what_stands_beside_stays() -> None:
    """A stop, a reduce and an enable leave all else as it is; an enable without a scope lifts nothing."""
    both = after(stopped("layer:L2"), ("control.reduced", {"stop_id": "r1"}), stopped("run:a", "s3"))
    assert (set(both.scopes), both.reduce) == ({"layer:L2", "run:a"}, Mark("r1", "t1", 1))
    for body in ({}, {"scope": None}, {"scope": "model:x"}):
        assert both.after("control.enabled", "ev", body, "t", 9) is both
    one = both.after(*enabled("run:a")[:1], "ev", enabled("run:a")[1], "t", 9)
    assert (set(one.scopes), one.reduce, one.lifted) == ({"layer:L2"}, both.reduce, frozenset({"s3"}))
    two = one.after("control.enabled", "ev", {"scope": "reduce"}, "t", 9)
    assert (set(two.scopes), two.reduce, two.lifted) == ({"layer:L2"}, None, frozenset({"s3", "r1"}))
    assert two.after("control.reduced", "ev", {"stop_id": "r1"}, "t", 9) is two
    again = two.after(*stopped("layer:L1", "s4")[:1], "ev", stopped("layer:L1", "s4")[1], "t", 9)
    assert (set(again.scopes), again.lifted) == ({"layer:L2", "layer:L1"}, two.lifted)
    assert again.after("control.reduced", "ev", {"stop_id": "r2"}, "t", 9).lifted == two.lifted


def test_what_was_lifted_stays_lifted() -> None:
    """Also where two scopes were stopped under one name, and both were enabled."""
    events = [stopped("layer:L2"), stopped("run:a"), enabled("layer:L2"), enabled("run:a")]
    assert after(*events).lifted == {"s1"}
    assert after(*events, stopped("run:a")).scopes == {}


@pytest.mark.parametrize("kind", ["control.armed", "control.disarmed", "control.zzz", "call.reserved", ""])
def test_other_kinds_change_nothing(kind: str) -> None:
    """Whatever they say of a scope, and wherever they stand in the alphabet."""
    lowered = after(stopped("layer:L2"))
    for scope in ("layer:L2", "layer:L1", "reduce"):
        assert lowered.after(kind, "ev", {"scope": scope, "stop_id": "s9"}, "t", 9) is lowered


@pytest.mark.parametrize(("text", "drill"), [("drill:stop", True), (" drill:stop", True), ("drill", False)])
def test_a_drills_stop_is_shown_and_stops_nothing(text: str, drill: bool) -> None:  # noqa: FBT001 - a table
    """It is kept under its own scope; of what reads as none, nothing is."""
    assert is_drill(text) == drill
    assert narrow_scope(text) is None
    scope = marked_scope(text)
    assert (scope.text if scope else "") == ("drill:stop" if drill else "")
    assert marked_scope("drill:" + "x" * 500) is None
    assert marked_scope(7) is None


def test_what_is_drafted_is_bounded() -> None:
    """A reduce says that it is on; each draft has its mark's id and its own kind."""
    reduce = reduce_draft("r1", reason="x" * 900, operator="y" * 900)
    body = {"on": True, "stop_id": "r1", "reason": "x" * 500, "operator": "y" * 100}
    assert (reduce.event_id, reduce.kind, reduce.body) == ("ev_r1", "control.reduced", body)
    disarm = disarm_draft("d1", lease_id="l1", reason="x", operator="y")
    body = {"lease_id": "l1", "reason": "x", "operator": "y"}
    assert (disarm.event_id, disarm.kind, disarm.body) == ("ev_d1", "control.disarmed", body)


scopes = st.sampled_from(["layer:L1", "layer:L2", "run:a", "reduce", "global"])
events = st.lists(st.tuples(st.sampled_from(["stop", "enable"]), scopes, st.integers(0, 9)), max_size=12)


@given(events)
def test_no_event_lifts_what_it_does_not_name(found: list[tuple[str, str, int]]) -> None:
    """Each scope by itself: what the other events say of other scopes changes nothing of it."""

    def fold(kept: list[tuple[str, str, int]]) -> Lowered:
        return after(
            *(
                enabled(scope)
                if word == "enable"
                else ("control.reduced", {"stop_id": f"r{number}"})
                if scope == "reduce"
                else stopped(scope, f"{scope}{number}")
                for word, scope, number in kept
            )
        )

    for scope in ("layer:L1", "run:a", "reduce"):
        alone, among = fold([one for one in found if one[1] == scope]).mark(scope), fold(found).mark(scope)
        assert (alone is None) == (among is None)
        assert alone is None or among is None or alone.stop_id == among.stop_id
