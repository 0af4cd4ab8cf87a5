"""How drift looks: a row a model, and a model's page with its streams, names and checks. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from peak_console.domain.text import one_line
from peak_console.operations.views.shadow import CheckLine, DriftLine, DriftState, ShadowFacts, StreamLine
from peak_console.tui import figures
from peak_console.tui.ink import EMPTY, Line, Span, Tone, cell, fit, rule
from peak_console.tui.screens.shadow_drawing import tone_when
from peak_console.tui.widgets.document import wrapped
from peak_console.tui.widgets.table import Column

STATES: Final = {
    DriftState.QUARANTINED: ("✗", "quarantined", Tone.BAD),
    DriftState.DRIFTED: ("✗", "drifted", Tone.BAD),
    DriftState.WATCH: ("▲", "watch", Tone.WARN),
    DriftState.OK: ("✓", "ok", Tone.OK),
    DriftState.NOT_TESTED: ("○", "not tested", Tone.UNKNOWN),
    DriftState.UNKNOWN: ("?", "unknown", Tone.UNKNOWN),
}
"""Sign, word and tone of what is known of a model, the gravest first, what nothing is known of last."""
_GRAVITY: Final = list(STATES)
OLD_S: Final = 86_400.0
"""Age of the newest evidence from which a model is not shown as good any more."""
WARN_BELOW: Final = 3.0
"""Evidence this far below its alarm is a warning (docs/drift.md)."""
_WIDE: Final = 100
_NAME: Final = 16
_PASSED: Final = re.compile(r"(\d{1,5}) of (\d{1,5}) gold cases")
_COUNTS: Final = 9
"""Cells of a round's counts alone, as ``12/13``: a row has no room for more."""
_FULL, _EMPTY = "█", "░"


def evidence_age_s(one: DriftLine, now: datetime) -> float | None:
    """Seconds since the newest thing that says anything of the model."""
    checks = [check.at for check in (one.canary, one.two_sample) if check is not None]
    moments = [*checks, *([one.last_answer_at] if one.last_answer_at else [])]
    return max(0.0, (now - max(moments)).total_seconds()) if moments else None


def state_span(one: DriftLine, now: datetime, *, stale: bool = False) -> Span:
    """What is known of a model; never good without evidence, nor with old evidence alone."""
    age = evidence_age_s(one, now)
    if one.state is DriftState.OK and age is None:
        sign, word, tone = STATES[DriftState.UNKNOWN]
        return Span(f"{sign} {word}", tone)
    if one.state is DriftState.OK and age is not None and age > OLD_S:
        return Span("▲ ok, but old", Tone.WARN)
    sign, word, tone = STATES[one.state]
    return Span(f"{sign} {word}", tone_when(tone, stale=stale))


def gauge_tone(evidence: float, alarm_at: float) -> Tone:
    """How grave evidence is."""
    if evidence >= alarm_at:
        return Tone.BAD
    return Tone.WARN if evidence >= alarm_at - WARN_BELOW else Tone.TEXT


def bar_of(evidence: float, alarm_at: float, cells: int) -> str:
    """A gauge of ``cells`` cells, full at the alarm."""
    share = max(0.0, min(1.0, evidence / alarm_at)) if alarm_at > 0 else 0.0
    full = min(cells, int(share * cells + 0.5))
    return _FULL * full + _EMPTY * (cells - full)


def gauge_span(one: DriftLine) -> Span:
    """The strongest evidence of a model's streams against its alarm."""
    tested = [stream for stream in one.streams if stream.usual_pct is not None]
    if not tested:
        return Span("no baseline" if one.streams else figures.NONE, Tone.UNKNOWN)
    evidence, alarm_at = one.gauge
    return Span(
        f"{bar_of(evidence, alarm_at, 6)} {evidence:4.1f} / {alarm_at:.1f}", gauge_tone(evidence, alarm_at)
    )


def check_span(check: CheckLine | None, now: datetime, *, stale: bool = False) -> Span:
    """A canary round or a two-sample test in few cells."""
    if check is None:
        return Span(figures.NONE, Tone.DIM)
    age = figures.age(max(0.0, (now - check.at).total_seconds()))
    sign, tone = ("✓", Tone.OK) if check.ok else ("✗", Tone.BAD)
    if check.incomplete:
        sign, tone = "▲", Tone.WARN
    word = "incomplete: " if check.incomplete and len(check.detail) > _COUNTS else ""
    return Span(f"{sign} {word}{one_line(check.detail, 60)} {age}", tone_when(tone, stale=stale))


def brief_check_span(check: CheckLine | None, now: datetime, *, stale: bool = False) -> Span:
    """The same in a cell of a row: ``✓ 13/13 2m``; what else it says stands on the model's page."""
    if check is not None and (counted := _PASSED.match(check.detail)):
        check = replace(check, detail=f"{counted[1]}/{counted[2]}")
    return check_span(check, now, stale=stale)


