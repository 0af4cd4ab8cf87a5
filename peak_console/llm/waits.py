"""Waits of more than a second, and cancelled calls, told to whoever wants to hear of them."""

import time
from collections.abc import Callable
from typing import Final

Told = Callable[[str], None]
"""Takes one line in plain words; called on the event loop, so it must not block."""

_TOLD_S: Final = 1.0
_AGAIN_S: Final = 60.0
"""How often work that goes on for long is told of again."""

_STATES: Final = {"queued": "has it queued", "in_progress": "works on it"}
"""What providers call background work that goes on. Other words of theirs are not handed on."""


class Waits:
    """Tells of waits. What a listener raises ends the telling, never a call."""

    def __init__(self, told: Told | None = None) -> None:
        self._told = told

    def tell(self, seconds: float, provider: str, model_id: str, why: str) -> None:
        """A wait of ``seconds`` before ``provider``'s model is asked; short ones are nobody's concern."""
        if seconds > _TOLD_S:
            self._say(f"waiting {seconds:.0f} s: {provider} {model_id} {why}")

    def cancelled(self, call_id: str, booked: str) -> None:
        """A call that its caller cancelled in mid-send; ``booked`` says what it costs."""
        self._say(f"call {call_id} is cancelled: {booked}; see: peak why {call_id}")

    def working(self, provider: str, model_id: str) -> "Working":
        """To tell of one piece of background work."""
        return Working(self._say, f"{provider} {model_id}")

    def _say(self, line: str) -> None:
        if self._told is None:
            return
        try:
            self._told(line)
        except Exception:  # noqa: BLE001 - whoever listens must not end a call that is paid for
            self._told = None


class Working:
    """Background work that goes on: told when its waiting begins, when its state changes, and each minute."""

    def __init__(self, say: Told, who: str) -> None:
        self._say = say
        self._who = who
        self._last = ""
        self._at = 0.0

    def tell(self, seconds: float, status: str) -> None:
        """It is asked after again in ``seconds``; ``status`` is the provider's last word on it."""
        now = time.monotonic()
        line = _STATES.get(status, _STATES["in_progress"])
        if seconds < _TOLD_S or (line == self._last and now - self._at < _AGAIN_S):
            return
        self._last, self._at = line, now
        self._say(f"waiting: {self._who} {line} in the background")
