"""OpenAI's Responses as they stream: an incremental reader. Pure.

Format: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from peak_console.domain.calls import Answer, Delta, Failure, Pending, Usage
from peak_console.llm.providers import wire
from peak_console.llm.providers.event_reader import EventReader
from peak_console.llm.providers.responses_answers import echo_of, of_object, usage_of
from peak_console.llm.providers.wire import Malformed

_ENDS: Final = frozenset(
    {"response.completed", "response.incomplete", "response.failed", "response.cancelled"}
)
_TEXT: Final = "response.output_text.delta"
_ARGUMENTS: Final = "response.function_call_arguments.delta"
_ITEM: Final = "response.output_item.added"


class ResponsesReader(EventReader):
    """Reads one streamed response; see :class:`~.streaming.StreamReader`.

    The last event holds the whole response object, and the outcome is read from it alone: nothing is put
    together from pieces.
    """

    __slots__ = ("_calls", "_end", "_usage")

    def __init__(self, status: int, headers: Mapping[str, str], /) -> None:
        super().__init__(status, headers)
        self._usage: Usage | None = None
        self._calls: dict[int, int] = {}
        """Place among the tool calls, by place in the output."""
        self._end: dict[str, Any] | None = None

    @property
    def ended(self) -> bool:
        """Whether the end mark was read."""
        return self._end is not None

    def _rest(self, left: bytes) -> None:
        """An event without its blank line; what a cut left of one is none."""
        if left:
            with suppress(Malformed):
                self._event(left, [])

    def _outcome(self) -> Answer | Failure:
        if self._end is None:
            return self._cut("the stream ended before the response did")
        found = of_object(self._end, self._status, self._headers)
        return self._cut("the stream ended with work under way") if isinstance(found, Pending) else found

    def _billed(self) -> Usage | None:
        return self._usage

    def _take(self, told: dict[str, Any], deltas: list[Delta]) -> None:
        named = told.get("type")
        kind = named if isinstance(named, str) else ""
        if kind in {_TEXT, _ARGUMENTS, _ITEM}:
            self._said(kind, told, deltas)
        elif told.get("response") is not None:
            self._response(told["response"], ended=kind in _ENDS)
        elif kind == "error" or told.get("error"):
            self._erred(told.get("error") or told)

    def _said(self, kind: str, told: dict[str, Any], deltas: list[Delta]) -> None:
        if kind == _ITEM:
            self._item(told, deltas)
            return
        piece = wire.a_text(told.get("delta"), "delta")
        if kind == _TEXT:
            if piece:
                deltas.append(Delta(text=piece))
        elif piece and (place := self._calls.get(_place(told))) is not None:
            deltas.append(Delta(tool=place, arguments=piece))

    def _item(self, told: dict[str, Any], deltas: list[Delta]) -> None:
        item = wire.an_object(told.get("item"), "item")
        if item.get("type") != "function_call":
            return
        place = self._calls.setdefault(_place(told), len(self._calls))
        deltas.append(Delta(tool=place, tool_name=wire.a_text(item.get("name"), "item.name")))

    def _response(self, value: Any, *, ended: bool) -> None:
        response = wire.an_object(value, "response")
        name = echo_of(response)
        if name:
            self._name(name)
        if ended:
            self._end = response
            with suppress(Malformed):
                self._usage = usage_of(response)


def _place(told: dict[str, Any]) -> int:
    value = told.get("output_index")
    if type(value) is int and 0 <= value < 2**31:
        return value
    raise Malformed("output_index", "a place was expected")
