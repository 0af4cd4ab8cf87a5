"""Circuit breakers that latch: of orders by losses and rates, of a scope by its burn or its critic. Pure.

Each is evaluated over figures that are handed in. What is not known trips in live and is unknown elsewhere; a
limit of zero, or none, always trips. A trip is an event; no time clears it, an operator does, with a reason.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from peak_console.domain.events import EventKind
from peak_console.domain.vocabulary import PhaseLevel

MINUTE_US: Final = 60_000_000

UNKNOWN: Final = "unknown"
"""A figure that nobody knows."""

ORDER: Final = 1_000_000
"""One order's token, in millionths."""


class BreakerKind(StrEnum):
    """What a latching breaker watches."""

    DAILY_LOSS = "daily_loss"
    DRAWDOWN = "drawdown"
    ORDER_RATE = "order_rate"
    ORDERS_PER_SESSION = "orders_per_session"
    BURN = "burn"
    """The money of a layer, or of all: :mod:`peak_console.incidents.burning`."""
    CRITIC = "critic"
    """The verdicts on a layer: :mod:`peak_console.incidents.critics`."""


ORDER_BREAKERS: Final = (
    BreakerKind.DAILY_LOSS,
    BreakerKind.DRAWDOWN,
    BreakerKind.ORDER_RATE,
    BreakerKind.ORDERS_PER_SESSION,
)
"""Those of orders; the others stop calls of their scope."""


class BreakerSays(StrEnum):
    """What one evaluation comes to."""

    CLEAR = "clear"
    TRIPPED = "tripped"
    UNKNOWN = "unknown"
    """There is no data, and nothing live depends on it."""


# --- orders --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OrderBucket:
    """A token bucket of orders: so many tokens, of a millionth each, as of a moment of the boot clock."""

    millionths: int
    at_us: int


@dataclass(frozen=True, slots=True)
class TradingFigures:
    """What is known of trading now; ``None`` is what nobody knows. Money in EUR."""

    day_pnl_eur: Decimal | None = None
    """Profit of the day, realised and not; a loss is negative."""
    equity_eur: Decimal | None = None
    peak_equity_eur: Decimal | None = None
    """The highest equity that was reached."""
    session_orders: int | None = None
    """Orders of this session, the one that is asked for counted in."""
    bucket: OrderBucket | None = None
    """Left for orders before the one that is asked for."""


@dataclass(frozen=True, slots=True)
class TradingLimits:
    """The limits of breakers; zero blocks."""

    max_daily_loss_eur: Decimal = Decimal(0)
    max_drawdown_pct: Decimal = Decimal(0)
    max_order_rate_per_min: int = 0
    max_orders_per_session: int = 0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One breaker's word, with the figure and the limit that it was held against, as texts."""

    kind: BreakerKind
    says: BreakerSays
    figure: str
    limit: str
    why: str = ""


def evaluate(
    figures: TradingFigures | None, limits: TradingLimits, level: PhaseLevel, now_us: int
) -> tuple[Evaluation, ...]:
    """Every breaker of orders, in the order of :data:`ORDER_BREAKERS`. ``now_us`` is the boot clock's."""
    known = figures or TradingFigures()
    missing = BreakerSays.TRIPPED if level is PhaseLevel.LIVE else BreakerSays.UNKNOWN
    return (
        _daily_loss(known, limits, missing),
        _drawdown(known, limits, missing),
        _order_rate(known, limits, missing, now_us),
        _orders_per_session(known, limits, missing),
    )


