"""What stands on the screen Arm, as lines: the state with its countdown, a checklist, the past. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from peak_console.domain.arming import ArmEnd, ArmState
from peak_console.domain.text import one_line
from peak_console.operations.views.arming import ArmFacts, ArmLine, ArmPast, ArmRequestLine
from peak_console.operations.views.checklists import Checklist, ChecklistItem, ItemState
from peak_console.tui import figures
from peak_console.tui.big_digits import big_text
from peak_console.tui.ink import EMPTY, Line, Span, Tone, fit, joined, rule
from peak_console.tui.widgets.document import wrapped
from peak_console.tui.widgets.table import Column

SIGNS: Final = {
    ItemState.GREEN: ("✓", Tone.OK),
    ItemState.AMBER: ("▲", Tone.WARN),
    ItemState.RED: ("✗", Tone.BAD),
    ItemState.UNKNOWN: ("?", Tone.UNKNOWN),
}
"""A sign and a tone for each state of an item; its word stands beside."""

_ENDS_SOON_S: Final = 60.0
_END_WORDS: Final = {
    ArmEnd.TTL.value: "its time was over",
    ArmEnd.WALL_TTL.value: "its time was over, by the wall clock",
    ArmEnd.CLOCK_STEP.value: "a clock was set",
    ArmEnd.SUSPEND.value: "the machine slept",
    ArmEnd.NODE_RESTART.value: "the node was started anew",
    ArmEnd.DIGEST_CHANGED.value: "a config was changed",
    ArmEnd.BREAKER.value: "a breaker tripped",
    ArmEnd.POSTURE_FELL.value: "the posture fell",
    ArmEnd.PHASE_CHANGED.value: "the phase changed",
    ArmEnd.RUN_ENDED.value: "its run ended",
    ArmEnd.DISARMED.value: "an operator disarmed",
    ArmEnd.TOKEN_EXPIRED.value: "the token's time was over",
    ArmEnd.TRIES_USED_UP.value: "too many wrong tokens or phrases",
    ArmEnd.APPROVAL_EXPIRED.value: "nobody approved it in time",
    ArmEnd.WITHDRAWN.value: "taken back",
    ArmEnd.REPLACED.value: "another request took its place",
}
"""How arming ended, in words."""
_PAST_TONES: Final = {
    "granted": Tone.ACCENT,
    "refused": Tone.WARN,
    "approved": Tone.OK,
}


@dataclass(frozen=True, slots=True)
class ArmShown:
    """What the head of the screen is drawn from."""

    facts: ArmFacts
    now: datetime
    problem: str = ""
    """Why what is shown is not the present."""
    checklist: Checklist | None = None


def lease_left_s(lease: ArmLine, facts: ArmFacts, now: datetime) -> float:
    """Seconds that are left: what the snapshot said, less what has passed since."""
    return max(0.0, lease.left_s - max(0.0, (now - facts.taken_at).total_seconds()))


def live_refusals(facts: ArmFacts, checklist: Checklist | None) -> tuple[str, ...]:
    """Why nothing may be armed for live: what the node says, and the checklist as it is judged here."""
    if checklist is None or checklist.green:
        return facts.refusals
    short = sum(one.state is not ItemState.GREEN for one in checklist.items)
    why = f"the pre-live checklist is not green: {short} of {len(checklist.items)} items are not"
    known = any("checklist" in one for one in facts.refusals)
    return facts.refusals if known else (*facts.refusals, why)


def head_lines(shown: ArmShown, width: int, *, huge: bool) -> list[Line]:
    """The state in words and, where time runs, in big digits."""
    facts, now = shown.facts, shown.now
    if facts.lease is not None and lease_left_s(facts.lease, facts, now) > 0:
        return _leased(shown, facts.lease, width, huge=huge)
    if facts.state is ArmState.LOCKED and facts.locked_until is not None:
        return _locked(shown, facts.locked_until, width, huge=huge)
    if facts.request is not None:
        return _requested(shown, facts.request, width, huge=huge)
    return _idle(shown, width)


def _beside(digits: str, tone: Tone, texts: Sequence[Line], width: int, *, huge: bool) -> list[Line]:
    """Big digits on the left, what they mean on the right."""
    big = big_text(digits, huge=huge)
    lines: list[Line] = [EMPTY]
    for at in range(max(len(big), len(texts))):
        left = big[at] if at < len(big) else " " * len(big[0])
        right = texts[at] if at < len(texts) else EMPTY
        lines.append(fit((Span("  "), Span(left, tone), Span("   "), *right), width))
    return lines


def _leased(shown: ArmShown, lease: ArmLine, width: int, *, huge: bool) -> list[Line]:
    left = lease_left_s(lease, shown.facts, shown.now)
    run = f"run {one_line(lease.run_id, 30)}" if lease.run_id else "no run"
    until = figures.clock(lease.expires_at)
    since = (
        f"granted {figures.clock(lease.granted_at)} to {one_line(lease.actor, 20)}, ends {until} by itself"
    )
    if lease.drill:
        chip, meaning = Span(" DRILL ", Tone.CHIP_INFO), "nothing is armed: no gate accepts it"
        tone = Tone.ACCENT
    else:
        chip, meaning = Span(" ▲ ARMED ", Tone.CHIP_ARMED), "live orders may be sent"
        tone = Tone.WARN if left < _ENDS_SOON_S else Tone.STRONG
    soon = (Span("   ends within a minute", Tone.WARN),) if left < _ENDS_SOON_S else EMPTY
    texts: list[Line] = [
        (chip, Span(f"  {meaning}")),
        (Span(one_line(lease.scope, 40), Tone.STRONG), Span(f"  {run}")),
        (Span(since, Tone.DIM),),
        (Span("x", Tone.KEY), Span(" ends it now" if lease.drill else " disarms now", Tone.STRONG), *soon),
    ]
    return [*_beside(figures.countdown(left), tone, texts, width, huge=huge), *_problem(shown, width)]


def _locked(shown: ArmShown, until: datetime, width: int, *, huge: bool) -> list[Line]:
    left = max(0.0, (until - shown.now).total_seconds())
    texts: list[Line] = [
        (Span(" ✗ LOCKED ", Tone.CHIP_BAD), Span("  nothing can be armed: too many wrong tokens or phrases")),
        (Span("arming alone is locked; stop and disarm never are", Tone.DIM),),
        (Span(f"free again at {figures.clock(until)}", Tone.STRONG),),
        (Span("6", Tone.KEY), Span(" the incident that it opened", Tone.DIM)),
    ]
    return [*_beside(figures.countdown(left), Tone.BAD, texts, width, huge=huge), *_problem(shown, width)]


def _requested(shown: ArmShown, request: ArmRequestLine, width: int, *, huge: bool) -> list[Line]:
    waits = request.needs_approval and not request.approved_by
    word = " DRILL ASKED FOR " if request.drill else " ASKED FOR "
    until = request.token_until
    left = 0.0 if until is None else max(0.0, (until - shown.now).total_seconds())
    chip = Span(word, Tone.CHIP_INFO if request.drill else Tone.CHIP_WARN)
    run = f"run {one_line(request.run_id, 30)}, " if request.run_id else ""
    what = f"  {run}{figures.duration(request.ttl_s)}, by {one_line(request.requester, 20)}"
    if waits:
        step: Line = (Span("p", Tone.KEY), Span(" another operator approves it", Tone.STRONG))
    else:
        approved = f", approved by {one_line(request.approved_by, 20)}" if request.approved_by else ""
        tries = f"{request.tries_left} {'try' if request.tries_left == 1 else 'tries'} left{approved}"
        step = (Span("c", Tone.KEY), Span(" types the token", Tone.STRONG), Span(f"   {tries}", Tone.DIM))
    texts: list[Line] = [
        (chip, Span("  not armed yet", Tone.STRONG)),
        (Span(one_line(request.scope, 40), Tone.STRONG), Span(what)),
        (Span(f"“{one_line(request.purpose, 60)}”", Tone.DIM),),
        (*step, Span("   w", Tone.KEY), Span(" takes it back", Tone.DIM)),
    ]
    clock = figures.countdown(left) if until is not None else "--:--"
    return [*_beside(clock, Tone.STRONG, texts, width, huge=huge), *_problem(shown, width)]


def _idle(shown: ArmShown, width: int) -> list[Line]:
    """Nothing is armed: what may be asked for, and what stands against it."""
    facts = shown.facts
    known = facts.freshness.as_of is not None
    if not known:
        chip, said = (
            Span(" ? NOT KNOWN ", Tone.CHIP_UNKNOWN),
            "whether anything is armed: the node was not heard",
        )
    elif shown.problem:
        chip, said = Span(" ▲ NOT ARMED? ", Tone.CHIP_WARN), "as the node last said"
    else:
        chip, said = Span(" ● NOT ARMED ", Tone.CHIP_OK), "no live order may be sent"
    lines: list[Line] = [EMPTY, (Span("  "), chip, Span(f"  {said}"))]
    if known:
        lines += _may("live", live_refusals(facts, shown.checklist), width)
        lines += _may("drill", facts.drill_refusals, width)
    return [*lines, *_problem(shown, width)]


def _may(word: str, refusals: Sequence[str], width: int) -> list[Line]:
    """Whether it may be asked for, and the first reasons why not."""
    name = Span(f"  {word:<6}", Tone.STRONG)
    if not refusals:
        what = "walks the whole way; no gate accepts it" if word == "drill" else "all that is asked for holds"
        return [
            (name, Span("✓ may be asked for: ", Tone.OK), Span("a", Tone.KEY), Span(f"   {what}", Tone.DIM))
        ]
    more = f"  +{len(refusals) - 1} more" if len(refusals) > 1 else ""
    tail = (Span(more, Tone.DIM),) if more else EMPTY
    first = fit((name, Span("✗ ", Tone.BAD), Span(one_line(refusals[0], 200))), max(20, width - len(more)))
    return [(*first, *tail)]


def _problem(shown: ArmShown, width: int) -> list[Line]:
    if not shown.problem:
        return []
    return wrapped(f"▲ {one_line(shown.problem, 300)}", width, indent="  ", tone=Tone.WARN)[:2]


def checklist_columns(now: "datetime | None") -> list[Column[ChecklistItem]]:
    """The checklist's columns, ages as of ``now``."""
    return [
        Column("", 1, lambda one: Span(*SIGNS[one.state])),
        Column("STATE", 7, lambda one: Span(one.state.value, SIGNS[one.state][1])),
        Column("PRE-LIVE CHECKLIST", 24, lambda one: Span(one_line(one.title, 80)), flex=3),
        Column("AGE", 5, lambda one: _age(one, now), right=True),
        Column("EVIDENCE", 18, lambda one: Span(one_line(one.evidence, 160), Tone.DIM), flex=4, least=100),
    ]


