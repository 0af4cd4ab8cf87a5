"""How runs and cycles end: sign, word and tone, by what they came to. Pure."""

from typing import Final

from peak_console.domain.jobs import RunState
from peak_console.domain.text import one_line
from peak_console.operations.views.shadow import JobRunLine
from peak_console.tui.ink import Tone

RUN_STATES: Final = {
    RunState.CLAIMED: ("●", Tone.ACCENT),
    RunState.RUNNING: ("●", Tone.ACCENT),
    RunState.DONE: ("✓", Tone.OK),
    RunState.FAILED: ("✗", Tone.BAD),
    RunState.TIMED_OUT: ("✗", Tone.BAD),
    RunState.ABORTED: ("✗", Tone.WARN),
    RunState.INTERRUPTED: ("▲", Tone.WARN),
    RunState.MISSED: ("▲", Tone.WARN),
}
OUTCOMES: Final = {
    "would_allow": ("✓", "would allow", Tone.OK),
    "would_block": ("■", "would block", Tone.WARN),
    "no_trade": ("·", "no trade", Tone.DIM),
    "aborted": ("✗", "aborted", Tone.BAD),
    "review_required": ("▲", "review", Tone.WARN),
}
"""Sign, word and tone of a cycle's outcome."""
_UNANSWERED: Final = "unanswered"
CHECKED: Final = {
    "passed": ("✓", "passed", Tone.OK),
    "failed": ("✗", "failed", Tone.BAD),
    "incomplete": ("▲", "incomplete", Tone.WARN),
    _UNANSWERED: ("▲", "incomplete", Tone.WARN),
    "same": ("✓", "same", Tone.OK),
    "drift": ("✗", "drift", Tone.BAD),
    "too_few": ("▲", "too few", Tone.WARN),
    "no_sample": ("▲", "no sample", Tone.WARN),
}
"""The same of what a round of gold cases, or a test of two samples, came to (docs/drift.md)."""


def ending(run: JobRunLine) -> tuple[str, str, Tone]:
    """Sign, word and tone of a run that is over: a work that was done may have found what is bad."""
    sign, tone = RUN_STATES[run.state]
    known = {**OUTCOMES, **CHECKED}.get(run.outcome)
    if known is not None and (run.state is RunState.DONE or run.outcome == _UNANSWERED):
        return known
    word = one_line(run.outcome, 40) if run.state is RunState.DONE and run.outcome else run.state.value
    return sign, word.replace("_", " "), tone
