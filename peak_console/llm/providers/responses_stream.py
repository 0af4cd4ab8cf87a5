"""OpenAI's Responses as they stream: an incremental reader. Pure.

Format: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import orjson

from peak_console.domain.calls import Answer, Delta, Failure, Pending, Usage
from peak_console.llm.providers import wire
from peak_console.llm.providers.failing import failure_in_stream, malformed, stream_cut
from peak_console.llm.providers.responses_answers import echo_of, of_object, usage_of
from peak_console.llm.providers.sse import SseDecoder
from peak_console.llm.providers.streaming import not_a_stream
from peak_console.llm.providers.wire import Malformed

_ENDS: Final = frozenset(
    {"response.completed", "response.incomplete", "response.failed", "response.cancelled"}
)
_TEXT: Final = "response.output_text.delta"
_ARGUMENTS: Final = "response.function_call_arguments.delta"
_ITEM: Final = "response.output_item.added"
_END: Final = b"[DONE]"


class ResponsesReader:
    """Reads one streamed response; see :class:`~.streaming.StreamReader`.

    The last event holds the whole response object, and the outcome is read from it alone: nothing is put
    together from pieces.
    """

    __slots__ = ("_calls", "_end", "_failure", "_headers", "_model", "_sse", "_status", "_usage", "named")

    echoes = True

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        self._status = status
        self._headers = headers
        self._sse = SseDecoder()
        self._failure: Failure | None = not_a_stream(status, headers)
        self._model: str | None = None
        self.named: list[str] = []
        self._usage: Usage | None = None
        self._calls: dict[int, int] = {}
        """Place among the tool calls, by place in the output."""
        self._end: dict[str, Any] | None = None

    @property
    def model_echo(self) -> str | None:
        """The model's name, as last reported."""
        return self._model

    @property
    def failure(self) -> Failure | None:
        """Why the stream is of no use any more."""
        return self._failure

    @property
    def ended(self) -> bool:
        """Whether the end mark was read."""
        return self._end is not None

    def feed(self, data: bytes) -> Sequence[Delta]:
        """Take body bytes in, cut anywhere; gives the deltas that are complete with them."""
        if self._failure is not None:
            return ()
        deltas: list[Delta] = []
        try:
            for event in self._sse.feed(data):
                self._take(event, deltas)
        except Malformed as error:
            self._failure = malformed(self._status, self._headers, str(error))
        if self._sse.overflowed and self._failure is None:
            told = "$: an event of the stream is larger than any answer's"
            self._failure = malformed(self._status, self._headers, told)
        return deltas

    def close(self) -> Answer | Failure:
        """The outcome, now that the body has ended."""
        if self._failure is None and self._end is None:
            with suppress(Malformed):  # what a cut left of an event is no event
                self._take(self._sse.rest() or b"{}", [])
        if self._failure is not None:
            return replace(self._failure, usage=self._usage, model_echo=self._model)
        if self._end is None:
            return self._cut("the stream ended before the response did")
        found = of_object(self._end, self._status, self._headers)
        return self._cut("the stream ended with work under way") if isinstance(found, Pending) else found

    def _take(self, event: bytes, deltas: list[Delta]) -> None:
        if self._end is not None or self._failure is not None or event == _END:
            return
        try:
            told = orjson.loads(event)
        except orjson.JSONDecodeError:
            raise Malformed("$", "an event of the stream is not JSON") from None
        if type(told) is not dict:
            raise Malformed("$", "an event of the stream is not an object")
        named = told.get("type")
        kind = named if isinstance(named, str) else ""
        if kind in {_TEXT, _ARGUMENTS, _ITEM}:
            self._said(kind, told, deltas)
        elif told.get("response") is not None:
            self._response(told["response"], ended=kind in _ENDS)
        elif kind == "error" or told.get("error"):
            self._erred(told)

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
        if name and name != self._model:
            self._model = name
            self.named.append(name)
        if ended:
            self._end = response
            with suppress(Malformed):
                self._usage = usage_of(response)

    def _erred(self, told: dict[str, Any]) -> None:
        error = told.get("error") or told
        known = error if isinstance(error, dict) else {"message": error if isinstance(error, str) else ""}
        self._failure = failure_in_stream(self._status, self._headers, known)

    def _cut(self, detail: str) -> Failure:
        cut = stream_cut(self._status, self._headers, detail, usage=self._usage)
        return replace(cut, model_echo=self._model)


def _place(told: dict[str, Any]) -> int:
    value = told.get("output_index")
    if type(value) is int and 0 <= value < 2**31:
        return value
    raise Malformed("output_index", "a place was expected")
