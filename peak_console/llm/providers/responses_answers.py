"""OpenAI's Responses, the way back: a response object as an outcome. Pure.

Format: https://platform.openai.com/docs/api-reference/responses/object
"""

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from peak_console.domain.calls import (
    Answer,
    CallReason,
    Failure,
    Finish,
    OutcomeClass,
    Pending,
    ToolCall,
    Usage,
)
from peak_console.domain.text import one_line
from peak_console.llm.providers import wire
from peak_console.llm.providers.failing import error_codes, failure, failure_in_stream, malformed, request_id
from peak_console.llm.providers.waiting import rate_state
from peak_console.llm.providers.wire import Malformed

Headers = Mapping[str, str]

_WAITING: Final = frozenset({"queued", "in_progress"})
_CUT_SHORT: Final = frozenset({"max_output_tokens", "max_messages", "max_tool_calls", "steered"})
_SILENT: Final = frozenset(
    {"reasoning", "compaction", "mcp_list_tools", "additional_tools", "program", "program_output"}
)
"""Items that are no part of the answer and run nothing that is billed by the piece."""
_CLIENTS: Final = frozenset(
    {
        "apply_patch_call",
        "computer_call",
        "custom_tool_call",
        "local_shell_call",
        "mcp_approval_request",
        "shell_call",
    }
)
"""Calls that we would have to answer, of tools that we never offer."""
_UNBILLED_ACTIONS: Final = frozenset({"open_page", "find_in_page", "find"})
"""What a web search does besides searching."""
_REFUSED_PROMPT: Final = frozenset(
    {"bio_policy", "image_content_policy_violation", "misalignment_policy_violation"}
)
_MOST_CALLS: Final = 10_000


@dataclass(slots=True)
class _Spoken:
    """What a response's output items hold."""

    texts: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    hosted: Counter[str] = field(default_factory=Counter)
    """Runs of tools by the provider, by the tool's name."""


def parse(status: int, headers: Headers, body: bytes) -> Answer | Failure | Pending:
    """The outcome of a response; never raises, whatever the bytes."""
    if not 200 <= status < 300:  # noqa: PLR2004 - the success class of RFC 9110
        error = wire.error_object(body)
        return failure(status, headers, codes=error_codes(error), message=wire.error_message(error))
    try:
        return of_object(wire.loaded(body), status, headers)
    except Malformed as error:
        return malformed(status, headers, str(error))


def parse_later(status: int, headers: Headers, body: bytes) -> Answer | Failure | Pending:
    """The outcome of asking after background work or of cancelling it.

    A provider that does not know the response any more has lost it, or has kept it no longer: what it
    answered, and what that cost, nobody can tell.
    """
    found = parse(status, headers, body)
    if isinstance(found, Failure) and found.reason is CallReason.MODEL_NOT_FOUND:
        return replace(found, reason=CallReason.BACKGROUND_LOST, outcome=OutcomeClass.AMBIGUOUS)
    return found


def of_object(root: dict[str, Any], status: int, headers: Headers) -> Answer | Failure | Pending:
    """A response object as an outcome; where its answer cannot be read, its bill is told all the same."""
    try:
        return _outcome(root, status, headers)
    except Malformed as error:
        usage: Usage | None = None
        with suppress(Malformed):
            usage = usage_of(root)
        echo = root.get("model")
        named = echo if isinstance(echo, str) else None
        return malformed(status, headers, str(error), usage=usage, model_echo=named)


def usage_of(root: dict[str, Any]) -> Usage | None:
    """What a response object says was billed; ``None`` when it does not."""
    value = root.get("usage")
    if value is None:
        return None
    usage = wire.an_object(value, "usage")
    return wire.openai_usage(usage, ("input", "output"), hosted_calls=_hosted_calls(root))


def echo_of(root: dict[str, Any]) -> str | None:
    """The name of the model in a response object."""
    return wire.maybe_text(root.get("model"), "model") or None


def arguments_of(text: str, path: str) -> dict[str, Any]:
    """The arguments of a function call; none at all is an empty object."""
    try:
        arguments = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        raise Malformed(path, "not JSON") from None
    return wire.arguments(arguments, path)


def _outcome(root: dict[str, Any], status: int, headers: Headers) -> Answer | Failure | Pending:
    state = wire.a_text(root.get("status"), "status")
    echo = echo_of(root)
    exchange = request_id(headers)
    rate = rate_state(headers)
    if state in _WAITING:
        response_id = wire.a_text(root.get("id"), "id")
        return Pending(response_id, state, model_echo=echo, request_id=exchange, rate=rate)
    usage = usage_of(root)
    if state == "completed":
        return _answer(root, Finish.STOP, headers)
    if state == "incomplete":
        details = wire.an_object(root.get("incomplete_details") or {}, "incomplete_details")
        why = wire.a_text(details.get("reason"), "incomplete_details.reason")
        if why in _CUT_SHORT:
            return _answer(root, Finish.LENGTH, headers)
        if why != "content_filter":
            raise Malformed("incomplete_details.reason", f"unknown word {one_line(why, 40)!r}")
        found = failure(status, headers, codes=("content_filter",))
        detail = "the provider's content filter withheld the answer"
    elif state == "failed":
        found = _failed(root, status, headers)
        detail = found.detail
    elif state == "cancelled":
        detail = "cancelled at the provider"
        found = Failure(CallReason.CANCELLED, OutcomeClass.STOP, request_id=exchange, rate=rate)
    else:
        raise Malformed("status", f"unknown word {one_line(state, 40)!r}")
    return replace(found, detail=detail, status=status, usage=usage, model_echo=echo)


