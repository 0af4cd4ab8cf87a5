"""How a job's page looks: where it stands, when it is due, its settings; a row a run. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from peak_console.domain.text import one_line
from peak_console.operations.views.shadow import JobLine, JobRunLine, JobState
from peak_console.operations.views.shadow_desk import JobAbout
from peak_console.tui import figures
from peak_console.tui.ink import EMPTY, Line, Span, Tone, cell, fit, joined
from peak_console.tui.screens.shadow_drawing import (
    JOB_STATES,
    kind_word,
    tone_when,
    took_words,
)
from peak_console.tui.screens.shadow_endings import RUN_STATES, ending
from peak_console.tui.widgets.document import wrapped
from peak_console.tui.widgets.table import Column

_WIDE: Final = 100
_RESTING: Final = frozenset({JobState.PAUSED, JobState.DISABLED, JobState.GONE})
_CAUSES: Final = {
    "due": "by its schedule",
    "catch_up": "had been missed",
    "again": "again, interrupted",
    "asked": "asked for",
    "suspicion": "drift suspected",
}


@dataclass(frozen=True, slots=True)
class JobShown:
    """What a job's page is made of; ``problem`` says why its settings cannot be read."""

    name: str
    job: JobLine | None
    about: JobAbout | None = None
    problem: str = ""


def job_lines(shown: JobShown, now: datetime, width: int) -> Iterator[Line]:
    """The page over the runs."""
    job, about = shown.job, shown.about
    if job is None:
        yield (Span(f"no job is called {one_line(shown.name, 60)} any more", Tone.WARN),)
        return
    sign, word, tone = JOB_STATES[job.state]
    yield fit(
        joined(
            (
                (Span(one_line(job.name, 60), Tone.STRONG),),
                (Span(f"{sign} {word}", tone),),
                (Span(kind_word(job), Tone.DIM),),
                (Span(", ".join(one_line(tag, 30) for tag in job.tags), Tone.DIM),),
            ),
            "   ",
        ),
        width,
    )
    if job.note:
        yield from wrapped(one_line(job.note, 300), width, indent="", tone=Tone.WARN)
    if job.description:
        yield from wrapped(one_line(job.description, 300), width, indent="", tone=Tone.DIM)
    yield fit(
        _pair("schedule", Span(one_line(job.schedule or "when asked", 60)), one_line(job.timezone, 60)), width
    )
    yield from _due(job, about, now, width)
    bad = Tone.WARN if job.failed + job.interrupted + job.missed else Tone.DIM
    p95 = figures.NONE if job.p95_s is None else figures.latency(job.p95_s * 1000)
    counts = f"{job.failed:,} failed, {job.interrupted:,} interrupted, {job.missed:,} missed"
    yield (
        cell("runs", 10, Tone.DIM),
        Span(f"{job.runs:,}  "),
        Span(counts, bad),
        Span(f"  p95 {p95}", Tone.DIM),
    )
    if shown.problem:
        yield from wrapped(f"settings: {one_line(shown.problem, 300)}", width, indent="", tone=Tone.BAD)
    elif about is None:
        yield (Span("its settings are being read …", Tone.DIM),)
    else:
        yield from _settings(about, width)


def _due(job: JobLine, about: JobAbout | None, now: datetime, width: int) -> Iterator[Line]:
    moments = about.due if about is not None else (() if job.next_at is None else (job.next_at,))
    if not moments:
        why = "it runs when it is asked for: n" if not job.schedule else figures.NONE
        yield _pair("next", Span(why, Tone.DIM))
        return
    if job.state in _RESTING:
        word = JOB_STATES[job.state][1]
        yield fit(_pair("next", Span(f"none while it is {word}", Tone.WARN)), width)
        return
    left = moments[0] - now
    soon = figures.age(max(0.0, left.total_seconds()))
    spans = [Span(f"in {soon}  ", Tone.STRONG)]
    spans += [
        Span(f"{local(one, job.timezone)}  ", Tone.TEXT if at == 0 else Tone.DIM)
        for at, one in enumerate(moments)
    ]
    yield fit((cell("next", 10, Tone.DIM), *spans), width)


def local(moment: datetime, zone: str) -> str:
    """A due time on the clock of its zone, with the zone's word for it: ``Mon 23 07:30 CET``."""
    try:
        shown = moment.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return figures.clock(moment)
    return f"{shown:%a %d %H:%M:%S %Z}" if shown.second else f"{shown:%a %d %H:%M %Z}"


def _settings(about: JobAbout, width: int) -> Iterator[Line]:
    yield EMPTY
    names = max((len(name) for name, _ in about.settings), default=0) + 2
    half = width // 2
    if width < _WIDE or len(about.settings) < 2:  # noqa: PLR2004 - a pair
        for name, value in about.settings:
            yield fit((cell(one_line(name, 40), names, Tone.DIM), Span(one_line(value, 200))), width)
        return
    rows = (len(about.settings) + 1) // 2
    for left, right in zip(about.settings[:rows], (*about.settings[rows:], ("", "")), strict=False):
        yield (
            cell(one_line(left[0], 40), names, Tone.DIM),
            cell(one_line(left[1], 200), max(4, half - names)),
            cell(one_line(right[0], 40), names, Tone.DIM),
            *fit((Span(one_line(right[1], 200)),), width - half - names),
        )


def run_columns(now: datetime, *, stale: bool = False) -> Sequence[Column[JobRunLine]]:
    """The columns of a job's runs."""

    def state(one: JobRunLine) -> Span:
        if not one.state.is_over:
            sign, tone = RUN_STATES[one.state]
            return Span(f"{sign} {one.state.value}", tone)
        sign, word, tone = ending(one)
        return Span(f"{sign} {word}", tone_when(tone, stale=stale))

    def what(one: JobRunLine) -> Span:
        if not one.state.is_over:
            return Span(one_line(one.step, 120) or "beginning", Tone.ACCENT)
        told = one.outcome.replace("_", " ")
        words = ": ".join(part for part in ("" if told == ending(one)[1] else told, one.detail) if part)
        return Span(one_line(words, 200) or figures.NONE)

    def cause(one: JobRunLine) -> Span:
        who = f" by {one.asked_by}" if one.asked_by else ""
        why = f": {one.reason}" if one.reason else ""
        return Span(one_line(f"{_CAUSES.get(one.cause.value, one.cause.value)}{who}{why}", 160), Tone.DIM)

    return (
        Column("DUE", 12, lambda one: Span(figures.day_and_clock(one.due_at, now))),
        Column("STATE", 13, state),
        Column("TOOK", 5, lambda one: Span(took_words(one, now), Tone.DIM), right=True),
        Column("OUTCOME", 20, what, flex=3),
        Column("WHY IT RAN", 16, cause, flex=1),
        Column("RUN", 24, lambda one: Span(one_line(one.run_id, 40) or figures.NONE, Tone.DIM), least=_WIDE),
    )


def _pair(name: str, value: Span, note: str = "") -> Line:
    shown: Line = (cell(name, 10, Tone.DIM), value)
    return (*shown, Span(f"  {note}", Tone.DIM)) if note else shown
