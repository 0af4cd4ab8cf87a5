"""Gemini's streamGenerateContent as server-sent events: an incremental reader. Pure.

Format: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson

from peak_console.domain.calls import Answer, Delta, Failure, Finish, ToolCall, Usage
from peak_console.llm.providers import wire
from peak_console.llm.providers.event_reader import EventReader
from peak_console.llm.providers.failing import request_id
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
from peak_console.llm.providers.wire import Malformed


class GoogleReader(EventReader):
    """Reads one streamed answer; see :class:`~.streaming.StreamReader`.

    Its end mark is the finish reason. Usage stands in every event and grows; the last one told is the bill,
    if the answer came to its end.
    """

    __slots__ = ("_calls", "_exchange", "_finish", "_runs", "_spoke", "_text", "_usage", "_word")

    def __init__(self, status: int, headers: Mapping[str, str], /) -> None:
        super().__init__(status, headers)
        self._exchange: str | None = None
        self._finish: Finish | None = None
        self._word = ""
        self._usage: Any = None
        self._runs = 0
        self._text: list[str] = []
        self._calls: list[ToolCall] = []
        self._spoke = False

    @property
    def ended(self) -> bool:
        """``False``: this format has no end mark, and a bill may follow the finish reason."""
        return False

    def _take(self, told: dict[str, Any], deltas: list[Delta]) -> None:
        if told.get("error"):
            self._erred(told["error"])
            return
        self._told(told)
        candidates = told.get("candidates")
        if candidates:
            listed = wire.a_list(candidates, "candidates")
            self._candidate(wire.an_object(listed[0], "candidates[0]"), deltas)
        elif not self._spoke and (blocked := block_reason(told.get("promptFeedback"))) is not None:
            self._finish = Finish.FILTER
            self._failure = self._bill().blocked(blocked)

    def _told(self, chunk: dict[str, Any]) -> None:
        """Who answers, under which id, and what it costs so far."""
        if (model := chunk.get("modelVersion")) is not None:
            name = echo_of(model)
            if name:
                self._name(name)
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
        if self._finish is None:
            return None
        with suppress(Malformed):
            return self._bill().usage
        return None

    def _outcome(self) -> Answer | Failure:
        finish = self._finish
        if finish is None:
            return self._cut("the stream ended without a finish reason")
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
