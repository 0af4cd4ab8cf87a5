"""What is lowered besides the global stop, folded from the ledger: lifted by its own enable alone."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from peak_console.control.lowered import Lowered, disarm_draft, narrow_scope, reduce_draft


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
    """Everything, drills and texts that name nothing are no stopped scopes."""
    for text in ("global", "drill:stop", "L2", "layer:L99", "", "reduce", None, 7, "run:" + "x" * 200):
        assert narrow_scope(text) is None
        assert after(("control.stopped", {"scope": text})).scopes == {}


def test_a_disarm_names_what_it_ended() -> None:
    """Nothing, where nothing was armed; texts are bounded."""
    assert disarm_draft("d1", lease_id=None, reason="x" * 900, operator="y" * 900).body == {
        "lease_id": None,
        "reason": "x" * 500,
        "operator": "y" * 100,
    }


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
