"""Answers that the lock stands on against fresh ones to the same questions (drift, tier 3).

The questions are those of the lock's samples, read back from their runs and asked again over the road, a few
times each, with an output no longer than is compared. :mod:`peak_console.stats.mmd` says whether old and new
answers can be told apart. Where nothing is left to compare, that is the outcome, and nothing is recorded of
the model.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from peak_console.config.configs import Configs
from peak_console.config.jobs import SlotName, TwoSampleSettings
from peak_console.domain.calls import CallLimits, CallResult, Finish
from peak_console.domain.drift import Tier
from peak_console.domain.errors import BudgetExceeded, CallFailed, CallRefused, PolicyDenied, UsageWrong
from peak_console.domain.jobs import RunState
from peak_console.domain.text import one_line
from peak_console.domain.vocabulary import Layer, Role
from peak_console.llm.runs import Run
from peak_console.shadow.asked_slots import AskedSlot, record, slot_of, spread
from peak_console.shadow.questions import Gathered, Stored, gather
from peak_console.shadow.working import WorkEnd, Working
from peak_console.stats.mmd import Question, two_sample

AT_ONCE: Final = 3
"""Questions that are asked at once."""

CHARACTERS: Final = 2
"""Characters of an answer that are compared for each output token: fewer than a token of English or JSON has,
so that a fresh answer cut at its limit is not told by its length."""

THOUGHT: Final = 2048
"""Output tokens beside, for models that think before they answer."""


@dataclass(slots=True)
class _Fresh:
    """The fresh answers of one question."""

    stored: Stored
    answers: list[CallResult] = field(default_factory=list)

    def question(self, tokens: int) -> Question | None:
        """Old and new answers, as far as both can be compared; ``None`` without new ones."""
        texts = [one.text or str(one.extra.get("refusal") or "") for one in self.answers]
        cut = [
            len(text)
            for one, text in zip(self.answers, texts, strict=True)
            if one.finish is Finish.LENGTH and text
        ]
        most = min([tokens * CHARACTERS, *cut])
        if not texts:
            return None
        return Question(tuple(one[:most] for one in self.stored.answers), tuple(one[:most] for one in texts))


@dataclass(slots=True)
class _Round:
    """What came of asking a slot again."""

    fresh: list[_Fresh]
    elsewhere: int = 0
    unanswered: int = 0
    spent: bool = False


async def run_two_sample(working: Working) -> WorkEnd:
    """Test the job's slots, or the one that ``params`` names (``layer``, ``role``).

    Outcomes: ``same``, ``drift``, ``no_sample`` (the lock has none, or their texts are gone), ``too_few``
    (no p-value of these answers could reach alpha). Raises ``UsageWrong`` without a slot, ``ControlRefused``
    when posture forbids calls.
    """
    configs = working.configs.current()
    settings = working.job.two_sample
    assert settings is not None  # noqa: S101 - a job of this kind has them
    names = _slots(working, settings)
    ends: list[tuple[str, str]] = []
    async with working.run(purpose="two-sample test") as run:
        for name in names:
            slot = slot_of(configs, name)
            if slot is None:
                ends.append(("no_sample", f"{name.layer}.{name.role} has no model"))
                continue
            ends.append(await _tested(working, run, configs, slot, settings))
    outcomes = [one for one, _ in ends]
    outcome = next((one for one in ("drift", "same", "too_few") if one in outcomes), "no_sample")
    return WorkEnd(RunState.DONE, outcome, "; ".join(words for _, words in ends), run.run_id)


def _slots(working: Working, settings: TwoSampleSettings) -> Sequence[SlotName]:
    asked = working.params
    if "layer" not in asked:
        if settings.slots:
            return settings.slots
        raise UsageWrong(
            f"job {working.job.name} names no slots, and nobody said which one to test",
            code="slot_missing",
            remedy="name slots under [job.two_sample], or wait for a suspicion",
        )
    layer, role = str(asked["layer"]), str(asked.get("role", Role.PRIMARY))
    if layer not in set(Layer) or role not in set(Role):
        raise UsageWrong(
            f"{one_line(layer, 20)}.{one_line(role, 20)} is no slot",
            code="slot_unknown",
            remedy="name a layer L0 to L4 and primary, fallback or critic",
        )
    return (SlotName(layer=Layer(layer), role=Role(role)),)


async def _tested(
    working: Working, run: Run, configs: Configs, slot: AskedSlot, settings: TwoSampleSettings
) -> tuple[str, str]:
    """Outcome and words for one slot."""
    entry = slot.entry(configs)
    if entry is None:
        return "no_sample", f"{slot.name}: no lock knows it"
    model = configs.models.find(slot.provider, slot.model_id)
    deployments = model.deployments if model else ()
    found = gather(working.ws.runs, entry, deployments, settings.prompts)
    if not found.questions:
        return "no_sample", f"{slot.name}: {_nothing(found, len(entry.samples))}"
    thinks = model is not None and "reasoning_effort" not in model.refuses
    tokens = settings.max_output_tokens
    limit = CallLimits(max_output_tokens=tokens + (THOUGHT if thinks else 0))
    working.step(f"asking {slot.name} {len(found.questions)} questions {settings.repeats} times")
    made = _Round([_Fresh(one) for one in found.questions])
    works = [
        partial(_ask, run, slot, one, made, limit) for _ in range(settings.repeats) for one in made.fresh
    ]
    await spread(works, AT_ONCE)
    working.step(f"comparing answers of {slot.name}")
    return await _compared(working, run, slot, made, settings)


def _nothing(found: Gathered, samples: int) -> str:
    if not samples:
        return "the lock holds no samples of it"
    parts = [f"the texts of {found.gone} of {samples} samples are gone"] if found.gone else []
    if found.other:
        parts.append(f"{found.other} cannot be asked again as they were")
    return ", ".join(parts) or "no sample can be asked again"


async def _ask(run: Run, slot: AskedSlot, fresh: _Fresh, made: _Round, limits: CallLimits) -> None:
    if made.spent:
        made.unanswered += 1
        return
    request = fresh.stored.asked.request(
        layer=slot.layer,
        role=slot.role,
        limits=limits,
        prompt_name="two-sample",
        prompt_version="1",
        purpose="two-sample test of drift",
    )
    try:
        answer = await run.call(request)
    except BudgetExceeded:
        made.spent = True
        made.unanswered += 1
    except (CallFailed, CallRefused, PolicyDenied):
        made.unanswered += 1
    else:
        if slot.answered(answer):
            fresh.answers.append(answer)
        else:
            made.elsewhere += 1


async def _compared(
    working: Working, run: Run, slot: AskedSlot, made: _Round, settings: TwoSampleSettings
) -> tuple[str, str]:
    tokens = settings.max_output_tokens
    questions = [one for fresh in made.fresh if (one := fresh.question(tokens)) is not None]
    told = _told(made)
    if not questions:
        return "too_few", f"{slot.name}: it answered nothing{told}"
    seed = f"{working.key}/{slot.name}"  # the same run gives the same figures
    draw = random.Random(seed)  # noqa: S311 - permutations, not a secret
    found = two_sample(questions, permutations=settings.permutations, draw=draw)
    if found.least_p > settings.alpha:
        words = f"{len(questions)} questions cannot give a p-value below {settings.alpha}"
        return "too_few", f"{slot.name}: {words}{told}"
    same = found.p_value >= settings.alpha
    body: dict[str, Any] = {
        "cases": found.questions,
        "passed": found.questions if same else 0,
        "samples": found.answers,
        "statistic": f"{found.statistic:.6f}",
        "p_value": f"{found.p_value:.6f}",
        "alpha": str(settings.alpha),
        "permutations": settings.permutations,
        "elsewhere": made.elsewhere,
        "unanswered": made.unanswered,
        "ok": same,
    }
    await record(working, slot, Tier.TWO_SAMPLE, run.run_id, body)
    words = f"p = {found.p_value:.4f}, {found.answers} answers to {found.questions} questions"
    return ("same" if same else "drift"), f"{slot.name}: {words}{told}"


def _told(made: _Round) -> str:
    words = f", {made.elsewhere} answered by another model" if made.elsewhere else ""
    if made.unanswered:
        words += f", {made.unanswered} not answered" + (" (budget)" if made.spent else "")
    return words
