"""The uniform call: what every adapter takes and gives, whatever the provider's wire format."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from peak_console.domain.vocabulary import Layer, Role


class Frozen(BaseModel):
    """Base of models at the borders: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ToolCall(Frozen):
    """A tool call a model asked for; ``arguments`` is the parsed JSON object."""

    id: str
    name: str
    arguments: dict[str, Any]

    def answered(self, content: str) -> "Message":
        """The message that hands what the tool gave back to the model."""
        return Message(role="tool", content=content, tool_call_id=self.id, name=self.name)


class Message(Frozen):
    """One message. ``tool_call_id`` belongs to role ``tool``, ``tool_calls`` to ``assistant``."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None


class ToolDefinition(Frozen):
    """A tool the model may ask for; ``parameters`` is a JSON schema."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    description: str = ""
    parameters: dict[str, Any] = Field(default_factory=lambda: {"type": "object", "properties": {}})


class HostedTool(Frozen):
    """A tool the provider itself runs and bills (web search); ``max_calls`` bounds what it may cost."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    max_calls: int = Field(ge=1, le=10_000)
    allowed_domains: tuple[str, ...] = Field(default=(), max_length=1000)
    """Of a web tool: where it may go; the layer's scope can only make them fewer. Empty: anywhere."""
    domains_required: bool = True
    """Whether a model whose tool cannot be kept to the domains is passed over."""


class CallLimits(Frozen):
    """A call's own limits; they can only lower what the matrix, registry and budgets allow."""

    max_output_tokens: int | None = Field(default=None, ge=1)
    timeout_s: float | None = Field(default=None, gt=0)
    """Total deadline over all attempts and candidates, in seconds."""
    max_cost_eur: str | None = Field(default=None, pattern=r"^[0-9]+(\.[0-9]{1,9})?$")


class CallRequest(Frozen):
    """A call as agent code asks for it: never a provider or a model, only a slot of the matrix."""

    layer: Layer
    role: Role = Role.PRIMARY
    messages: tuple[Message, ...] = Field(min_length=1)
    tools: tuple[ToolDefinition, ...] = ()
    prompt_name: str = "adhoc"
    prompt_version: str = "0"
    run_id: str | None = None
    limits: CallLimits = CallLimits()
    response_schema: dict[str, Any] | None = None
    """JSON schema of a structured answer; ``None`` for free text."""
    response_schema_name: str = "answer"
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    seed: int | None = Field(default=None, ge=0, lt=2**53)
    stop: tuple[str, ...] = Field(default=(), max_length=4)
    reasoning_effort: Literal["minimal", "low", "medium", "high"] | None = None
    tool_choice: Literal["auto", "none", "required"] | None = None
    hosted_tools: tuple[HostedTool, ...] = ()
    background: bool = False
    """Long research: the provider works on it unattended, and the answer is polled for."""
    purpose: str = ""


class Finish(StrEnum):
    """Why a model stopped."""

    STOP = "stop"
    LENGTH = "length"
    TOOL = "tool"
    FILTER = "filter"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as billed. ``input_total`` includes the cached ones, ``output_total`` the reasoning ones."""

    input_total: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output_total: int = 0
    reasoning: int = 0
    hosted_calls: int = 0
    """Calls of tools that the provider ran and bills by the piece."""


@dataclass(frozen=True, slots=True)
class RateState:
    """What a provider said of its rate limit: remaining requests and tokens, seconds to reset."""

    remaining_requests: int | None = None
    remaining_tokens: int | None = None
    reset_s: float | None = None
    limit_requests: int | None = None
    limit_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A provider's answer, normalised. ``model_echo`` is ``None`` where the wire format has none."""

    text: str
    finish: Finish
    usage: Usage | None
    model_echo: str | None
    tool_calls: tuple[ToolCall, ...] = ()
    fingerprint: str | None = None
    request_id: str | None = None
    refusal: str | None = None
    rate: RateState | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a streamed answer, in order: text, or a piece of the arguments of tool call ``tool``."""

    text: str = ""
    tool: int | None = None
    """Place of the tool call in the answer; ``None`` for text."""
    tool_name: str = ""
    """The tool's name, on the first piece of its call."""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class Pending:
    """A background call that the provider accepted and has not answered yet."""

    response_id: str
    status: str
    """The provider's word: ``queued`` or ``in_progress``."""
    model_echo: str | None = None
    request_id: str | None = None
    rate: RateState | None = None


class OutcomeClass(StrEnum):
    """What the router does next (``Outcome classes`` of the call design)."""

    RETRY_HERE = "retry_here"
    NEXT_CANDIDATE = "next_candidate"
    STOP = "stop"
    AMBIGUOUS = "ambiguous"


