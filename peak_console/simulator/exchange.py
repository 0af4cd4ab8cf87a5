"""What passes between the wire formats and the simulation: an ask, an answer, a trouble, a reply."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Trouble(StrEnum):
    """Errors that real providers answer with."""

    UNAUTHENTICATED = "unauthenticated"
    UNKNOWN_MODEL = "unknown_model"
    NOT_A_CHAT_MODEL = "not_a_chat_model"
    BAD_REQUEST = "bad_request"
    UNSUPPORTED_PARAMETER = "unsupported_parameter"
    CONTEXT_LENGTH = "context_length"
    RATE_LIMITED = "rate_limited"
    QUOTA = "quota"
    SERVER_ERROR = "server_error"
    UNAVAILABLE = "unavailable"
    OVERLOADED = "overloaded"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as the simulation understands it, whatever its wire format."""

    provider: str
    model: str
    system: str
    prompt: str
    """The other messages, joined."""
    sent_bytes: int
    max_output_tokens: int
    schema: dict[str, Any] | None = None
    temperature: float | None = None
    uses_max_tokens: bool = False
    """Whether the old name of the output limit was used, which OpenAI's reasoning models refuse."""
    stream: bool = False
    usage_wanted: bool = True
    """Whether a stream is to tell its usage."""
    background: bool = False
    searches: int = 0
    """How often the model may search the web."""
    responses: bool = False
    """Whether it came over the Responses interface."""


@dataclass(frozen=True, slots=True)
class Written:
    """An answer and its bill: ``output_tokens`` includes the reasoning, ``input_tokens`` the cached ones."""

    text: str
    served_as: str
    cut: bool
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    serial: int
    created: int
    filtered: bool = False
    searches: int = 0
    fingerprint: str | None = None
    refused: bool = False
    """It declines, in the field that OpenAI's interfaces have for that."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A response to be sent."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    pieces: tuple[bytes, ...] = ()
    """The body of a streamed reply, in the order and the size in which it comes."""


REFUSAL = "I'm sorry, but I can't help with that request."
"""The text of an answer that declines."""


class Rejected(Exception):
    """A request the provider would answer with an error before any model saw it."""

    def __init__(self, trouble: Trouble, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.trouble = trouble
        self.message = message
        self.param = param