def brief_gauge_span(one: DriftLine) -> Span:
    """The strongest evidence against its alarm without its bar, where a row is short."""
    if all(stream.usual_pct is None for stream in one.streams):
        return Span(figures.NONE, Tone.UNKNOWN)
    evidence, alarm_at = one.gauge
    return Span(f"{evidence:.1f}/{alarm_at:.1f}", gauge_tone(evidence, alarm_at))


def gold_since_span(one: DriftLine, now: datetime) -> Span:
    """What gold cases say since the quarantine; that nothing speaks for a release is said plainly."""
    gold = one.gold_since
    if gold is None or not gold.words:
        return Span("▲ no gold case was answered: no evidence for a release", Tone.WARN)
    newest_s = max(0.0, (now - gold.newest_at).total_seconds()) if gold.newest_at else None
    sign, tone = ("✓", Tone.OK) if gold.passed == gold.cases else ("✗", Tone.BAD)
    if gold.mends:
        sign, tone = "▲", Tone.WARN
    return Span(f"{sign} {gold.words}  {figures.age(newest_s)}", tone)


def served_span(one: DriftLine) -> Span:
    """Under which name it answered; what the lock does not know comes first."""
    if one.unexpected:
        return Span(f"✗ {one_line(one.unexpected[0], 80)}", Tone.BAD)
    return Span(one_line(", ".join(one.served), 120) or figures.NONE, Tone.DIM)


def drift_columns(now: datetime, *, stale: bool = False) -> Sequence[Column[DriftLine]]:
    """The columns of the models."""

    def age(one: DriftLine) -> Span:
        seconds = evidence_age_s(one, now)
        return Span(figures.age(seconds), Tone.WARN if (seconds or 0) > OLD_S else Tone.DIM)

    return (
        Column("STATE", 13, lambda one: state_span(one, now, stale=stale)),
        Column("MODEL", 22, lambda one: Span(one_line(one.name, 80), Tone.STRONG), flex=3),
        Column("SLOTS", 11, lambda one: Span(one_line(", ".join(one.slots), 80), Tone.DIM), flex=1),
        Column("CANARY", 11, lambda one: brief_check_span(one.canary, now, stale=stale)),
        Column("EVIDENCE", 9, brief_gauge_span, most=_WIDE - 1),
        Column("EVIDENCE", 18, gauge_span, least=_WIDE),
        Column("SERVED", 21, served_span, flex=1, least=_WIDE),
        Column("AGE", 4, age, right=True),
    )


def drift_rows(lines: Sequence[DriftLine]) -> list[DriftLine]:
    """The gravest first, then the strongest evidence."""
    return sorted(lines, key=lambda one: (_GRAVITY.index(one.state), -one.gauge[0], one.name))


def drift_head(facts: ShadowFacts | None) -> Line:
    """The title over the models: how many stand how, each once, by its gravest slot."""
    lines = () if facts is None else facts.drift
    title: list[Span] = [Span("drift")]
    gravest: dict[str, DriftState] = {}
    for one in sorted(lines, key=lambda each: _GRAVITY.index(each.state)):
        gravest.setdefault(one.name, one.state)
    for state, (sign, word, tone) in STATES.items():
        count = sum(known is state for known in gravest.values())
        if count and state is not DriftState.OK:
            title.append(Span(f"  {sign} {count} {word}", tone))
    return tuple(title)


def no_drift(facts: ShadowFacts, *, filtered: str = "") -> list[Line]:
    """Why no model is listed."""
    if filtered and facts.drift:
        return [(Span(f"no model matches  / {filtered}   esc clears the filter", Tone.DIM),)]
    if facts.freshness.as_of is None and facts.freshness.why:
        return [(Span(f"✗ not known: {one_line(facts.freshness.why, 200)}", Tone.BAD),)]
    if facts.problem and not facts.scheduler:
        return [(Span("? not known: no node tells what it looked at; none is on record", Tone.UNKNOWN),)]
    return [
        (Span("no model was looked at yet: none has answered, and no lock says what is usual", Tone.DIM),)
    ]


# -- a model's page


