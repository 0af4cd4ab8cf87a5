"""Registry, prices, budgets and prompts as values."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from peak_console.budget.limits import Limit, Scope
from peak_console.config.budgets import Budgets, BudgetsFile
from peak_console.config.control import ControlConfig
from peak_console.config.prices import PricesFile, PriceTable
from peak_console.config.prompts import Prompt, PromptLibrary
from peak_console.config.registry import ModelEntry
from peak_console.domain.errors import ConfigInvalid
from peak_console.domain.money import NanoEur


def entry(**changes: Any) -> ModelEntry:
    """A registry entry."""
    values = {
        "provider": "openai",
        "model_id": "gpt-5",
        "family": "gpt-5",
        "allowed": True,
        "endpoint": "chat",
        "context_tokens": 10,
        "max_output_tokens": 5,
    }
    return ModelEntry.model_validate({**values, **changes})


@pytest.mark.parametrize(
    ("served", "same"),
    [
        ("gpt-5", True),
        ("gpt-5-2025-08-07", True),
        ("gpt-5-mini", False),
        ("gpt-5.2", False),
        ("gpt-5-", False),
        ("gpt", False),
        ("", False),
        ("alias-of-five-x", True),
    ],
)
def test_which_served_names_are_the_model(served: str, same: bool) -> None:  # noqa: FBT001 - a table of cases
    """Its id, its dated snapshots, and what ``echoes`` adds; a longer name of another model is not it."""
    assert entry(echoes=["alias-of-five"]).echoed_as(served) is same


def test_lifecycle_arithmetic() -> None:
    """The shutdown day is the first day without the model."""
    dated = entry(lifecycle={"shutdown": date(2026, 12, 11), "source": "test"})
    assert [dated.shut_down(date(2026, 12, day)) for day in (10, 11, 12)] == [False, True, True]
    assert dated.days_left(date(2026, 12, 1)) == 10
    assert entry().days_left(date(2026, 12, 1)) is None
    assert not entry().shut_down(date(2099, 1, 1))


def price(model: str, usd: int, start: date) -> dict[str, Any]:
    """A row of the price table."""
    return {
        "provider": "openai",
        "model_id": model,
        "input_usd_per_mtok": usd,
        "output_usd_per_mtok": Decimal("0.5"),
        "source": "test",
        "as_of": start,
        "valid_from": start,
    }


def test_the_newest_price_that_has_begun_holds() -> None:
    """Whatever the order of the rows; before the first there is none."""
    rows = [price("a", 2, date(2026, 6, 1)), price("a", 1, date(2026, 1, 1)), price("a", 3, date(2027, 1, 1))]
    for listed in (rows, rows[::-1]):
        table = PriceTable.of(PricesFile.model_validate({"price": listed}), "d")
        found = [
            table.find("openai", "a", day) for day in (date(2025, 12, 31), date(2026, 1, 1), date(2026, 6, 1))
        ]
        assert [one and one.input_usd_per_mtok for one in found] == [None, 1, 2]
        assert table.find("openai", "b", date(2026, 6, 1)) is None
        assert len(list(table)) == 3


def test_money_is_never_a_float() -> None:
    """A float that slipped past the reader is refused, as is a boolean, text, or not a number."""
    for wrong in (0.5, True, "0.5", Decimal("nan"), Decimal("inf"), Decimal(-1)):
        with pytest.raises(ValidationError):
            PricesFile.model_validate(
                {"price": [{**price("a", 1, date(2026, 1, 1)), "input_usd_per_mtok": wrong}]}
            )


def test_budgets_become_limits() -> None:
    """Each table one limit, money in nano-EUR, layers by name, in the order of the scopes."""
    file = BudgetsFile.model_validate(
        {
            "day": {"max_cost_eur": Decimal("1.5"), "max_calls_per_min": 7},
            "run": {"max_tokens": 10, "max_calls": 0},
            "layer_run": {"L3": {"max_cost_eur": 2}},
            "currency": {"eur_per_usd": Decimal("0.9"), "as_of": date(2026, 11, 20)},
        }
    )
    budgets = Budgets.of(file, "digest")
    assert budgets.limits.limits == (
        Limit(Scope.RUN, max_tokens=10, max_calls=0),
        Limit(Scope.LAYER_RUN, layer="L3", max_cost=NanoEur(2_000_000_000)),
        Limit(Scope.DAY, max_cost=NanoEur(1_500_000_000), max_calls_per_min=7),
    )
    assert (budgets.limits.warn_pct, budgets.limits.timezone) == (Decimal(80), "Europe/Berlin")
    assert (budgets.eur_per_usd, budgets.rate_as_of) == (Decimal("0.9"), date(2026, 11, 20))


def test_budgets_without_a_rate_have_none() -> None:
    """No default rate: the router refuses the call."""
    budgets = Budgets.of(BudgetsFile(), "digest")
    assert (budgets.eur_per_usd, budgets.rate_as_of, budgets.limits.limits) == (None, None, ())


@pytest.mark.parametrize(
    "zone", ["Europe/Nowhere", "", "../../etc/passwd", "/etc/localtime", "a" * 100, "\x00"]
)
def test_a_time_zone_must_exist(zone: str) -> None:
    """And the tz database is not a way to other files."""
    with pytest.raises(ValidationError):
        BudgetsFile.model_validate({"timezone": zone})


def test_models_are_frozen() -> None:
    """What was loaded does not change under a caller."""
    with pytest.raises(ValidationError):
        BudgetsFile().timezone = "UTC"  # type: ignore[misc]


def test_the_default_ramp_is_the_designs() -> None:
    """Half at once, three quarters after an hour, all after two."""
    ramp = ControlConfig().enable.ramp
    assert [(one.after_s, int(one.limit_pct)) for one in ramp] == [(0, 50), (3600, 75), (7200, 100)]


def test_a_prompt_by_reference() -> None:
    """Found, or refused with the file that would hold it; the digest does not depend on order."""
    one, two = Prompt("a", "1", "x", "0" * 64), Prompt("a", "2", "y", "1" * 64)
    library = PromptLibrary.of([two, one])
    assert library.get("a@2") is two
    assert library.find("a@3") is None
    assert library.digest == PromptLibrary.of([one, two]).digest
    with pytest.raises(ConfigInvalid) as missing:
        library.get("a@3")
    assert missing.value.code == "prompt_missing"
    assert "prompts/a/3.md" in missing.value.remedy
