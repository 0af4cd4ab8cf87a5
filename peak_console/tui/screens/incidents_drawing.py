"""How the Incident screen looks: a row of the list, and the page of one incident. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from peak_console.domain.text import one_line
from peak_console.operations.views.bar import BarSnapshot
from peak_console.operations.views.incidents import (
    IncidentDetail,
    IncidentLine,
    IncidentsFacts,
    TimelineEntry,
)
from peak_console.tui import figures
from peak_console.tui.actions import BY_ID
from peak_console.tui.bar_drawing import posture_chip
from peak_console.tui.ink import EMPTY, Line, Span, Tone, cell, fit, joined, rule
from peak_console.tui.screens.incident_panel_drawing import STATES
from peak_console.tui.screens.markdown_drawing import markdown_lines
from peak_console.tui.widgets.document import wrapped
from peak_console.tui.widgets.table import Column

_TONES: Final = {"bad": Tone.BAD, "warn": Tone.WARN, "ok": Tone.OK}
_SIGNS: Final = {"bad": "✗", "warn": "▲", "ok": "✓"}
_TIMES: Final = 3
_MINUTE, _HOUR = 60, 3600


def _state(one: IncidentLine) -> Span:
    sign, tone = STATES[one.state]
    return Span(f"{sign} {one.state.value}", tone)


def _trigger(one: IncidentLine) -> Span:
    mark = "TEST " if one.test else "DRILL " if one.drill else ""
    return Span(f"{mark}{one.trigger.value}", Tone.STRONG if one.is_open else Tone.DIM)


def incident_columns(now: datetime) -> Sequence[Column[IncidentLine]]:
    """The columns of the list, with ages as of ``now``."""

    def age(one: IncidentLine) -> Span:
        seconds = max(0.0, (now - one.opened_at).total_seconds())
        return Span(figures.age(seconds), Tone.TEXT if one.is_open else Tone.DIM)

    return (
        Column("STATE", 14, _state),
        Column("AGE", 4, age, right=True),
        Column("TRIGGER", 16, _trigger),
        Column(
            "WHO", 9, lambda one: Span(one_line(one.assignee or one.acknowledged_by, 40) or "—", Tone.DIM)
        ),
        Column("N", 3, lambda one: Span(f"{one.times}", Tone.DIM), right=True),
        Column(
            "WHAT",
            20,
            lambda one: Span(one_line(one.summary, 200), Tone.TEXT if one.is_open else Tone.DIM),
            flex=1,
        ),
    )


def no_incidents(facts: IncidentsFacts, bar: BarSnapshot) -> list[Line]:
    """Why the list is empty, and how to see what it does."""
    fresh = facts.freshness
    if fresh.as_of is None and fresh.why:
        lines: list[Line] = [(Span(f"✗ not known: {one_line(fresh.why, 200)}", Tone.BAD),)]
        return [*lines, (Span(one_line(fresh.remedy, 200), Tone.WARN),)] if fresh.remedy else lines
    return [
        (
            Span(
                "No incident yet: no trigger of configs/incidents.toml has fired.",
                Tone.DIM,
            ),
        ),
        (
            Span("see the whole way once:  ", Tone.DIM),
            Span("t", Tone.KEY),
            Span(" test alert   ", Tone.DIM),
            Span("D", Tone.KEY),
            Span(" drill", Tone.DIM),
        ),
        (Span("or from a shell:  ", Tone.DIM), Span(BY_ID["incident.test"].cli, Tone.ACCENT)),
        *(((), (Span("now:  ", Tone.DIM), *_recovery(bar))) if bar.stopped_scopes or bar.reduce else ()),
    ]


def page_lines(
    detail: IncidentDetail, bar: BarSnapshot, now: datetime, width: int, progress: str = ""
) -> list[Line]:
    """What happened, what to do, and what was done since."""
    one = detail.line
    if one is None:
        why = detail.freshness.why or "it is not in the ledger"
        return [(Span(f"this incident cannot be shown: {one_line(why, 200)}", Tone.BAD),)]
    return [
        *_head_lines(one, now, width),
        *_next_lines(one, width),
        EMPTY,
        *(
            fit((cell(name, 10, Tone.ACCENT), *spans), width)
            for name, spans in _facts(detail, one, bar, now, progress)
        ),
        EMPTY,
        rule((Span("timeline", Tone.DIM),), width, (Span(f"{len(detail.timeline)} events", Tone.DIM),)),
        *_timeline_lines(detail.timeline, one.opened_at, width),
    ]


def side_lines(detail: IncidentDetail, facts: IncidentsFacts | None, width: int) -> list[Line]:
    """The card of the trigger, and whom to call."""
    lines: list[Line] = []
    if detail.line is not None:
        lines.append(rule((Span(f"card: {detail.line.trigger.value}", Tone.DIM),), width))
        card = _without_title(detail.card) if detail.card else "There is no card for this trigger."
        lines += markdown_lines(card, width)
    lines += [EMPTY, rule((Span("whom to call", Tone.DIM),), width), *contact_lines(facts, width)]
    return lines


def _without_title(card: str) -> str:
    """The card without its first heading, which the head says already."""
    head, _, rest = card.partition("\n")
    return rest if head.startswith("# ") else card


def contact_lines(facts: IncidentsFacts | None, width: int) -> list[Line]:
    """Whom to call, the one on duty first."""
    if facts is None:
        return [(Span("  reading …", Tone.DIM),)]
    if not facts.contacts:
        why = facts.contacts_problem or "nobody is named in configs/console.toml: add [[contacts]]"
        return wrapped(one_line(why, 200), width, tone=Tone.WARN)
    lines: list[Line] = []
    for one in facts.contacts:
        said = (Span(f"  {one_line(one.name, 30)}", Tone.STRONG), Span(f"  {one_line(one.reach, 60)}"))
        lines.append(fit((*said, Span(f"  {one_line(one.role, 60)}", Tone.DIM)), width))
        if one.note:
            lines += wrapped(one_line(one.note, 300), width, indent="    ", tone=Tone.DIM)
    return lines


def _head_lines(one: IncidentLine, now: datetime, width: int) -> list[Line]:
    sign, tone = STATES[one.state]
    age = figures.age(max(0.0, (now - one.opened_at).total_seconds()))
    who = _who(one)
    mark = " TEST " if one.test else " DRILL " if one.drill else ""
    head = (
        Span(f"{sign} {one.trigger.value}", tone),
        *((Span("  "), Span(mark, Tone.CHIP_INFO)) if mark else ()),
        Span(f"  {one.state.value}", Tone.STRONG),
        Span(f"  since {figures.day_and_clock(one.opened_at, now)} ({age})"),
        Span(f"  {who}", Tone.DIM),
    )
    return [fit(head, width), *wrapped(one.summary, width, indent="  ")[:_TIMES]]


def _who(one: IncidentLine) -> str:
    if one.closed_at is not None:
        return "closed"
    if one.handing_to:
        return f"being handed to {one_line(one.handing_to, 30)}"
    if one.assignee:
        return f"with {one_line(one.assignee, 30)}"
    if one.acknowledged_by:
        return f"seen by {one_line(one.acknowledged_by, 30)}"
    return "nobody has it yet: i"


def _next_lines(one: IncidentLine, width: int) -> list[Line]:
    if not one.is_open:
        return []
    pieces = wrapped(one_line(one.next_action, 400), width - 6, indent="", tone=Tone.STRONG)[:_TIMES]
    lines: list[Line] = (
        [
            ((Span("next  ", Tone.ACCENT) if at == 0 else Span("      ")), *piece)
            for at, piece in enumerate(pieces)
        ]
        if pieces
        else []
    )
    if one.cli:
        lines.append(fit((Span("      $ ", Tone.FAINT), Span(one_line(one.cli, 160), Tone.ACCENT)), width))
    return [tuple(line) for line in lines]


def _facts(
    detail: IncidentDetail, one: IncidentLine, bar: BarSnapshot, now: datetime, progress: str
) -> list[tuple[str, Line]]:
    seen = f"{one.times} times, last {figures.day_and_clock(one.last_at, now)}" if one.last_at else "once"
    affected = ", ".join(one_line(each, 40) for each in detail.affected) or one_line(one.scope, 60) or "—"
    facts: list[tuple[str, Line]] = [
        (
            "by itself",
            (Span(one_line(one.auto, 120) or "nothing", Tone.TEXT if one.auto else Tone.DIM),),
        ),
        ("affects", (Span(affected),)),
        ("seen", (Span(seen, Tone.DIM),)),
        ("capture", (_capture(one, progress),)),
    ]
    if detail.runs:
        count = f"{detail.runs_counted} since 15 min before: "
        facts.insert(
            2, ("runs", (Span(count, Tone.DIM), Span(", ".join(one_line(each, 30) for each in detail.runs))))
        )
    if one.silenced_until is not None and one.silenced_until > now:
        until = figures.day_and_clock(one.silenced_until, now)
        facts.append(("alert", (Span(f"silenced until {until}", Tone.WARN),)))
    facts.append(("recovery", _recovery(bar)))
    return facts


def _capture(one: IncidentLine, progress: str) -> Span:
    if progress:
        return Span(f"… {one_line(progress, 100)}", Tone.WARN)
    if one.captured:
        return Span(f"✓ {one_line(one.captured, 100)}", Tone.OK)
    return Span("none yet: c seals it", Tone.WARN if one.is_open else Tone.DIM)


def _recovery(bar: BarSnapshot) -> Line:
    """What stands of the posture, and which key leads back."""
    posture = bar.live_posture or bar.posture
    stopped = ", ".join(one_line(each, 30) for each in bar.stopped_scopes)
    ramp = (Span(f"ramp {bar.ramp_pct} %", Tone.WARN),) if bar.ramp_pct < 100 else ()  # noqa: PLR2004 - all of it
    way = (Span("e enables", Tone.DIM),) if not posture.calls else ()
    scopes = (Span(f"stopped: {stopped}", Tone.WARN),) if stopped else ()
    lift = (Span("l lifts it", Tone.DIM),) if stopped or bar.reduce else ()
    return joined(((posture_chip(posture),), ramp, scopes, lift, way))


def _timeline_lines(entries: Sequence[TimelineEntry], opened: datetime, width: int) -> list[Line]:
    if not entries:
        return [(Span("  nothing yet", Tone.DIM),)]
    lines: list[Line] = []
    for one in entries:
        tone = _TONES.get(one.tone, Tone.TEXT)
        after = (one.at - opened).total_seconds()
        lines.append(
            fit(
                (
                    Span(f" {_SIGNS.get(one.tone, '·')} ", tone),
                    Span(figures.clock(one.at), Tone.DIM),
                    cell(_after(after), 8, Tone.FAINT, right=True),
                    Span(f"  {one_line(one.what, 60)}", tone),
                    Span(f"  {one_line(one.detail, 300)}"),
                    Span(f"  {one_line(one.actor, 40)}", Tone.DIM),
                ),
                width,
            )
        )
    return lines


def _after(seconds: float) -> str:
    """``+0s``, ``+4m12``, ``-30s``: since the trigger."""
    left = int(abs(seconds))
    sign = "-" if seconds < 0 and left else "+"
    minutes, hours = left // _MINUTE, left // _HOUR
    if hours:
        return f"{sign}{hours}h{minutes % _MINUTE:02d}"
    return f"{sign}{minutes}m{left % _MINUTE:02d}" if minutes else f"{sign}{left}s"
