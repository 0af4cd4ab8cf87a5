"""What holds for every test: no key turns up where it should not (`support.canary_watch`)."""

import os
import tempfile
from collections.abc import Iterator

import pytest
from support.canaries import ACCESS_KEYS, KEYS
from support.canary_watch import pytest_configure

__all__ = ["pytest_configure"]


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
