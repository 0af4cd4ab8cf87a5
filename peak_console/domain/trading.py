"""Orders as the risk gate sees them: intents, positions, prices, limits, and its decision. Pure vocabulary.

Everything the gate looks at is a value in here, ages and times too, so that one decision is one function of
one document. Money and quantities are ``Decimal``; what cannot be read stays as it came, and the gate blocks.
Times are microseconds since 1970, UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum


class Side(StrEnum):
    """Which way an order goes."""

    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    """How an order is priced."""

    MARKET = "market"
    LIMIT = "limit"


class GateVerdict(StrEnum):
    """What the gate says."""

    ALLOW = "ALLOW"
    BLOCK = "BLOCK"


class GateReason(StrEnum):
    """Why the gate blocks (docs/gate.md). The words are fixed: ledger, screens and checks use them."""

    STALE_DATA = "stale_data"
    MAX_NOTIONAL = "max_notional"
    MAX_ORDER_SIZE = "max_order_size"
    MAX_POSITION = "max_position"
    MAX_EXPOSURE = "max_exposure"
    MAX_OPEN_ORDERS = "max_open_orders"
    PRICE_COLLAR = "price_collar"
    ORDER_RATE = "order_rate"
    DAILY_LOSS = "daily_loss"
    DRAWDOWN = "drawdown"
    KILL_SWITCH = "kill_switch"
    NOT_ARMED = "not_armed"
    REDUCE_ONLY = "reduce_only"
    DUPLICATE = "duplicate"
    CRITIC_NOT_PASSED = "critic_not_passed"
    SOD_FAILED = "sod_failed"
    INVALID_INPUT = "invalid_input"
    LIMIT_MISSING = "limit_missing"


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """What somebody would order. ``intent_id`` names the idea: the same intent is never two orders."""

    intent_id: str
    run_id: str
    instrument: str
    side: Side
    quantity: Decimal
    """Units of the instrument, above zero."""
    order_type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None
    """In the instrument's quote currency; of a limit order only."""
    venue: str = ""
    venue_kind: str = "none"
    """``none`` (only recorded), ``paper``, ``testnet`` or ``live``."""
    reduce_only: bool = False
    """Its author says that it only lowers a position; the gate looks for itself."""


@dataclass(frozen=True, slots=True)
class Position:
    """What is held of one instrument: ``quantity`` above zero is long, below is short."""

    instrument: str
    quantity: Decimal
    average_price: Decimal
    """Paid on average, in the quote currency."""


@dataclass(frozen=True, slots=True)
class Portfolio:
    """What is held, and what is known of profit and loss, in EUR. ``None`` is what nobody knows."""

    positions: tuple[Position, ...] = ()
    equity_eur: Decimal | None = None
    peak_equity_eur: Decimal | None = None
    """The highest equity that was reached."""
    day_pnl_eur: Decimal | None = None
    """Profit of the day, realised and not; a loss is negative."""


@dataclass(frozen=True, slots=True)
class WorkingOrder:
    """An order that stands at a venue and is not filled: ``quantity`` is what is left of it."""

    intent_id: str
    instrument: str
    side: Side
    quantity: Decimal
    limit_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class RecentOrder:
    """An order of this session, whatever became of it."""

    intent_id: str
    submitted_us: int


@dataclass(frozen=True, slots=True)
class Quote:
    """The price of an instrument and when it was seen; and what one unit of its quote currency is in EUR.

    ``eur_at_us`` is the moment of that rate, which may be a day's that somebody wrote down.
    """

    instrument: str
    price: Decimal
    at_us: int
    eur_per_quote: Decimal
    eur_at_us: int


@dataclass(frozen=True, slots=True)
class Market:
    """The prices of a moment. ``now_us`` is the moment itself: in replayed history the one replayed."""

    now_us: int
    quotes: Mapping[str, Quote] = field(default_factory=dict)
    """By instrument."""


@dataclass(frozen=True, slots=True)
class GateLimits:
    """``configs/risk/limits.toml`` as the gate goes by it; ``None`` and zero block."""

    max_order_size: Decimal | None = None
    max_notional_eur: Decimal | None = None
    max_position_eur: Decimal | None = None
    max_exposure_eur: Decimal | None = None
    max_open_orders: int | None = None
    max_order_rate_per_min: int | None = None
    max_orders_per_session: int | None = None
    price_collar_pct: Decimal | None = None
    max_price_age_s: int | None = None
    max_rate_age_s: int | None = None
    max_daily_loss_eur: Decimal | None = None
    max_drawdown_pct: Decimal | None = None


@dataclass(frozen=True, slots=True)
class GatePosture:
    """What safety, critic and separation of duties say. What is not said permits nothing."""

    calls: bool = False
    """Whether the posture permits calls at all; false is the kill switch."""
    reduce: bool = False
    """Whether only orders pass that lower a position."""
    armed: bool = False
    """Whether an arm lease covers this order; asked for live venues only."""
    critic_passed: bool = False
    """L4 said PASS and was not degraded."""
    sod_ok: bool = False


@dataclass(frozen=True, slots=True)
class GateDecision:
    """The gate's word, every reason in the order of :class:`GateReason`, and what it was decided on."""

    verdict: GateVerdict
    reasons: tuple[GateReason, ...]
    inputs_digest: str
    """SHA-256 over the canonical JSON of every input."""

    @property
    def allows(self) -> bool:
        """Whether the order may go on."""
        return self.verdict is GateVerdict.ALLOW
