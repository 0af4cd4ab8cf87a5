"""Config models and the moment at which pydantic builds their validators."""

import pytest

from peak_console.config.schema import may_build_late


@pytest.mark.parametrize(
    ("version", "late"),
    [("2.12.0", False), ("2.13.4", False), ("2.14.0", True), ("2.15.0b1", True), ("3.0", True)],
)
def test_models_are_built_late_only_where_two_threads_may_use_one_first(version: str, *, late: bool) -> None:
    """Before 2.14 a thread may meet a model half built, and refuse a sound config."""
    assert may_build_late(version) is late
