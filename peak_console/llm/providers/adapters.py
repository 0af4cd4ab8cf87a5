"""Which provider speaks which wire format, where, and how it takes its key. A table; pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from peak_console.domain.calls import Answer, Failure, Pending
from peak_console.llm.providers import google, openai_chat
from peak_console.llm.providers.streaming import MakeReader
from peak_console.llm.providers.wire import WireCall
from peak_console.net.messages import HttpRequest

Build = Callable[[WireCall], HttpRequest]
Parse = Callable[[int, Mapping[str, str], bytes], Answer | Failure | Pending]


@dataclass(frozen=True, slots=True)
class BackgroundWire:
    """How an accepted background call is asked after and cancelled: by base URL and response id.

    The answer to both is read with the adapter's ``parse``.
    """

    poll: Callable[[str, str], HttpRequest]
    cancel: Callable[[str, str], HttpRequest]


@dataclass(frozen=True, slots=True)
class Adapter:
    """One provider's interface: where it lives, how it is addressed, and its pure functions."""

    provider: str
    endpoint: str
    base_url: str
    """With ``{VARIABLE}`` where the environment tells a part of it."""
    key_variable: str
    key_header: str
    key_prefix: str
    build: Build
    parse: Parse
    reader: MakeReader | None = None
    """Makes readers of streamed answers; ``None`` where the interface has none."""
    background: BackgroundWire | None = None
    signs: bool = False
    """Whether AWS access keys, by a signature, stand in for a key that is not set."""


_ALL: Final = (
    Adapter(
        provider="openai",
        endpoint="chat",
        base_url="https://api.openai.com/v1",
        key_variable="OPENAI_API_KEY",
        key_header="authorization",
        key_prefix="Bearer ",
        build=openai_chat.build,
        parse=openai_chat.parse,
    ),
    Adapter(
        provider="google",
        endpoint="generate_content",
        base_url="https://generativelanguage.googleapis.com/v1beta",
        key_variable="GEMINI_API_KEY",
        key_header="x-goog-api-key",
        key_prefix="",
        build=google.build,
        parse=google.parse,
    ),
)

ADAPTERS: Final[Mapping[tuple[str, str], Adapter]] = MappingProxyType(
    {(one.provider, one.endpoint): one for one in _ALL}
)
"""By provider and endpoint. What is not here is refused as ``endpoint_unsupported``."""


def base_url_variable(provider: str) -> str:
    """The environment variable that points a provider elsewhere."""
    name = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in provider.upper())
    return f"PEAK_PROVIDER_{name}_BASE_URL"
