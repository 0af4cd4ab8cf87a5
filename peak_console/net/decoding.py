"""Taking a body in: its size bounded before and after decompression. Pure."""

import zlib
from collections.abc import Mapping

from peak_console.domain.text import one_line
from peak_console.net.messages import NetError, NetErrorKind

ACCEPT_ENCODING = "gzip"
"""What a request asks for; anything else in an answer is refused."""

_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class BodyDecoder:
    """Decodes a body piece by piece, at most ``max_bytes`` of it; raises :class:`NetError` beyond.

    A gzip bomb is stopped at the limit: the decoder never gives out more than the room that is left.
    """

    def __init__(self, headers: Mapping[str, str], max_bytes: int, *, status: int) -> None:
        self._room = max_bytes
        self._max_bytes = max_bytes
        self._status = status
        self._begun = False
        self._gzip = self._decoder(headers.get("content-encoding", "identity"))
        announced = headers.get("content-length", "")
        if announced.isdecimal() and (len(announced) > 18 or int(announced) > max_bytes):  # noqa: PLR2004 - 18 digits fit 64 bits
            raise self._too_large()

    def decoded(self, chunk: bytes) -> bytes:
        """The bytes that ``chunk`` off the wire stands for; none while a compressed block is incomplete."""
        if self._gzip is not None:
            chunk = self._inflated(chunk)
        self._room -= len(chunk)
        if self._room < 0:
            raise self._too_large()
        return chunk

    def finish(self) -> None:
        """Raises when the compressed stream was cut."""
        if self._gzip is not None and self._begun and not self._gzip.eof:
            raise self._error(NetErrorKind.LOST, "the compressed answer was cut")

    def _decoder(self, encoding: str) -> "zlib._Decompress | None":
        name = encoding.strip().lower()
        if name in {"", "identity"}:
            return None
        if name in {"gzip", "x-gzip"}:
            return zlib.decompressobj(_GZIP_WINDOW)
        raise self._error(
            NetErrorKind.ENCODING, f"the content encoding {one_line(name, 40)!r} was not asked for"
        )

    def _inflated(self, chunk: bytes) -> bytes:
        assert self._gzip is not None  # noqa: S101 - decoded() asked
        self._begun = True
        try:
            return self._gzip.decompress(chunk, self._room + 1)
        except zlib.error as error:
            raise self._error(NetErrorKind.ENCODING, f"the compressed answer is broken: {error}") from None

    def _too_large(self) -> NetError:
        return self._error(NetErrorKind.TOO_LARGE, f"the answer is larger than {self._max_bytes} bytes")

    def _error(self, kind: NetErrorKind, message: str) -> NetError:
        return NetError(kind, message, sent=True, status=self._status)


class BodyReader(BodyDecoder):
    """Collects a whole decoded body."""

    def __init__(self, headers: Mapping[str, str], max_bytes: int, *, status: int) -> None:
        super().__init__(headers, max_bytes, status=status)
        self._chunks: list[bytes] = []

    def feed(self, chunk: bytes) -> None:
        """Take in bytes off the wire."""
        self._chunks.append(self.decoded(chunk))

    def close(self) -> bytes:
        """The whole body; raises when the compressed stream was cut."""
        self.finish()
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
