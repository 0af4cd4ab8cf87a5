"""Fixtures of the independent mocks, one server a worker; a conftest imports those that its tests ask for."""

from collections.abc import Iterator

import pytest
from support.mocks import Aimock, Llmock, running_aimock, running_llmock

SERVED = "gpt-5-mini-2025-08-07"
"""The base model behind every deployment."""

ANSWERS = [
    {"match": {"userMessage": "served another"}, "response": {"content": "hm", "model": "gpt-4o-2024-08-06"}},
    {
        "match": {"userMessage": "served forbidden"},
        "response": {"content": "hm", "model": "claude-sonnet-4-5"},
    },
    {
        "match": {"userMessage": "use the tool"},
        "response": {
            "toolCalls": [{"name": "quote", "arguments": {"symbol": "DAX", "depth": 2}}],
            "model": SERVED,
        },
    },
    {
        "match": {"userMessage": "be limited"},
        "response": {
            "error": {"message": "slow down", "type": "rate_limit_error"},
            "status": 429,
            "retryAfter": 1,
        },
    },
    {
        "match": {"userMessage": "long answer"},
        "response": {
            "content": "A long answer in many small pieces, each of which comes on its own. " * 4,
            "model": SERVED,
        },
    },
    {
        "match": {"userMessage": "cut in the middle"},
        "response": {
            "content": "This answer never gets to its end, whatever one does. " * 4,
            "model": SERVED,
        },
        "truncateAfterChunks": 3,
    },
    {
        "match": {},
        "response": {
            "content": "an answer by aimock",
            "model": SERVED,
            "systemFingerprint": "fp_proof",
            "usage": {"prompt_tokens": 21, "completion_tokens": 7, "total_tokens": 28},
        },
    },
]


@pytest.fixture(scope="session")
def llmock_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Llmock]:
    """One llmock for this worker."""
    with running_llmock(tmp_path_factory.mktemp("llmock") / "llmock.theirs") as mock:
        yield mock


@pytest.fixture
def mock(llmock_server: Llmock) -> Llmock:
    """The mock llmock with an empty journal and nothing planned."""
    llmock_server.reset()
    return llmock_server


@pytest.fixture(scope="session")
def aimock_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aimock]:
    """One aimock for this worker, with ``ANSWERS``."""
    with running_aimock(tmp_path_factory.mktemp("aimock"), ANSWERS) as server:
        yield server


@pytest.fixture
def aimock(aimock_server: Aimock) -> Aimock:
    """The mock aimock with an empty journal and no faults."""
    aimock_server.reset()
    return aimock_server
