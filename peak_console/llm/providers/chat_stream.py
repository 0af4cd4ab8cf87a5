"""Chat completions as they stream: an incremental reader for every OpenAI-like provider. Pure.

Format: https://platform.openai.com/docs/api-reference/chat-streaming
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from peak_console.domain.calls import Answer, Delta, Failure, Finish, ToolCall, Usage
from peak_console.llm.providers import wire
from peak_console.llm.providers.chat_answers import (
    arguments_of,
    finish_of,
    text_of_chunks,
    usage_of,
    withheld,
)
from peak_console.llm.providers.chat_dialects import OPENAI, Dialect
from peak_console.llm.providers.event_reader import DONE, EventReader
from peak_console.llm.providers.failing import request_id
from peak_console.llm.providers.waiting import rate_state
from peak_console.llm.providers.wire import Malformed

_DELTA: Final = "choices[0].delta"


@dataclass(slots=True)
class _Call:
    """A tool call on its way."""

    place: int
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class ChatReader(EventReader):
    """Reads one streamed chat completion; see :class:`~.streaming.StreamReader`.

    Usage is taken however it comes, the last one told counts: in a chunk of its own, beside the last words,
    or in every chunk. Before the model has said why it stopped it is not the bill, and a cut stream has none.
    """

    __slots__ = (
        "_calls", "_dialect", "_done", "_fingerprint", "_finish", "_refusal", "_spoke", "_text", "_usage",
    )  # fmt: skip

    def __init__(self, status: int, headers: Mapping[str, str], /, dialect: Dialect = OPENAI) -> None:
        super().__init__(status, headers)
        self._dialect = dialect
        self._fingerprint: str | None = None
        self._finish: Finish | None = None
        self._usage: Any = None
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[str | int, _Call] = {}
        self._spoke = False
        self._done = False

    @property
    def ended(self) -> bool:
        """Whether the end mark was read."""
        return self._done

    def _mark(self) -> None:
        self._done = True

    def _rest(self, left: bytes) -> None:
        """An end mark without its blank line is one."""
        self._done = self._done or left == DONE

    def _take(self, told: dict[str, Any], deltas: list[Delta]) -> None:
        if told.get("error"):
            self._erred(told["error"])
            return
        self._named(told)
        choices = told.get("choices")
        if choices:
            self._choice(choices, deltas)
        elif choices is None and not told.keys() & {"usage", "prompt_filter_results"}:
            raise Malformed("choices", "an event of the stream has none")

    def _named(self, chunk: dict[str, Any]) -> None:
        """Who answers, and what it costs; empty names stand before the model begins."""
        model = chunk.get("model")
        if model and model != self._model:
            self._name(wire.a_text(model, "model"))
        fingerprint = chunk.get("system_fingerprint")
        if fingerprint:
            self._fingerprint = wire.a_text(fingerprint, "system_fingerprint")
        usage = chunk.get("usage")
        if usage is not None:
            self._usage = usage

    def _choice(self, choices: Any, deltas: list[Delta]) -> None:
        choice = choices[0] if type(choices) is list else wire.a_list(choices, "choices")
        if type(choice) is not dict:
            raise Malformed("choices[0]", "an object was expected")
        if choice.get("index"):
            raise Malformed("choices[0].index", "one answer was asked for, this is another")
        delta = choice.get("delta")
        if delta:
            self._delta(delta, deltas)
        finish = choice.get("finish_reason")
        if finish is not None:
            self._finish = finish_of(finish, self._dialect)

    def _delta(self, delta: Any, deltas: list[Delta]) -> None:
        if type(delta) is not dict:
            raise Malformed(_DELTA, "an object was expected")
        content = delta.get("content")
        if content is not None:
            self._spoke = True
            if type(content) is not str:
                content = self._chunks(content)
            if content:
                self._text.append(content)
                deltas.append(Delta(content))
        if delta.get("refusal"):
            self._refusal.append(wire.a_text(delta["refusal"], f"{_DELTA}.refusal"))
        if delta.get("tool_calls"):
            for index, call in enumerate(wire.a_list(delta["tool_calls"], f"{_DELTA}.tool_calls")):
                self._tool_call(wire.an_object(call, f"{_DELTA}.tool_calls[{index}]"), index, deltas)

    def _chunks(self, content: Any) -> str:
        path = f"{_DELTA}.content"
        if self._dialect.content_chunks and isinstance(content, list):
            return text_of_chunks(content, path)
        return wire.a_text(content, path)

    def _tool_call(self, piece: dict[str, Any], index: int, deltas: list[Delta]) -> None:
        path = f"{_DELTA}.tool_calls[{index}]"
        function = wire.an_object(piece.get("function") or {}, f"{path}.function")
        arguments = wire.maybe_text(function.get("arguments"), f"{path}.function.arguments") or ""
        name = wire.maybe_text(function.get("name"), f"{path}.function.name") or ""
        told = wire.maybe_text(piece.get("id"), f"{path}.id") or ""
        key: str | int = wire.tokens(piece.get("index", index), f"{path}.index")
        if self._dialect.whole_calls and told not in {"", "null"}:
            key = told
        call = self._calls.get(key)
        if call is None:
            call = self._calls[key] = _Call(len(self._calls), told)
        fresh = "" if call.name else name
        call.id = call.id or told
        call.name = call.name or name
        if arguments:
            call.arguments.append(arguments)
        if fresh or arguments:
            deltas.append(Delta(tool=call.place, tool_name=fresh, arguments=arguments))

    def _billed(self) -> Usage | None:
        if self._finish is None and not self._done:
            return None
        with suppress(Malformed):
            return usage_of(self._usage)
        return None

    def _outcome(self) -> Answer | Failure:
        if not self._done:
            return self._cut("the stream ended without its end mark")
        usage = usage_of(self._usage)
        if self._finish is None:
            raise Malformed("choices[0].finish_reason", "the stream ended without one")
        if self._finish in {Finish.FILTER, Finish.ERROR}:
            return withheld(self._finish, self._status, self._headers, usage=usage, echo=self._model)
        calls = tuple(self._called(call) for call in self._calls.values())
        refusal = "".join(self._refusal) or None
        if not (self._spoke or calls or refusal) and self._finish is Finish.STOP:
            raise Malformed(f"{_DELTA}.content", "a finished answer has none")
        return Answer(
            text="".join(self._text),
            finish=Finish.TOOL if calls and self._finish is Finish.STOP else self._finish,
            usage=usage,
            model_echo=self._model,
            tool_calls=calls,
            fingerprint=self._fingerprint,
            request_id=request_id(self._headers),
            refusal=refusal,
            rate=rate_state(self._headers),
        )

    def _called(self, call: _Call) -> ToolCall:
        path = f"{_DELTA}.tool_calls[{call.place}]"
        if not call.id or not call.name:
            raise Malformed(path, "a tool call has no id or no name")
        arguments = arguments_of("".join(call.arguments), f"{path}.function.arguments")
        return ToolCall.model_construct(id=call.id, name=call.name, arguments=arguments)
