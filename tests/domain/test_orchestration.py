"""What comes next: every sequence ends, and nothing is allowed that critics and gate did not pass."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peak_console.domain.orchestration import (
    TRIES,
    Answered,
    DataState,
    Decided,
    Event,
    Judged,
    Malformed,
    Outcome,
    Plan,
    Refused,
    Snapshot,
    Stage,
    StageKind,
    Step,
    StepKind,
    Stopped,
    Unanswered,
    Weighed,
    next_step,
    next_steps,
    passed,
)
from peak_console.domain.trading import GateVerdict
from peak_console.domain.verdict import Verdict
from peak_console.domain.vocabulary import Layer, PhaseLevel
from peak_console.shadow.cycle import plan_of

WAITING, BESIDE = plan_of(PhaseLevel.SHADOW), plan_of(PhaseLevel.RESEARCH)
NAMES = [stage.name for stage in WAITING.stages]
GOOD: dict[str, Event] = {
    "data": Snapshot("data", DataState.TAKEN),
    "outlook": Answered("outlook"),
    "judge_outlook": Judged("judge_outlook", Verdict.PASS),
    "hypothesis": Answered("hypothesis"),
    "judge_hypothesis": Judged("judge_hypothesis", Verdict.PASS),
    "weigh": Weighed("weigh", intent=True),
    "decide": Decided("decide", GateVerdict.ALLOW),
}


def told(**changes: Event | None) -> list[Event]:
    """All went well, but for these stages; ``None`` leaves one out."""
    return [event for event in (GOOD | changes).values() if event is not None]


def end_of(*events: Event, plan: Plan = WAITING) -> tuple[Outcome | None, tuple[str, ...]]:
    """The outcome and reasons after these events."""
    step = next_step(events, plan)
    return step.outcome, step.reasons


def test_alone_it_goes_stage_by_stage() -> None:
    """In the order of the plan, to the end."""
    events: list[Event] = []
    gone: list[str] = []
    while not (step := next_step(events, WAITING)).ends:
        assert step.stage is not None
        gone.append(step.stage.name)
        events.append(GOOD[step.stage.name])
    assert (gone, step.outcome) == (NAMES, Outcome.WOULD_ALLOW)


def test_in_research_the_critic_judges_beside_the_hypothesis() -> None:
    """From shadow on the hypothesis waits for the verdict."""
    events = told()[:2]
    assert [one.stage.name for one in next_steps(events, BESIDE) if one.stage] == [
        "judge_outlook",
        "hypothesis",
    ]
    assert [one.stage.name for one in next_steps(events, WAITING) if one.stage] == ["judge_outlook"]


@pytest.mark.parametrize(
    ("change", "outcome", "reasons"),
    [
        ({"data": Snapshot("data", DataState.FAILED, "data_missing")}, Outcome.ABORTED, ("data_missing",)),
        ({"outlook": Refused("outlook", "posture")}, Outcome.ABORTED, ("posture",)),
        (
            {"outlook": Refused("outlook", "budget_exceeded", review=True)},
            Outcome.REVIEW_REQUIRED,
            ("budget_exceeded",),
        ),
        ({"hypothesis": Unanswered("hypothesis", "exhausted")}, Outcome.ABORTED, ("exhausted",)),
        (
            {"hypothesis": Unanswered("hypothesis", "exhausted", review=True)},
            Outcome.REVIEW_REQUIRED,
            ("exhausted",),
        ),
        ({"hypothesis": Malformed("hypothesis", TRIES)}, Outcome.REVIEW_REQUIRED, ("malformed",)),
        (
            {"judge_outlook": Judged("judge_outlook", Verdict.FAIL)},
            Outcome.REVIEW_REQUIRED,
            ("critic_failed",),
        ),
        ({"weigh": Weighed("weigh", intent=False, reason="no_view")}, Outcome.NO_TRADE, ("no_view",)),
        (
            {"decide": Decided("decide", GateVerdict.BLOCK, ("max_position",))},
            Outcome.WOULD_BLOCK,
            ("max_position",),
        ),
        (
            {"judge_hypothesis": Judged("judge_hypothesis", Verdict.PASS, degraded=True)},
            Outcome.REVIEW_REQUIRED,
            ("critic_not_passed",),
        ),
        (
            {"judge_hypothesis": Judged("judge_hypothesis", Verdict.PASS, sod_ok=False)},
            Outcome.REVIEW_REQUIRED,
            ("critic_not_passed",),
        ),
        ({"weigh": Answered("weigh")}, Outcome.REVIEW_REQUIRED, ("out_of_place",)),
    ],
)
def test_what_goes_wrong_ends_it(
    change: dict[str, Event], outcome: Outcome, reasons: tuple[str, ...]
) -> None:
    """With its reason, whatever was told besides."""
    assert end_of(*told(**change)) == (outcome, reasons)


def test_stale_data_goes_on_to_the_gate() -> None:
    """The gate blocks; the cycle is recorded whole."""
    step = next_step([Snapshot("data", DataState.STALE)], WAITING)
    assert (step.kind, step.stage and step.stage.name) == (StepKind.GO_ON, "outlook")


def test_a_stop_comes_before_everything() -> None:
    """Also before an end that was reached already."""
    assert end_of(*told(), Stopped("stopped")) == (Outcome.ABORTED, ("stopped",))
    assert end_of(Stopped("budget", review=True)) == (Outcome.REVIEW_REQUIRED, ("budget",))


def test_a_malformed_answer_is_asked_for_once_more() -> None:
    """And data that may come at a second try."""
    events: list[Event] = [GOOD["data"], Malformed("outlook")]
    again = next_step(events, WAITING)
    assert (again.kind, again.stage and again.stage.name) == (StepKind.RETRY, "outlook")
    assert end_of(*events, Malformed("outlook")) == (Outcome.REVIEW_REQUIRED, ("malformed",))
    lost = Snapshot("data", DataState.FAILED, "data_network_lost", again=True)
    assert next_step([lost], WAITING).kind is StepKind.RETRY
    assert end_of(lost, lost) == (Outcome.ABORTED, ("data_network_lost",))


def test_an_answer_in_doubt_is_escalated_to_its_critic() -> None:
    """Which needs no arming; an answer without doubt goes on."""
    doubted = next_step(told(outlook=Answered("outlook", doubt=True))[:2], WAITING)
    assert (doubted.kind, doubted.stage and doubted.stage.kind) == (StepKind.ESCALATE, StageKind.JUDGE)
    assert next_step(told()[:2], WAITING).kind is StepKind.GO_ON


def test_a_failed_verdict_that_nothing_rests_on_goes_to_the_gate() -> None:
    """The gate blocks then, and its reasons are on record."""
    events = told(judge_hypothesis=Judged("judge_hypothesis", Verdict.FAIL), decide=None)
    step = next_step(events[:5], WAITING)
    assert step.stage is not None
    assert step.stage.name == "weigh"


def test_a_plan_without_a_gate_ends_done() -> None:
    """Work of several agents goes by the same function."""
    plan = Plan((Stage("ask", StageKind.ASK, Layer.L1), Stage("judge", StageKind.JUDGE, Layer.L1, ("ask",))))
    events = [Answered("ask"), Judged("judge", None)]
    assert end_of(*events, plan=plan) == (Outcome.DONE, ())


@pytest.mark.parametrize(
    "stages",
    [(Stage("a", StageKind.ASK, needs=("b",)),), (Stage("a", StageKind.ASK), Stage("a", StageKind.ASK))],
)
def test_a_plan_that_could_wait_for_ever_is_refused(stages: tuple[Stage, ...]) -> None:
    """A stage needs only stages before it, and has a name of its own."""
    with pytest.raises(ValueError, match="stands twice"):
        Plan(stages)


TRUTH = (False, True)
VERDICTS = (*Verdict, None)


def fitting(name: str) -> tuple[Event, ...]:
    """What a driver may say of a stage that it did."""
    kinds: dict[str, list[Event]] = {
        "data": [
            *(Snapshot(name, DataState.TAKEN), Snapshot(name, DataState.STALE)),
            *(Snapshot(name, DataState.FAILED, "code", again) for again in TRUTH),
        ],
        "weigh": [Weighed(name, intent, "no_view") for intent in TRUTH],
        "decide": [Decided(name, verdict, ("stale_data",)) for verdict in GateVerdict],
    }
    judged = [Judged(name, *one) for one in itertools.product(VERDICTS, TRUTH, TRUTH)]
    asked = [*(Answered(name, doubt) for doubt in TRUTH), *(Malformed(name, tries) for tries in (0, 1, 2))]
    usual = kinds.get(name) or (judged if name.startswith("judge") else asked)
    return (*usual, Refused(name, "posture"), Unanswered(name, "exhausted", review=True))


BY_STAGE = {name: fitting(name) for name in NAMES}
EVERY = [
    *(event for events in BY_STAGE.values() for event in events),
    *(Answered("weigh"), Judged("decide", Verdict.PASS), Decided("unknown", GateVerdict.ALLOW)),
]
PLANS = st.sampled_from([WAITING, BESIDE])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 999), min_size=15, max_size=15), PLANS)
def test_every_sequence_ends(draws: list[int], plan: Plan) -> None:
    """Whatever each stage comes to: at most two tries of each, and then an end with an outcome."""
    events: list[Event] = []
    begun: list[str] = []
    left = iter(draws)
    while not (steps := next_steps(events, plan))[0].ends:
        for step in steps:
            assert step.stage is not None
            begun.append(step.stage.name)
            options = BY_STAGE[step.stage.name]
            events.append(options[next(left) % len(options)])  # fifteen draws are more than two tries of each
    assert all(begun.count(name) <= TRIES for name in NAMES)
    assert_sound(next_step(events, plan), events)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(EVERY), max_size=14), PLANS)
def test_nothing_is_allowed_that_was_not_passed(events: list[Event], plan: Plan) -> None:
    """Whatever is told, in whatever order, twice or of stages that are none."""
    assert_sound(next_step(events, plan), events)


def assert_sound(step: Step, events: list[Event]) -> None:
    """An end has an outcome, and one that allows has all that it needs."""
    assert step.ends is (step.stage is None)
    if step.outcome is Outcome.WOULD_ALLOW:
        judged = [one for one in events if isinstance(one, Judged) and one.verdict is not None]
        assert any(isinstance(one, Decided) and one.verdict is GateVerdict.ALLOW for one in events)
        assert judged
        assert passed(events)
        assert all(one.verdict is Verdict.PASS and one.sod_ok and not one.degraded for one in judged)
