"""How a shadow cycle's page looks. What its event does not say is not shown; nothing is trusted. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from peak_console.domain.text import one_line
from peak_console.operations.views.body_fields import listed, mapping, moment, whole
from peak_console.operations.views.freshness import NEVER, Freshness
from peak_console.tui import figures
from peak_console.tui.ink import EMPTY, Line, Span, Tone, cell, fit, rule
from peak_console.tui.screens.shadow_drawing import critic_span, outcome_span
from peak_console.tui.widgets.document import wrapped

Body = Mapping[str, Any]
_NAME: Final = 14
_PARTS: Final = (
    ("intent", ("side", "quantity", "instrument", "order_type", "limit_price")),
    ("fill", ("side", "quantity", "price", "fee_eur", "fee", "slippage_bps")),
)
_LIMITS: Final = (
    ("max_order_size", "order size"),
    ("max_notional_eur", "notional €"),
    ("max_position_eur", "position €"),
    ("max_exposure_eur", "exposure €"),
    ("max_open_orders", "open orders"),
    ("max_order_rate_per_min", "orders a minute"),
    ("price_collar_pct", "price collar %"),
    ("max_price_age_s", "price age s"),
    ("max_daily_loss_eur", "day's loss €"),
    ("max_drawdown_pct", "drawdown %"),
)


@dataclass(frozen=True, slots=True)
class CyclePage:
    """What a cycle's page is made of: the body of its event, and that of its gate's decision."""

    seq: int
    run_id: str
    at: datetime | None
    body: Body
    gate: Body = field(default_factory=dict)
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


def _head(page: CyclePage, now: datetime, width: int) -> Iterator[Line]:
    body = page.body
    replayed = (Span("  "), Span(" ↺ REPLAYED DATA ", Tone.CHIP_INFO)) if body.get("replayed") is True else ()
    stale = (Span("  "), Span(" STALE DATA ", Tone.CHIP_WARN)) if body.get("stale") is True else ()
    when = "" if page.at is None else f"   {figures.day_and_clock(page.at, now)}"
    what = outcome_span(said(body.get("outcome"), 40))
    name = Span(said(body.get("instrument"), 40), Tone.STRONG)
    yield fit((name, Span("   "), what, Span(when, Tone.DIM), *replayed, *stale), width)
    reasons = ", ".join(said(one, 60) for one in listed(body.get("reasons")))
    if reasons:
        yield from wrapped(reasons, width, indent="", tone=Tone.WARN)
    yield from _pairs(
        (("job", said(body.get("job"))), ("run", page.run_id), ("event", f"#{page.seq:,}")), width
    )


def _data(body: Body, now: datetime, width: int) -> Iterator[Line]:
    source = mapping(body.get("source"))
    yield from _titled("data", width)
    as_of = moment(body.get("as_of"))
    kind = " ".join(part for part in (said(source.get("kind")), said(source.get("name"))) if part)
    bars, first, last = (said(source.get(key)) for key in ("bars", "first", "last"))
    yield from _pairs(
        (
            ("as of", "" if as_of is None else figures.day_and_clock(as_of, now)),
            ("source", kind),
            ("bars", f"{bars}, {first} to {last}" if bars and first else bars),
            ("digest", said(source.get("digest"), 24)),
        ),
        width,
    )


def _ideas(body: Body, width: int) -> Iterator[Line]:
    outlook, idea = mapping(body.get("outlook")), mapping(body.get("hypothesis"))
    yield from _titled("outlook and hypothesis", width)
    if not outlook and not idea:
        yield (Span("  none was asked for: it ended before", Tone.DIM),)
        return
    yield from _pairs((("confidence", said(outlook.get("confidence"))),), width)
    for one in listed(outlook.get("scenarios")):
        scenario = mapping(one)
        chance = said(scenario.get("probability_pct"))
        name = said(scenario.get("name")) or said(scenario.get("title"))
        told = said(scenario.get("summary"), 300) or said(scenario.get("description"), 300)
        share = whole(scenario.get("probability_pct")) or 0
        bar = "█" * max(0, min(20, share // 5))
        yield fit(
            (cell(f"  {name}", _NAME + 4), Span(f"{chance:>4} % {bar}  ", Tone.ACCENT), Span(told, Tone.DIM)),
            width,
        )
    view = " ".join(part for part in (said(idea.get("view")), said(idea.get("conviction"))) if part)
    yield from _pairs(
        (
            ("view", view),
            ("thesis", said(idea.get("thesis"), 500)),
            ("invalid at", said(idea.get("invalidation_level"))),
            ("reference", said(idea.get("reference_level"))),
            ("no trade", said(idea.get("no_trade_reason"), 300)),
            ("calls", ", ".join(call for one in (outlook, idea) if (call := said(one.get("call_id"))))),
        ),
        width,
    )


def _critics(body: Body, width: int) -> Iterator[Line]:
    critic = mapping(body.get("critic"))
    yield from _titled("critic", width)
    if not critic:
        yield (Span("  was not asked: it ended before", Tone.DIM),)
        return
    degraded = "   DEGRADED" if critic.get("degraded") is True else ""
    yield (
        cell("  verdict", _NAME, Tone.DIM),
        critic_span(said(critic.get("verdict"))),
        Span(degraded, Tone.WARN),
    )
    for one in listed(critic.get("reports")):
        report = mapping(one)
        seq = whole(report.get("seq"))
        yield (
            cell(f"  of {said(report.get('layer'), 10)}", _NAME, Tone.DIM),
            critic_span(said(report.get("verdict"))),
            Span("" if seq is None else f"   #{seq:,}", Tone.DIM),
        )
        for each in listed(report.get("findings")):
            finding = mapping(each)
            words = ": ".join(
                part for part in (said(finding.get("severity")), said(finding.get("message"), 300)) if part
            )
            yield from wrapped(words, width, indent=" " * _NAME, tone=Tone.WARN)
    sod = body.get("sod_ok")
    if isinstance(sod, bool):
        shown = (
            Span("✓ the critic is of another provider", Tone.OK) if sod else Span("✗ not separate", Tone.BAD)
        )
        yield (cell("  separation", _NAME, Tone.DIM), shown)


def _gate(page: CyclePage, width: int) -> Iterator[Line]:
    body, inputs = page.body, mapping(page.gate.get("inputs"))
    for title, keys in _PARTS[:1]:
        found = mapping(body.get(title))
        words = " ".join(said(found.get(key)) for key in keys if said(found.get(key)))
        yield from _titled(title, width)
        yield (Span(f"  {words}") if words else Span("  none: there was nothing to order", Tone.DIM),)
    decided = mapping(body.get("gate"))
    yield from _titled("gate", width)
    if not decided:
        yield (Span("  was not asked", Tone.DIM),)
        return
    verdict = said(decided.get("verdict"))
    tone, sign = (Tone.OK, "✓") if verdict == "ALLOW" else (Tone.WARN, "■")
    place = f"   #{page.gate_seq:,}" if page.gate_seq else ""
    yield (cell("  verdict", _NAME, Tone.DIM), Span(f"{sign} {verdict}", tone), Span(place, Tone.DIM))
    for reason in listed(decided.get("reasons")):
        yield (Span("  ■ ", Tone.WARN), Span(said(reason, 60), Tone.STRONG))
    limits = mapping(inputs.get("limits"))
    known = [(words, said(limits.get(key))) for key, words in _LIMITS if said(limits.get(key))]
    if known:
        yield (Span("  limits: " + ", ".join(f"{words} {value}" for words, value in known), Tone.DIM),)


def _book(body: Body, width: int) -> Iterator[Line]:
    fill, book = mapping(body.get("fill")), mapping(body.get("book"))
    yield from _titled("paper book", width)
    words = " ".join(said(fill.get(key)) for key in _PARTS[1][1] if said(fill.get(key)))
    state = mapping(book.get("state"))
    plain = ((key.replace("_", " "), said(value)) for key, value in sorted(state.items()))
    yield from _pairs(
        (
            ("fill", words or "none"),
            ("book", said(book.get("name"))),
            *((name, value) for name, value in plain if value),
        ),
        width,
    )


def _made_by(body: Body, width: int) -> Iterator[Line]:
    yield from _titled("who and how long", width)
    for one in listed(body.get("models")):
        model = mapping(one)
        slot = ".".join(part for part in (said(model.get("layer")), said(model.get("role"))) if part)
        name = ":".join(part for part in (said(model.get("provider")), said(model.get("model_id"))) if part)
        served = said(model.get("served"))
        yield fit(
            (
                cell(f"  {slot}", _NAME, Tone.DIM),
                Span(name),
                Span(f"  as {served}" if served else "", Tone.DIM),
            ),
            width,
        )
    steps = [mapping(one) for one in listed(body.get("steps"))]
    words = "  ".join(f"{said(one.get('what'))} {_ms(one.get('ms'))}" for one in steps)
    yield from _pairs(
        (("steps", words), ("took", _ms(body.get("duration_ms"))), ("cost €", said(body.get("cost_eur")))),
        width,
    )


def _ms(value: Any) -> str:
    number = whole(value)
    return "" if number is None else figures.latency(number)


def _pairs(pairs: Iterable[tuple[str, str]], width: int) -> Iterator[Line]:
    for name, value in pairs:
        if value:
            shown = wrapped(value, width, indent=" " * _NAME)
            yield (cell(f"  {name}", _NAME, Tone.DIM), *shown[0][1:])
            yield from shown[1:]


def _titled(title: str, width: int, right: Sequence[Span] = ()) -> Iterator[Line]:
    yield EMPTY
    yield rule((Span(title),), width, right)
