"""How the Shadow screen looks: jobs, cycles, the paper book. Pure."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from peak_console.domain.jobs import JobKind
from peak_console.domain.text import one_line
from peak_console.operations.views.shadow import (
    BookLine,
    CycleFigures,
    CycleLine,
    JobLine,
    JobRunLine,
    JobState,
    ShadowFacts,
)
from peak_console.tui import figures
from peak_console.tui.ink import EMPTY, Line, Span, Tone, fit, joined, width_of
from peak_console.tui.screens.shadow_endings import OUTCOMES, RUN_STATES, ending
from peak_console.tui.screens.shadow_figures import counted
from peak_console.tui.widgets.table import Column

JOB_STATES: Final = {
    JobState.WAITING: ("·", "waiting", Tone.TEXT),
    JobState.RUNNING: ("●", "running", Tone.ACCENT),
    JobState.PAUSED: ("‖", "paused", Tone.WARN),
    JobState.HELD: ("■", "held", Tone.WARN),
    JobState.DISABLED: ("○", "disabled", Tone.DIM),
    JobState.ON_DEMAND: ("○", "when asked", Tone.DIM),
    JobState.GONE: ("✗", "gone", Tone.WARN),
    JobState.UNKNOWN: ("?", "unknown", Tone.UNKNOWN),
}
"""Sign, word and tone of a job's state."""
_KINDS: Final = {
    JobKind.SHADOW_CYCLE: "cycle",
    JobKind.CANARY: "canary",
    JobKind.TWO_SAMPLE: "two-sample",
}
_DIGITS: Final = re.compile(r"(\.\d\d)\d+")
"""Decimals beyond the second: a row has no room for them, a cycle's page has them."""
_WIDE: Final = 100
_ROOMY: Final = 84
"""Cells from which a job's row has room for how long its last run took, which its page tells, too."""
_STROKES: Final = 14
"""Cells that a title and what stands at its right end leave for the stroke between them."""
_FRAME: Final = 6
"""Cells of the stroke around a title that has the line for itself."""
_HUGE: Final = 150
_FORMS, _WORDS_TO = 5, 3
"""Forms of the title over the cycles; those from the fourth on have signs in the place of words."""
_REASONS, _REASONS_WIDE = 20, 26
"""Cells that a cycle's reasons have at least, in a short line and in a long one."""
_PASSING: Final = frozenset({"pass", "passed"})


def tone_when(tone: Tone, *, stale: bool) -> Tone:
    """A tone as it may be shown: nothing is green of which nobody knows whether it still holds."""
    return Tone.WARN if stale and tone is Tone.OK else tone


def money(amount: Decimal | None, *, signed: bool = False) -> str:
    """EUR to the cent."""
    if amount is None:
        return figures.NONE
    return f"{amount:+,.2f}" if signed else f"{amount:,.2f}"


def kind_word(one: JobLine) -> str:
    """What a job does, in a word."""
    return figures.NONE if one.kind is None else _KINDS[one.kind]


# -- jobs


def schedule_words(one: JobLine, now: datetime | None = None) -> str:
    """When it runs, with its zone where that matters: its word for the zone at ``now``, else the place."""
    if not one.schedule:
        return "when asked"
    if one.schedule.startswith("every"):
        return one.schedule
    return f"{one.schedule} {one.timezone.rsplit('/', 1)[-1] if now is None else zone_word(one, now)}"


def zone_word(one: JobLine, now: datetime) -> str:
    """What its zone is called when it is due next: ``CET``, ``CEST``."""
    try:
        return (one.next_at or now).astimezone(ZoneInfo(one.timezone)).tzname() or one.timezone
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return one.timezone


def until_words(one: JobLine, now: datetime) -> Span:
    """How long until it is due."""
    if one.next_at is None or one.state in {JobState.DISABLED, JobState.PAUSED, JobState.GONE}:
        return Span(figures.NONE, Tone.DIM)
    left = (one.next_at - now).total_seconds()
    return Span("now", Tone.ACCENT) if left <= 0 else Span(figures.age(left))


def run_words(run: JobRunLine | None, now: datetime, *, stale: bool = False) -> Span:
    """How a run came out and how long ago; of one under way, what it does now."""
    if run is None:
        return Span("never ran", Tone.DIM)
    if not run.state.is_over:
        sign, tone = RUN_STATES[run.state]
        return Span(f"{sign} {one_line(run.step, 60) or 'beginning'}", tone)
    sign, word, tone = ending(run)
    age = figures.age(max(0.0, (now - (run.ended_at or run.due_at)).total_seconds()))
    return Span(f"{sign} {word} {age}", tone_when(tone, stale=stale))


