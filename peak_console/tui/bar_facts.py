"""The parts of the posture bar that tell figures: budget, ledger, breakers, node, clock. Pure.

Each gives its forms, the longest first.
"""

from datetime import datetime, tzinfo
from typing import Final

from peak_console.operations.views.bar import BarSnapshot, BudgetLine
from peak_console.operations.views.breakers import BreakerLine, not_closed
from peak_console.operations.views.freshness import Health
from peak_console.tui import figures
from peak_console.tui.ink import Line, Span, Tone

_GAUGE: Final = "▁▂▃▄▅▆▇█"


def budget_forms(budget: BudgetLine | None) -> tuple[Line, ...]:
    """What was spent of the day's budget."""
    if budget is None:
        return ((Span("€ ", Tone.DIM), Span("—", Tone.UNKNOWN)),)
    gauge = _GAUGE[min(7, max(0, int(budget.used_pct / 100 * 8)))]
    tone, sign = {"ok": (Tone.OK, ""), "warned": (Tone.WARN, "▲"), "exceeded": (Tone.BAD, "✗")}[budget.state]
    spent, limit = figures.euros(budget.spent), figures.euros(budget.limit).removesuffix(".00")
    return ((Span("€ ", Tone.DIM), Span(f"{spent}/{limit} "), Span(f"{sign}{gauge}", tone)),)


def ledger_forms(bar: BarSnapshot, now: datetime) -> tuple[Line, ...]:
    """Whether the ledger verifies, its head, and how old the last event is."""
    ledger = bar.ledger
    head = Span("LEDGER ", Tone.DIM)
    if ledger.freshness.health(now) is Health.UNKNOWN:
        word = "✗ unreadable" if ledger.freshness.why else "…"
        return ((head, Span(word, Tone.BAD if ledger.freshness.why else Tone.UNKNOWN)),)
    sign, tone = {True: ("✓", Tone.OK), False: ("✗ BROKEN", Tone.BAD), None: ("·", Tone.UNKNOWN)}[
        ledger.verified
    ]
    if ledger.freshness.why:
        sign, tone = "▲", Tone.WARN
    event_age = None if ledger.last_event_at is None else (now - ledger.last_event_at).total_seconds()
    age = Span(f" {figures.age(None if event_age is None else max(0.0, event_age))}", Tone.DIM)
    return (
        (head, Span(sign, tone), Span(f" #{ledger.seq:,}"), age),
        (head, Span(sign, tone)),
    )


def breaker_forms(bar: BarSnapshot, now: datetime) -> tuple[Line, ...]:
    """How many of the providers' breakers keep calls away; grey where nobody knows."""
    head = Span("BRK ", Tone.DIM)
    if bar.breakers is None or bar.ledger.freshness.health(now) is Health.UNKNOWN:
        return ((head, Span(figures.NONE, Tone.UNKNOWN)),)
    kept = not_closed(bar.breakers)
    away, known = len({_model(one) for one in kept}), len({_model(one) for one in bar.breakers})
    if not known:
        return ((head, Span(figures.NONE, Tone.UNKNOWN)),)
    if bar.ledger.freshness.why:
        return ((head, Span(f"{away}/{known} ▲?", Tone.WARN)),)
    if any(one.latched for one in kept):
        return ((head, Span(f"{away}/{known} ✗", Tone.BAD)),)
    return ((head, Span(f"{away}/{known} ▲", Tone.WARN) if away else Span(f"0/{known} ✓", Tone.OK)),)


def _model(one: BreakerLine) -> tuple[str, str]:
    return one.provider, one.model_id


def node_forms(bar: BarSnapshot) -> tuple[Line, ...]:
    """That no node runs; nothing while one does."""
    if bar.node.running or "reading" in bar.posture.reasons:
        return ()
    return ((Span("NODE ", Tone.DIM), Span("✗ none", Tone.WARN)), (Span("NODE ✗", Tone.WARN),))


def clock_forms(now: datetime, zone: tzinfo | None) -> tuple[Line, ...]:
    """The time in UTC, and here where that is another."""
    utc = Span(figures.clock(now), Tone.STRONG)
    local = now.astimezone(zone)
    offset = local.utcoffset()
    if not offset:
        return ((utc,),)
    return ((utc, Span(f" {local:%H:%M} {local.tzname() or ''}".rstrip(), Tone.DIM)), (utc,))
