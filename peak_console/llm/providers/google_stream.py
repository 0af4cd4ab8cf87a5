"""Gemini's streamGenerateContent as server-sent events: an incremental reader. Pure.

Format: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import orjson

from peak_console.domain.calls import Answer, Delta, Failure, Finish, ToolCall, Usage
from peak_console.llm.providers import wire
from peak_console.llm.providers.failing import failure_in_stream, malformed, request_id, stream_cut
from peak_console.llm.providers.google import (
    PARTS,
    Billed,
    block_reason,
    echo_of,
    finish_of,
    hosted_runs,
    parts_of,
    read_part,
    usage_of,
)
from peak_console.llm.providers.sse import SseDecoder
from peak_console.llm.providers.streaming import not_a_stream
from peak_console.llm.providers.wire import Malformed


class GoogleReader:
    """Reads one streamed answer; see :class:`~.streaming.StreamReader`.

    Its end mark is the finish reason. Usage stands in every event and grows; the last one told is the bill,
    if the answer came to its end.
    """

    __slots__ = (
        "_calls", "_exchange", "_failure", "_finish", "_headers", "_model", "_runs", "_spoke", "_sse",
        "_status", "_text", "_usage", "_word", "named",
    )  # fmt: skip

    echoes = True

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        self._status = status
        self._headers = headers
        self._sse = SseDecoder()
        self._failure: Failure | None = not_a_stream(status, headers)
        self._model: str | None = None
        self.named: list[str] = []
        self._exchange: str | None = None
        self._finish: Finish | None = None
        self._word = ""
        self._usage: Any = None
        self._runs = 0
        self._text: list[str] = []
        self._calls: list[ToolCall] = []
        self._spoke = False

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
        """``False``: this format has no end mark, and a bill may follow the finish reason."""
        return False

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
        if self._failure is not None:
            return replace(self._failure, usage=self._billed(), model_echo=self._model)
        if self._finish is None:
            detail = "the stream ended without a finish reason"
            return replace(stream_cut(self._status, self._headers, detail), model_echo=self._model)
        try:
            return self._answer(self._finish)
        except Malformed as error:
            return malformed(
                self._status, self._headers, str(error), usage=self._billed(), model_echo=self._model
            )

    def _take(self, event: bytes, deltas: list[Delta]) -> None:
        if self._failure is not None:
            return
        try:
            chunk = orjson.loads(event)
        except orjson.JSONDecodeError:
            raise Malformed("$", "an event of the stream is not JSON") from None
        if type(chunk) is not dict:
            raise Malformed("$", "an event of the stream is not an object")
        if chunk.get("error"):
            error = chunk["error"]
            told = error if isinstance(error, dict) else {"message": error}
            self._failure = failure_in_stream(self._status, self._headers, told)
            return
        self._told(chunk)
        candidates = chunk.get("candidates")
        if candidates:
            listed = wire.a_list(candidates, "candidates")
            self._candidate(wire.an_object(listed[0], "candidates[0]"), deltas)
        elif not self._spoke and (blocked := block_reason(chunk.get("promptFeedback"))) is not None:
            self._finish = Finish.FILTER
            self._failure = self._bill().blocked(blocked)

    def _told(self, chunk: dict[str, Any]) -> None:
        """Who answers, under which id, and what it costs so far."""
        if (model := chunk.get("modelVersion")) is not None:
            name = echo_of(model)
            if name and name != self._model:
                self._model = name
                self.named.append(name)
        if (exchange := chunk.get("responseId")) is not None:
            self._exchange = wire.a_text(exchange, "responseId")
        usage = chunk.get("usageMetadata")
        if usage is not None and "promptTokenCount" in wire.an_object(usage, "usageMetadata"):
            self._usage = usage

    def _candidate(self, candidate: dict[str, Any], deltas: list[Delta]) -> None:
        for place, item in enumerate(parts_of(candidate.get("content"))):
            self._spoke = True
            found = read_part(item, place, len(self._calls))
            if isinstance(found, str):
                if found:
                    self._text.append(found)
                    deltas.append(Delta(found))
            elif found is not None:
                arguments = orjson.dumps(found.arguments).decode()
                deltas.append(Delta(tool=len(self._calls), tool_name=found.name, arguments=arguments))
                self._calls.append(found)
        if "groundingMetadata" in candidate:
            self._runs = max(self._runs, hosted_runs(candidate["groundingMetadata"]))
        word = candidate.get("finishReason")
        if word is not None:
            self._word = wire.a_text(word, "candidates[0].finishReason")
            self._finish = finish_of(self._word)

    def _bill(self) -> Billed:
        exchange = request_id(self._headers) or self._exchange
        return Billed(self._status, exchange, usage_of(self._usage), self._model).with_runs(self._runs)

    def _billed(self) -> Usage | None:
        """The usage told, if it is final and can be read."""
        if self._finish is None:
            return None
        with suppress(Malformed):
            return self._bill().usage
        return None

    def _answer(self, finish: Finish) -> Answer | Failure:
        bill = self._bill()
        if finish in {Finish.FILTER, Finish.ERROR}:
            return bill.withheld(finish, self._word)
        if finish is Finish.STOP and not self._spoke:
            raise Malformed(PARTS, "a finished answer has no parts")
        return Answer(
            text="".join(self._text),
            finish=Finish.TOOL if self._calls else finish,
            usage=bill.usage,
            model_echo=self._model,
            tool_calls=tuple(self._calls),
            request_id=bill.exchange,
        )
