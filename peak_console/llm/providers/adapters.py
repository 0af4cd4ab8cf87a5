"""Which provider speaks which wire format, where, and how it takes its key. A table; pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from peak_console.domain.calls import Answer, Failure, Pending
from peak_console.llm.providers import (
    bedrock_converse,
    converse_stream,
    google,
    google_stream,
    openai_chat,
    openai_responses,
)
from peak_console.llm.providers.responses_requests import filters_domains
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
    lacks: frozenset[str] = frozenset()
    """Parameters for which the interface has no place, whatever the model: like a model's ``refuses``."""
    least_output_tokens: int = 1
    """The lowest limit of output that the interface takes."""
    own_hosts: re.Pattern[str] | None = None
    """Where the environment tells the whole address: the hosts that are the provider's own."""
    keeps_to: Callable[[str, Sequence[str]], bool] | None = None
    """Whether a hosted tool, by its type, can be kept to a list of domains; ``None``: none can."""

    def filters_domains(self, wire_type: str, domains: Sequence[str]) -> bool:
        """Whether the provider's tool of this type goes to these domains only, when told so."""
        return self.keeps_to is not None and self.keeps_to(wire_type, domains)

    def at_home(self, base_url: str) -> bool:
        """Whether an address that the environment tells is the provider's own, over TLS on its usual port."""
        if self.own_hosts is None:
            return True
        try:
            parts = urlsplit(base_url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            return False
        usual = parts.scheme == "https" and port in {None, _HTTPS_PORT}
        return usual and self.own_hosts.fullmatch(host) is not None


@dataclass(frozen=True, slots=True)
class _House:
    """Where a provider lives, and how it takes its key."""

    base_url: str
    key_variable: str
    key_header: str = "authorization"
    key_prefix: str = "Bearer "
    own_hosts: re.Pattern[str] | None = None


_HTTPS_PORT: Final = 443
_AZURE_HOSTS: Final = re.compile(
    r"[a-z0-9](?:[a-z0-9-]{0,62})(?:\.privatelink)?"
    r"\.(?:openai|services\.ai|cognitiveservices)\.azure\.(?:com|us|cn)"
)
"""A resource of Azure's, also in the clouds of the US government and of China."""

_HOUSES: Final[Mapping[str, _House]] = {
    "openai": _House("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "google": _House(
        "https://generativelanguage.googleapis.com/v1beta", "GEMINI_API_KEY", "x-goog-api-key", ""
    ),
    "mistral": _House("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "together": _House("https://api.together.ai/v1", "TOGETHER_API_KEY"),
    "azure": _House("{AZURE_OPENAI_ENDPOINT}", "AZURE_OPENAI_API_KEY", "api-key", "", _AZURE_HOSTS),
    "bedrock": _House("https://bedrock-runtime.{AWS_REGION}.amazonaws.com", "AWS_BEARER_TOKEN_BEDROCK"),
}
_NO_HOSTED_TOOLS: Final = frozenset({"hosted_tools"})


def _at(
    provider: str,
    endpoint: str,
    *,
    build: Build,
    parse: Parse,
    reader: MakeReader,
    background: BackgroundWire | None = None,
    signs: bool = False,
    lacks: frozenset[str] = _NO_HOSTED_TOOLS,
    least_output_tokens: int = 1,
    keeps_to: Callable[[str, Sequence[str]], bool] | None = None,
) -> Adapter:
    house = _HOUSES[provider]
    return Adapter(
        provider=provider,
        endpoint=endpoint,
        base_url=house.base_url,
        key_variable=house.key_variable,
        key_header=house.key_header,
        key_prefix=house.key_prefix,
        build=build,
        parse=parse,
        reader=reader,
        background=background,
        signs=signs,
        lacks=lacks,
        least_output_tokens=least_output_tokens,
        own_hosts=house.own_hosts,
        keeps_to=keeps_to,
    )


def _chat(provider: str) -> Adapter:
    wire = openai_chat.for_provider(provider)
    return _at(provider, "chat", build=wire.build, parse=wire.parse, reader=wire.reader)


def _responses(provider: str) -> Adapter:
    wire = openai_responses.for_provider(provider)
    return _at(
        provider,
        "responses",
        build=wire.build,
        parse=openai_responses.parse,
        reader=openai_responses.ResponsesReader,
        background=BackgroundWire(wire.poll, wire.cancel),
        lacks=frozenset({"seed", "stop"}),
        least_output_tokens=openai_responses.LEAST_OUTPUT_TOKENS,
        keeps_to=filters_domains if provider == "openai" else None,
    )


_ALL: Final = (
    *(_chat(provider) for provider in openai_chat.PROVIDERS),
    *(_responses(provider) for provider in openai_responses.ADDRESSES),
    _at(
        "google",
        "generate_content",
        build=google.build,
        parse=google.parse,
        reader=google_stream.GoogleReader,
    ),
    _at(
        "bedrock",
        "converse",
        build=bedrock_converse.build,
        parse=bedrock_converse.parse,
        reader=converse_stream.ConverseReader,
        signs=True,
        lacks=_NO_HOSTED_TOOLS | {"seed"},
    ),
)

ADAPTERS: Final[Mapping[tuple[str, str], Adapter]] = MappingProxyType(
    {(one.provider, one.endpoint): one for one in _ALL}
)
"""By provider and endpoint. What is not here is refused as ``endpoint_unsupported``."""


ACCESS_KEY_VARIABLES: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""The AWS access keys: id, secret and, for temporary ones, the token."""

_PLACEHOLDER: Final = re.compile(r"\{([A-Z][A-Z0-9_]*)\}")


def placeholders(base_url: str) -> tuple[str, ...]:
    """The variables of the environment that tell a part of an adapter's address."""
    return tuple(_PLACEHOLDER.findall(base_url))


def filled_in(base_url: str, told: Mapping[str, str]) -> str:
    """An adapter's address with what its variables tell."""
    return _PLACEHOLDER.sub(lambda found: told[found[1]], base_url)


def base_url_variable(provider: str) -> str:
    """The environment variable that points a provider elsewhere."""
    name = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in provider.upper())
    return f"PEAK_PROVIDER_{name}_BASE_URL"
