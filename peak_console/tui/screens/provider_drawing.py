"""How the providers part of Live looks: breakers, rate limits with their age, a line that sums up. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from peak_console.domain.text import one_line
from peak_console.operations.views.breakers import (
    BreakerLine,
    BreakerState,
    RateHealth,
    RateLine,
    not_closed,
    reason_words,
)
from peak_console.operations.views.live import SlotRow
from peak_console.operations.views.shadow import DriftState
from peak_console.operations.views.shadow_bar import DriftTrouble
from peak_console.tui import figures as fig
from peak_console.tui.ink import Line, Span, Tone, fit, width_of
from peak_console.tui.widgets.table import Column

_SCARCE: Final = 0.1
"""The share of a rate limit below which what is left is marked."""
_NARROW: Final = 99
SIGNS: Final = {
    BreakerState.CLOSED: ("●", "closed", Tone.OK),
    BreakerState.HALF_OPEN: ("◐", "half-open", Tone.WARN),
    BreakerState.OPEN: ("○", "open", Tone.BAD),
}


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """A line of the providers table: a breaker at a moment, and the window's calls to its model."""

    breaker: BreakerLine
    now: datetime
    stale: bool = False
    calls: int = 0
    errors: int = 0


def provider_rows(
    breakers: Sequence[BreakerLine], slots: Sequence[SlotRow], now: datetime, *, stale: bool
) -> list[ProviderRow]:
    """The rows: what keeps calls away first, then by provider and model."""
    counts: dict[tuple[str, str], tuple[int, int]] = {}
    for row in slots:
        name = (row.slot.provider, row.slot.model_id)
        calls, errors = counts.get(name, (0, 0))
        counts[name] = (calls + row.calls, errors + row.errors)
    away = not_closed(breakers)
    ordered = [*away, *(one for one in breakers if one not in away)]
    return [
        ProviderRow(one, now, stale, *counts.get((one.provider, one.model_id), (0, 0))) for one in ordered
    ]


def breaker_span(one: BreakerLine, now: datetime, *, stale: bool = False) -> Span:
    """A breaker's sign and word, and how long until its probe; a latched one waits for an operator."""
    sign, word, tone = SIGNS[one.state]
    left = one.probe_in_s(now)
    if one.latched:
        sign, word = "✗", "latched"
    elif one.state is BreakerState.OPEN and left:
        word = f"open {_short(left)}"
    elif not one.lets_through:
        sign, word, tone = SIGNS[BreakerState.HALF_OPEN]
        word = word if one.probing else "probe due"
    return Span(f"{sign} {word}", Tone.WARN if stale else tone)


def _short(seconds: float) -> str:
    return f"{seconds:.0f}s" if seconds < 100 else fig.age(seconds)  # noqa: PLR2004 - two digits and a unit


def summary(
    breakers: Sequence[BreakerLine] | None, now: datetime, width: int, *, stale: bool = False
) -> Line:
    """All breakers in at most ``width`` cells: the one that matters most, and how many are closed."""
    key = (Span("b ", Tone.KEY),)
    if not breakers:
        return (*key, Span("breakers ", Tone.DIM), Span(fig.NONE, Tone.UNKNOWN))
    away = not_closed(breakers)
    closed = len(breakers) - len(away)
    rest = (Span("● ", Tone.WARN if stale else Tone.OK), Span(f"{closed} closed", Tone.DIM))
    old = (*key, Span("▲ stale ", Tone.WARN)) if stale else key
    if not away:
        return fit((*old, Span("breakers ", Tone.DIM), *rest), width)
    first = away[0]
    more = (Span(f" +{len(away) - 1}", Tone.BAD),) if len(away) > 1 else ()
    state = (breaker_span(first, now, stale=stale), *more)
    room = width - width_of((*old, *state, *rest)) - 3
    name = fit((Span(f"{one_line(first.provider, 16)} {one_line(first.model_id, 60)}", Tone.STRONG),), room)
    shown = (*name, Span(" ")) if name else ()
    return fit((*old, *shown, *state, Span("  "), *rest), width)


def marked_model(row: SlotRow, breakers: Iterable[BreakerLine], drift: Iterable[DriftTrouble] = ()) -> Span:
    """A slot's model, with the sign of what keeps calls away from it, or of a test that sees it change."""
    name = one_line(row.slot.model_id, 60)
    for found in drift:
        if found.name == f"{row.slot.provider}:{row.slot.model_id}":
            watched = found.state is DriftState.WATCH
            return Span(f"{'▲' if watched else '✗'} {name}", Tone.WARN if watched else Tone.BAD)
    for one in breakers:
        if (one.provider, one.model_id) == (row.slot.provider, row.slot.model_id) and not one.lets_through:
            sign, _, tone = ("✗", "", Tone.BAD) if one.latched else SIGNS[one.state]
            return Span(f"{sign} {name}", tone)
    return Span(name, Tone.STRONG)


