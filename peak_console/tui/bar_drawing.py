"""The posture bar as one line: what never disappears first, the rest by priority. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from peak_console.domain.posture import Posture, PostureState
from peak_console.domain.text import one_line
from peak_console.operations.views.bar import BarSnapshot
from peak_console.operations.views.breakers import not_closed
from peak_console.operations.views.freshness import LIMIT_S
from peak_console.operations.views.next_step import next_step
from peak_console.tui import figures
from peak_console.tui.bar_facts import breaker_forms, budget_forms, clock_forms, ledger_forms, node_forms
from peak_console.tui.bar_shadow import drift_forms, shadow_forms
from peak_console.tui.ink import Line, Span, Tone, fit, width_of

SIGNS: Final = {
    PostureState.STOPPED: ("■", Tone.CHIP_BAD),
    PostureState.DISARMED: ("●", Tone.CHIP_OK),
    PostureState.REDUCE: ("▼", Tone.CHIP_WARN),
    PostureState.ARMED: ("▲", Tone.CHIP_ARMED),
    PostureState.UNKNOWN: ("?", Tone.CHIP_UNKNOWN),
}
"""A sign and a tone for each posture word."""

_HOST_WIDTH: Final = 24
_ROOMY: Final = 110
"""Width from which an address does not drive out ledger, breakers and clock."""


@dataclass(frozen=True, slots=True)
class BarFlags:
    """How this console was opened: part of what never disappears."""

    readonly: bool = False
    replay: bool = False
    """Whether everything but the live posture is of a moment in the past."""
    stale_s: float = LIMIT_S
    """Age from which the bar itself is stale."""


@dataclass(frozen=True, slots=True)
class _Segment:
    """A piece of the bar, longest form first. The lowest ``rank`` gives way first."""

    rank: int
    forms: tuple[Line, ...]
    keep: bool = False
    firm: bool = False
    """Whether it stays where even the shortest forms of all that is kept do not fit beside each other."""


def draw_bar(
    bar: BarSnapshot, now: datetime, width: int, flags: BarFlags, zone: tzinfo | None = None
) -> Line:
    """The bar's line, at most ``width`` cells: posture, armed, workspace and warnings always stand."""
    calm = bar.posture.state is PostureState.DISARMED
    roomy = width >= _ROOMY and bool(bar.foreign_urls or bar.seen_urls)
    segments = [
        _Segment(90, _posture_forms(bar, now, flags.stale_s), keep=True, firm=True),
        *(_Segment(89, forms, keep=True, firm=True) for forms in armed_forms(bar, now, flags.stale_s)),
        _Segment(12 if calm else 85, _why_forms(bar, now)),
        *_lowered(bar),
        *(_Segment(80, forms, keep=True, firm=True) for forms in _flag_forms(bar, now, flags)),
        _Segment(36 if roomy else 22, _url_forms(bar, now), keep=True, firm=True),
        _Segment(70, _disarmed_forms(bar, now), keep=True),
        _Segment(60, _workspace_forms(bar), keep=True, firm=True),
        _Segment(8, _operator_forms(bar)),
        *_facts(bar, now, roomy=roomy),
        _Segment(25, () if flags.replay else clock_forms(now, zone), keep=roomy),
        _Segment(4, () if flags.replay or calm else _next_forms(bar)),
    ]
    return _squeeze([one for one in segments if one.forms], width)


def _squeeze(segments: list[_Segment], width: int) -> Line:
    """The shortest form of what must stay; then, by rank, the longest form of each that still fits."""
    chosen = {at: len(one.forms) - 1 for at, one in enumerate(segments) if one.keep}

    def drawn(choice: Mapping[int, int]) -> Line:
        return _between([segments[at].forms[form] for at, form in sorted(choice.items())])

    for at in sorted(chosen, key=lambda at: segments[at].rank):
        if width_of(drawn(chosen)) > width and not segments[at].firm:
            del chosen[at]

    for at in sorted(range(len(segments)), key=lambda at: -segments[at].rank):
        for form in range(len(segments[at].forms)):
            longer = {**chosen, at: form}
            if width_of(drawn(longer)) <= width:
                chosen = longer
                break
    return fit(drawn(chosen), width)


