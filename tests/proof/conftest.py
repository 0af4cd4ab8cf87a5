"""The road, and the adapters under it, against servers and SDKs of others."""

import sys
from pathlib import Path

from support.mock_fixtures import aimock, aimock_server, llmock_server, mock

TESTS = Path(__file__).parent.parent
sys.path += [str(TESTS / "net"), str(TESTS / "llm")]

__all__ = ["aimock", "aimock_server", "llmock_server", "mock"]