def _failed(root: dict[str, Any], status: int, headers: Headers) -> Failure:
    """Work that the provider gave up. It is not tried again here, for this one may be billed."""
    error = wire.an_object(root.get("error") or {}, "error")
    found = failure_in_stream(status, headers, error)
    code = error.get("code")
    detail = found.detail.removeprefix("an error in the stream: ")
    if isinstance(code, str) and code in _REFUSED_PROMPT:
        found = replace(found, reason=CallReason.CONTENT_FILTER, outcome=OutcomeClass.STOP)
    elif isinstance(code, str) and (code.startswith(("invalid_", "image_")) or code == "empty_image_file"):
        found = replace(found, reason=CallReason.BAD_REQUEST, outcome=OutcomeClass.STOP)
    elif found.outcome is OutcomeClass.RETRY_HERE:
        found = replace(found, outcome=OutcomeClass.NEXT_CANDIDATE)
    return replace(found, detail=one_line(f"the response failed: {detail}", 300))


def _answer(root: dict[str, Any], finish: Finish, headers: Headers) -> Answer:
    spoken = _spoken(root)
    text = "".join(spoken.texts)
    if finish is Finish.STOP and not (text or spoken.calls or spoken.refusals):
        raise Malformed("output", "a completed response says nothing")
    return Answer(
        text=text,
        finish=Finish.TOOL if spoken.calls and finish is Finish.STOP else finish,
        usage=usage_of(root),
        model_echo=echo_of(root),
        tool_calls=tuple(spoken.calls),
        request_id=request_id(headers),
        refusal="".join(spoken.refusals) or None,
        rate=rate_state(headers),
    )


def _spoken(root: dict[str, Any]) -> _Spoken:
    spoken = _Spoken()
    for index, value in enumerate(wire.a_list(root.get("output"), "output")):
        path = f"output[{index}]"
        item = wire.an_object(value, path)
        kind = wire.a_text(item.get("type"), f"{path}.type")
        if kind == "message":
            _message(item, path, spoken)
        elif kind == "function_call":
            # a call that was cut in its midst has arguments that nobody can follow
            if item.get("status") != "incomplete":
                spoken.calls.append(_function_call(item, path))
        elif kind in _CLIENTS or not (kind in _SILENT or kind.endswith(("_call", "_call_output"))):
            raise Malformed(f"{path}.type", f"unknown item {one_line(kind, 40)!r}")
    return spoken


def _message(item: dict[str, Any], path: str, spoken: _Spoken) -> None:
    for index, value in enumerate(wire.a_list(item.get("content"), f"{path}.content")):
        inner = f"{path}.content[{index}]"
        part = wire.an_object(value, inner)
        kind = part.get("type")
        if kind == "output_text":
            spoken.texts.append(wire.a_text(part.get("text"), f"{inner}.text"))
        elif kind == "refusal":
            spoken.refusals.append(wire.a_text(part.get("refusal"), f"{inner}.refusal"))
        else:
            raise Malformed(f"{inner}.type", f"unknown part {wire.shown(kind)}")


def _function_call(item: dict[str, Any], path: str) -> ToolCall:
    text = wire.a_text(item.get("arguments"), f"{path}.arguments")
    return ToolCall.model_construct(
        id=wire.a_text(item.get("call_id"), f"{path}.call_id"),
        name=wire.a_text(item.get("name"), f"{path}.name"),
        arguments=arguments_of(text, f"{path}.arguments"),
    )


def _hosted_calls(root: dict[str, Any]) -> int:
    """Runs of the provider's tools that it bills: as it tells them, or as its output shows them."""
    runs: Counter[str] = Counter()
    for value in wire.a_list(root.get("output") or [], "output"):
        kind = value.get("type") if isinstance(value, dict) else None
        if isinstance(kind, str) and kind.endswith("_call") and kind != "function_call" and _billed(value):
            runs[kind.removesuffix("_call")] += 1
    told = root.get("tool_usage")
    for tool, used in told.items() if isinstance(told, dict) else ():
        count = used.get("num_requests") if isinstance(used, dict) else None
        if type(count) is int and 0 <= count <= _MOST_CALLS:
            runs[tool] = count
    return runs.total()


def _billed(item: dict[str, Any]) -> bool:
    action = item.get("action")
    kind = action.get("type") if isinstance(action, dict) else None
    return not (isinstance(kind, str) and kind in _UNBILLED_ACTIONS)
