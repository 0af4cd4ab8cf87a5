"""Gold cases put to slots: each case once a round, over the road, judged without another model.

An answer counts only for the model that gave it. A round in which a fallback answered tells so and counts
nothing of it: a model that is down has not failed a case. It has not held it either: a round is held only
where every case that counts was answered and passed. A quarantined model is asked all the same, and nobody
in its place: what it answers is evidence for its release, and for nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from peak_console.config.canaries import CanaryCase, prompt_name_of, prompt_version_of
from peak_console.config.configs import Configs
from peak_console.domain.calls import CallLimits, CallReason, CallRequest, CallResult, Message
from peak_console.domain.drift import OUT_OF_USE, Tier
from peak_console.domain.errors import (
    BudgetExceeded,
    CallFailed,
    CallRefused,
    ConfigInvalid,
    ControlRefused,
    PolicyDenied,
)
from peak_console.domain.jobs import RunState
from peak_console.llm.runs import Run
from peak_console.shadow.asked_slots import AskedSlot, record, slot_of, spread
from peak_console.shadow.gold import wrong
from peak_console.shadow.working import WorkEnd, Working

AT_ONCE: Final = 3
"""Cases of a slot that are asked at once."""

_MOST_TOLD: Final = 50


@dataclass(slots=True)
class _Round:
    """What came of a slot's cases."""

    locked: frozenset[str]
    """Digests of the cases that the lock stands on; empty: every case counts."""
    asked: int
    """Cases that must be answered: those of the lock, or else all."""
    passed: list[CanaryCase] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)
    others: int = 0
    """Cases beside the locked ones, and how many of them passed."""
    others_passed: int = 0
    elsewhere: int = 0
    """Answers of a model that stood in."""
    unanswered: int = 0
    silent: int = 0
    """Cases in a row that nobody answered; from :data:`AT_ONCE` on the others are not asked."""
    spent: bool = False
    """Whether the job's budget was used up."""
    out_of_use: bool = False
    """Whether the model was quarantined when its first case was asked."""

    @property
    def cases(self) -> int:
        """Cases that count."""
        return len(self.passed) + len(self.failures)

    @property
    def ok(self) -> bool:
        """Whether every case that counts was answered and passed."""
        return not self.failures and 0 < self.asked <= len(self.passed)

    def take(self, case: CanaryCase, slot: AskedSlot, answer: CallResult) -> None:
        """Judge an answer."""
        self.silent = 0
        if not slot.answered(answer):
            self.elsewhere += 1
            return
        why = wrong(case, answer)
        if self.locked and case.digest not in self.locked:
            self.others += 1
            self.others_passed += why is None
        elif why is None:
            self.passed.append(case)
        else:
            self.failures.append(
                {"id": case.id, "why": why, "digest": case.digest, "call_id": answer.call_id}
            )

    def told(self, name: str) -> dict[str, Any]:
        """The round as its event tells it."""
        optional = {
            "others": self.others,
            "others_passed": self.others_passed,
            "elsewhere": self.elsewhere,
            OUT_OF_USE: self.out_of_use,
        }
        return {
            "set": name,
            "asked": self.asked,
            "unanswered": max(0, self.asked - self.cases),
            "cases": self.cases,
            "passed": len(self.passed),
            "failures": sorted(self.failures, key=lambda one: one["id"])[:_MOST_TOLD],
            "gold": sorted(case.digest for case in self.passed),
            "ok": self.ok,
            **{word: count for word, count in optional.items() if count},
        }


