"""What holds for all tests: no key turns up where it should not (`support.canary_watch`); none is slow."""

import gc
import os
import tempfile
from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from support.canaries import ACCESS_KEYS, KEYS
from support.canary_watch import pytest_configure

__all__ = ["pytest_configure"]

_GARBAGE: Final = 200_000
"""Objects after which young garbage is collected; at the default it is a fifth of the work of a screen."""


settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")  # an example that takes long says something of the machine only


def pytest_collection_finish() -> None:
    """What was imported and collected stays; no later collection looks through it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE, 10, 10)


@pytest.fixture(scope="session", autouse=True)
def _state_folder() -> Iterator[None]:
    """What workspaces keep outside themselves goes to a folder that ends with the tests."""
    with tempfile.TemporaryDirectory(prefix="peak-state-") as folder:
        os.environ["PEAK_STATE_DIR"] = folder
        yield
        del os.environ["PEAK_STATE_DIR"]


@pytest.fixture
def canaries() -> dict[str, str]:
    """An environment in which every provider's key is a canary."""
    return KEYS | ACCESS_KEYS | {"AWS_REGION": "eu-central-1"}
