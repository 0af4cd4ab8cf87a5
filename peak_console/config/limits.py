"""Limits of the risk gate (L5) and its breakers. A missing or zero limit blocks; nothing means unlimited."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from peak_console.config.schema import ConfigModel, Number, Percent, Seconds
from peak_console.domain.trading import GateLimits

Eur = Annotated[Number, Field(ge=0, le=1_000_000_000, max_digits=20, decimal_places=9)]
Quantity = Annotated[Number, Field(ge=0, le=1_000_000_000_000, max_digits=24, decimal_places=12)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]


class OrderLimits(ConfigModel):
    """What one order, and all orders together, may be. Counted when an order is submitted."""

    max_order_size: Quantity = Field(
        default=Decimal(0), description="Most units of its instrument that one order may have."
    )
    max_notional_eur: Eur = Field(default=Decimal(0), description="Most EUR that one order may be worth.")
    max_position_eur: Eur = Field(
        default=Decimal(0), description="Most EUR in one instrument, working orders counted in."
    )
    max_exposure_eur: Eur = Field(
        default=Decimal(0), description="Most EUR over all instruments, long and short added up."
    )
    max_open_orders: Count = Field(default=0, description="Most orders open at once.")
    max_order_rate_per_min: Count = Field(default=0, description="Most orders submitted in a minute.")
    max_orders_per_session: Count = Field(default=0, description="Most orders of one session.")
    price_collar_pct: Percent = Field(
        default=Decimal(0), description="Most that an order's price may stand off the market's."
    )
    max_price_age_s: Seconds | None = Field(
        default=None, description="A market price older than this is stale. Absent: every price is."
    )
    max_rate_age_s: Annotated[int, Field(ge=0, le=31_536_000)] | None = Field(
        default=None, description="An EUR rate older than this is stale. Absent: every rate is."
    )


class LossLimits(ConfigModel):
    """What may be lost before everything is blocked."""

    max_daily_loss_eur: Eur = Field(default=Decimal(0), description="Most EUR lost in a day.")
    max_drawdown_pct: Percent = Field(
        default=Decimal(0), description="Most lost from the highest equity that was reached."
    )


class LimitsConfig(ConfigModel):
    """The shape of `configs/risk/limits.toml`. Zero and absent both block."""

    orders: OrderLimits = Field(default=OrderLimits(), description="Orders.")
    losses: LossLimits = Field(default=LossLimits(), description="Losses.")


def gate_limits(config: LimitsConfig) -> GateLimits:
    """The limits as the risk gate goes by them."""
    return GateLimits(**config.orders.model_dump(), **config.losses.model_dump())
