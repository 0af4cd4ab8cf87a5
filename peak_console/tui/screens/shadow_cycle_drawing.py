"""How a shadow cycle's page looks. What its event does not say is not shown; nothing is trusted. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from peak_console.domain.text import one_line
from peak_console.operations.shadow.gate_figures import GateFigure
from peak_console.operations.views.body_fields import listed, mapping, moment, nano, whole
from peak_console.operations.views.freshness import NEVER, Freshness
from peak_console.tui import figures
from peak_console.tui.ink import EMPTY, Line, Span, Tone, cell, fit, rule
from peak_console.tui.screens.shadow_drawing import critic_span, outcome_span
from peak_console.tui.widgets.document import wrapped

Body = Mapping[str, Any]
_NAME, _ROOMY = 15, 90
_LONGEST, _LARGEST = 40, 15
"""Characters and power of ten up to which a decimal is written out."""


@dataclass(frozen=True, slots=True)
class CyclePage:
    """What a cycle's page is made of: the body of its event, and the figures of its gate."""

    seq: int
    run_id: str
    at: datetime | None
    body: Body
    figures: tuple[GateFigure, ...] = ()
    """What the gate measured, with its limits."""
    gate_seq: int = 0
    missing: str = ""
    freshness: Freshness = NEVER


def cycle_lines(page: CyclePage, now: datetime, width: int) -> Iterator[Line]:
    """The page, from the data to the book."""
    body = page.body
    if page.missing or not body:
        yield (
            Span(f"this cycle cannot be shown: {one_line(page.missing, 200) or 'it says nothing'}", Tone.BAD),
        )
        return
    yield from _head(page, now, width)
    yield from _data(body, now, width)
    yield from _ideas(body, width)
    yield from _critics(body, width)
    yield from _gate(page, width)
    yield from _book(body, width)
    yield from _made_by(body, width)


def said(value: Any, limit: int = 200) -> str:
    """A value of a body as words; nothing for what is none."""
    if value is None or isinstance(value, dict | list):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return one_line(str(value), limit)


def amount(value: Any) -> str:
    """A decimal of a body to its second place, thousands apart; what is none as it stands."""
    try:
        number = Decimal(value) if isinstance(value, str) and len(value) < _LONGEST else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite() or number.adjusted() > _LARGEST:
        return said(value, 24)
    return f"{number:,.2f}"


def _head(page: CyclePage, now: datetime, width: int) -> Iterator[Line]:
    body = page.body
    replayed = (Span("  "), Span(" ↺ REPLAYED DATA ", Tone.CHIP_INFO)) if body.get("replayed") is True else ()
    stale = (Span("  "), Span(" STALE DATA ", Tone.CHIP_WARN)) if body.get("stale") is True else ()
    when = "" if page.at is None else f"   {figures.day_and_clock(page.at, now)}"
    what = outcome_span(said(body.get("outcome"), 40))
    name = Span(said(body.get("instrument"), 40), Tone.STRONG)
    yield fit((name, Span("   "), what, Span(when, Tone.DIM), *replayed, *stale), width)
    reasons = ", ".join(said(one, 80) for one in listed(body.get("reasons")))
    for words, tone in ((reasons, Tone.WARN), (said(body.get("problem"), 300), Tone.BAD)):
        if words:
            yield from wrapped(words, width, indent="", tone=tone)
    for note in listed(body.get("notes")):
        yield from wrapped(said(note), width, indent="", tone=Tone.DIM)
    place = f"job {said(body.get('job'), 60)}   run {one_line(page.run_id, 40)}   #{page.seq:,}"
    yield fit((Span(place, Tone.DIM),), width)


def _data(body: Body, now: datetime, width: int) -> Iterator[Line]:
    source = mapping(body.get("source"))
    yield from _titled("data", width)
    if not source:
        yield (Span("  none: it ended before", Tone.DIM),)
        return
    as_of, bar_s = moment(body.get("as_of")), whole(source.get("bar_s"))
    every = f" of {figures.age(bar_s)}" if bar_s else ""
    gaps = whole(source.get("gaps")) or 0
    parts = (
        "" if as_of is None else f"as of {figures.day_and_clock(as_of, now)}",
        f"close {said(source.get('close'))}" if source.get("close") else "",
        f"{said(source.get('bars'))} bars{every}",
        f"{gaps} missing" if gaps else "",
    )
    yield fit((Span(f"  {', '.join(part for part in parts if part)}"),), width)
    kind, name = said(source.get("kind")), said(source.get("name"))
    name = name if name.startswith(kind) else f"{kind} {name}"
    yield fit((Span(f"  {name}   sha256 {said(source.get('digest'), 16)}", Tone.DIM),), width)


