"""What each reason of the gate says to people, in a clause. Pure."""

from collections.abc import Mapping
from typing import Final

from peak_console.domain.trading import GateReason

REASON_WORDS: Final[Mapping[GateReason, str]] = {
    GateReason.STALE_DATA: "a price or EUR rate that counts is too old, or from the future",
    GateReason.MAX_NOTIONAL: "the order is worth too much",
    GateReason.MAX_ORDER_SIZE: "the order has too many units",
    GateReason.MAX_POSITION: "the position would be worth too much, at its worst",
    GateReason.MAX_EXPOSURE: "all positions together would be worth too much, at their worst",
    GateReason.MAX_OPEN_ORDERS: "too many orders would be open",
    GateReason.PRICE_COLLAR: "its limit price is too far off the market",
    GateReason.ORDER_RATE: "too many orders in this minute, or in this session",
    GateReason.DAILY_LOSS: "the day's loss has reached its limit, or nobody knows it",
    GateReason.DRAWDOWN: "the drawdown has reached its limit, or nobody knows it",
    GateReason.KILL_SWITCH: "the posture permits no calls",
    GateReason.NOT_ARMED: "it is for a live venue, and nothing is armed for it",
    GateReason.REDUCE_ONLY: "only an order that lowers the open position may pass",
    GateReason.DUPLICATE: "the same idea was ordered before",
    GateReason.CRITIC_NOT_PASSED: "the critic did not pass it",
    GateReason.SOD_FAILED: "proposer and critic are not separate",
    GateReason.INVALID_INPUT: "something of it cannot be, or cannot be read",
    GateReason.LIMIT_MISSING: "a limit is absent or zero",
}
"""Every reason of the vocabulary."""
