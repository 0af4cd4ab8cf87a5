"""The node's breakers of orders: evaluated each second over what is known of trading; a trip latches."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from peak_console.control.breakers import (
    BreakerSays,
    Evaluation,
    TradingFigures,
    TradingLimits,
    breached,
    evaluate,
)
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.stopping import GLOBAL
from peak_console.node.acting import own
from peak_console.node.state import NodeState

if TYPE_CHECKING:
    from peak_console.config.limits import LimitsConfig

logger = logging.getLogger(__name__)


class OrderBreakers:
    """On the node's loop only. ``figures`` is whoever follows orders; without one nothing is known."""

    def __init__(self, state: NodeState, append: Callable[[Sequence[EventDraft]], Awaitable[object]]) -> None:
        self._state = state
        self._append = append
        self._recording: set[asyncio.Task[None]] = set()
        self.figures: Callable[[], TradingFigures | None] = lambda: None

    def evaluations(self) -> tuple[Evaluation, ...]:
        """What each says now; broken configs leave no limit, and everything trips."""
        state = self._state
        limits, level = TradingLimits(), state.facts.phase.level
        try:
            limits = limits_of(state.configs.current(level).limits)
        except PeakError as error:
            logger.warning("risk limits cannot be read: %s", error.message)
        return evaluate(self.figures(), limits, level, state.clock.boot_us())

    def tripped(self) -> frozenset[str]:
        """The names of those that are tripped now; in live each of whose figure nobody knows is."""
        return frozenset(one.kind.value for one in self.evaluations() if one.says is BreakerSays.TRIPPED)

    def second(self) -> None:
        """Latch what a known figure breaks; what nobody knows latches nothing, and permits nothing."""
        if self.figures() is None:
            return
        for one in breached(self.evaluations()):
            if not self._state.latches.holds(one.kind, GLOBAL):
                self._trip(one)

    def report(self) -> list[dict[str, Any]]:
        """What each says, for the node's report."""
        return [
            {"breaker": one.kind.value, "says": one.says.value, "figure": one.figure, "limit": one.limit}
            for one in self.evaluations()
        ]

    def _trip(self, one: Evaluation) -> None:
        """In memory at once, recorded behind. Where it cannot be, the breaker holds until this node ends."""
        figures = {"figure": one.figure}
        body = {
            "breaker": one.kind.value,
            "scope": GLOBAL,
            "figures": figures,
            "limit": one.limit,
            "reason": one.why,
        }
        self._state.latches = self._state.latches.after(EventKind.BREAKER_TRIPPED.value, body, "", 0)
        task = asyncio.ensure_future(self._record(own(EventKind.BREAKER_TRIPPED, body)))
        self._recording.add(task)
        task.add_done_callback(self._recording.discard)

    async def _record(self, draft: EventDraft) -> None:
        try:
            await self._append([draft])
        except PeakError as error:
            logger.warning("a breaker's trip is not recorded: %s", error.message)


def limits_of(config: "LimitsConfig") -> TradingLimits:
    """The breakers' limits as ``configs/risk/limits.toml`` has them."""
    return TradingLimits(
        max_daily_loss_eur=config.losses.max_daily_loss_eur,
        max_drawdown_pct=config.losses.max_drawdown_pct,
        max_order_rate_per_min=config.orders.max_order_rate_per_min,
        max_orders_per_session=config.orders.max_orders_per_session,
    )
