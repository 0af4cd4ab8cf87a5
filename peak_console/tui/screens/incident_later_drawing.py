"""The end of the incident panel: the keys that lead back, each with what it needs. Pure."""

from collections.abc import Sequence
from typing import Final

from peak_console.domain.posture import PostureState
from peak_console.domain.text import one_line
from peak_console.operations.views.bar import BarSnapshot
from peak_console.tui import figures
from peak_console.tui.actions import BY_ID
from peak_console.tui.ink import Line, Span, Tone, fit, rule
from peak_console.tui.lifting import lowered_of

_CALM: Final = frozenset({PostureState.DISARMED, PostureState.ARMED, PostureState.REDUCE})
_MANY: Final = 3


def later_forms(
    bar: BarSnapshot, cooldown_s: int, width: int, *, readonly: bool
) -> tuple[Sequence[Line], ...]:
    """The keys that lead back: off where this console may not, with the command that does it elsewhere."""
    posture = bar.live_posture or bar.posture
    stopped = posture.state not in _CALM
    past = bar.live_posture is not None
    head = rule((Span("to go on later", Tone.DIM),), width)
    roll = (
        Span(" r ", Tone.KEY),
        Span("  roll back "),
        Span("the matrix or the lock, with what differs", Tone.DIM),
    )
    enable = _enable_line(cooldown_s, width)
    lift = _lift_lines(bar, width)
    if past or readonly:
        cli = BY_ID["control.enable"].cli
        why = "this is the past" if past else "this console only reads"
        off = fit((Span(f" {why}; elsewhere  ", Tone.DIM), Span(f"$ {cli}", Tone.ACCENT)), width)
        return ([head, off],) if stopped else ()
    if not stopped:
        return (lift, [head, *lift], [head, *lift, roll]) if lift else ([], [head, roll])
    return ([enable], [head, enable], [head, enable, *lift], [head, enable, *lift, roll])


def _lift_lines(bar: BarSnapshot, width: int) -> list[Line]:
    """The key that lifts one stop alone, where one stands."""
    lowered = lowered_of(bar)
    if not lowered:
        return []
    names = ", ".join(one_line(one.scope, 30) for one in lowered[:_MANY])
    more = f" and {len(lowered) - _MANY} more" if len(lowered) > _MANY else ""
    reset = "; a breaker's by its reset" if any(one.breaker for one in lowered) else ""
    told = Span(f"{names}{more} alone{reset}", Tone.DIM)
    return [fit((Span(" l ", Tone.KEY), Span("  lift      "), told), width)]


def _enable_line(cooldown_s: int, width: int) -> Line:
    if cooldown_s:
        left = figures.countdown(cooldown_s)
        return fit(
            (
                Span(" e ", Tone.FAINT),
                Span("  enable    ", Tone.DIM),
                Span(f"in {left}", Tone.WARN),
                Span(": the cooldown after the stop", Tone.DIM),
            ),
            width,
        )
    return fit(
        (
            Span(" e ", Tone.KEY),
            Span("  enable    "),
            Span("an operator, a reason, the typed word ENABLE", Tone.DIM),
        ),
        width,
    )
