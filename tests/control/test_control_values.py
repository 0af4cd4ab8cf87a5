"""What decisions are made of: values that nobody changes after they were decided from."""

import importlib
from dataclasses import is_dataclass
from typing import Any

import pytest

MODULES = (
    *("control.posture", "control.lease", "control.orders", "control.tokens", "control.breakers"),
    *("control.arm_rules", "control.arm_state", "control.lowered", "policy.breaker"),
)


@pytest.mark.parametrize("name", MODULES)
def test_values_cannot_be_changed(name: str) -> None:
    """Every record of these modules is frozen and takes no field that it has not."""
    module = importlib.import_module(f"peak_console.{name}")
    records: list[Any] = [
        one
        for one in vars(module).values()
        if is_dataclass(one) and getattr(one, "__module__", "") == module.__name__
    ]
    assert records
    for one in records:
        assert one.__dataclass_params__.frozen, one
        assert "__slots__" in vars(one), one
