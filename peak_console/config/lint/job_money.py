"""A rule of jobs.toml that needs the matrix and prices: what a job's dearest call may cost."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from peak_console.config.jobs import CanarySettings, Job, JobsConfig
from peak_console.config.lint.crossing import answers
from peak_console.config.lint.inspection import Hit, Inspection

_CYCLE: Final = frozenset((layer, role) for layer in ("L2", "L3", "L4") for role in ("primary", "critic"))
"""What a cycle asks at its worst: authors, their critics, and the judge of L4's PASS."""


def small_budgets(inspection: Inspection) -> Iterator[Hit]:
    """``jobs.budget_small``: a budget that the answer's bound of one of its slots alone exceeds."""
    config = inspection.shapes.get("jobs")
    for index, job in enumerate(config.job if isinstance(config, JobsConfig) else ()):
        limit = job.budget.max_cost_eur
        if not limit:
            continue  # absent: the usual limit of a run; zero: a rule of its own
        cost, name, tokens = max(_bounds(inspection, job), default=(Decimal(0), "", 0))
        if cost > limit:
            message = (
                f"job {job.name}: max_cost_eur is {limit}, and one answer of {name} "
                f"({tokens} tokens) may cost {cost:.2f} EUR, before its input"
            )
            yield inspection.hit(
                "jobs.budget_small", "jobs", ("job", index, "budget", "max_cost_eur"), message
            )


def _bounds(inspection: Inspection, job: Job) -> Iterator[tuple[Decimal, str, int]]:
    """Of each slot that the job asks and whose price is known: EUR of its longest answer, name, tokens."""
    asked = _CYCLE if job.shadow_cycle is not None else _asked(job.canary)
    cases = _longest_case(inspection, job.canary)
    for path, slot, most, each in answers(inspection):
        if each is not None and path in asked:
            tokens = most if cases is None else min(most, cases)
            yield tokens * each, f"{path[0]}.{path[1]} {slot.provider}:{slot.model_id}", tokens


def _asked(canary: CanarySettings | None) -> frozenset[tuple[str, str]]:
    slots = canary.slots if canary is not None else ()
    return frozenset((one.layer.value, one.role.value) for one in slots)


def _longest_case(inspection: Inspection, canary: CanarySettings | None) -> int | None:
    """Tokens of the longest gold case; ``None`` where no case tells."""
    found = inspection.canaries.get(canary.cases) if canary is not None else None
    return max((one.max_output_tokens for one in found.case), default=None) if found is not None else None