class CallReason(StrEnum):
    """Why a call, hop or candidate gave no answer. Stable; the reference page is generated from it."""

    # a candidate was not admitted, or the call refused before anything left
    LAYER_HAS_NO_MODELS = "layer_has_no_models"
    SLOT_EMPTY = "slot_empty"
    MATRIX_INVALID = "matrix_invalid"
    MATRIX_CHANGED = "matrix_changed"
    LOCK_CHANGED = "lock_changed"
    LOCK_NOT_CURRENT = "lock_not_current"
    FORBIDDEN_PROVIDER = "forbidden_provider"
    FORBIDDEN_MODEL = "forbidden_model"
    FORBIDDEN_BASE_URL = "forbidden_base_url"
    PROVIDER_NOT_ALLOWED = "provider_not_allowed"
    MODEL_NOT_ALLOWED = "model_not_allowed"
    MODEL_NOT_VERIFIED = "model_not_verified"
    MODEL_SHUT_DOWN = "model_shut_down"
    DEPLOYMENT_UNKNOWN = "deployment_unknown"
    ADDRESS_MISSING = "address_missing"
    HOSTED_TOOL_UNPRICED = "hosted_tool_unpriced"
    BREAKER_OPEN = "breaker_open"
    ENDPOINT_UNSUPPORTED = "endpoint_unsupported"
    PRICE_MISSING = "price_missing"
    RATE_MISSING = "currency_rate_missing"
    KEY_MISSING = "key_missing"
    REAL_KEY_IN_SIMULATION = "real_key_in_simulation"
    BASE_URL_REFUSED = "base_url_refused"
    PROVIDER_DOWN = "provider_down"
    BUDGET_EXCEEDED = "budget_exceeded"
    BUDGET_ZERO = "budget_zero"
    BUDGET_MISSING = "budget_missing"
    POSTURE = "posture"
    LEDGER_UNAVAILABLE = "ledger_unavailable"
    TEXTS_UNWRITABLE = "texts_unwritable"
    SCOPE_MISSING = "scope_missing"
    TOOL_OUT_OF_SCOPE = "tool_out_of_scope"
    DOMAINS_UNFILTERED = "domains_unfiltered"
    WEB_RATE_EXCEEDED = "web_rate_exceeded"
    LOG_FIELD_MISSING = "log_field_missing"
    SCOPE_STOPPED = "scope_stopped"
    MODEL_QUARANTINED = "model_quarantined"
    # something left and did not come back well
    CONNECT_ERROR = "connect_error"
    CONNECTION_LOST = "connection_lost"
    STREAM_CUT = "stream_cut"
    BACKGROUND_LOST = "background_lost"
    TIMEOUT = "timeout"
    RATE_LIMITED = "rate_limited"
    QUOTA_EXHAUSTED = "quota_exhausted"
    SERVER_ERROR = "server_error"
    OVERLOADED = "overloaded"
    CONFLICT = "conflict"
    AUTHENTICATION = "authentication"
    PERMISSION = "permission"
    MODEL_NOT_FOUND = "model_not_found"
    BAD_REQUEST = "bad_request"
    CONTEXT_LENGTH = "context_length"
    CONTENT_FILTER = "content_filter"
    REDIRECT = "redirect"
    RESPONSE_TOO_LARGE = "response_too_large"
    MALFORMED = "malformed"
    FORBIDDEN_ECHO = "forbidden_echo"
    UNEXPECTED_ECHO = "unexpected_echo"
    STOPPED = "stopped"
    CANCELLED = "cancelled"
    CALLER_LOST = "caller_lost"
    DEADLINE = "deadline"
    EXHAUSTED = "exhausted"
    PROVIDER_UNREACHABLE = "provider_unreachable"


@dataclass(frozen=True, slots=True)
class Failure:
    """A hop or attempt that gave no usable answer; ``detail`` is foreign text, already made plain."""

    reason: CallReason
    outcome: OutcomeClass
    detail: str = ""
    status: int | None = None
    retry_after_s: float | None = None
    request_id: str | None = None
    rate: RateState | None = None
    usage: Usage | None = None
    """What was billed all the same, where the answer said it (a filtered answer has its price)."""
    model_echo: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One send within a hop."""

    number: int
    reason: str
    """``ok`` or a :class:`CallReason`."""
    status: int | None
    latency_us: int
    waited_ms: int = 0


@dataclass(frozen=True, slots=True)
class CallResult:
    """What a governed call gives back."""

    call_id: str
    run_id: str
    layer: str
    role: str
    provider: str
    model_id: str
    served_model: str | None
    text: str
    finish: Finish
    usage: Usage
    cost_eur: str
    latency_ms: float
    hop: int
    fallback: bool
    degraded: bool
    tool_calls: tuple[ToolCall, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    recorded: bool = True
    """False when the answer was paid for but the ledger could not record it in time."""
    seq: int | None = None
    """Sequence number of the ``llm.call.completed`` event."""
    parsed: Any = None
    """The validated object of a structured answer; ``None`` where none came by right."""
    extra: Mapping[str, Any] = field(default_factory=dict)

    def as_message(self) -> Message:
        """The answer as a message, to go on with the conversation."""
        return Message(role="assistant", content=self.text, tool_calls=self.tool_calls)
