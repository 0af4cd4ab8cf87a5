"""Rules of the risk limits: a zero blocks, and a wider limit below a narrower one is a mistake."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from peak_console.config.limits import LimitsConfig, LossLimits, OrderLimits
from peak_console.config.lint.finding import Rule, Severity
from peak_console.config.lint.inspection import Hit, Inspection
from peak_console.domain.vocabulary import PhaseLevel

LIMIT_RULES: Final = (
    Rule(
        "limits.missing",
        "A risk limit is absent",
        "The risk gate blocks every order while one of its limits is absent: nothing is unlimited by "
        "omission. Where there are no orders yet it is a warning, and a file that is absent is none.",
        "write the limit into configs/risk/limits.toml",
        severity=Severity.WARNING,
        error_from=PhaseLevel.TESTNET,
        blocks=False,
    ),
    Rule(
        "limits.zero",
        "A risk limit of zero",
        "A limit of zero blocks every order. That may be meant in a phase without orders; from testnet on "
        "it is a mistake, because a stop says the same and is seen.",
        "write what may be risked; to hold all orders back: peak stop",
        severity=Severity.WARNING,
        error_from=PhaseLevel.TESTNET,
        blocks=False,
    ),
    Rule(
        "limits.order",
        "A narrow risk limit above a wide one",
        "An order lies within a position, a position within the exposure, a minute within a session. A "
        "narrower limit above a wider one never binds, so one of the two numbers is not what was meant.",
        "lower the narrower limit or raise the wider one",
        severity=Severity.WARNING,
        error_from=PhaseLevel.LIVE,
        blocks=False,
    ),
    Rule(
        "limits.toothless",
        "A risk limit that hardly ever binds",
        "A collar or drawdown of half of everything and more, or prices that may be a quarter of an hour "
        "old, stop nothing before the damage is done.",
        "write a limit that binds in a bad hour",
        severity=Severity.WARNING,
        error_from=PhaseLevel.LIVE,
        blocks=False,
    ),
)

_SECTIONS: Final[Mapping[str, type[OrderLimits] | type[LossLimits]]] = {
    "orders": OrderLimits,
    "losses": LossLimits,
}
_WITHIN: Final = (
    ("max_notional_eur", "max_position_eur"),
    ("max_position_eur", "max_exposure_eur"),
    ("max_order_rate_per_min", "max_orders_per_session"),
    ("max_open_orders", "max_orders_per_session"),
)
"""Limits on orders, the narrower first."""

_HALF: Final = Decimal(50)
_OLD_S: Final = 900
_OLD_RATE_S: Final = 90 * 86_400


def blocking_limits(inspection: Inspection) -> Iterator[Hit]:
    """``limits.missing`` and ``limits.zero``: what blocks every order."""
    document = inspection.document("limits")
    if document.data is None:
        absent = document.trouble is not None and document.trouble.rule == "file.missing"
        if absent and inspection.phase.at_least(PhaseLevel.TESTNET):
            yield inspection.hit("limits.missing", "limits", (), "there are no risk limits")
        return
    for section, shape in _SECTIONS.items():
        table = document.data.get(section)
        if table is None:
            message = f"there is no [{section}]: it blocks every order"
            yield inspection.hit(
                "limits.missing", "limits", (), message, f"write [{section}] with its limits"
            )
        elif isinstance(table, dict):  # anything else the schema tells
            for key in shape.model_fields:
                yield from _blocking(inspection, section, key, table)


def _blocking(inspection: Inspection, section: str, key: str, table: Mapping[str, Any]) -> Iterator[Hit]:
    value = table.get(key)
    if value is None:
        message = f"{section}.{key} is absent: it blocks every order"
        yield inspection.hit(
            "limits.missing", "limits", (section,), message, f"write {key} under [{section}]"
        )
    elif isinstance(value, int | Decimal) and not isinstance(value, bool) and value == 0:
        message = f"{section}.{key} is zero: it blocks every order"
        yield inspection.hit("limits.zero", "limits", (section, key), message)


def limit_order(inspection: Inspection) -> Iterator[Hit]:
    """``limits.order``: a narrower limit above a wider one."""
    limits = inspection.shapes.get("limits")
    if not isinstance(limits, LimitsConfig):
        return
    for narrow, wide in _WITHIN:
        ours, theirs = getattr(limits.orders, narrow), getattr(limits.orders, wide)
        if theirs and ours > theirs:
            message = f"orders.{narrow} is {ours}, above orders.{wide} = {theirs}: it never binds"
            yield inspection.hit("limits.order", "limits", ("orders", narrow), message)


def toothless_limits(inspection: Inspection) -> Iterator[Hit]:
    """``limits.toothless``: what hardly ever binds."""
    limits = inspection.shapes.get("limits")
    if not isinstance(limits, LimitsConfig):
        return
    for section, key, value in (
        ("orders", "price_collar_pct", limits.orders.price_collar_pct),
        ("losses", "max_drawdown_pct", limits.losses.max_drawdown_pct),
    ):
        if value >= _HALF:
            message = f"{section}.{key} is {value}: half of everything is gone before it binds"
            yield inspection.hit("limits.toothless", "limits", (section, key), message)
    age = limits.orders.max_price_age_s
    if age is not None and age >= _OLD_S:
        message = f"orders.max_price_age_s is {age}: a price of {age // 60} minutes ago counts as fresh"
        yield inspection.hit("limits.toothless", "limits", ("orders", "max_price_age_s"), message)
    age = limits.orders.max_rate_age_s
    if age is not None and age >= _OLD_RATE_S:
        message = f"orders.max_rate_age_s is {age}: a rate of {age // 86_400} days ago counts as fresh"
        yield inspection.hit("limits.toothless", "limits", ("orders", "max_rate_age_s"), message)
