"""OpenAI's chat completions, and what speaks like it: one adapter, whose differences are a table. Pure.

Format: https://platform.openai.com/docs/api-reference/chat
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, NamedTuple

from peak_console.domain.calls import Answer, Failure
from peak_console.llm.providers.chat_answers import parse
from peak_console.llm.providers.chat_dialects import DIALECTS, Dialect
from peak_console.llm.providers.chat_requests import build
from peak_console.llm.providers.chat_stream import ChatReader
from peak_console.llm.providers.wire import WireCall
from peak_console.net.messages import HttpRequest

__all__ = ["DIALECTS", "PROVIDERS", "ChatReader", "ChatWire", "Dialect", "build", "for_provider", "parse"]

PROVIDERS: Final = tuple(DIALECTS)
"""Who speaks chat completions."""


class ChatWire(NamedTuple):
    """One provider's chat completions, as an adapter takes them."""

    build: Callable[[WireCall], HttpRequest]
    parse: Callable[[int, Mapping[str, str], bytes], Answer | Failure]
    reader: Callable[[int, Mapping[str, str]], ChatReader]


def for_provider(provider: str) -> ChatWire:
    """The request, response and stream of ``provider``, one of :data:`PROVIDERS`."""
    dialect = DIALECTS[provider]
    return ChatWire(
        partial(build, dialect=dialect),
        partial(parse, dialect=dialect),
        partial(ChatReader, dialect=dialect),
    )
