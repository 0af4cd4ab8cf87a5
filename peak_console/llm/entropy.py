"""Random bytes drawn in larger pieces: a call needs several ids, and each draw would be a system call."""

from typing import Final

from peak_console.domain.ids import RandomBytes

_PIECE: Final = 4096


class Entropy:
    """Gives out the bytes of ``source``, each once."""

    def __init__(self, source: RandomBytes) -> None:
        self._source = source
        self._piece = b""
        self._at = 0

    def take(self, count: int) -> bytes:
        """``count`` fresh bytes."""
        end = self._at + count
        if end > len(self._piece):
            self._piece, self._at, end = self._source(max(_PIECE, count)), 0, count
        taken = self._piece[self._at : end]
        self._at = end
        return taken
