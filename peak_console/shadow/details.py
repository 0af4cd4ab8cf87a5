"""Why the gate blocked, with figures, where its reason alone does not say what to change. Pure."""

from collections.abc import Collection
from typing import Final

from peak_console.domain.trading import GateReason, Market

_SECOND_US: Final = 1_000_000
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400


def block_details(
    reasons: Collection[GateReason],
    market: Market,
    *,
    instrument: str,
    limit_s: int | None,
    job_s: int,
    sod: str,
) -> tuple[str, ...]:
    """A sentence for each reason that has one.

    ``limit_s`` is ``orders.max_price_age_s`` of the gate's limits, ``job_s`` the job's ``max_age_s``; the
    smaller binds. ``sod`` says why duties are not separate.
    """
    told = []
    if GateReason.STALE_DATA in reasons:
        told.append(f"stale_data: {_stale(market, instrument, limit_s, job_s)}")
    if GateReason.SOD_FAILED in reasons:
        told.append(f"sod_failed: {sod or 'duties are not separate'}")
    return tuple(told)


def _stale(market: Market, instrument: str, limit_s: int | None, job_s: int) -> str:
    ages = {name: (market.now_us - one.at_us) // _SECOND_US for name, one in market.quotes.items()}
    most = job_s if limit_s is None else min(limit_s, job_s)
    old = sorted(name for name, age in ages.items() if not 0 <= age <= most)
    if ages and not old:
        return "the EUR rate is older than orders.max_rate_age_s of configs/risk/limits.toml allows"
    by = "the job's max_age_s" if most == job_s else "orders.max_price_age_s of configs/risk/limits.toml"
    name = instrument if instrument in old or not old else old[0]
    age = f"{age_words(ages[name])} old" if name in ages else "not known"
    return f"the price of {name} is {age}, {most:,} s are allowed by {by}"


def age_words(seconds: int) -> str:
    """From two days on in days, from two hours on in hours: ``3,210 d``, ``7 h``, ``4,210 s``."""
    for size, unit in ((_DAY_S, "d"), (_HOUR_S, "h")):
        if seconds >= 2 * size:
            return f"{seconds // size:,} {unit}"
    return f"{seconds:,} s"