def _between(parts: Sequence[Line]) -> Line:
    spans: list[Span] = []
    for at, part in enumerate(parts):
        if at:
            spans.append(Span("  "))
        spans.extend(part)
    return tuple(spans)


def posture_chip(posture: Posture, countdown: str = "") -> Span:
    """The posture word with its sign, as it looks everywhere."""
    sign, tone = SIGNS[posture.state]
    return Span(f" {sign} {posture.state.value}{countdown} ", tone)


def _posture_forms(bar: BarSnapshot, now: datetime, stale_s: float) -> tuple[Line, ...]:
    """The posture's chip; while it is ARMED the countdown stands in it, and what is armed beside it."""
    age = (now - bar.taken_at).total_seconds()
    word, counts = bar.posture.state.value, _own_countdown(bar, now)
    if age > stale_s:
        stale = Span(f" ▲ {word}?{counts} ", Tone.CHIP_WARN)
        long = (stale, Span(f" last read {figures.age(age)} ago", Tone.WARN))
        return (long, (stale, Span(f" {figures.age(age)}", Tone.WARN)))
    conflict = (Span(" ▲ conflict", Tone.BAD),) if bar.posture.conflicts else ()
    chip = posture_chip(bar.posture, counts)
    if counts and bar.armed is not None:
        scope = Span(f" {one_line(bar.armed.scope, 24)}", Tone.STRONG)
        return ((chip, scope, *conflict), (chip, *conflict))
    return ((chip, *conflict),)


def _own_countdown(bar: BarSnapshot, now: datetime) -> str:
    """What is left, where the posture itself is ARMED; else an empty text."""
    armed = bar.armed
    if armed is None or armed.drill or bar.posture.state is not PostureState.ARMED:
        return ""
    left = armed.left_s(now)
    return f" {figures.countdown(left)}" if left else " over"


def _why_forms(bar: BarSnapshot, now: datetime) -> tuple[Line, ...]:
    """Since when and why; the reason alone where there is little room."""
    posture = bar.posture
    since = f"since {figures.day_and_clock(posture.since, now)}" if posture.since else ""
    if posture.state is PostureState.DISARMED:
        return ((Span(since, Tone.DIM),),) if since else ()
    acts = "= stopped" if posture.state is PostureState.UNKNOWN else ""
    reasons = ", ".join(one_line(one, 32) for one in posture.reasons)
    first = f"({one_line(posture.reasons[0], 24)})" if posture.reasons else ""
    full = " ".join(part for part in (acts, since, f"({reasons})" if reasons else "") if part)
    forms = dict.fromkeys((full, " ".join(part for part in (acts, since, first) if part), first, acts))
    return tuple((Span(form),) for form in forms if form)


def _flag_forms(bar: BarSnapshot, now: datetime, flags: BarFlags) -> list[tuple[Line, ...]]:
    found: list[tuple[Line, ...]] = []
    if bar.simulated:
        found.append(((Span(" SIMULATED ", Tone.CHIP_INFO),), (Span(" SIM ", Tone.CHIP_INFO),)))
    if flags.readonly:
        found.append(((Span(" READ-ONLY ", Tone.CHIP_INFO),), (Span(" RO ", Tone.CHIP_INFO),)))
    if flags.replay:
        found.append(
            (
                (Span(f" REPLAY {now:%Y-%m-%d} {figures.clock(now)} ", Tone.CHIP_WARN),),
                (Span(f" REPLAY {figures.clock(now)} ", Tone.CHIP_WARN),),
                (Span(" REPLAY ", Tone.CHIP_WARN),),
            )
        )
        found.append(_live_forms(bar.live_posture))
    if bar.config_errors:
        errors = len(bar.config_errors)
        found.append(((Span(f" ✗ CONFIG {errors} ", Tone.CHIP_BAD),),))
    return found