def took_words(run: JobRunLine | None, now: datetime) -> str:
    """How long a run took, or takes."""
    seconds = None if run is None else run.duration_s(now)
    return figures.NONE if seconds is None else figures.latency(max(0.0, seconds) * 1000)


def newest_run(one: JobLine) -> JobRunLine | None:
    """The run under way, else the last one."""
    return one.running[0] if one.running else one.last


def job_columns(now: datetime, *, stale: bool = False, replay: bool = False) -> Sequence[Column[JobLine]]:
    """The columns of the jobs; in a replay a schedule that is not known is not taken for none."""

    def state(one: JobLine) -> Span:
        sign, word, tone = JOB_STATES[one.state]
        return Span(f"{sign} {word}", Tone.WARN if stale and one.state is JobState.RUNNING else tone)

    def schedule(one: JobLine) -> Span:
        known = bool(one.schedule) or not replay
        return Span(one_line(schedule_words(one, now), 80) if known else figures.NONE, Tone.DIM)

    def took(one: JobLine) -> Span:
        return Span(took_words(newest_run(one), now), Tone.DIM)

    def missed(one: JobLine) -> Span:
        return Span(f"{one.missed:,}", Tone.WARN if one.missed else Tone.DIM)

    def failed(one: JobLine) -> Span:
        bad = one.failed + one.interrupted
        return Span(f"{bad:,}", Tone.WARN if bad else Tone.DIM)

    return (
        Column("STATE", 12, state),
        Column("JOB", 14, lambda one: Span(one_line(one.name, 60), Tone.STRONG), flex=2),
        Column("KIND", 10, lambda one: Span(kind_word(one), Tone.DIM), least=_WIDE),
        Column("SCHEDULE", 16, schedule, flex=2),
        Column("NEXT", 4, lambda one: until_words(one, now), right=True),
        Column("LAST", 17, lambda one: run_words(newest_run(one), now, stale=stale), flex=3),
        Column("TOOK", 5, took, right=True, least=_ROOMY),
        Column("P95", 5, lambda one: Span(_seconds(one.p95_s), Tone.DIM), right=True, least=_WIDE),
        Column("FAIL", 4, failed, right=True, least=_WIDE),
        Column("MISS", 4, missed, right=True),
        Column("NOTE", 12, lambda one: Span(one_line(one.note, 160), Tone.WARN), flex=3, least=_HUGE),
    )


def _seconds(value: float | None) -> str:
    return figures.NONE if value is None else figures.latency(value * 1000)


def jobs_head(facts: ShadowFacts | None, chosen: JobLine | None = None) -> tuple[Line, Line]:
    """The title over the jobs; what is to be known of the one chosen, else what the scheduler does."""
    if facts is None or not facts.jobs:
        return (Span("jobs"),), EMPTY
    title: list[Span] = [Span("jobs"), Span(f" {len(facts.jobs)}", Tone.DIM)]
    for state in (JobState.RUNNING, JobState.PAUSED, JobState.HELD, JobState.GONE):
        count = sum(one.state is state for one in facts.jobs)
        if count:
            sign, word, tone = JOB_STATES[state]
            title.append(Span(f"  {sign} {count} {word}", tone))
    if facts.problem:
        return tuple(title), (Span(f"▲ {one_line(facts.problem, 120)}", Tone.WARN),)
    if chosen is not None and chosen.note:
        return tuple(title), (Span(one_line(chosen.note, 160), Tone.WARN),)
    running = sum(len(one.running) for one in facts.jobs)
    told = one_line(facts.scheduler, 80).removesuffix(f", {running} running")
    return tuple(title), (Span(told, Tone.DIM),) if told else EMPTY


def no_jobs(facts: ShadowFacts, *, filtered: str = "", replay: bool = False) -> list[Line]:
    """Why no job is listed, and what to do."""
    if filtered and facts.jobs:
        return [(Span(f"no job matches  / {filtered}   esc clears the filter", Tone.DIM),)]
    fresh = facts.freshness
    if facts.problem or (fresh.as_of is None and fresh.why):
        why = facts.problem or "; ".join(part for part in (fresh.why, fresh.remedy) if part)
        return [(Span(f"✗ jobs are not known: {one_line(why, 300)}", Tone.BAD),)]
    if replay:
        return [(Span("No job had run up to this moment.", Tone.DIM),)]
    return [
        (
            Span("Nothing is scheduled: ", Tone.DIM),
            Span("configs/shadow/jobs.toml"),
            Span(" names no job.   ", Tone.DIM),
            Span("t", Tone.KEY),
            Span(" writes one", Tone.DIM),
        ),
        (Span("see what a job says:  ", Tone.DIM), Span("docs/jobs.md", Tone.ACCENT)),
    ]


