"""Why a cycle was ended from outside, which its run tells and the cycle itself cannot know. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from peak_console.domain.jobs import RunState
from peak_console.operations.views.shadow import CycleLine, JobRunLine

ENDED: Final = "ended"
"""What a cycle gives as its reason that was told to end (shadow/cycle)."""

_NAMED: Final = 60


def with_endings(cycles: Sequence[CycleLine], runs: Iterable[JobRunLine]) -> tuple[CycleLine, ...]:
    """The cycles; of those that were told to end, why, as the run of their job has it."""
    if not any(ENDED in one.reasons for one in cycles):
        return tuple(cycles)
    known = {one.run_id: one for one in runs if one.run_id and one.state.is_over}
    return tuple(_told(one, known.get(one.run_id)) for one in cycles)


def _told(cycle: CycleLine, run: JobRunLine | None) -> CycleLine:
    why = "" if run is None or ENDED not in cycle.reasons else ending_reason(run)
    if not why:
        return cycle
    return replace(cycle, reasons=tuple(why if one == ENDED else one for one in cycle.reasons))


def ending_reason(run: JobRunLine) -> str:
    """What ended a run, as ``timed_out`` or ``cancelled by mara: wrong data``; empty where nothing did."""
    if run.state is RunState.DONE:
        return ""
    word = run.outcome if run.state is RunState.ABORTED and run.outcome else run.state.value
    who = run.detail.partition(";")[0] if run.detail.startswith("by ") else ""
    told = f"{word} {who}".strip()[:_NAMED]
    return "" if told == ENDED else told