def _live_forms(posture: Posture | None) -> tuple[Line, ...]:
    """The posture now, beside the one of the past: words before it say which it is."""
    if posture is None:
        return ((Span("now ", Tone.DIM), Span("…", Tone.UNKNOWN)),)
    sign, tone = SIGNS[posture.state]
    chip = Span(f" {sign} {posture.state.value} ", tone)
    return ((Span("live now"), chip), (Span("now"), chip))


def url_lines(bar: BarSnapshot, now: datetime) -> list[tuple[str, str, str]]:
    """Addresses that are no provider's own: provider, address, how long ago it was asked there."""
    own = [(one_line(provider, 12), one_line(url, 200), "") for provider, url in bar.foreign_urls]
    seen = [
        (
            one_line(one.provider, 12),
            one_line(one.url, 200),
            f" {figures.age(max(0.0, (now - one.at).total_seconds()))} ago",
        )
        for one in bar.seen_urls
    ]
    return own + seen


def _url_forms(bar: BarSnapshot, now: datetime) -> tuple[Line, ...]:
    """The first address by its host and how many more there are; ``?`` lists them."""
    every = url_lines(bar, now)
    if not every:
        return ()
    (name, url, ago), more = every[0], f" +{len(every) - 1}" if len(every) > 1 else ""
    said = (
        f" URL {name}→{_host_of(url)}{ago}{more} ",
        f" URL {name}{ago.removesuffix(' ago')}{more} ",
        f" URL {len(every)} ",
    )
    return tuple((Span(one, Tone.CHIP_WARN),) for one in said)


def _host_of(url: str) -> str:
    """Host and port, without what a user put before ``@``."""
    _, _, rest = url.rpartition("://")
    return one_line(rest.partition("/")[0].rpartition("@")[2], _HOST_WIDTH)


def armed_forms(bar: BarSnapshot, now: datetime, stale_s: float = LIMIT_S) -> list[tuple[Line, ...]]:
    """The countdown of what is armed, its scope where there is room; of a drill, that it is one.

    The countdown goes on by itself, since nothing but a new grant can move the end of a lease.
    """
    armed = bar.armed
    left = 0.0 if armed is None else armed.left_s(now)
    if armed is None or not left or _own_countdown(bar, now):
        return []
    counts = figures.countdown(left)
    if armed.drill:
        chip = Span(f" DRILL {counts} ", Tone.CHIP_INFO)
        return [((chip, Span(" nothing is armed", Tone.DIM)), (chip,))]
    if (now - bar.taken_at).total_seconds() > stale_s:
        return [((Span(f" ▲ ARMED? {counts} ", Tone.CHIP_WARN),),)]
    countdown = Span(f" ▲ ARMED {counts} ", Tone.CHIP_ARMED)
    return [((countdown, Span(f" {one_line(armed.scope, 24)}", Tone.STRONG)), (countdown,))]


def _disarmed_forms(bar: BarSnapshot, now: datetime) -> tuple[Line, ...]:
    """That nothing is armed, where there is room to say so."""
    if armed_forms(bar, now) or _own_countdown(bar, now):
        return ()
    return ((Span("ARMED ", Tone.DIM), Span("—")),)


def _lowered(bar: BarSnapshot) -> list[_Segment]:
    """What somebody or something lowered, and what waits for a person: each where it stands."""
    missing = len(bar.workers_missing)
    return [
        _Segment(88, ((Span(f" ✗ NO ACK {missing} ", Tone.CHIP_BAD),),) if missing else (), keep=True),
        _Segment(87, _incident_forms(bar), keep=True),
        _Segment(86, _reduce_forms(bar), keep=True),
        _Segment(84, _scope_forms(bar), keep=True),
        _Segment(83, _off_forms(bar)),
        _Segment(38, _ramp_forms(bar)),
    ]


