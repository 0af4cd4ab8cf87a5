"""The figures behind the gate's reasons."""

from decimal import Decimal

import pytest

from peak_console.domain.trading import GateReason, Market, Quote
from peak_console.shadow.details import block_details

NOW_US = 10_000_000_000
INSTRUMENT = "EUR/USD"


def told(age_s: int, *, limit_s: int | None, job_s: int, reasons: tuple[GateReason, ...]) -> tuple[str, ...]:
    """What is said of a price of an age."""
    at_us = NOW_US - age_s * 1_000_000
    market = Market(NOW_US, {INSTRUMENT: Quote(INSTRUMENT, Decimal("1.1"), at_us, Decimal("0.9"), NOW_US)})
    return block_details(
        reasons, market, instrument=INSTRUMENT, limit_s=limit_s, job_s=job_s, sod="L3 and L4: same model"
    )


@pytest.mark.parametrize(
    ("limit_s", "job_s", "said"),
    [
        (10, 7200, "4,210 s old, 10 s are allowed by orders.max_price_age_s of configs/risk/limits.toml"),
        (9000, 60, "4,210 s old, 60 s are allowed by the job's max_age_s"),
        (None, 60, "60 s are allowed by the job's max_age_s"),
    ],
)
def test_a_stale_price_is_told_with_its_age_and_the_limit_that_binds(
    limit_s: int | None, job_s: int, said: str
) -> None:
    """Two limits bound the age of a price; the one to change is named."""
    (found,) = told(4210, limit_s=limit_s, job_s=job_s, reasons=(GateReason.STALE_DATA,))
    assert found.startswith("stale_data: the price of EUR/USD is ")
    assert said in found


@pytest.mark.parametrize(
    ("age_s", "said"),
    [
        (7_199, "7,199 s old, 10 s"),
        (7_200, "2 h old"),
        (172_799, "47 h old"),
        (172_800, "2 d old"),
        (277_412_465, "3,210 d old"),
    ],
)
def test_an_age_is_told_in_a_unit_that_says_something(age_s: int, said: str) -> None:
    """A source that ended years ago is days old."""
    (found,) = told(age_s, limit_s=10, job_s=10, reasons=(GateReason.STALE_DATA,))
    assert f"is {said}" in found


def test_only_reasons_that_were_given_are_told() -> None:
    """Separation of duties says who judged whom; what did not block is not spoken of."""
    assert told(5, limit_s=10, job_s=10, reasons=()) == ()
    assert told(5, limit_s=10, job_s=10, reasons=(GateReason.SOD_FAILED,)) == (
        "sod_failed: L3 and L4: same model",
    )
