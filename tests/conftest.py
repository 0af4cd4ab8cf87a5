"""What holds for every test: no key turns up where it should not (`support.canary_watch`)."""

import pytest
from support.canaries import ACCESS_KEYS, KEYS
from support.canary_watch import pytest_configure

__all__ = ["pytest_configure"]


@pytest.fixture
def canaries() -> dict[str, str]:
    """An environment in which every provider's key is a canary."""
    return KEYS | ACCESS_KEYS | {"AWS_REGION": "eu-central-1"}