def _incident_forms(bar: BarSnapshot) -> tuple[Line, ...]:
    """How many incidents are open; one that nobody has acknowledged is red. Tests and drills stand apart."""
    real = [one for one in bar.incidents if not (one.test or one.drill)]
    if real:
        waiting = any(not one.acknowledged_by for one in real)
        sign, tone = ("✗", Tone.CHIP_BAD) if waiting else ("▲", Tone.CHIP_WARN)
        chip = Span(f" {sign} INC {len(real)} ", tone)
        name = real[0].trigger.value.replace("_", " ")
        return ((chip, Span(f" {name}")), (chip,)) if waiting else ((chip,),)
    if bar.incidents:
        return ((Span(f" INC {len(bar.incidents)} TEST ", Tone.CHIP_INFO),),)
    return ()


def _reduce_forms(bar: BarSnapshot) -> tuple[Line, ...]:
    """That only reducing orders pass, where the posture's own word is another."""
    if not bar.reduce or bar.posture.state is PostureState.REDUCE:
        return ()
    return ((Span("▼ REDUCE", Tone.WARN),),)


def _scope_forms(bar: BarSnapshot) -> tuple[Line, ...]:
    """Which scopes are stopped and which models are out of use; how many, where there is little room."""
    names = [*bar.stopped_scopes, *(f"quarantine {one}" for one in bar.quarantined)]
    if not names:
        return ()
    more = f" +{len(names) - 1}" if len(names) > 1 else ""
    sign = Span("■ ", Tone.BAD)
    return (
        (sign, Span(f"{one_line(names[0], 40)}{more}", Tone.WARN)),
        (sign, Span(f"{len(names)} off", Tone.WARN)),
    )


def _off_forms(bar: BarSnapshot) -> tuple[Line, ...]:
    """Which triggers are switched off; how many, where there is little room."""
    off = bar.triggers_off
    if not off:
        return ()
    more = f" +{len(off) - 1}" if len(off) > 1 else ""
    return ((Span(f"▲ OFF: {off[0]}{more}", Tone.WARN),), (Span(f"▲ OFF {len(off)}", Tone.WARN),))


def _ramp_forms(bar: BarSnapshot) -> tuple[Line, ...]:
    """The share of limits that holds after a recovery."""
    whole = 100
    if bar.ramp_pct >= whole or not bar.posture.calls:
        return ()
    return ((Span("RAMP ", Tone.DIM), Span(f"{bar.ramp_pct} %", Tone.WARN)),)


def _next_forms(bar: BarSnapshot) -> tuple[Line, ...]:
    """The next step, on a line with room to spare."""
    step = next_step(bar)
    if not (step.do or step.cli):
        return ()
    key = (Span(f"{step.key} ", Tone.KEY),) if step.key else ()
    return tuple((Span("→ ", Tone.DIM), *key, Span(one, Tone.DIM)) for one in (step.cli, step.do) if one)


def _workspace_forms(bar: BarSnapshot) -> tuple[Line, ...]:
    name = one_line(bar.workspace, 32) or "no workspace"
    return ((Span(name, Tone.STRONG),), (Span(one_line(name, 12), Tone.STRONG),))


def _operator_forms(bar: BarSnapshot) -> tuple[Line, ...]:
    who = f"{bar.operator}@{bar.host}" if bar.operator else bar.host
    return ((Span(one_line(who, 32), Tone.DIM),),) if who else ()


def _facts(bar: BarSnapshot, now: datetime, *, roomy: bool) -> list[_Segment]:
    return [
        _Segment(40, budget_forms(bar.budget_day)),
        _Segment(35, ledger_forms(bar, now), keep=roomy),
        _Segment(88 if _drifted(bar) or _tripped(bar) else 50, node_forms(bar)),
        _Segment(88 if _tripped(bar) else 30, breaker_forms(bar, now), keep=roomy or _tripped(bar)),
        _Segment(86 if _drifted(bar) else 34, drift_forms(bar.shadow, now)),
        _Segment(21, shadow_forms(bar.shadow, now)),
        _Segment(20, ((Span(one_line(bar.phase or "", 12).upper(), Tone.DIM),),) if bar.phase else ()),
    ]


def _drifted(bar: BarSnapshot) -> bool:
    return bar.shadow is not None and bool(bar.shadow.drift)


def _tripped(bar: BarSnapshot) -> bool:
    return bool(not_closed(bar.breakers or ()))
