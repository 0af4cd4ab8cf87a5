"""The event loop's clock, moved on by hand: a deadline passes when a test says so, not a slow machine."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

_AHEAD_S: WeakKeyDictionary[asyncio.AbstractEventLoop, float] = WeakKeyDictionary()
_LEAPS: Final = 20
_WRITES: Final = 100


def let_pass(seconds: float) -> None:
    """Have ``seconds`` pass at once for the running loop: whatever it was to do meanwhile is due now."""
    loop = asyncio.get_running_loop()
    if loop not in _AHEAD_S:
        real = loop.time
        setattr(loop, "time", lambda: real() + _AHEAD_S[loop])  # noqa: B010 - a method, which mypy guards
        _AHEAD_S[loop] = 0.0
    _AHEAD_S[loop] += seconds


@dataclass
class Trickle:
    """Writes a little, many times over, while ``seconds`` pass, and as often again afterwards."""

    seconds: float
    heard_out: bool = False
    """Whether somebody listened to the end, long after the ``seconds``."""

    async def __call__(self, write: Callable[[], Awaitable[None]]) -> None:
        """Call ``write`` until nobody listens (``ConnectionError``), or to the end."""
        for number in range(_WRITES):
            await write()
            await asyncio.sleep(0.005)
            if number < _LEAPS:
                let_pass(self.seconds / _LEAPS)
        self.heard_out = True
