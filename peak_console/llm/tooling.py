"""Tools of a call: which were offered, which were asked for, what came back, and how events tell it. Pure."""

from typing import Final

from peak_console.domain.calls import Answer, CallReason, CallRequest, Failure, OutcomeClass
from peak_console.domain.text import one_line
from peak_console.llm.bodies import ECHO_LIMIT

MOST_CALLS: Final = 128
"""Tool calls of one answer; more are nothing an agent could serve."""


def offered(request: CallRequest) -> frozenset[str]:
    """The tools an answer may ask for."""
    return frozenset() if request.tool_choice == "none" else frozenset(tool.name for tool in request.tools)


def not_offered(name: str) -> Failure:
    """The failure of an answer that asks for a tool nobody offered it."""
    detail = f"it asked for the tool {one_line(name, ECHO_LIMIT)!r}, which was not offered"
    return Failure(CallReason.MALFORMED, OutcomeClass.NEXT_CANDIDATE, detail)


def misasked(answer: Answer, request: CallRequest) -> Failure | None:
    """Why the tool calls of an answer must not reach an agent; ``None`` when they may.

    Their arguments are a JSON object of the model's making: whoever runs a tool judges them.
    """
    if not answer.tool_calls:
        return None
    if len(answer.tool_calls) > MOST_CALLS:
        detail = f"it asked for {len(answer.tool_calls)} tools at once; {MOST_CALLS} are allowed"
        return Failure(CallReason.MALFORMED, OutcomeClass.NEXT_CANDIDATE, detail)
    allowed = offered(request)
    stranger = next((call.name for call in answer.tool_calls if call.name not in allowed), None)
    if stranger is not None:
        return not_offered(stranger)
    ids = {call.id for call in answer.tool_calls}
    if len(ids) != len(answer.tool_calls) or "" in ids:
        detail = "two of its tool calls have the same id, or one has none"
        return Failure(CallReason.MALFORMED, OutcomeClass.NEXT_CANDIDATE, detail)
    return None
