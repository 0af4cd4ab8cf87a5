"""The incident panel as lines: sections that give way until all of them fit the screen at hand. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from peak_console.domain.incidents import IncidentState
from peak_console.domain.posture import PostureState
from peak_console.domain.text import one_line
from peak_console.operations.views.bar import BarSnapshot
from peak_console.operations.views.incidents import ContactLine, IncidentLine
from peak_console.operations.views.next_step import next_step
from peak_console.tui import figures
from peak_console.tui.actions import BY_ID
from peak_console.tui.bar_drawing import posture_chip
from peak_console.tui.containing import Part, PartState
from peak_console.tui.ink import EMPTY, Line, Span, Tone, apart, cell, fit, rule, width_of
from peak_console.tui.messages import StepShown
from peak_console.tui.screens.incident_later_drawing import later_forms
from peak_console.tui.widgets.document import wrapped

STATES: Final = {
    IncidentState.OPEN: ("✗", Tone.BAD),
    IncidentState.ACKNOWLEDGED: ("▲", Tone.WARN),
    IncidentState.CLOSED: ("✓", Tone.DIM),
}
"""A sign and a tone for each state of an incident."""
_KEYS: Final = (
    ("d", "incident.disarm", "DISARM", "ends arming; calls go on", Tone.CHIP_WARN),
    ("s", "incident.stop", "STOP", "every call, every order, now", Tone.CHIP_BAD),
    ("c", "incident.capture", "CAPTURE", "seals what happened", Tone.CHIP_INFO),
    ("a", "incident.contain", "ALL THREE", "disarm, stop, capture, in order", Tone.CHIP_BAD),
)
_MANY: Final = 3
_PART_LINES: Final = 4
_SECOND_MS: Final = 1000


@dataclass(frozen=True, slots=True)
class PanelFacts:
    """What the panel shows. ``incidents`` are the open ones; ``cooldown_s`` is what is left of it."""

    bar: BarSnapshot
    now: datetime
    incidents: tuple[IncidentLine, ...] = ()
    contacts: tuple[ContactLine, ...] = ()
    contacts_problem: str = ""
    parts: tuple[Part, ...] = ()
    cooldown_s: int = 0
    doing_s: float = 0.0
    """Seconds since the key that is being carried out."""
    reading: bool = False
    """Whether incidents and contacts were not read yet."""
    readonly: bool = False


@dataclass(frozen=True, slots=True)
class _Section:
    """Lines, the shortest form first; the highest ``rank`` takes its longer forms first."""

    rank: int
    forms: tuple[Sequence[Line], ...]


def panel_lines(facts: PanelFacts, width: int, height: int) -> list[Line]:
    """At most ``height`` lines where the shortest forms allow it: posture, keys or results never leave."""
    sections = [
        _Section(100, (_posture_lines(facts, width),)),
        _Section(60, _next_forms(facts, width)),
        _Section(70, _incident_forms(facts, width)),
        _Section(90, _workers_forms(facts, width)),
        _Section(80, _result_forms(facts, width) if facts.parts else _key_forms(width)),
        _Section(30, _contact_forms(facts, width)),
        _Section(50, later_forms(facts.bar, facts.cooldown_s, width, readonly=facts.readonly)),
    ]
    sections = [one for one in sections if one.forms]
    chosen = [0] * len(sections)

    def total() -> int:
        return sum(len(section.forms[form]) for section, form in zip(sections, chosen, strict=True))

    for at in sorted(range(len(sections)), key=lambda at: -sections[at].rank):
        for form in range(len(sections[at].forms) - 1, 0, -1):
            chosen[at] = form
            if total() <= height:
                break
            chosen[at] = 0
    parts = [section.forms[form] for section, form in zip(sections, chosen, strict=True)]
    shown = _result_forms(facts, width)[-1] if facts.parts else []
    whole = _result_forms(facts, width, whole=True)[-1] if facts.parts else []
    if shown in parts and total() + len(whole) - len(shown) <= height:
        parts[parts.index(shown)] = whole
    return _spaced([list(one) for one in parts if one], height)


def _spaced(parts: list[list[Line]], height: int) -> list[Line]:
    """The sections with an empty line between them, as far as there is room; from the top on."""
    room = height - sum(len(one) for one in parts)
    lines: list[Line] = list(parts[0]) if parts else []
    for _, part in pairwise(parts):
        if room > 0:
            lines.append(EMPTY)
            room -= 1
        lines += part
    return lines


# -- posture


def _posture_lines(facts: PanelFacts, width: int) -> list[Line]:
    bar = facts.bar
    replay = bar.live_posture is not None
    posture = bar.live_posture or bar.posture
    enabled = posture.calls if replay else bar.ai_enabled
    armed = posture.state is PostureState.ARMED if replay else bar.ai_armed
    reasons = ", ".join(one_line(one, 40) for one in posture.reasons)
    since = f"since {figures.day_and_clock(posture.since, facts.now)}" if posture.since else ""
    told = "  ".join(part for part in (since, f"({reasons})" if reasons else "") if part)
    words = (
        Span("AI_ENABLED ", Tone.DIM),
        _word(on=enabled),
        Span("   AI_ARMED ", Tone.DIM),
        _word(on=armed),
    )
    lines: list[Line] = [fit((posture_chip(posture), Span(f"  {told}", Tone.DIM)), width), words]
    if bar.armed is not None and not replay:
        lines[1] = fit((*words, *_armed(bar, facts.now)), width)
    if posture.conflicts:
        said = "; ".join(one_line(one, 80) for one in posture.conflicts)
        lines.append(fit((Span(f"✗ sources disagree: {said}", Tone.BAD),), width))
    return [*_live_lines(width), *lines] if replay else lines


def _armed(bar: BarSnapshot, now: datetime) -> Line:
    armed = bar.armed
    if armed is None:
        return EMPTY
    left = figures.countdown((armed.expires_at - now).total_seconds())
    scope = one_line(armed.scope, 24)
    if armed.drill:
        return (Span(f"   drill lease on {scope}, {left} left", Tone.DIM),)
    return (Span("   "), Span(f" ▲ ARMED {left} ", Tone.CHIP_ARMED), Span(f" {scope}"))


def _word(*, on: bool) -> Span:
    return Span("true" if on else "false", Tone.OK if on else Tone.STRONG)


def _live_lines(width: int) -> list[Line]:
    """What is said first where everything else is of the past."""
    chip, text = Span(" REPLAY ", Tone.CHIP_WARN), "  behind this panel is the past. What you press here"
    return [
        fit((chip, Span(text, Tone.WARN)), width),
        fit((Span("          acts on the live workspace, now. Its posture now:", Tone.WARN),), width),
    ]


# -- what to do


def what_next(facts: PanelFacts) -> tuple[str, str, str]:
    """Why it is as it is, what to do, and the command that does it; the last two may be empty."""
    if any(part.state is PartState.FAILED for part in facts.parts):
        return "something failed", "do what stands below it, then press the key again", ""
    if any(not part.over for part in facts.parts):
        return "under way", "the other keys work meanwhile", ""
    if facts.bar.live_posture is not None:
        return "the keys below act at once", "what is open now stands in: peak console", ""
    told = next_step(facts.bar)
    first = facts.incidents[0] if facts.incidents else None
    if first is not None and told.do and first.next_action.startswith(told.do.rstrip("…")):
        return "", one_line(first.next_action, 300), first.cli  # its summary stands below
    return told.why, told.do, told.cli


def _next_forms(facts: PanelFacts, width: int) -> tuple[Sequence[Line], ...]:
    why, do, cli = what_next(facts)
    head, blank = Span("next  ", Tone.ACCENT), Span("      ")
    whole = wrapped(": ".join(part for part in (why, do) if part), width - 6, indent="", tone=Tone.STRONG)[:2]
    short = [(head, *whole[0])]
    lines = [*short, *((blank, *one) for one in whole[1:])]
    command = (
        [fit((blank, Span("$ ", Tone.FAINT), Span(one_line(cli, 120), Tone.ACCENT)), width)] if cli else []
    )
    return (short, lines, [*lines, *command])


# -- incidents


def _incident_forms(facts: PanelFacts, width: int) -> tuple[Sequence[Line], ...]:
    then = "at that moment: " if facts.bar.live_posture is not None else ""
    if facts.reading and not facts.incidents:
        return ([rule((Span("reading the incidents …", Tone.UNKNOWN),), width)],)
    if not facts.incidents:
        return (
            [
                rule(
                    (Span(f"{then}no incident is open", Tone.DIM),),
                    width,
                    (Span("o ", Tone.KEY), Span("past ones", Tone.DIM)),
                )
            ],
        )
    count = len(facts.incidents)
    word = f"{then}1 incident open" if count == 1 else f"{then}{count} incidents open"
    head = rule((Span(word, Tone.BAD),), width, (Span("o ", Tone.KEY), Span("opens it", Tone.DIM)))
    shown = [incident_line(one, facts.now, width) for one in facts.incidents]
    one, few = [head, shown[0]], [head, *shown[:_MANY]]
    if count > _MANY:
        few.append((Span(f"  and {count - _MANY} more", Tone.DIM),))
    return (one, few)


def incident_line(one: IncidentLine, now: datetime, width: int) -> Line:
    """An incident in one line: sign, trigger, age, who has it, what happened."""
    sign, tone = STATES[one.state]
    age = figures.age(max(0.0, (now - one.opened_at).total_seconds()))
    who = one.assignee or one.acknowledged_by
    marks = [word for word, on in (("TEST", one.test), ("DRILL", one.drill)) if on]
    silent = one.silenced_until is not None and one.silenced_until > now
    return fit(
        (
            Span(f" {sign} ", tone),
            Span(one.trigger.value, Tone.STRONG),
            Span(f"  {age}", tone),
            *(Span(f"  {mark}", Tone.ACCENT) for mark in marks),
            *((Span("  silenced", Tone.DIM),) if silent else ()),
            *((Span(f"  {one_line(who, 20)}", Tone.DIM),) if who else ()),
            Span(f"  {one_line(one.summary, 200)}"),
        ),
        width,
    )


def _workers_forms(facts: PanelFacts, width: int) -> tuple[Sequence[Line], ...]:
    """Workers that did not acknowledge: in red, with what to do."""
    missing = facts.bar.workers_missing
    if not missing:
        return ()
    names = ", ".join(one_line(one, 60) for one in missing[:_MANY])
    more = f" and {len(missing) - _MANY} more" if len(missing) > _MANY else ""
    said = fit((Span(f" ✗ NOT ACKNOWLEDGED by {names}{more}", Tone.BAD),), width)
    do = "do: end it by its pid; what it sends is refused all the same"
    return ([said], [said, fit((Span(f"   {do}", Tone.WARN),), width)])


# -- keys and results


def _key_forms(width: int) -> tuple[Sequence[Line], ...]:
    head = rule((Span("now, without a question", Tone.DIM),), width)
    lines: list[Line] = [head]
    for key, action_id, title, what, tone in _KEYS:
        left = (Span(f" {key} ", tone), Span("  "), cell(title, 11, Tone.STRONG), Span(what))
        lines.append(apart(left, (Span(BY_ID[action_id].cli, Tone.FAINT),), width))
    return (lines,)


def _result_forms(facts: PanelFacts, width: int, *, whole: bool = False) -> tuple[Sequence[Line], ...]:
    """What the keys did: each part with its steps, as many of them as there is room for."""
    failed = any(part.state is PartState.FAILED for part in facts.parts)
    over = all(part.over for part in facts.parts)
    held = failed or not over
    word, tone = ("failed", Tone.BAD) if failed else ("done", Tone.OK) if over else ("under way", Tone.WARN)
    times = [part.at_ms for part in facts.parts if part.at_ms is not None]
    right = (Span(_time(max(times)), Tone.DIM),) if times and over else ()
    keys = " ".join(key for key, *_ in _KEYS)
    title = (Span(word, tone), Span(f"   {keys} again where needed" if failed else "", Tone.DIM))
    head = rule(title if held else (Span("✓ done", Tone.OK),), width, right)

    def drawn(*, steps: bool, do: bool) -> list[Line]:
        lines: list[Line] = [head]
        for part in facts.parts:
            lines += _part_lines(part, facts.doing_s, width, whole=whole)
            if do and part.remedy:
                lines += _do(part.remedy, width)
            for step in part.steps:
                if steps or not step.ok:
                    lines += _step_lines(step, width, do=do)
        return lines

    return (
        drawn(steps=False, do=False),
        drawn(steps=False, do=True),
        drawn(steps=True, do=True),
    )


_PART_SIGNS: Final = {
    PartState.WAITING: ("·", Tone.DIM),
    PartState.DOING: ("…", Tone.WARN),
    PartState.HELD: ("✓", Tone.OK),
    PartState.FAILED: ("✗", Tone.BAD),
}


def _part_lines(part: Part, doing_s: float, width: int, *, whole: bool) -> list[Line]:
    """The part in one line, cut where it is long; or ``whole``, in as many as it takes."""
    sign, tone = _PART_SIGNS[part.state]
    doing = f"under way, {figures.age(doing_s)}" if doing_s >= 1 else "under way"
    words = {PartState.WAITING: "waits for its turn", PartState.DOING: doing}
    text = one_line(part.summary or words.get(part.state, ""), 400)
    tone_text = tone if part.over else Tone.TEXT
    at = "" if part.at_ms is None else _time(part.at_ms)
    left = (Span(f" {sign} ", tone), cell(part.name, 10, Tone.STRONG), cell(at, 9, Tone.DIM, right=True))
    lines = wrapped(text, width, indent=" " * (width_of(left) + 2), tone=tone_text) if whole else []
    if len(lines) > 1:
        return [(*left, Span("  "), *lines[0][1:]), *lines[1:_PART_LINES]]
    return [fit((*left, Span(f"  {text}", tone_text)), width)]


def _step_lines(step: StepShown, width: int, *, do: bool) -> list[Line]:
    sign, tone = ("✓", Tone.OK) if step.ok else ("✗", Tone.BAD)
    at = "" if step.at_ms is None else _time(step.at_ms)
    line = fit(
        (
            Span(f"   {sign} ", tone),
            cell(one_line(step.title, 24), 18),
            cell(at, 9, Tone.DIM, right=True),
            Span(f"  {one_line(step.detail, 200)}", Tone.DIM),
        ),
        width,
    )
    if step.ok or not step.remedy or not do:
        return [line]
    return [line, *_do(step.remedy, width)]


def _do(remedy: str, width: int) -> list[Line]:
    return wrapped(f"do: {one_line(remedy, 300)}", width, indent="     ", tone=Tone.WARN)


def _time(milliseconds: float) -> str:
    """``0.4 ms``, ``18 ms``, ``1.32 s``."""
    if milliseconds >= _SECOND_MS:
        return f"{milliseconds / _SECOND_MS:.2f} s"
    return f"{milliseconds:.1f} ms" if milliseconds < 10 else f"{milliseconds:.0f} ms"  # noqa: PLR2004 - two digits


# -- people


def _contact_forms(facts: PanelFacts, width: int) -> tuple[Sequence[Line], ...]:
    if not facts.contacts:
        problem = facts.contacts_problem or ("reading …" if facts.reading else "nobody is named")
        said = one_line(problem, 100)
        return ([], [fit((Span("call  ", Tone.ACCENT), Span(said, Tone.DIM)), width)])
    lines = [_contact(one, width, first=at == 0) for at, one in enumerate(facts.contacts[:_MANY])]
    return ([], lines[:1], lines)


def _contact(one: ContactLine, width: int, *, first: bool) -> Line:
    return fit(
        (
            Span("call  " if first else "      ", Tone.ACCENT),
            Span(one_line(one.name, 30), Tone.STRONG),
            Span(f"  {one_line(one.reach, 40)}", Tone.TEXT),
            Span(f"  {one_line(one.role, 60)}", Tone.DIM),
            Span(f"  {one_line(one.note, 80)}" if one.note else "", Tone.FAINT),
        ),
        width,
    )