async def run_canaries(working: Working) -> WorkEnd:
    """One round of the job's cases over its slots, recorded for each model that answered.

    Raises ``ConfigInvalid`` for a set that cannot be read, ``ControlRefused`` when posture forbids calls.
    """
    configs = working.configs.current()
    settings = working.job.canary
    assert settings is not None  # noqa: S101 - a job of this kind has them
    found = configs.canaries.find(settings.cases)
    if found is None:
        raise ConfigInvalid(
            f"there is no set of gold cases {settings.cases} that can be read",
            code="canaries_missing",
            remedy=f"peak lint; the set is configs/ai/canaries/{settings.cases}.toml",
        )
    rounds: list[tuple[AskedSlot, _Round]] = []
    empty = []
    async with working.run(purpose=f"canaries {settings.cases}") as run:
        for name in settings.slots:
            slot = slot_of(configs, name)
            if slot is None:
                empty.append(f"{name.layer}.{name.role} has no model")
                continue
            working.step(f"asking {slot.name}")
            entry = slot.entry(configs)
            cases = found.cases_of(slot.layer)
            made = _round(frozenset(entry.canaries) if entry else frozenset(), cases, configs, settings.cases)
            made.out_of_use = working.gate.halts().out_of_use(slot.provider, slot.model_id)
            put = partial(_request, slot, settings.cases, _within_s(working, len(settings.slots)))
            asked = [partial(_ask, run, slot, case, made, put(case)) for case in cases]
            await spread(asked, AT_ONCE)
            if made.cases:
                await record(working, slot, Tier.CANARY, run.run_id, made.told(settings.cases))
            rounds.append((slot, made))
    return _end(rounds, empty, run.run_id)


def _within_s(working: Working, slots: int) -> float:
    """How long a case may take, so that a provider that is dead leaves time for the other slots."""
    return working.job.timeout_s / (2 * slots)


def _request(slot: AskedSlot, name: str, within_s: float, case: CanaryCase) -> CallRequest:
    system = (Message(role="system", content=case.system),) if case.system else ()
    return CallRequest(
        layer=slot.layer,
        role=slot.role,
        messages=(*system, Message(role="user", content=case.prompt)),
        prompt_name=prompt_name_of(name),
        prompt_version=prompt_version_of(case),
        limits=CallLimits(max_output_tokens=case.max_output_tokens, timeout_s=within_s),
        temperature=0.0,
        purpose=f"canary {case.id}",
    )


def _round(locked: frozenset[str], cases: Sequence[CanaryCase], configs: Configs, name: str) -> _Round:
    """A round of a set; a locked case that another set holds is asked with that one, one gone is missed."""
    sets = configs.canaries.sets
    others = {case.digest for other, found in sets.items() if other != name for case in found.case}
    own = locked - (others - {case.digest for case in cases})
    return _Round(own, len(own) if own else len(cases))


async def _ask(run: Run, slot: AskedSlot, case: CanaryCase, made: _Round, request: CallRequest) -> None:
    if made.spent or made.silent >= AT_ONCE:
        made.unanswered += 1
        return
    try:
        made.take(case, slot, await run.call(request))
    except BudgetExceeded:
        made.spent = True
        made.unanswered += 1
    except (CallFailed, CallRefused, PolicyDenied):
        made.unanswered += 1
        made.silent += 1
    except ControlRefused as error:
        if error.code != CallReason.SCOPE_STOPPED or not made.out_of_use:
            raise
        made.unanswered += 1  # nobody stands in for it, and the other slots can be asked
        made.silent += 1


def _end(rounds: Sequence[tuple[AskedSlot, _Round]], empty: Sequence[str], run_id: str) -> WorkEnd:
    told = [*(_words(slot, made) for slot, made in rounds), *empty]
    detail = "; ".join(told) or "no slot was asked"
    if not any(made.cases for _, made in rounds):
        return WorkEnd(RunState.FAILED, "unanswered", detail, run_id)
    outcome = "passed" if all(made.ok for _, made in rounds) else "incomplete"
    if any(made.failures for _, made in rounds):
        outcome = "failed"
    return WorkEnd(RunState.DONE, outcome, detail, run_id)


def _words(slot: AskedSlot, made: _Round) -> str:
    said = f"{slot.name}: {len(made.passed)} of {made.cases} passed"
    if not made.failures and made.cases and not made.ok:
        said += f", incomplete: {made.asked} were to be answered"
    if made.elsewhere:
        said += f", {made.elsewhere} answered by another model"
    if made.unanswered:
        said += f", {made.unanswered} not answered" + (" (budget)" if made.spent else "")
    if made.out_of_use:
        said += ", out of use: as evidence for its release only"
    return said
