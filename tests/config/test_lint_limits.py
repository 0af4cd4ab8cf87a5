"""Rules of the risk limits."""

import re
from typing import Any

import pytest

from peak_console.config.limits import LossLimits, OrderLimits
from peak_console.domain.vocabulary import PhaseLevel

FILE = "configs/risk/limits.toml"
KEYS = [*OrderLimits.model_fields, *LossLimits.model_fields]


@pytest.mark.parametrize("key", KEYS)
def test_a_limit_taken_out_is_told(files: Any, key: str) -> None:
    """Whichever it is: a warning before testnet, an error from there on."""
    text = files.read(FILE)
    files.write(FILE, re.sub(rf"^{key} = .*\n", "", text, flags=re.MULTILINE))
    assert [one.severity for one in files.lint(PhaseLevel.SHADOW)] == ["warning"]
    found = files.only("limits.missing", PhaseLevel.TESTNET)
    assert (found.severity, key in found.message, found.blocks) == ("error", True, False)


@pytest.mark.parametrize("key", [key for key in KEYS if key not in {"max_price_age_s", "max_rate_age_s"}])
def test_a_limit_of_zero_is_told_at_its_key(files: Any, key: str) -> None:
    """Zero blocks every order; in testnet and live that is an error."""
    text = files.read(FILE)
    zero = "0" if re.search(rf"^{key} = \d+$", text, flags=re.MULTILINE) else "0.0"
    files.write(FILE, re.sub(rf"^{key} = .*$", f"{key} = {zero}", text, flags=re.MULTILINE))
    found = files.only("limits.zero")
    assert found.severity == "warning"
    assert files.key_at(found).startswith(key)
    assert files.only("limits.zero", PhaseLevel.LIVE).severity == "error"


def test_without_a_file_only_phases_with_orders_complain(files: Any) -> None:
    """In research and shadow nobody places orders."""
    (files.root / FILE).unlink()
    assert files.rules(PhaseLevel.SHADOW) == []
    assert files.rules(PhaseLevel.TESTNET) == ["limits.missing"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("max_notional_eur", "200.5"),
        ("max_position_eur", "300.5"),
        ("max_order_rate_per_min", "21"),
        ("max_open_orders", "21"),
    ],
)
def test_a_narrow_limit_above_a_wide_one_is_told(files: Any, key: str, value: str) -> None:
    """It never binds."""
    files.write(FILE, re.sub(rf"^{key} = .*$", f"{key} = {value}", files.read(FILE), flags=re.MULTILINE))
    assert files.key_at(files.only("limits.order")).startswith(key)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("price_collar_pct", "50.0"),
        ("max_drawdown_pct", "100.0"),
        ("max_price_age_s", "900"),
        ("max_rate_age_s", "7776000"),
    ],
)
def test_a_limit_that_hardly_ever_binds_is_told(files: Any, key: str, value: str) -> None:
    """Half of everything, or prices of a quarter of an hour ago."""
    files.write(FILE, re.sub(rf"^{key} = .*$", f"{key} = {value}", files.read(FILE), flags=re.MULTILINE))
    assert files.key_at(files.only("limits.toothless")).startswith(key)


def test_tables_of_a_wrong_kind_are_the_schemas_to_tell(files: Any) -> None:
    """No rule raises on them."""
    files.write(FILE, "orders = 3\nlosses = [1]\n")
    assert set(files.rules(PhaseLevel.LIVE)) == {"schema.wrong_type"}
