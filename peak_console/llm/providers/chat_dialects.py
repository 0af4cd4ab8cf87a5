"""How the OpenAI-like providers' chat completions differ from OpenAI's own: a table, not code.

Sources: the providers' API references, and the request types of their official SDKs
(https://docs.mistral.ai/api, https://docs.together.ai/reference/chat-completions-1,
https://learn.microsoft.com/azure/ai-foundry/openai/latest, https://docs.aws.amazon.com/bedrock/latest/userguide).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from peak_console.domain.calls import Finish
from peak_console.llm.providers.wire import WireCall

FINISHES: Final[Mapping[str, Finish]] = MappingProxyType(
    {
        "stop": Finish.STOP,
        "length": Finish.LENGTH,
        "tool_calls": Finish.TOOL,
        "function_call": Finish.TOOL,
        "content_filter": Finish.FILTER,
    }
)
"""OpenAI's own words for why a model stopped."""

_NINE: Final = re.compile(r"[A-Za-z0-9]{9}")


def _below_base(call: WireCall) -> str:
    return call.base_url.rstrip("/") + "/chat/completions"


def _bedrock(call: WireCall) -> str:
    return call.base_url.rstrip("/").removesuffix("/openai/v1") + "/openai/v1/chat/completions"


def azure_root(base_url: str) -> str:
    """An Azure resource's address without the interface's path, which people paste along with it."""
    return base_url.rstrip("/").removesuffix("/v1").removesuffix("/openai").rstrip("/")


def _azure(call: WireCall) -> str:
    root = azure_root(call.base_url)
    if call.api_version is None:
        return f"{root}/openai/v1/chat/completions"
    deployment, version = quote(call.model_id, safe=""), quote(call.api_version, safe="")
    return f"{root}/openai/deployments/{deployment}/chat/completions?api-version={version}"


def _as_it_is(tool_call_id: str) -> str:
    return tool_call_id


def nine_characters(tool_call_id: str) -> str:
    """A tool call's id as Mistral takes it: nine letters and digits. Others are hashed, always alike."""
    if _NINE.fullmatch(tool_call_id):
        return tool_call_id
    return sha256(tool_call_id.encode()).hexdigest()[:9]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a provider's chat completions differ from OpenAI's."""

    address: Callable[[WireCall], str] = _below_base
    output_limit: str = "max_completion_tokens"
    seed: str = "seed"
    required: str = "required"
    """The word for a tool choice that must call some tool."""
    efforts: Mapping[str, str] = field(default_factory=dict)
    """Reasoning efforts that have another name there."""
    message_names: bool = True
    """Whether a message may carry its author's name."""
    tool_call_id: Callable[[str], str] = _as_it_is
    store: bool = False
    """Whether it keeps answers unless told not to."""
    usage_on_request: bool = True
    """Whether a stream tells its usage only when ``stream_options.include_usage`` asks for it."""
    content_chunks: bool = False
    """Whether an answer's content may be a list of typed chunks."""
    whole_calls: bool = False
    """Whether a streamed tool call arrives in one piece, so that a new id is a new call."""
    finishes: Mapping[str, Finish] = field(default_factory=dict)
    """Finish reasons beside OpenAI's own."""


DIALECTS: Final[Mapping[str, Dialect]] = MappingProxyType(
    {
        "openai": Dialect(store=True),
        "mistral": Dialect(
            output_limit="max_tokens",
            seed="random_seed",
            required="any",
            message_names=False,
            tool_call_id=nine_characters,
            usage_on_request=False,
            content_chunks=True,
            whole_calls=True,
            finishes={"model_length": Finish.LENGTH, "error": Finish.ERROR},
        ),
        "together": Dialect(
            output_limit="max_tokens", efforts={"minimal": "low"}, finishes={"eos": Finish.STOP}
        ),
        "azure": Dialect(address=_azure, store=True),
        "bedrock": Dialect(address=_bedrock, efforts={"minimal": "low"}),
    }
)
"""By provider. A further OpenAI-like provider is a further row."""

OPENAI: Final = DIALECTS["openai"]
