"""Complaints of other gateways' users, each a test; the road's fixtures come from the folder above."""

from support.mock_fixtures import llmock_server, mock

__all__ = ["llmock_server", "mock"]