def _age(one: ChecklistItem, now: "datetime | None") -> Span:
    age = None if now is None else one.age_s(now)
    return Span(figures.age(age) if age is not None else figures.NONE, Tone.DIM)


def checklist_words(checklist: Checklist | None) -> Line:
    """How it stands, in one piece: how many are not green."""
    if checklist is None:
        return (Span("judging the checklist …", Tone.UNKNOWN),)
    counts = {state: sum(one.state is state for one in checklist.items) for state in ItemState}
    parts: list[Line] = [
        (Span(f"{sign} {counts[state]} {state.value}", tone),)
        for state, (sign, tone) in SIGNS.items()
        if counts[state]
    ]
    return joined(parts) if parts else (Span("the checklist is empty", Tone.WARN),)


def item_lines(one: ChecklistItem | None, width: int, height: int) -> list[Line]:
    """The item under the cursor: its whole title, evidence, who signed, what makes it green."""
    if one is None or height <= 0:
        return []
    title: Line = rule((Span(one_line(one.title, 120), Tone.DIM),), width)
    sign, tone = SIGNS[one.state]
    signed = f"signed by {one_line(one.signed_by, 20)}: {one_line(one.note, 120)}" if one.signed_by else ""
    told = "; ".join(part for part in (one_line(one.evidence, 400), signed) if part) or "no evidence"
    lines = _first(wrapped(f"{sign} {told}", width - 1, indent=" ", tone=tone), max(1, height - 2))
    if one.remedy and one.state is not ItemState.GREEN:
        lines += wrapped(f"do: {one_line(one.remedy, 300)}", width, indent="   ", tone=Tone.ACCENT)
    return [title, *(fit(line, width) for line in lines[: height - 1])]