# -- cycles


def outcome_span(outcome: str, *, stale: bool = False) -> Span:
    """A cycle's outcome with its sign."""
    sign, word, tone = OUTCOMES.get(outcome, ("?", one_line(outcome, 40), Tone.UNKNOWN))
    return Span(f"{sign} {word}", tone_when(tone, stale=stale))


def critic_span(word: str) -> Span:
    """What the critic said."""
    if not word:
        return Span(figures.NONE, Tone.DIM)
    verdict, _, degraded = one_line(word, 40).partition(" ")
    sign = "▲ " if degraded else ""
    plain = verdict.lower() in _PASSING and not degraded
    return Span(f"{sign}{verdict.replace('_', ' ')}", Tone.TEXT if plain else Tone.WARN)


def cycle_columns(now: datetime, *, stale: bool = False) -> Sequence[Column[CycleLine]]:
    """The columns of the cycles."""

    def at(one: CycleLine) -> Span:
        mark = "↺" if one.replayed else " "
        return Span(f"{mark}{figures.day_and_clock(one.at, now)}", Tone.DIM)

    def idea(one: CycleLine) -> Span:
        if one.idea:
            return Span(_DIGITS.sub(r"\1", one_line(one.idea, 60)))
        return Span(f"{one_line(one.instrument, 20)}: none", Tone.DIM)

    def reasons(room: int) -> Callable[[CycleLine], Span]:
        return lambda one: Span(reasons_words(one.reasons, room), Tone.TEXT if one.reasons else Tone.DIM)

    return (
        Column("TIME", 13, at),
        Column("OUTCOME", 13, lambda one: outcome_span(one.outcome, stale=stale)),
        Column("IDEA", 17, idea, flex=1),
        Column("REASONS", _REASONS, reasons(_REASONS), flex=9, most=_WIDE - 1),
        Column("REASONS", 24, reasons(_REASONS_WIDE), flex=9, least=_WIDE, most=_HUGE - 1),
        Column("REASONS", 24, reasons(2 * _REASONS_WIDE), flex=9, least=_HUGE),
        Column("CRITIC", 8, lambda one: critic_span(one.critic)),
        Column("€", 6, lambda one: Span(cost_words(one.cost_eur), Tone.DIM), right=True, least=_WIDE),
        Column("TOOK", 5, lambda one: Span(_seconds(one.duration_s), Tone.DIM), right=True, least=_WIDE),
        Column("JOB", 14, lambda one: Span(one_line(one.job, 40), Tone.DIM), least=_WIDE),
        Column("OUTLOOK", 20, lambda one: Span(one_line(one.outlook, 120), Tone.DIM), flex=3, least=_HUGE),
    )


def reasons_words(reasons: Sequence[str], room: int) -> str:
    """As many reasons as fit in ``room`` cells, whole, and how many more there are; always the first."""
    named = [one_line(one, 60) for one in reasons]
    for kept in range(len(named), 0, -1):
        more = f" +{len(named) - kept}" if kept < len(named) else ""
        words = f"{', '.join(named[:kept])}{more}"
        if kept == 1 or len(words) <= room:
            return words
    return figures.NONE


def cost_words(amount: Decimal | None) -> str:
    """EUR of a cycle: to the cent, small ones with two digits that count."""
    return figures.NONE if amount is None else figures.brief_euros(int(amount * 10**9))


