"""What readers of server-sent JSON events share; each adds what an event means and what they amount to."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson

from peak_console.domain.calls import Answer, Delta, Failure, Usage
from peak_console.llm.providers.failing import failure_in_stream, malformed, stream_cut
from peak_console.llm.providers.sse import SseDecoder
from peak_console.llm.providers.streaming import not_a_stream
from peak_console.llm.providers.wire import Malformed

DONE: Final = b"[DONE]"
"""The end mark of OpenAI's streams."""


class EventReader(ABC):
    """Reads one streamed answer of JSON events; see :class:`~.streaming.StreamReader`."""

    __slots__ = ("_failure", "_headers", "_model", "_sse", "_status", "named")

    echoes = True

    def __init__(self, status: int, headers: Mapping[str, str], /) -> None:
        self._status = status
        self._headers = headers
        self._sse = SseDecoder()
        self._failure: Failure | None = not_a_stream(status, headers)
        self._model: str | None = None
        self.named: list[str] = []

    @property
    def model_echo(self) -> str | None:
        """The model's name, as last reported."""
        return self._model

    @property
    def failure(self) -> Failure | None:
        """Why the stream is of no use any more."""
        return self._failure

    @property
    @abstractmethod
    def ended(self) -> bool:
        """Whether the end mark was read."""

    def feed(self, data: bytes) -> Sequence[Delta]:
        """Take body bytes in, cut anywhere; gives the deltas that are complete with them."""
        deltas: list[Delta] = []
        if self._failure is not None:
            return deltas
        try:
            for event in self._sse.feed(data):
                self._event(event, deltas)
        except Malformed as error:
            self._failure = malformed(self._status, self._headers, str(error))
        if self._sse.overflowed and self._failure is None:
            told = "$: an event of the stream is larger than any answer's"
            self._failure = malformed(self._status, self._headers, told)
        return deltas

    def close(self) -> Answer | Failure:
        """The outcome, now that the body has ended."""
        if self._failure is None:
            self._rest(self._sse.rest() or b"")
        if self._failure is not None:
            return replace(self._failure, usage=self._billed(), model_echo=self._model)
        try:
            return self._outcome()
        except Malformed as error:
            return malformed(
                self._status, self._headers, str(error), usage=self._billed(), model_echo=self._model
            )

    @abstractmethod
    def _take(self, told: dict[str, Any], deltas: list[Delta]) -> None:
        """One event; raises ``Malformed``."""

    @abstractmethod
    def _billed(self) -> Usage | None:
        """The usage told, if it is final and can be read."""

    @abstractmethod
    def _outcome(self) -> Answer | Failure:
        """What the events amount to, now that no more come; raises ``Malformed``."""

    def _mark(self) -> None:  # noqa: B027 - a hook: most formats have another end mark
        """``[DONE]`` was read."""

    def _rest(self, left: bytes) -> None:  # noqa: B027 - a hook: most formats end with a blank line
        """What stood behind the last blank line."""

    def _event(self, event: bytes, deltas: list[Delta]) -> None:
        if self.ended or self._failure is not None:
            return
        if event == DONE:
            self._mark()
            return
        try:
            told = orjson.loads(event)
        except orjson.JSONDecodeError:
            raise Malformed("$", "an event of the stream is not JSON") from None
        if type(told) is not dict:
            raise Malformed("$", "an event of the stream is not an object")
        self._take(told, deltas)

    def _name(self, model: str) -> None:
        if model != self._model:
            self._model = model
            self.named.append(model)

    def _erred(self, error: Any) -> None:
        """An error in the place of the answer's next piece."""
        told = error if isinstance(error, dict) else {"message": error if isinstance(error, str) else ""}
        self._failure = failure_in_stream(self._status, self._headers, told)

    def _cut(self, detail: str) -> Failure:
        cut = stream_cut(self._status, self._headers, detail, usage=self._billed())
        return replace(cut, model_echo=self._model)
