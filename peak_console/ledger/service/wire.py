"""The words between the ledger's server and its clients: frames, protocol version, errors.

A frame is four bytes of big-endian length and that many bytes of JSON: one message (an object) or several
(an array of objects). A request has ``op`` and ``id``; its reply has the same ``id`` and either the answer's
fields or ``error``. Unasked the server says notices only: messages with ``notice`` and no ``id``, to clients
whose hello said ``worker``; whoever does not know one passes it over.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from peak_console.domain import errors
from peak_console.domain.errors import NodeUnreachable, PeakError, UsageWrong
from peak_console.domain.events import EventDraft
from peak_console.domain.ledgering import Ack, Refusal
from peak_console.ledger.bodies import body_bytes

PROTOCOL: Final = 1
"""Raised when a client and a server of different versions would misunderstand each other."""

FRAME_LIMIT: Final = 8 * 1024 * 1024
"""The longest frame, in bytes."""

EVENTS_LIMIT: Final = 1000
"""The most events in one append."""

DEADLINE_S: Final = 5.0
"""How long a client waits for an acknowledgement unless told otherwise, reconnections included."""

DRAFT_FIELDS: Final = ("run_id", "call_id", "layer", "role", "provider", "model_id")

Message = dict[str, Any]

_PREFIX = 4
_ERRORS = {
    kind.__name__: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, PeakError)
}


class FrameBroken(PeakError):
    """Bytes that are no frame of this protocol; the connection cannot go on."""

    default_code = "frame_broken"


class FrameReader:
    """Cuts a stream of bytes into messages."""

    def __init__(self, limit: int = FRAME_LIMIT) -> None:
        self._buffer = bytearray()
        self._limit = limit

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages completed by ``data``; raises :class:`FrameBroken`."""
        buffer = self._buffer
        buffer += data
        while len(buffer) >= _PREFIX:
            length = int.from_bytes(buffer[:_PREFIX], "big")
            if not 0 < length <= self._limit:
                raise FrameBroken(f"a frame of {length} bytes; 1 to {self._limit} are allowed")
            if len(buffer) < _PREFIX + length:
                return
            payload = bytes(memoryview(buffer)[_PREFIX : _PREFIX + length])
            del buffer[: _PREFIX + length]
            yield from parse(payload)


def parse(payload: bytes) -> list[Message]:
    """The messages in a frame's payload; raises :class:`FrameBroken`."""
    try:
        found = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise FrameBroken(f"a frame that is no JSON: {error}") from None
    messages = found if isinstance(found, list) else [found]
    if not all(isinstance(message, dict) for message in messages):
        raise FrameBroken("a frame that holds something else than objects")
    return messages


def frame(messages: Sequence[Any]) -> bytes:
    """One frame of one or several messages."""
    payload = orjson.dumps(messages[0] if len(messages) == 1 else messages)
    return len(payload).to_bytes(_PREFIX, "big") + payload


def draft_to_wire(draft: EventDraft) -> Message:
    """A draft as it travels, its body already in canonical bytes; raises ``NotCanonical``."""
    event: Message = {
        "event_id": draft.event_id,
        "kind": draft.kind,
        "body": orjson.Fragment(body_bytes(draft.body)),
    }
    for name in DRAFT_FIELDS:
        value = getattr(draft, name)
        if value is not None:
            event[name] = value
    return event


def draft_from_wire(event: Any) -> EventDraft:
    """A draft as it came: hostile until the writer's preparation has checked it. Raises ``UsageWrong``."""
    if not isinstance(event, dict):
        raise UsageWrong("an event is not an object", code="event_malformed")
    get = event.get
    event_id: Any = get("event_id")
    kind: Any = get("kind")
    return EventDraft(
        event_id,
        kind,
        get("body", {}),
        get("run_id"),
        get("call_id"),
        get("layer"),
        get("role"),
        get("provider"),
        get("model_id"),
    )


def ack_to_wire(ack: Ack) -> list[Any]:
    """An acknowledgement as it travels."""
    place = [ack.event_id, ack.seq, ack.hash, ack.ts]
    if ack.refusal is not None:
        refusal = ack.refusal
        place.append([str(refusal.code), refusal.message, refusal.remedy, refusal.details])
    return place


def ack_from_wire(fields: list[Any]) -> Ack:
    """The inverse of :func:`ack_to_wire`."""
    event_id, seq, link, ts, *refusal = fields
    return Ack(event_id, seq, link, ts, Refusal(*refusal[0]) if refusal else None)


def results_to_wire(request: object, results: Sequence[Ack | PeakError]) -> Message:
    """The reply to an append: every acknowledgement, or the first error."""
    wrong = next((result for result in results if isinstance(result, PeakError)), None)
    if wrong is not None:
        return {"id": request, "error": error_to_wire(wrong)}
    return {"id": request, "acks": [ack_to_wire(ack) for ack in results if isinstance(ack, Ack)]}


def error_to_wire(error: PeakError) -> Message:
    """An error as it travels: its class by name, code, message, remedy and details."""
    known = next(kind.__name__ for kind in type(error).__mro__ if kind.__name__ in _ERRORS)
    return {"type": known, "details": error.details, **_words(error)}


def error_from_wire(fields: Mapping[str, Any]) -> PeakError:
    """The error of the same class and words; an unknown class becomes ``PeakError``."""
    kind = _ERRORS.get(str(fields.get("type")), PeakError)
    error = kind(
        str(fields.get("message", "")),
        code=str(fields.get("code", "error")),
        remedy=str(fields.get("remedy", "")),
    )
    details = fields.get("details")
    error.details = dict(details) if isinstance(details, dict) else {}
    return error


def answer(reply: Message) -> Message:
    """A reply that is no error; raises the error it is."""
    error = reply.get("error")
    if error is not None:
        raise error_from_wire(error)
    return reply


def unreachable(path: Path, why: str) -> NodeUnreachable:
    """Nobody answered at this socket."""
    return NodeUnreachable(f"no node at {path.name}: {why}", remedy="start it with: peak node start")


def _words(error: PeakError) -> Message:
    return {"code": str(error.code), "message": error.message, "remedy": error.remedy}
