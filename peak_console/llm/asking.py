"""How a call is asked for in Python: words in, one :class:`CallRequest` out, or what is wrong with them."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal, Protocol, Required, TypedDict

from pydantic import ValidationError

from peak_console.domain.calls import CallLimits, CallRequest, HostedTool, Message, ToolDefinition
from peak_console.domain.errors import UsageWrong
from peak_console.domain.text import one_line
from peak_console.domain.vocabulary import Layer, Role

Said = str | Message | Mapping[str, Any] | Sequence[Message | Mapping[str, Any]]
"""Messages as a caller may write them: one text, one message, or a sequence of messages."""

Euro = str | int | float | Decimal
"""An amount in EUR, at most nine decimals."""

_DIGITS: Final = 15
_EURO: Final = re.compile(r"[0-9]{1,7}(\.[0-9]{1,9})?")


class OfRun(Protocol):
    """What a call needs of the run it belongs to."""

    @property
    def run_id(self) -> str:
        """The run's id."""
        ...


class Words(TypedDict, total=False):
    """What a call may be asked for with; each word means what :class:`CallRequest` says of it."""

    layer: Layer | str
    role: Role | str
    messages: Said
    run: OfRun | str | None
    tools: Sequence[ToolDefinition | Mapping[str, Any]]
    tool_choice: Literal["auto", "none", "required"] | None
    hosted_tools: Sequence[HostedTool | Mapping[str, Any]]
    response_schema: Mapping[str, Any] | None
    response_schema_name: str
    max_output_tokens: int | None
    timeout_s: float | None
    max_cost_eur: Euro | None
    temperature: float | None
    top_p: float | None
    seed: int | None
    stop: Sequence[str]
    reasoning_effort: Literal["minimal", "low", "medium", "high"] | None
    background: bool
    purpose: str
    prompt_name: str
    prompt_version: str


class CallWords(Words):
    """The words of a call; layer and messages are never left out."""

    layer: Required[Layer | str]  # type: ignore[misc]
    messages: Required[Said]  # type: ignore[misc]


_LIMITS: Final = ("max_output_tokens", "timeout_s", "max_cost_eur")


def asked(request: CallRequest | None, words: Mapping[str, Any]) -> CallRequest:
    """The request that ``words`` make, or ``request`` itself; raises ``UsageWrong``."""
    if request is not None:
        if words:
            raise UsageWrong(
                f"a CallRequest and {', '.join(words)} were both passed",
                remedy="pass either a CallRequest or keywords",
            )
        if not isinstance(request, CallRequest):
            raise UsageWrong(
                f"{one_line(repr(request), 60)} is no CallRequest",
                remedy='call(layer="L2", messages="…")',
            )
        return request
    fields = {name: value for name, value in words.items() if name not in {*_LIMITS, "run"}}
    unknown = sorted(set(words) - set(Words.__annotations__))
    if unknown:
        raise UsageWrong(
            f"a call has no {', '.join(map(one_line, unknown))}",
            remedy=f"it has: {', '.join((*Words.__annotations__, 'answer'))}",
        )
    fields["layer"] = layer_named(words.get("layer"))
    fields["role"] = _role(words.get("role", Role.PRIMARY))
    fields["messages"] = messages_of(words.get("messages"))
    limits = {name: words[name] for name in _LIMITS if words.get(name) is not None}
    if "max_cost_eur" in limits:
        limits["max_cost_eur"] = euro_text(limits["max_cost_eur"], "max_cost_eur")
    run = words.get("run")
    fields["run_id"] = run if run is None or isinstance(run, str) else run.run_id
    if isinstance(fields.get("stop"), str):
        fields["stop"] = (fields["stop"],)
    try:
        return CallRequest(**fields, limits=CallLimits(**limits))
    except ValidationError as error:
        raise _wrong("the call", error) from None


def layer_named(value: object) -> Layer:
    """The layer ``value`` names; raises ``UsageWrong``."""
    try:
        return Layer(str(value))
    except ValueError:
        what = "no layer was named" if value is None else f"there is no layer {one_line(repr(value), 40)}"
        raise UsageWrong(what, remedy="one of L0 to L4") from None


def _role(value: object) -> Role:
    try:
        return Role(str(value))
    except ValueError:
        raise UsageWrong(
            f"there is no role {one_line(repr(value), 40)}", remedy=f"one of {', '.join(Role)}"
        ) from None


def messages_of(said: object) -> tuple[Message, ...]:
    """Messages as the road takes them; raises ``UsageWrong`` where they are none."""
    if isinstance(said, str):
        if not said.strip():
            raise UsageWrong("the message is empty", remedy="say what to ask")
        said = [Message(role="user", content=said)]
    elif isinstance(said, Message | Mapping):
        said = [said]
    if not isinstance(said, Sequence) or isinstance(said, bytes) or not said:
        raise UsageWrong(
            "no messages were passed" if not said else f"{one_line(repr(said), 60)} are no messages",
            remedy='pass a text, or messages like {"role": "user", "content": "…"}',
        )
    return tuple(_message(one, place) for place, one in enumerate(said))


def _message(one: object, place: int) -> Message:
    if isinstance(one, Message):
        return one
    if isinstance(one, str):
        return Message(role="user", content=one)
    try:
        return Message.model_validate(one)
    except ValidationError as error:
        raise _wrong(f"messages[{place}]", error) from None


def euro_text(amount: object, name: str) -> str:
    """An amount as text with at most nine decimals, a float as it is written; raises ``UsageWrong``."""
    try:
        value = Decimal(str(amount))
        text = format(value, "f") if value.is_finite() and abs(value.adjusted()) < _DIGITS else ""
    except InvalidOperation:
        text = ""
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if isinstance(amount, bool) or not _EURO.fullmatch(text):
        raise UsageWrong(
            f"{name}={one_line(repr(amount), 40)} is no amount in EUR",
            remedy='an amount like "0.25", not negative, at most nine decimals',
        )
    return text


def _wrong(what: str, error: ValidationError) -> UsageWrong:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    told = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in found[:5])
    return UsageWrong(one_line(f"{what} is not well-formed: {told}", 400), remedy="see docs/api.md")