def refilled(bucket: OrderBucket | None, rate_per_min: int, now_us: int) -> OrderBucket:
    """The bucket as of now: it fills evenly and holds a minute's orders. A clock set back adds nothing."""
    whole = rate_per_min * ORDER
    if bucket is None:
        return OrderBucket(whole, now_us)
    passed_us = max(now_us - bucket.at_us, 0)
    return OrderBucket(min(bucket.millionths + passed_us * whole // MINUTE_US, whole), now_us)


def taken(bucket: OrderBucket) -> OrderBucket:
    """The bucket after one order."""
    return replace(bucket, millionths=bucket.millionths - ORDER)


def _daily_loss(known: TradingFigures, limits: TradingLimits, missing: BreakerSays) -> Evaluation:
    limit = limits.max_daily_loss_eur
    pnl = _number(known.day_pnl_eur)
    says = _says(None if pnl is None else -pnl, limit, missing)
    return _evaluation(BreakerKind.DAILY_LOSS, says, pnl, limit)


def _drawdown(known: TradingFigures, limits: TradingLimits, missing: BreakerSays) -> Evaluation:
    equity, peak = _number(known.equity_eur), _number(known.peak_equity_eur)
    fell: Decimal | None = None
    if equity is not None and peak is not None and peak > 0:
        fell = max(peak - equity, Decimal(0)) * 100 / peak
    says = _says(fell, limits.max_drawdown_pct, missing)
    return _evaluation(BreakerKind.DRAWDOWN, says, fell, limits.max_drawdown_pct)


def _order_rate(
    known: TradingFigures, limits: TradingLimits, missing: BreakerSays, now_us: int
) -> Evaluation:
    rate = limits.max_order_rate_per_min
    if rate <= 0:
        return _evaluation(BreakerKind.ORDER_RATE, BreakerSays.TRIPPED, None, rate)
    if known.bucket is None:
        return _evaluation(BreakerKind.ORDER_RATE, missing, None, rate)
    left = refilled(known.bucket, rate, now_us).millionths
    says = BreakerSays.CLEAR if left >= ORDER else BreakerSays.TRIPPED
    return _evaluation(BreakerKind.ORDER_RATE, says, Decimal(left) / ORDER, rate)


def _orders_per_session(known: TradingFigures, limits: TradingLimits, missing: BreakerSays) -> Evaluation:
    most, orders = limits.max_orders_per_session, known.session_orders
    if most <= 0 or (orders is not None and (orders > most or orders < 0)):
        says = BreakerSays.TRIPPED
    else:
        says = missing if orders is None else BreakerSays.CLEAR
    return _evaluation(BreakerKind.ORDERS_PER_SESSION, says, orders, most)


def _says(figure: Decimal | None, limit: Decimal, missing: BreakerSays) -> BreakerSays:
    """Tripped from the limit on: whoever reaches it has lost what may be lost."""
    if not limit.is_finite() or limit <= 0:
        return BreakerSays.TRIPPED
    if figure is None:
        return missing
    return BreakerSays.TRIPPED if figure >= limit else BreakerSays.CLEAR


def _number(value: Decimal | None) -> Decimal | None:
    """What is no number is not known."""
    return value if value is not None and value.is_finite() else None


def _evaluation(
    kind: BreakerKind, says: BreakerSays, figure: Decimal | int | None, limit: Decimal | int
) -> Evaluation:
    shown, most = UNKNOWN if figure is None else str(figure), str(limit)
    why = "" if says is BreakerSays.CLEAR else f"{kind.value}: {shown} against a limit of {most}"
    return Evaluation(kind, says, shown, most, why)


def breached(evaluations: Iterable[Evaluation]) -> tuple[Evaluation, ...]:
    """Those whose figure is known and breaks its limit: what is recorded as a trip and latches."""
    return tuple(one for one in evaluations if one.says is BreakerSays.TRIPPED and one.figure != UNKNOWN)


# --- latches -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Latch:
    """A breaker of a scope: tripped or reset last when and why."""

    kind: BreakerKind
    scope: str
    latched: bool
    trips: int
    since: str
    """When it was tripped or reset last, as the ledger dates it."""
    seq: int
    reason: str = ""
    figures: Mapping[str, Any] | None = None
    limit: str = ""
    incident_id: str = ""

    @property
    def key(self) -> tuple[BreakerKind, str]:
        """What it is one of."""
        return self.kind, self.scope

    def as_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {
            "breaker": self.kind.value,
            "scope": self.scope,
            "state": "latched" if self.latched else "closed",
            "latched": self.latched,
            "trips": self.trips,
            "since": self.since,
            "seq": self.seq,
            "reason": self.reason,
            "figures": dict(self.figures or {}),
            "limit": self.limit or None,
            "incident_id": self.incident_id or None,
        }


KINDS: Final = (EventKind.BREAKER_TRIPPED.value, EventKind.BREAKER_RESET.value)
"""What latches are folded from."""

_NAMES: Final = frozenset(kind.value for kind in BreakerKind)


def is_latching(body: Mapping[str, Any]) -> bool:
    """Whether a ``breaker.tripped`` or ``breaker.reset`` is of a breaker of this module."""
    return body.get("breaker") in _NAMES if isinstance(body.get("breaker"), str) else False


@dataclass(frozen=True, slots=True)
class Latches:
    """The fold of trips and resets, by kind and scope."""

    by_key: Mapping[tuple[BreakerKind, str], Latch] | None = None

    def after(self, kind: str, body: Mapping[str, Any], ts: str, seq: int) -> "Latches":
        """The fold after one more event; those of other breakers change nothing."""
        if kind not in KINDS or not is_latching(body):
            return self
        key = (BreakerKind(body["breaker"]), str(body.get("scope", "")))
        before = (self.by_key or {}).get(key)
        if kind == EventKind.BREAKER_RESET:
            if before is None or not before.latched:
                return self
            after = replace(before, latched=False, since=ts, seq=seq)
        else:
            after = _tripped(key, before, body, ts, seq)
        return Latches({**(self.by_key or {}), key: after})

    def all(self) -> tuple[Latch, ...]:
        """Every one that ever tripped, by kind and scope."""
        return tuple((self.by_key or {})[key] for key in sorted(self.by_key or {}))

    def latched(self) -> tuple[Latch, ...]:
        """Those that are open until an operator resets them."""
        return tuple(one for one in self.all() if one.latched)

    def holds(self, kind: BreakerKind, scope: str) -> bool:
        """Whether this one is latched."""
        one = (self.by_key or {}).get((kind, scope))
        return one is not None and one.latched

    def holding(self) -> tuple[tuple[str, str], ...]:
        """The stopped scopes, each with the kind of the breaker that holds it."""
        return tuple((one.scope, one.kind.value) for one in self.latched() if one.kind not in ORDER_BREAKERS)

    def stopped_scopes(self) -> frozenset[str]:
        """Scopes whose calls are stopped by them: a latched burn or critic breaker acts as a scope stop."""
        return frozenset(one.scope for one in self.latched() if one.kind not in ORDER_BREAKERS)


def _tripped(
    key: tuple[BreakerKind, str], before: Latch | None, body: Mapping[str, Any], ts: str, seq: int
) -> Latch:
    if before is not None and before.latched:
        return before if before.seq else replace(before, since=ts, seq=seq)  # it was held in memory first
    figures = body.get("figures")
    return Latch(
        *key,
        latched=True,
        trips=before.trips + 1 if before else 1,
        since=ts,
        seq=seq,
        reason=str(body.get("reason", "")),
        figures=figures if isinstance(figures, Mapping) else None,
        limit=str(body.get("limit", "")),
        incident_id=str(body.get("incident_id", "")),
    )
