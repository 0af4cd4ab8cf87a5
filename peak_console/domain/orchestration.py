"""What comes next in work of several layers: a pure function from what has happened to the next step.

A :class:`Plan` names the stages and what each needs; events say what became of them. Nothing here asks, waits
or knows a clock, so that a run can be replayed step by step, and whoever drives it decides nothing. Every
sequence ends: a stage is tried twice at most, and what happens twice counts as it came first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from peak_console.domain.trading import GateVerdict
from peak_console.domain.verdict import Verdict
from peak_console.domain.vocabulary import Layer

TRIES: Final = 2
"""How often a stage is tried: once, and once more."""


class StageKind(StrEnum):
    """What is done in a stage."""

    GATHER = "gather"
    """Take the data that all the others rest on."""
    ASK = "ask"
    """Ask a layer for its answer."""
    JUDGE = "judge"
    """Put a layer's answer before its critics."""
    WEIGH = "weigh"
    """Make an order intent of it, or find that there is none."""
    DECIDE = "decide"
    """Put the intent before the risk gate."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a plan: its name, what is done, for which layer, after which others."""

    name: str
    kind: StageKind
    layer: Layer | None = None
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Stages in the order in which one alone would do them; each needs only stages before it."""

    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        """Refuse what could wait for ever: a name given twice, a need that no stage before it meets."""
        known: set[str] = set()
        for stage in self.stages:
            if stage.name in known or not known.issuperset(stage.needs):
                raise ValueError(f"stage {stage.name!r} stands twice, or needs what does not come before it")
            known.add(stage.name)


class DataState(StrEnum):
    """What became of taking the data."""

    TAKEN = "taken"
    STALE = "stale"
    """It is too old; the work goes on, and the gate blocks."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The data was taken, or not; ``again`` says that trying once more may help."""

    stage: str
    state: DataState
    code: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """A layer answered. ``doubt`` says that its answer should be judged whoever else would not ask."""

    stage: str
    doubt: bool = False


@dataclass(frozen=True, slots=True)
class Malformed:
    """A layer answered, and not in the shape asked for. ``tries`` counts how often it was asked."""

    stage: str
    tries: int = 1


@dataclass(frozen=True, slots=True)
class Unanswered:
    """No candidate of a layer answered; ``review`` is its ``on_exhausted``: a person looks, else abort."""

    stage: str
    code: str
    review: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """A stage may not be done: posture, a stopped scope, a quarantine, no budget."""

    stage: str
    code: str
    review: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """The strictest verdict on a layer's answer; ``None`` where nobody had to judge."""

    stage: str
    verdict: Verdict | None
    degraded: bool = False
    sod_ok: bool = True


@dataclass(frozen=True, slots=True)
class Weighed:
    """An intent was made (``intent``), or there is none, and why."""

    stage: str
    intent: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Decided:
    """The gate's word on the intent."""

    stage: str
    verdict: GateVerdict
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stopped:
    """All of it must end: a stop, a cancel, a budget, an error that nobody foresaw."""

    code: str
    review: bool = False


Told = Snapshot | Answered | Malformed | Unanswered | Refused | Judged | Weighed | Decided
"""What is told of one stage."""

Event = Told | Stopped


class Outcome(StrEnum):
    """How work ends."""

    WOULD_ALLOW = "would_allow"
    WOULD_BLOCK = "would_block"
    NO_TRADE = "no_trade"
    ABORTED = "aborted"
    REVIEW_REQUIRED = "review_required"
    """A person must look before anything of it is used."""
    DONE = "done"
    """A plan without a gate came to its end."""


class StepKind(StrEnum):
    """What the one who drives does now."""

    GO_ON = "go_on"
    RETRY = "retry"
    ESCALATE = "escalate"
    """Put an answer that is in doubt before its critics."""
    ABORT = "abort"
    FINISH = "finish"


@dataclass(frozen=True, slots=True)
class Step:
    """The next step: a stage to do, or the end with its outcome and reasons."""

    kind: StepKind
    stage: Stage | None = None
    outcome: Outcome | None = None
    reasons: tuple[str, ...] = ()

    @property
    def ends(self) -> bool:
        """Whether nothing comes after it."""
        return self.outcome is not None


def next_step(events: Sequence[Event], plan: Plan) -> Step:
    """The one step that comes next, for whoever does one thing at a time."""
    return next_steps(events, plan)[0]


