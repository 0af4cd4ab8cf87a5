"""What the road speaks: each provider's interfaces, and the parameters a registry entry may refuse.

Kept here, below the adapters, so that lint can judge a registry; a test holds both against each other.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from peak_console.config.registry import Endpoint

INTERFACES: Final[Mapping[str, tuple[Endpoint, ...]]] = MappingProxyType(
    {
        "openai": (Endpoint.CHAT, Endpoint.RESPONSES),
        "google": (Endpoint.GENERATE_CONTENT,),
        "mistral": (Endpoint.CHAT,),
        "together": (Endpoint.CHAT,),
        "azure": (Endpoint.CHAT, Endpoint.RESPONSES),
        "bedrock": (Endpoint.CONVERSE, Endpoint.CHAT),
    }
)
"""By provider, the interfaces for which there is an adapter."""

PARAMETERS: Final = (
    "temperature",
    "top_p",
    "seed",
    "stop",
    "reasoning_effort",
    "tools",
    "tool_choice",
    "response_format",
    "hosted_tools",
    "stream",
    "background",
)
"""What `refuses` of a registry entry may name."""