def model_lines(
    one: DriftLine, checks: Mapping[int, Mapping[str, Any]], now: datetime, width: int, *, stale: bool = False
) -> Iterator[Line]:
    """A model: why it stands as it does, streams, names, checks. ``checks`` are events by their seq."""
    yield EMPTY
    title = Span(one_line(one.name, 80), Tone.STRONG)
    slots = Span(f"   {one_line(', '.join(one.slots), 80)}", Tone.DIM)
    yield fit((title, Span("   "), state_span(one, now, stale=stale), slots), width)
    if one.why:
        yield from wrapped(one_line(one.why, 500), width, indent="", tone=STATES[one.state][2])
    if one.since is not None:
        age = figures.age(max(0.0, (now - one.since).total_seconds()))
        yield _pair("since", Span(figures.day_and_clock(one.since, now)), f"{age} ago")
    if one.incident_id:
        yield _pair("incident", Span(one_line(one.incident_id, 60)), "6 shows it")
    if one.state is DriftState.QUARANTINED:
        yield _pair("since then", gold_since_span(one, now))
        yield _pair("way back", Span("R", Tone.KEY), "releases it, with a reason and the typed word")
    yield from _titled("streams", width, f"alarm at {one.streams[0].alarm_at:.1f}" if one.streams else "")
    if not one.streams:
        yield (Span(f"  {_untested(one, now)}", Tone.DIM),)
    else:
        yield (
            Span(f"  {'stream':<12}{'seen':>7}{'hits':>7}{'rate %':>8}{'usual %':>9}  evidence", Tone.DIM),
        )
    for stream in one.streams:
        yield fit(stream_line(stream, width), width)
    yield from _titled("served", width)
    yield from _long("names", one_line(", ".join(one.served), 600) or "none yet", width)
    yield _pair("fingerprints", Span(f"{one.fingerprints} seen" if one.fingerprints else "none was sent"))
    bad = ", ".join(one_line(name, 120) for name in one.unexpected)
    told = f"✗ {bad}" if bad else "nothing that the lock does not know"
    yield from _long("not locked", told, width, Tone.BAD if bad else Tone.DIM)
    for name, check in (("canary", one.canary), ("two-sample", one.two_sample)):
        yield from _titled(name, width)
        yield from _check_lines(name, check, checks, now, width, stale=stale)


def _untested(one: DriftLine, now: datetime) -> str:
    """Why a model has no stream, and when it answered last."""
    if one.last_answer_at is None:
        return "no rate is tested: it has not answered yet"
    age = figures.age(max(0.0, (now - one.last_answer_at).total_seconds()))
    told = one.state in {DriftState.NOT_TESTED, DriftState.UNKNOWN} and one.why  # which stands above
    return f"no rate is tested{'' if told else ': the lock has no baseline of it'}; it answered {age} ago"


def stream_line(stream: StreamLine, width: int) -> Line:
    """A stream: counts, its usual rate, its evidence as a bar."""
    rate = f"{100 * stream.hits / stream.seen:.1f}" if stream.seen else figures.NONE
    name = one_line(stream.name, 24).replace("_", " ")
    known: Line = (
        cell(f"  {name}", 14),
        cell(f"{stream.seen:,}", 7, Tone.DIM, right=True),
        cell(f"{stream.hits:,}", 7, right=True),
        cell(rate, 8, right=True),
    )
    if stream.usual_pct is None:
        return (
            *known,
            cell(figures.NONE, 9, Tone.DIM, right=True),
            Span("  no baseline: not tested", Tone.UNKNOWN),
        )
    tone = Tone.BAD if stream.alarmed else gauge_tone(stream.evidence, stream.alarm_at)
    cells = max(8, min(30, width - 72))
    word = "  ✗ alarm" if stream.alarmed else ""
    return (
        *known,
        cell(f"{stream.usual_pct:.1f}", 9, Tone.DIM, right=True),
        Span(f"  {bar_of(stream.evidence, stream.alarm_at, cells)} {stream.evidence:.1f}{word}", tone),
    )


def _check_lines(
    name: str,
    check: CheckLine | None,
    checks: Mapping[int, Mapping[str, Any]],
    now: datetime,
    width: int,
    *,
    stale: bool,
) -> Iterator[Line]:
    if check is None:
        yield (Span(f"  no {name} check was made yet", Tone.DIM),)
        return
    place = Span(f" ago   #{check.seq:,}", Tone.DIM)
    yield fit((Span("  "), check_span(check, now, stale=stale), place), width)
    body = checks.get(check.seq, {})
    for label, key in (("p-value", "p_value"), ("statistic", "statistic"), ("samples", "samples")):
        if body.get(key) is not None:
            yield _pair(label, Span(one_line(str(body[key]), 50)))
    failures = body.get("failures")
    for failure in failures if isinstance(failures, list) else []:
        if isinstance(failure, dict):
            case, why = one_line(str(failure.get("id", "?")), 60), one_line(str(failure.get("why", "")), 300)
            yield (Span("  ✗ ", Tone.BAD), Span(case, Tone.STRONG))
            yield from wrapped(why or "no reason was given", width, indent="      ", tone=Tone.DIM)


def _titled(title: str, width: int, right: str = "") -> Iterator[Line]:
    yield EMPTY
    yield rule((Span(title),), width, (Span(right, Tone.DIM),) if right else ())


def _long(name: str, text: str, width: int, tone: Tone = Tone.TEXT) -> Iterator[Line]:
    """A pair whose value takes as many lines as it needs."""
    lines = wrapped(text, width, indent=" " * _NAME, tone=tone)
    yield (cell(f"  {name}", _NAME, Tone.DIM), *lines[0][1:])
    yield from lines[1:]


def _pair(name: str, value: Span, note: str = "") -> Line:
    shown: Line = (cell(f"  {name}", _NAME, Tone.DIM), value)
    return (*shown, Span(f"  {note}", Tone.DIM)) if note else shown
