"""Signs of life: to systemd by its notification socket (sd_notify(3)), or a watchdog of the node's own."""

import asyncio
import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

EXIT_HUNG: Final = 70
"""How a node ends that its own watchdog found hanging (sysexits.h, EX_SOFTWARE)."""

_LOOK_S: Final = 1.0

logger = logging.getLogger(__name__)


class Notifier:
    """systemd's notification socket, as ``NOTIFY_SOCKET`` names it; without one, nothing is told."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        named = environ.get("NOTIFY_SOCKET", "")
        self._address = f"\0{named[1:]}" if named.startswith("@") else named
        self.watchdog_s = _watchdog_s(environ)
        """How often systemd wants a sign of life at the latest; ``None`` when it does not."""

    def tell(self, text: str) -> bool:
        """Send ``text`` (``READY=1``, ``WATCHDOG=1``, ``STOPPING=1``); whether it was taken."""
        if not self._address:
            return False
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.connect(self._address)
            line.sendall(text.encode())
            return True
        return False

    async def keep(self, advanced: Callable[[], bool]) -> None:
        """Until cancelled: a sign of life three times as often as asked for, while ``advanced()``."""
        if not self._address or self.watchdog_s is None:
            return
        while True:
            if advanced():
                self.tell("WATCHDOG=1")
            await asyncio.sleep(self.watchdog_s / 3)


def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    pid = environ.get("WATCHDOG_PID")
    if pid is not None and pid != str(os.getpid()):
        return None
    text = environ.get("WATCHDOG_USEC", "")
    return int(text) / 1_000_000 if text.isascii() and text.isdigit() and int(text) > 0 else None


class Watchdog:
    """A thread that ends this process when :meth:`beat` was not called for ``limit_s``.

    Its clock stands while the machine sleeps, so waking up is no hang.
    """

    def __init__(
        self,
        limit_s: float,
        *,
        end: Callable[[int], object] = os._exit,
        look_s: float = _LOOK_S,
    ) -> None:
        self._limit_s, self._end, self._look_s = limit_s, end, look_s
        self._last = time.monotonic()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="peak-watchdog", daemon=True)
        self._thread.start()

    def beat(self) -> None:
        """The loop advanced."""
        self._last = time.monotonic()

    async def keep(self, advanced: Callable[[], bool]) -> None:
        """Until cancelled: beat while ``advanced()``."""
        while True:
            if advanced():
                self.beat()
            await asyncio.sleep(min(self._look_s, self._limit_s / 3))

    def close(self) -> None:
        """Watch no more."""
        self._closed.set()
        self._thread.join(timeout=self._look_s + 1)

    def _run(self) -> None:
        while not self._closed.wait(self._look_s):
            silent = time.monotonic() - self._last
            if silent > self._limit_s:
                logger.error("the node's loop stood still for %.0f s; it ends itself", silent)
                self._end(EXIT_HUNG)
                return