def _why(row: ProviderRow) -> Span:
    one = row.breaker
    reason = reason_words(one.reason)
    if one.state is BreakerState.CLOSED:
        if one.failures:
            return Span(f"{one.failures} x {reason}", Tone.WARN)
        return Span(f"was {reason}" if reason else "", Tone.FAINT)
    return Span(reason, Tone.TEXT)


def _left(left: int | None, most: int | None, row: ProviderRow, unit: str = "") -> Span:
    """What is left of a rate limit: red at nothing, amber when scarce or too old to rely on."""
    rate = row.breaker.rate
    if rate is None or left is None:
        return Span(fig.NONE, Tone.UNKNOWN)
    text = fig.count(left) if most is None else f"{_brief(left)}/{_brief(most)}"
    if rate.health(row.now) is RateHealth.STALE:
        return Span(f"{text}{unit}", Tone.WARN)
    if left == 0:
        return Span(f"✗{text}{unit}", Tone.BAD)
    if most and left / most < _SCARCE:
        return Span(f"▲{text}{unit}", Tone.WARN)
    return Span(f"{text}{unit}")


def _brief(value: int) -> str:
    """A count in at most four characters and a unit: ``500``, ``9.5k``, ``180k``, ``4M``."""
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if value >= size:
            shown = value / size
            return f"{shown:.0f}{unit}" if shown >= 10 or not value % size else f"{shown:.1f}{unit}"  # noqa: PLR2004 - digits
    return str(value)


def _scarcest(row: ProviderRow) -> Span:
    told = row.breaker.rate.scarcest() if row.breaker.rate else None
    if told is None:
        return Span(fig.NONE, Tone.UNKNOWN)
    name, left, most = told
    return _left(left, most, row, f" {name[:3]}")


def _of(row: ProviderRow, what: str) -> Span:
    rate = row.breaker.rate
    if rate is None:
        return Span(fig.NONE, Tone.UNKNOWN)
    return _left(getattr(rate, f"remaining_{what}"), getattr(rate, f"limit_{what}"), row)


def _reset(row: ProviderRow) -> Span:
    rate = row.breaker.rate
    left = None if rate is None else rate.reset_in_s(row.now)
    if left is None:
        return Span(fig.NONE, Tone.UNKNOWN)
    return Span(_short(left) if left else "past", Tone.DIM)


def _age(row: ProviderRow) -> Span:
    rate: RateLine | None = row.breaker.rate
    if rate is None:
        return Span(fig.NONE, Tone.UNKNOWN)
    text = fig.age(rate.age_s(row.now))
    return Span(f"▲{text}", Tone.WARN) if rate.health(row.now) is RateHealth.STALE else Span(text, Tone.DIM)


def _errors(row: ProviderRow) -> Span:
    return Span(fig.percent(100 * row.errors / row.calls if row.calls else None), Tone.DIM)


PROVIDER_COLUMNS: Final[tuple[Column[ProviderRow], ...]] = (
    Column("PROVIDER", 8, lambda row: Span(one_line(row.breaker.provider, 20)), flex=1),
    Column("MODEL", 12, lambda row: Span(one_line(row.breaker.model_id, 60), Tone.STRONG), flex=4),
    Column("BREAKER", 11, lambda row: breaker_span(row.breaker, row.now, stale=row.stale)),
    Column("WHY", 14, _why, flex=1),
    Column("CALLS", 6, lambda row: Span(fig.count(row.calls)), right=True, least=_NARROW + 1),
    Column("ERR%", 5, _errors, right=True, least=_NARROW + 1),
    Column("RATE LEFT", 13, _scarcest, right=True, most=_NARROW),
    Column("REQUESTS", 10, lambda row: _of(row, "requests"), right=True, least=_NARROW + 1),
    Column("TOKENS", 10, lambda row: _of(row, "tokens"), right=True, least=_NARROW + 1),
    Column("RESET", 5, _reset, right=True),
    Column("AGE", 4, _age, right=True),
)
"""The providers table. Narrow it shows of the rate limit what is scarcer, wide both."""

NOTHING: Final[Line] = (Span("no provider was asked yet: no breaker or rate limit is known", Tone.DIM),)
UNKNOWN: Final[Line] = (Span("breakers are not known: the ledger cannot be read", Tone.UNKNOWN),)