def cycles_head(
    cycles: Sequence[CycleLine],
    label: str,
    width: int,
    *,
    shown: tuple[CycleFigures, bool] | None = None,
    newer: int = 0,
) -> tuple[Line, Line]:
    """The title over the cycles: how they came out; the reasons that block most; that data is replayed.

    How many are ``newer`` than what is looked at comes before all of that.
    Of ``shown`` (see ``figures_shown``), else of the cycles listed; where those are not all, it says so.
    """
    counts, cut = shown or (counted(cycles), False)
    if not counts.cycles:
        return (Span("cycles"), Span(f" in {label}", Tone.DIM)), EMPTY
    words = (("✓", counts.would_allow, "allow", Tone.OK), ("■", counts.would_block, "block", Tone.WARN))
    more = (("·", counts.no_trade, "no trade", Tone.DIM), ("✗", counts.aborted, "aborted", Tone.BAD))
    chip = ("↺ REPLAYED DATA", "↺ REPLAYED", "↺") if any(one.replayed for one in cycles) else ("",) * 3

    def drawn(form: int) -> Line:
        """The longest form first; the shortest has the verdicts and what went wrong."""
        kept = (*words, *more) if form < _WORDS_TO - 1 else (*words, more[-1])
        listed = f" newest {len(cycles)} listed" if form < _WORDS_TO else f" {len(cycles)} listed"
        return (
            Span("cycles"),
            *((Span(" "), Span(f" {chip[min(form, 2)]} ", Tone.CHIP_INFO)) if chip[0] else ()),
            *((Span(f" {newer:,} newer · f follows", Tone.WARN),) if newer else ()),
            Span(f" {'≥ ' if cut else ''}{counts.cycles:,}" + (f" in {label}" if not form else ""), Tone.DIM),
            *((Span(listed, Tone.WARN),) if len(cycles) < counts.cycles and form < _FORMS - 1 else ()),
            *(
                Span(f"  {sign} {count:,} {word}" if form < _WORDS_TO else f"  {sign} {count:,}", tone)
                for sign, count, word, tone in kept
                if count
            ),
        )

    forms = [drawn(form) for form in range(_FORMS)]
    title = next((one for one in forms if width_of(one) + _FRAME <= width), forms[-1])
    for most in (4, 2, 1):
        named = ", ".join(f"{name} {count}" for name, count in counts.reasons[:most])
        if named and width_of(title) + len(named) + _STROKES <= width:
            return title, (Span(named, Tone.DIM),)
    return title, EMPTY


def no_cycles(facts: ShadowFacts, label: str, *, filtered: str = "") -> list[Line]:
    """Why no cycle is listed."""
    if facts.cycles and filtered:
        return [(Span(f"no cycle of the last {label} matches  / {filtered}   esc clears", Tone.DIM),)]
    if facts.cycles:
        newest = max(one.at for one in facts.cycles)
        age = figures.age(max(0.0, (facts.taken_at - newest).total_seconds()))
        return [
            (Span(f"no cycle in the last {label}; the newest is {age} old; w looks further back", Tone.DIM),)
        ]
    fresh = facts.freshness
    if fresh.as_of is None and fresh.why:
        return [(Span(f"✗ not known: {one_line(fresh.why, 200)}", Tone.BAD),)]
    if any(one.kind is JobKind.SHADOW_CYCLE for one in facts.jobs):
        return [
            (
                Span("no shadow cycle was finished yet; ", Tone.DIM),
                Span("n", Tone.KEY),
                Span(" on its job runs one", Tone.DIM),
            )
        ]
    return [(Span("no shadow cycle yet: no job of kind shadow_cycle is configured", Tone.DIM),)]


def book_lines(books: Sequence[BookLine], now: datetime, width: int, height: int) -> list[Line]:
    """The paper books that the gate sees, one a line; the last line says how many more there are."""
    if not books:
        return [(Span(" book  ", Tone.DIM), Span("none yet: the first cycle begins it", Tone.DIM))]
    shown = books[: max(1, height)]
    more = len(books) - len(shown)
    return [book_line(one, now, width, more if one is shown[-1] else 0) for one in shown]


def book_line(one: BookLine, now: datetime, width: int, more: int = 0) -> Line:
    """A paper book as of its last cycle; how many more there are."""
    pnl, down = one.day_pnl_eur, one.drawdown_pct
    held = [
        f"{'long' if quantity > 0 else 'short'} {abs(quantity):,.2f} {one_line(name, 20)}"
        for name, quantity in one.positions
        if quantity
    ]
    age = "" if one.at is None else f"{figures.age(max(0.0, (now - one.at).total_seconds()))} ago"
    parts: list[Line] = [
        (Span(" book ", Tone.DIM), Span(one_line(one.name, 24), Tone.STRONG)),
        (Span("€ ", Tone.DIM), Span(money(one.equity_eur), Tone.STRONG)),
        (Span("day ", Tone.DIM), Span(money(pnl, signed=True))),
        (Span("down ", Tone.DIM), Span(figures.NONE if down is None else f"{down:.1f} %")),
        (Span("; ".join(held) or "flat"),),
        (Span(age, Tone.DIM),),
    ]
    if width >= _WIDE:
        fills = "1 fill" if one.fills == 1 else f"{one.fills:,} fills"
        parts.append((Span(f"{fills}, fees € {money(one.fees_eur)}", Tone.DIM),))
    if more:
        parts.insert(1, (Span(f"+{more} more", Tone.DIM),))
    return fit(joined(parts), width)
