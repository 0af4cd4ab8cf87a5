"""OpenAI's Responses, which Azure speaks as well: one adapter, with background work. Pure.

Format: https://platform.openai.com/docs/api-reference/responses. It has no fingerprint: who answered is told
by the model's name only.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from peak_console.llm.providers.responses_answers import parse, parse_later
from peak_console.llm.providers.responses_requests import (
    asking_after,
    azure_address,
    cancelling,
    openai_address,
    written,
)
from peak_console.llm.providers.responses_stream import ResponsesReader
from peak_console.llm.providers.wire import WireCall
from peak_console.net.messages import HttpRequest

__all__ = [
    "ADDRESSES",
    "LEAST_OUTPUT_TOKENS",
    "ResponsesReader",
    "ResponsesWire",
    "for_provider",
    "parse",
    "parse_later",
]

ADDRESSES: Final = {"openai": openai_address, "azure": azure_address}
"""Who speaks Responses, and where beneath its base URL."""

LEAST_OUTPUT_TOKENS: Final = 16
"""The lowest ``max_output_tokens``; a lower one is answered with an error."""


class ResponsesWire(NamedTuple):
    """One provider's Responses, as an adapter takes them."""

    build: Callable[[WireCall], HttpRequest]
    poll: Callable[[str, str], HttpRequest]
    """By base URL and response id: what has become of background work."""
    cancel: Callable[[str, str], HttpRequest]


def for_provider(provider: str) -> ResponsesWire:
    """The requests of ``provider``, one of :data:`ADDRESSES`."""
    address = ADDRESSES[provider]

    def build(call: WireCall) -> HttpRequest:
        return written(call, address(call.base_url))

    def poll(base_url: str, response_id: str) -> HttpRequest:
        return asking_after(address(base_url), response_id)

    def cancel(base_url: str, response_id: str) -> HttpRequest:
        return cancelling(address(base_url), response_id)

    return ResponsesWire(build, poll, cancel)