def _ideas(body: Body, width: int) -> Iterator[Line]:
    outlook, idea = mapping(body.get("outlook")), mapping(body.get("hypothesis"))
    yield from _titled("outlook and hypothesis", width)
    if not outlook and not idea:
        yield (Span("  none: it ended before", Tone.DIM),)
        return
    for one in listed(outlook.get("scenarios")):
        yield fit(_scenario(mapping(one), width), width)
    view = said(idea.get("view"))
    words = (
        f"view {view}" if view else "",
        f"conviction {said(idea.get('conviction'))}" if idea.get("conviction") else "",
        f"invalid at {said(idea.get('invalidation_level'))}" if idea.get("invalidation_level") else "",
        f"confidence {said(outlook.get('confidence'))}" if outlook.get("confidence") else "",
    )
    yield fit((Span(f"  {', '.join(word for word in words if word)}"),), width)


def _scenario(one: Body, width: int) -> Line:
    name, step = (_NAME + 14, 5) if width >= _ROOMY else (_NAME + 4, 10)
    share = max(0, min(100, whole(one.get("probability_pct")) or 0))
    above, below = said(one.get("closes_from"), 24), said(one.get("closes_below"), 24)
    ends = " ".join(
        part for part in (f"from {above}" if above else "", f"below {below}" if below else "") if part
    )
    return (
        cell(f"  {said(one.get('name'), 80)}", name),
        Span(f"{share:>4} % ", Tone.STRONG),
        cell("█" * (share // step), 100 // step + 1, Tone.ACCENT),
        Span(f"closes {ends}" if ends else "", Tone.DIM),
    )


def _critics(body: Body, width: int) -> Iterator[Line]:
    critic = mapping(body.get("critic"))
    yield from _titled("critic", width)
    reports = [mapping(one) for one in listed(critic.get("reports"))]
    if not said(critic.get("verdict")):
        yield (Span("  was not asked: it ended before", Tone.DIM),)
        return
    parts: list[Span] = [Span("  strictest "), critic_span(said(critic.get("verdict")))]
    if critic.get("degraded") is True:
        parts.append(Span("  ▲ degraded: a stand-in judged", Tone.WARN))
    for one in reports:
        judge = f" by {said(one.get('judge'), 8)}" if one.get("judge") else ""
        seq = whole(one.get("seq"))
        parts += [
            Span(f"   {said(one.get('layer'), 8)}{judge} ", Tone.DIM),
            critic_span(said(one.get("verdict"))),
        ]
        parts.append(Span("" if seq is None else f" #{seq:,}", Tone.DIM))
    yield fit(parts, width)
    if body.get("sod_ok") is False:
        why = said(body.get("sod_detail")) or "duties are not separate"
        yield from wrapped(f"✗ {why}", width, tone=Tone.BAD)


def _gate(page: CyclePage, width: int) -> Iterator[Line]:
    body = page.body
    intent, decided = mapping(body.get("intent")), mapping(body.get("gate"))
    yield from _titled("gate", width)
    if not decided:
        why = said(body.get("no_intent")) or "it ended before"
        yield fit((Span(f"  was not asked: {why.replace('_', ' ')}", Tone.DIM),), width)
        return
    verdict = said(decided.get("verdict"), 12)
    tone, sign = (Tone.OK, "✓") if verdict == "ALLOW" else (Tone.WARN, "■")
    order = " ".join(said(intent.get(key), 40) for key in ("side", "quantity", "instrument", "order_type"))
    place = f"   #{page.gate_seq:,}" if page.gate_seq else ""
    yield fit((Span(f"  {sign} {verdict}", tone), Span(f"   {order}"), Span(place, Tone.DIM)), width)
    reasons = [said(one, 40) for one in listed(decided.get("reasons"))]
    measured = {one.reason.value for one in page.figures}
    for reason in reasons:
        if reason not in measured:
            yield (Span("  ■ ", Tone.WARN), Span(reason, Tone.STRONG))
    if page.figures:
        yield (Span(f"    {'figure':<22}{'found':>16}{'limit':>16}", Tone.DIM),)
    for one in sorted(page.figures, key=lambda each: each.reason.value not in reasons):
        blocks = one.reason.value in reasons
        yield fit(
            (
                Span("  ■ " if blocks else "    ", Tone.WARN),
                cell(one.name, 22, Tone.STRONG if blocks else Tone.DIM),
                cell(one.found, 16, Tone.WARN if blocks else Tone.TEXT, right=True),
                cell(one.limit, 16, Tone.DIM, right=True),
                Span(f"   {one.reason.value}" if blocks else "", Tone.WARN),
            ),
            width,
        )


def _book(body: Body, width: int) -> Iterator[Line]:
    fill, book = mapping(body.get("fill")), mapping(body.get("book"))
    state = mapping(book.get("state"))
    yield from _titled("paper book", width, (Span(said(book.get("name"), 40), Tone.DIM),))
    if fill:
        words = f"filled at {said(fill.get('price'), 24)}, fee € {amount(fill.get('fee_eur'))}"
    else:
        words = "nothing was filled"
    yield fit((Span(f"  {words}"),), width)
    for one in listed(body.get("exits")):
        told = mapping(one)
        words = " ".join(said(told.get(key), 40) for key in ("side", "quantity", "instrument"))
        yield fit(
            (Span(f"  ended: {words} at {said(told.get('price'), 24)}, {said(told.get('reason'), 40)}"),),
            width,
        )
    held = ", ".join(f"{amount(one[1])} {said(one[0], 24)}" for one in _triples(state.get("positions")))
    equity, fees = amount(state.get("equity_eur")), amount(state.get("fees_eur"))
    yield fit(
        (
            Span(
                f"  then: equity € {equity or figures.NONE}, fees € {fees}, holds {held or 'nothing'}",
                Tone.DIM,
            ),
        ),
        width,
    )
    for one in listed(body.get("review")):
        told = mapping(one)
        words = (
            f"said {said(told.get('probability_pct'))} % of what happened ({said(told.get('happened'), 60)})"
        )
        yield fit((Span(f"  review of {said(told.get('run_id'), 40)}: {words}", Tone.DIM),), width)


def _triples(value: Any) -> Iterator[Sequence[Any]]:
    for one in listed(value):
        if isinstance(one, list) and len(one) > 1:
            yield one


def _made_by(body: Body, width: int) -> Iterator[Line]:
    total = f"{_ms(body.get('duration_ms'))}  € {figures.brief_euros(nano(body.get('cost_eur')))}"
    yield from _titled("who and how long", width, (Span(total, Tone.DIM),))
    for one in listed(body.get("models")):
        model = mapping(one)
        slot = ".".join(part for part in (said(model.get("layer")), said(model.get("role"))) if part)
        name = ":".join(part for part in (said(model.get("provider")), said(model.get("model_id"))) if part)
        served = said(model.get("served"), 120)
        flags = "  ▲ fallback" if model.get("fallback") is True else ""
        yield fit(
            (
                cell(f"  {slot}", _NAME, Tone.DIM),
                Span(name),
                Span(f"  as {served}" if served else "", Tone.DIM),
                Span(flags, Tone.WARN),
            ),
            width,
        )
    steps = [mapping(one) for one in listed(body.get("steps"))]
    words = "  ".join(f"{said(one.get('what'), 40).replace('_', ' ')} {_ms(one.get('ms'))}" for one in steps)
    if words:
        yield from wrapped(words, width, tone=Tone.DIM)


def _ms(value: Any) -> str:
    number = whole(value)
    return "" if number is None else figures.latency(number)


def _titled(title: str, width: int, right: Sequence[Span] = ()) -> Iterator[Line]:
    if width >= _ROOMY:
        yield EMPTY
    yield rule((Span(title),), width, right)
