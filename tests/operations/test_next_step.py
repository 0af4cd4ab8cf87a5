"""The next step: from facts alone, the same sentence everywhere, gravest first."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.domain.incidents import IncidentState, Trigger
from peak_console.domain.posture import UNUSABLE, Orders, Posture, PostureReason, PostureState
from peak_console.operations.views.bar import Armed, BarSnapshot, ConfigFinding, NodeFacts
from peak_console.operations.views.incidents import IncidentLine
from peak_console.operations.views.next_step import next_step, service_missing

NOW = datetime(2026, 11, 22, 14, 5, 9, tzinfo=UTC)
RUNS = NodeFacts(running=True, service="")
INCIDENT = IncidentLine(
    "inc_1", Trigger.BUDGET_RUNAWAY, IncidentState.OPEN, NOW, "L2 burns 14x", "L2", "see which calls", "6"
)


def posture(state: PostureState, *reasons: str) -> Posture:
    """A posture of a word and its reasons."""
    calls = state not in {PostureState.STOPPED, PostureState.UNKNOWN}
    return Posture(state, calls=calls, orders=Orders.NONE, reasons=reasons or ("enabled",))


CALM = BarSnapshot(NOW, posture(PostureState.DISARMED), phase="bootstrap", node=RUNS)
STOPPED = replace(CALM, posture=posture(PostureState.STOPPED, "stopped_by_operator"))
NEW = posture(PostureState.STOPPED, "new_workspace")
BROKEN = replace(
    posture(PostureState.STOPPED, "matrix_invalid"),
    conflicts=("ENABLED is older", f"configs/incidents.toml {UNUSABLE}: mend it with peak lint"),
)
LIFTS = 'peak enable --scope {} --reason "..." --confirm ENABLE'
SCOPES = ("layer:L1", "layer:L2", "run:r")
LAPSED = replace(CALM, posture=posture(PostureState.UNKNOWN, "lapsed"), node=NodeFacts())


def test_after_a_reboot_it_says_when_that_nothing_was_lifted_and_what_to_start() -> None:
    """The service where one is installed, the node itself where none is; a stop needs the enable after it."""
    since = NOW - timedelta(minutes=3)
    step = next_step(replace(LAPSED, node=NodeFacts(rebooted_at=since)))
    assert step.why == "the machine was rebooted at 14:02:09Z: no node runs; nothing was lifted"
    assert step.cli == "peak node start"
    assert step.key == ""
    served = NodeFacts(rebooted_at=since - timedelta(days=1), service="systemctl --user start peak-node-x")
    stopped = next_step(replace(STOPPED, node=served))
    assert "rebooted at 11-21 14:02Z" in stopped.why
    assert (stopped.cli, stopped.key) == ("systemctl --user start peak-node-x", "e")
    assert "then enable" in stopped.sentence


@pytest.mark.parametrize(
    ("bar", "why", "cli"),
    [
        (CALM, "calls may be made, no live order", "peak stop"),
        (LAPSED, "no node runs", "peak node start"),
        (STOPPED, "stopped: no call leaves", "peak enable"),
        (replace(STOPPED, posture=NEW), "a new workspace", "peak enable"),
        (replace(STOPPED, workers_missing=("traffic (pid 7)",)), "traffic (pid 7) did not", "peak status"),
        (replace(STOPPED, posture=posture(PostureState.STOPPED, "ai_enabled_false")), "AI_ENABLED=false", ""),
        (replace(STOPPED, posture=BROKEN), "configs/incidents.toml cannot be used as it stands", "peak lint"),
        (replace(CALM, incidents=(INCIDENT,)), "L2 burns 14x", ""),
        (replace(CALM, reduce=True), "only orders that lower", LIFTS.format("reduce")),
        (replace(CALM, stopped_scopes=SCOPES), "layer:L2 and 1 more", LIFTS.format(SCOPES[0])),
        (replace(CALM, phase="shadow"), "no service starts the node", "peak node install"),
        (replace(LAPSED, node=RUNS), "the node's word is missing", "peak node status"),
        (
            replace(LAPSED, findings=(ConfigFinding("syntax", "error", "a.toml", 12, 1, "bad"),)),
            "a.toml:12 cannot be used",
            "peak lint",
        ),
    ],
)  # fmt: skip
def test_each_state_has_one_sentence_and_one_command(bar: BarSnapshot, why: str, cli: str) -> None:
    """What stands in the way, and what is done about it."""
    step = next_step(bar)
    assert why in step.why
    assert step.cli.startswith(cli)
    assert bool(step.cli) == bool(cli)
    assert "\n" not in step.sentence


def test_what_is_armed_is_told_with_its_end_and_a_drill_is_not() -> None:
    """Live orders may be sent until then; a drill changes nothing, so it is not the thing to do next."""
    armed = Armed("venue:demo", "run_1", NOW + timedelta(minutes=15))
    bar = replace(CALM, posture=posture(PostureState.ARMED, "armed"), armed=armed)
    step = next_step(bar)
    assert "venue:demo until 14:20:09Z" in step.why
    assert (step.key, step.cli) == ("5", "peak disarm")
    drill = replace(CALM, armed=replace(armed, drill=True))
    assert next_step(drill) == next_step(CALM)


def test_a_service_matters_from_shadow_on_and_never_in_a_simulation() -> None:
    """Nobody looked is not the same as none."""
    assert not service_missing(CALM)
    assert service_missing(replace(CALM, phase="live"))
    assert service_missing(replace(CALM, phase=None))  # unknown is judged as live
    assert not service_missing(replace(CALM, phase="live", simulated=True))
    assert not service_missing(replace(CALM, phase="live", node=NodeFacts(running=True)))


@given(
    state=st.sampled_from(list(PostureState)),
    reasons=st.lists(st.sampled_from([one.value for one in PostureReason]), min_size=1, max_size=3),
    node=st.sampled_from([RUNS, NodeFacts(), NodeFacts(rebooted_at=NOW)]),
    names=st.lists(st.text(), max_size=3),
)
def test_there_is_always_a_sentence_and_never_a_command_that_raises_a_stop_unasked(
    state: PostureState, reasons: list[str], node: NodeFacts, names: list[str]
) -> None:
    """Whatever stands together; foreign names stay on one line; only what is STOPPED is to be enabled."""
    bar = replace(
        CALM,
        posture=posture(state, *reasons),
        node=node,
        workers_missing=tuple(names),
        stopped_scopes=tuple(names),
    )
    step = next_step(bar)
    assert step.why
    assert "\n" not in step.sentence
    assert "\x1b" not in step.sentence
    if "peak enable" in step.cli and not bar.posture.calls:
        assert state is PostureState.STOPPED
