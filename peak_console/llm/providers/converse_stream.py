"""Amazon Bedrock's ConverseStream, read as its events arrive. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from peak_console.domain.calls import Answer, Delta, Failure, ToolCall, Usage
from peak_console.domain.text import one_line
from peak_console.llm.providers import wire
from peak_console.llm.providers.bedrock_converse import outcome, read_usage, tool_call
from peak_console.llm.providers.eventstream import BrokenStream, EventDecoder, EventMessage
from peak_console.llm.providers.failing import aws_code, failure_in_stream, malformed, stream_cut
from peak_console.llm.providers.streaming import not_a_stream
from peak_console.llm.providers.wire import Malformed


@dataclass(slots=True)
class _Tool:
    """A tool call whose arguments are still arriving."""

    identifier: Any
    name: Any
    pieces: list[str] = field(default_factory=list)

    def whole(self, path: str) -> ToolCall:
        try:
            arguments = orjson.loads("".join(self.pieces) or "{}")
        except orjson.JSONDecodeError:
            raise Malformed(f"{path}.input", "not JSON") from None
        return tool_call(self.identifier, self.name, arguments, path)


class ConverseReader:
    """Reads one streamed answer of Converse, which names no model; see ``StreamReader``."""

    echoes = False
    named: tuple[str, ...] = ()

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        self._status = status
        self._headers = dict(headers)
        self._decoder = EventDecoder()
        self._texts: list[str] = []
        self._tools: dict[int, _Tool] = {}
        self._stop: str | None = None
        self._usage: Usage | None = None
        self._failure: Failure | None = not_a_stream(status, headers)

    @property
    def model_echo(self) -> str | None:
        """``None``: the wire format has none."""
        return None

    @property
    def failure(self) -> Failure | None:
        """Why the stream is of no use any more."""
        return self._failure

    @property
    def ended(self) -> bool:
        """Whether the end mark was read."""
        return self._stop is not None and self._usage is not None

    def feed(self, data: bytes) -> Sequence[Delta]:
        """Take body bytes in, cut anywhere; gives the deltas that are complete with them."""
        deltas: list[Delta] = []
        if self._failure is not None:
            return deltas
        try:
            for message in self._decoder.feed(data):
                failed = self._take(message, deltas)
                if failed is not None:
                    self._failure = failed
                    break
        except (BrokenStream, Malformed) as error:
            self._failure = malformed(self._status, self._headers, str(error), usage=self._usage)
        return deltas

    def close(self) -> Answer | Failure:
        """The outcome, once the body has ended."""
        if self._failure is not None:
            return self._failure
        if self._stop is None or not self._decoder.between_messages:
            detail = "the stream ended before its messageStop"
            return stream_cut(self._status, self._headers, detail, usage=self._usage)
        try:
            calls = tuple(tool.whole("toolUse") for _, tool in sorted(self._tools.items()))
            return outcome(
                self._stop,
                text="".join(self._texts),
                calls=calls,
                usage=self._usage,
                status=self._status,
                headers=self._headers,
            )
        except Malformed as error:
            return malformed(self._status, self._headers, str(error), usage=self._usage)

    def _take(self, message: EventMessage, deltas: list[Delta]) -> Failure | None:
        kind = message.text(":message-type")
        if kind == "exception":
            return self._excepted(message.text(":exception-type"), message.payload)
        if kind == "error":
            return self._failed(message.text(":error-code"), message.text(":error-message"))
        if kind != "event":
            raise Malformed(":message-type", f"unknown word {one_line(kind, 40)!r}")
        self._event(message.text(":event-type"), wire.loaded(message.payload), deltas)
        return None

    def _excepted(self, word: str, payload: bytes) -> Failure:
        """An exception event: named as the error of a whole response, but for its first letter's case."""
        told = wire.error_object(payload).get("message")
        return self._failed(aws_code(word[:1].upper() + word[1:]), told if isinstance(told, str) else "")

    def _event(self, word: str, event: dict[str, Any], deltas: list[Delta]) -> None:
        if word == "contentBlockStart":
            self._started(event, deltas)
        elif word == "contentBlockDelta":
            self._piece(event, deltas)
        elif word == "messageStop":
            self._stop = wire.a_text(event.get("stopReason"), "stopReason")
        elif word == "metadata":
            self._usage = read_usage(event.get("usage"))

    def _started(self, event: dict[str, Any], deltas: list[Delta]) -> None:
        start = wire.an_object(event.get("start") or {}, "start")
        if start.get("toolUse") is None:
            return
        use = wire.an_object(start["toolUse"], "start.toolUse")
        if use.get("type") == "server_tool_use":
            return
        place = _place(event)
        if place in self._tools:
            raise Malformed("contentBlockIndex", f"block {place} begins twice")
        name = wire.a_text(use.get("name"), "start.toolUse.name")
        self._tools[place] = _Tool(use.get("toolUseId"), name)
        deltas.append(Delta(tool=self._order(place), tool_name=name))

    def _piece(self, event: dict[str, Any], deltas: list[Delta]) -> None:
        delta = wire.an_object(event.get("delta"), "delta")
        if delta.get("text") is not None:
            text = wire.a_text(delta["text"], "delta.text")
            self._texts.append(text)
            if text:
                deltas.append(Delta(text=text))
        elif delta.get("toolUse") is not None and (tool := self._tools.get(_place(event))) is not None:
            use = wire.an_object(delta["toolUse"], "delta.toolUse")
            piece = wire.a_text(use.get("input"), "delta.toolUse.input")
            tool.pieces.append(piece)
            if piece:
                deltas.append(Delta(tool=self._order(_place(event)), arguments=piece))

    def _order(self, place: int) -> int:
        return list(self._tools).index(place)

    def _failed(self, code: str, message: str) -> Failure:
        failed = failure_in_stream(self._status, self._headers, {"code": code, "message": message})
        return replace(failed, usage=self._usage)


def _place(event: dict[str, Any]) -> int:
    value = event.get("contentBlockIndex")
    if type(value) is int and 0 <= value < 2**31:
        return value
    raise Malformed("contentBlockIndex", f"a place was expected, not {wire.shown(value)}")
