"""What every adapter's reader of a streamed answer offers. Pure: bytes in, deltas and one outcome out."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from peak_console.domain.calls import Answer, Delta, Failure
from peak_console.llm.providers.failing import malformed


class StreamReader(Protocol):
    """Reads one streamed answer. Never raises, whatever the bytes.

    ``model_echo`` is the model's name as soon as the stream tells it. ``echoes`` says whether this wire
    format tells one at all: where it does, no delta may be handed on before.
    """

    echoes: bool

    @property
    def named(self) -> Sequence[str]:
        """Every name that was reported, in order, again when it changed: none passes unseen."""
        ...

    @property
    def model_echo(self) -> str | None:
        """The name of the model that answers, as last reported."""
        ...

    @property
    def failure(self) -> Failure | None:
        """Why the stream is of no use any more: an error event, a shape its format does not know."""
        ...

    @property
    def ended(self) -> bool:
        """Whether the end mark was read: nothing of worth follows, whenever the body itself may end."""
        ...

    def feed(self, data: bytes) -> Sequence[Delta]:
        """Take decoded body bytes in, cut anywhere; gives the deltas that are complete with them."""
        ...

    def close(self) -> Answer | Failure:
        """The outcome, once the body has ended. A stream that lacks its own end mark is ``stream_cut``.

        A failure carries the usage that was told before, if any.
        """
        ...


class MakeReader(Protocol):
    """Makes the reader of a successful response's body."""

    def __call__(self, status: int, headers: Mapping[str, str], /) -> StreamReader:
        """A reader for a response with this status and these headers."""
        ...


def not_a_stream(status: int, headers: Mapping[str, str]) -> Failure | None:
    """Why a response that should be an event stream is none, by its own content type."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {"application/json", "text/html"}:
        return None
    return malformed(status, headers, f"content-type: an event stream was asked for, {kind} came")
