"""What keys that stand together make of a text: order parameters, a change of limits, a toggle. Pure."""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from peak_console.policy.output_types import (
    EXECUTION_COMMAND,
    GO_APPROVAL,
    LIVE_TOGGLE,
    ORDER_PARAMETERS,
    PORTFOLIO_REBALANCE,
    RISK_LIMIT_CHANGE,
    UNLOCK_COMMAND,
    bare,
)

Pairs = list[tuple[str, str]]
"""Keys, each under one spelling, with the beginnings of their values."""


def _all(words: str) -> frozenset[str]:
    return frozenset(bare(one) for one in words.split())


_SYMBOL: Final = _all(
    "symbol ticker instrument pair asset isin security market_symbol currency_pair underlying"
)
_SIZE: Final = _all(
    "qty quantity amount size units lots contracts notional shares volume order_qty order_size "
    "order_quantity position_size base_qty quote_qty notional_eur notional_usd size_lots"
)
_SIDE: Final = _all("side direction order_side trade_side buy_sell buysell")
_ORDER_TYPE: Final = _all("order_type ordertype time_in_force tif limit_price stop_price entry_price")
_ACTS: Final = _all("buy sell long short buylimit selllimit buymarket sellmarket")
_ACTING: Final = _all("action type order_action signal")

_LIMITS: Final = _all(
    "risk_limit max_position max_position_size position_limit max_drawdown max_drawdown_pct max_leverage "
    "leverage_limit daily_loss_limit max_daily_loss loss_limit max_loss max_notional notional_limit "
    "var_limit exposure_limit max_exposure max_order_size max_orders concentration_limit max_open_positions "
    "stop_loss_limit"
)
_CHANGED: Final = _all(
    "new new_value new_limit old old_value from to change set_to proposed proposed_value proposed_limit "
    "delta value op new_max update"
)
_NAMING: Final = _all("limit parameter param name field setting key path risk_parameter")

_TOGGLES: Final = _all(
    "live live_mode live_trading live_enabled enable_live go_live trading_enabled enable_trading "
    "auto_execute auto_trade armed arm enable_orders orders_enabled live_orders "
    "ai_armed ai_enabled ai_live ai_trading live_execution enable_live_trading live_armed "
    "peak_armed peak_enabled"
)
_SAFETIES: Final = _all(
    "paper paper_trading paper_mode dry_run dryrun simulation simulated sandbox kill_switch"
)
_MODES: Final = _all("mode trading_mode execution_mode run_mode phase")
_ON: Final = _all("true on yes enable enabled 1 live armed active")
_OFF: Final = _all("false off no disable disabled 0")

_COMMANDING: Final = _all("command action method function op operation instruction execute cmd tool name")
_COMMANDS: Final = (
    *("placeorder", "submitorder", "sendorder", "createorder", "cancelorder", "executeorder", "executetrade"),
    *("marketorder", "limitorder", "placetrade", "opentrade", "openposition", "closeposition", "execute"),
)
_TARGETS: Final = _all(
    "target_weight target_weights target_allocation target_allocations new_weight new_weights rebalance "
    "rebalance_to rebalancing portfolio_rebalance target_portfolio weight_change"
)
_UNLOCKS: Final = _all("unlock unlocked unlock_command unlock_live release_lock")
_APPROVALS: Final = _all("approval approved go_approval go go_no_go go_decision auto_apply auto_approve")
_APPROVED: Final = _ON | _all("approved approve granted go yes_go accepted")


_TELLING: Final = frozenset().union(
    *(_SYMBOL, _SIZE, _SIDE, _ORDER_TYPE, _ACTING, _LIMITS, _CHANGED, _NAMING),
    *(_TOGGLES, _SAFETIES, _MODES, _COMMANDING, _TARGETS, _UNLOCKS, _APPROVALS),
)
_REPEATED: Final = 8
_FIGURE: Final = 24
_ARROW: Final = re.compile(r"\D{0,4}[\d.,_]+ ?%? ?(?:→|->|=>|⇒) ?\D{0,4}\d")
_MEASURED: Final = _all("max_drawdown max_drawdown_pct max_loss max_daily_loss")
"""Limits whose names are those of results as well."""