def next_steps(events: Sequence[Event], plan: Plan) -> tuple[Step, ...]:
    """All steps that may be done now, side by side: one that ends everything, or one or more stages.

    An end comes before everything else, in the order of the plan; a stage is open once each that it needs
    is done.
    """
    stopped = next((one for one in events if isinstance(one, Stopped)), None)
    if stopped is not None:
        return (_ended(stopped.code, review=stopped.review),)
    asking = frozenset(need for stage in plan.stages if stage.kind is StageKind.ASK for need in stage.needs)
    settled = {stage.name: _settled(stage, events, rests=stage.name in asking) for stage in plan.stages}
    ends = [one.end for one in settled.values() if one.end is not None]
    if ends:
        return (ends[0],)
    done = {name for name, one in settled.items() if one.done}
    open_now = tuple(
        _opened(stage, settled, events)
        for stage in plan.stages
        if stage.name not in done and done.issuperset(stage.needs)
    )
    return open_now or (_concluded(events, plan),)


@dataclass(frozen=True, slots=True)
class _Standing:
    """Where a stage stands: not begun, to be tried again, done, or the end of everything."""

    done: bool = False
    again: bool = False
    end: Step | None = None


_SUCCEEDED: Final = {
    StageKind.GATHER: Snapshot,
    StageKind.ASK: Answered,
    StageKind.JUDGE: Judged,
    StageKind.WEIGH: Weighed,
    StageKind.DECIDE: Decided,
}
"""What only a stage of this kind can be told."""


def _settled(stage: Stage, events: Iterable[Event], *, rests: bool) -> _Standing:
    """Where a stage stands after all that was told of it; what follows its end is not heard.

    ``rests`` says that a layer is to be asked upon what this stage gives.
    """
    tries = 0
    again = False
    for event in events:
        if isinstance(event, Stopped) or event.stage != stage.name:
            continue
        if isinstance(event, Unanswered | Refused):
            return _Standing(end=_ended(event.code, review=event.review))
        if isinstance(event, Malformed):
            tries = max(tries + 1, event.tries)
            if tries >= TRIES:
                return _Standing(end=_ended("malformed", review=True))
            again = True
        elif not isinstance(event, _SUCCEEDED[stage.kind]):
            return _Standing(end=_ended("out_of_place", review=True))
        elif isinstance(event, Snapshot) and event.state is DataState.FAILED:
            tries += 1
            if tries >= TRIES or not event.again:
                return _Standing(end=_ended(event.code or "no_data"))
            again = True
        else:
            return _done(event, rests=rests)
    return _Standing(again=again)


def _done(event: Told, *, rests: bool) -> _Standing:
    """A stage that came to its end, which is the end of everything where nothing can rest on it."""
    if isinstance(event, Weighed) and not event.intent:
        return _Standing(end=Step(StepKind.FINISH, outcome=Outcome.NO_TRADE, reasons=(event.reason,)))
    if isinstance(event, Judged) and event.verdict is Verdict.FAIL and rests:
        return _Standing(end=_ended("critic_failed", review=True))
    return _Standing(done=True)


def _opened(stage: Stage, settled: dict[str, _Standing], events: Iterable[Event]) -> Step:
    if settled[stage.name].again:
        return Step(StepKind.RETRY, stage)
    if stage.kind is StageKind.JUDGE and any(
        isinstance(event, Answered) and event.doubt and event.stage in stage.needs for event in events
    ):
        return Step(StepKind.ESCALATE, stage)
    return Step(StepKind.GO_ON, stage)


def _ended(code: str, *, review: bool = False) -> Step:
    if review:
        return Step(StepKind.FINISH, outcome=Outcome.REVIEW_REQUIRED, reasons=(code,))
    return Step(StepKind.ABORT, outcome=Outcome.ABORTED, reasons=(code,))


def _concluded(events: Sequence[Event], plan: Plan) -> Step:
    """The end of a plan whose stages are all done: the gate's word, where critics passed what it rests on."""
    decided = [event for event in events if isinstance(event, Decided)]
    if not any(stage.kind is StageKind.DECIDE for stage in plan.stages):
        return Step(StepKind.FINISH, outcome=Outcome.DONE)
    last = decided[0]
    if last.verdict is not GateVerdict.ALLOW:
        return Step(StepKind.FINISH, outcome=Outcome.WOULD_BLOCK, reasons=last.reasons)
    if passed(events):
        return Step(StepKind.FINISH, outcome=Outcome.WOULD_ALLOW, reasons=last.reasons)
    return Step(StepKind.FINISH, outcome=Outcome.REVIEW_REQUIRED, reasons=("critic_not_passed",))


def passed(events: Iterable[Event]) -> bool:
    """Whether critics passed all that was judged: PASS at least once, nothing else, none degraded, SoD ok."""
    judged = [one for one in events if isinstance(one, Judged) and one.verdict is not None]
    return bool(judged) and all(
        one.verdict is Verdict.PASS and not one.degraded and one.sod_ok for one in judged
    )
