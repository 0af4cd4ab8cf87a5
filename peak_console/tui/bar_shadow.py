"""The parts of the posture bar that tell of shadow: the scheduler, and drift with its age. Pure."""

from datetime import datetime
from typing import Final

from peak_console.domain.text import one_line
from peak_console.operations.views.shadow import DriftState
from peak_console.operations.views.shadow_bar import ShadowBar
from peak_console.tui import figures
from peak_console.tui.ink import Line, Span, Tone

_NAME: Final = 16
_JOBS: Final = Span("JOBS ", Tone.DIM)
_DRIFT: Final = Span("DRIFT ", Tone.DIM)
_GRAVE: Final = (
    (DriftState.QUARANTINED, "✗", Tone.BAD),
    (DriftState.DRIFTED, "✗", Tone.BAD),
    (DriftState.WATCH, "▲", Tone.WARN),
)


def shadow_forms(shadow: ShadowBar | None, now: datetime) -> tuple[Line, ...]:
    """What runs, else what is due next; held, failing, or unknown where no node tells. Longest form first."""
    if shadow is None:
        return ()
    if not shadow.told:
        return ((_JOBS, Span(figures.NONE, Tone.UNKNOWN)),)
    failing = sum(bool(one.failed_in_row) for one in shadow.jobs)
    trouble = (Span(f" ✗{failing}", Tone.BAD),) if failing else ()
    if shadow.held:
        return ((_JOBS, Span("▲ held", Tone.WARN), *trouble),)
    if shadow.running:
        more = f" +{len(shadow.running) - 1}" if len(shadow.running) > 1 else ""
        name = Span(f" {one_line(shadow.running[0], _NAME)}{more}")
        return ((_JOBS, Span("▶", Tone.OK), name, *trouble), (_JOBS, Span("▶", Tone.OK), *trouble))
    return tuple((_JOBS, *words, *trouble) for words in _waiting(shadow, now))


def drift_forms(shadow: ShadowBar | None, now: datetime) -> tuple[Line, ...]:
    """How many models are out of use, drifted or watched, with the age of the newest look; longest first."""
    if shadow is None:
        return ()
    age = None if shadow.drift_at is None else max(0.0, (now - shadow.drift_at).total_seconds())
    old = Span(f" {figures.age(age)}", Tone.DIM)
    for state, sign, tone in _GRAVE:
        count = shadow.count(state)
        if count:
            more = f" +{len(shadow.drift) - count}" if len(shadow.drift) > count else ""
            told = (_DRIFT, Span(f"{sign} {count}", tone), Span(f" {state.value}{more}", tone))
            return ((*told, *((old,) if age is not None else ())), told, told[:2])
    known = shadow.models - shadow.unknown
    if not known or age is None:
        return ((_DRIFT, Span(figures.NONE, Tone.UNKNOWN)),)
    some = Span(f" {known}/{shadow.models}", Tone.DIM) if shadow.unknown else Span("")
    return ((_DRIFT, Span("✓", Tone.OK), some, old), (_DRIFT, Span("✓", Tone.OK), old))


def _waiting(shadow: ShadowBar, now: datetime) -> tuple[Line, ...]:
    if shadow.next_at is not None:
        left = figures.age(max(0.0, (shadow.next_at - now).total_seconds()))
        return (
            (Span(f"{one_line(shadow.next_job, _NAME)} in {left}"),),
            (Span(f"in {left}"),),
        )
    if shadow.paused:
        return ((Span(f"▲ {shadow.paused} paused", Tone.WARN),),)
    return (
        (Span("nothing scheduled" if not shadow.scheduled else "waits", Tone.DIM),),
        (Span("·", Tone.DIM),),
    )