def telling(pairs: Pairs) -> Pairs:
    """The pairs that can make a type together with others: known keys, each at most some times."""
    counts: dict[str, int] = {}
    kept = []
    for key, value in pairs:
        if key in _TELLING and counts.get(key, 0) < _REPEATED:
            counts[key] = counts.get(key, 0) + 1
            kept.append((key, value))
    return kept


def type_of_pairs(pairs: Pairs) -> Iterator[str]:
    """The types of output that these keys and values make together."""
    if not pairs:
        return
    keys = {key for key, _ in pairs}
    if _orders(keys, pairs):
        yield ORDER_PARAMETERS
    if any(key in _COMMANDING and bare(value).startswith(_COMMANDS) for key, value in pairs):
        yield EXECUTION_COMMAND
    if _changes_limits(keys, pairs):
        yield RISK_LIMIT_CHANGE
    if any(_toggles(key, value) for key, value in pairs):
        yield LIVE_TOGGLE
    if keys & _TARGETS:
        yield PORTFOLIO_REBALANCE
    if any(key in _UNLOCKS and _says(value, _ON) for key, value in pairs):
        yield UNLOCK_COMMAND
    if any(key in _APPROVALS and _says(value, _APPROVED) for key, value in pairs):
        yield GO_APPROVAL


def type_of_row(cells: Sequence[str]) -> str:
    """The type of output that a table with these columns is; empty where it is none that is known."""
    keys = set(cells)
    if keys & _SYMBOL and keys & _SIZE and (keys & _SIDE or keys & _ORDER_TYPE or keys & _ACTING):
        return ORDER_PARAMETERS
    if keys & _SYMBOL and keys & _TARGETS:
        return PORTFOLIO_REBALANCE
    return RISK_LIMIT_CHANGE if keys & _NAMING and keys & _all("new new_value new_limit proposed") else ""


def _orders(keys: Collection[str], pairs: Pairs) -> bool:
    """Something, how much of it, and which way or how: whoever has these can send an order."""
    present = set(keys)
    if not (present & _SYMBOL and present & _SIZE):
        return False
    acts = any(key in _ACTING and _says(value, _ACTS) for key, value in pairs)
    return acts or bool(present & _SIDE or present & _ORDER_TYPE)


def is_spread_order(pairs: Pairs) -> bool:
    """Whether keys of several paragraphs make an order: here the values must say so, too."""
    kept = [
        (key, value)
        for key, value in pairs
        if (key not in _SIZE or any(one.isdigit() for one in value[:_FIGURE]))
        and (key not in _SIDE or _says(value, _ACTS))
    ]
    return _orders({key for key, _ in kept}, kept)


def _changes_limits(keys: Collection[str], pairs: Pairs) -> bool:
    """A limit and its new value: by keys beside it, or as a setting of that name."""
    present = set(keys)
    named = any(key in _NAMING and bare(value.rpartition(".")[2]) in _LIMITS for key, value in pairs)
    if named and present & _CHANGED:
        return True
    if any(key in _LIMITS - _MEASURED and _ARROW.match(value) for key, value in pairs):
        return True
    limits = present & _LIMITS
    return bool(limits) and bool(present & (_CHANGED - {"value", "to", "from"}))


def _toggles(key: str, value: str) -> bool:
    if key in _TOGGLES:
        return _says(value, _ON)
    if key in _SAFETIES:
        return _says(value, _OFF)
    return key in _MODES and _says(value, frozenset({"live", "armed"}))


def _says(value: str, words: Collection[str]) -> bool:
    """Whether the value is one of the words, whatever stands behind it on the line."""
    first = value.strip().split(maxsplit=1)
    return bool(first) and bare(first[0]) in words
