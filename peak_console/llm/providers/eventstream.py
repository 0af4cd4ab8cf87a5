"""AWS's binary event stream: framed messages with checksums, read as their bytes arrive. Pure.

Format: https://smithy.io/2.0/aws/amazon-eventstream.html. A message is a prelude (its length, its headers'
length, a CRC over both), headers, a payload and a CRC over all before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from struct import Struct
from typing import Final
from uuid import UUID
from zlib import crc32

HEADERS_LIMIT: Final = 128 * 1024
PAYLOAD_LIMIT: Final = 24 * 1024 * 1024

HeaderValue = bool | int | bytes | str | UUID

_PRELUDE: Final = Struct("!III")
_CRC: Final = Struct("!I")
_LENGTH: Final = Struct("!H")
_INTEGERS: Final = {2: Struct("!b"), 3: Struct("!h"), 4: Struct("!i"), 5: Struct("!q"), 8: Struct("!q")}
"""By header type: byte, short, integer, long, and a timestamp in milliseconds."""
_TRUE, _FALSE, _BYTES, _TEXT, _UUID = 0, 1, 6, 7, 9
_UUID_SIZE: Final = 16


class BrokenStream(Exception):
    """Bytes that are no event stream: a checksum or length is wrong, a header is unreadable."""


@dataclass(frozen=True, slots=True)
class EventMessage:
    """One message: its headers (``:message-type``, ``:event-type`` and so on) and its payload."""

    headers: Mapping[str, HeaderValue]
    payload: bytes

    def text(self, name: str) -> str:
        """A header's text; empty where it is absent or no text."""
        value = self.headers.get(name)
        return value if isinstance(value, str) else ""


class EventDecoder:
    """Takes bytes cut anywhere, gives whole messages. Holds at most one message's bytes and one feed's."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._whole = 0
        """Length of the message at the front; 0 until its prelude was read."""
        self._headers = 0

    @property
    def between_messages(self) -> bool:
        """Whether nothing of an unfinished message is held."""
        return not self._held

    def feed(self, data: bytes) -> list[EventMessage]:
        """The messages that ``data`` completes; raises ``BrokenStream``, and then knows no way on."""
        self._held += data
        messages: list[EventMessage] = []
        while self._prelude_read() and len(self._held) >= self._whole:
            messages.append(self._taken())
        return messages

    def _prelude_read(self) -> bool:
        if self._whole:
            return True
        if len(self._held) < _PRELUDE.size:
            return False
        whole, headers, crc = _PRELUDE.unpack_from(self._held)
        if crc != crc32(self._held[:8]):
            raise BrokenStream("the checksum of a message's prelude is wrong")
        payload = whole - headers - _PRELUDE.size - _CRC.size
        if headers > HEADERS_LIMIT or not 0 <= payload <= PAYLOAD_LIMIT:
            raise BrokenStream(f"a message of {whole} bytes with {headers} bytes of headers cannot be")
        self._whole, self._headers = whole, headers
        return True

    def _taken(self) -> EventMessage:
        message = bytes(self._held[: self._whole])
        del self._held[: self._whole]
        end = self._whole - _CRC.size
        if _CRC.unpack_from(message, end)[0] != crc32(message[:end]):
            raise BrokenStream("the checksum of a message is wrong")
        start = _PRELUDE.size + self._headers
        self._whole = 0
        return EventMessage(_headers(message[_PRELUDE.size : start]), message[start:end])


def _headers(data: bytes) -> dict[str, HeaderValue]:
    headers: dict[str, HeaderValue] = {}
    at = 0
    while at < len(data):
        size = data[at]
        name = _utf8(_slice(data, at + 1, size))
        at += 1 + size
        if name in headers:
            raise BrokenStream("a message has a header twice")
        headers[name], at = _value(data, at)
    return headers


def _value(data: bytes, at: int) -> tuple[HeaderValue, int]:
    """A header's value and where the next header begins."""
    kind = _slice(data, at, 1)[0]
    at += 1
    if kind in {_TRUE, _FALSE}:
        return kind == _TRUE, at
    if (integer := _INTEGERS.get(kind)) is not None:
        return integer.unpack(_slice(data, at, integer.size))[0], at + integer.size
    if kind == _UUID:
        return UUID(bytes=_slice(data, at, _UUID_SIZE)), at + _UUID_SIZE
    if kind not in {_BYTES, _TEXT}:
        raise BrokenStream(f"a header has the unknown type {kind}")
    size = _LENGTH.unpack(_slice(data, at, _LENGTH.size))[0]
    at += _LENGTH.size
    raw = _slice(data, at, size)
    return (raw if kind == _BYTES else _utf8(raw)), at + size


def _slice(data: bytes, at: int, size: int) -> bytes:
    if at + size > len(data):
        raise BrokenStream("a header reaches beyond the headers")
    return data[at : at + size]


def _utf8(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise BrokenStream("a header is not UTF-8") from None