def _first(lines: list[Line], most: int) -> list[Line]:
    """The first lines; the last of them says where there would be more."""
    if len(lines) <= most:
        return lines
    *kept, last = lines[:most]
    return [*kept, (*last, Span("…", last[-1].tone))]


def past_lines(past: Sequence[ArmPast], now: datetime, width: int, height: int) -> list[Line]:
    """What happened to arming, the newest first; how leases ended."""
    if height <= 0:
        return []
    head: Line = (Span(" BEFORE", Tone.DIM),)
    if not past:
        return [head, (Span("  nothing was ever asked for here", Tone.DIM),)][:height]
    return [head, *(_past_line(one, now, width) for one in past[: height - 1])]


def _past_line(one: ArmPast, now: datetime, width: int) -> Line:
    what = one_line(one.what, 10)
    return fit(
        (
            Span(f"  {figures.day_and_clock(one.at, now):<13}", Tone.DIM),
            Span(f"{what:<10}", _PAST_TONES.get(one.what, Tone.TEXT)),
            Span(f"{one_line(one.actor, 10):<11}"),
            Span(_END_WORDS.get(one.why, one_line(one.why, 160).replace("_", " ")), Tone.DIM),
            Span(f"  #{one.seq:,}", Tone.FAINT),
        ),
        width,
    )
