"""Keys take effect in the order in which they were typed, however fast they come.

Textual forwards a key to what has the focus at that moment and goes on before it was handled there: of
``:theme`` in one burst the ``t`` would reach the list and not the line that ``:`` opens. Here the next key
waits until the one before was handled, and what it did to focus and screens has settled.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from textual.app import App
from textual.events import Key, Paste
from textual.message_pump import MessagePump
from textual.widgets import Input

_LOOK_S: Final = 0.02
_LOOKS: Final = 15
"""How often it is looked whether a key is done before the next one goes on: 0.3 s, and longer only by what
the loop itself is late. A key that waits for nothing but a busy machine is not done yet: of ``!s`` the ``s``
would stop nothing on the screen below."""
_ROUNDS: Final = 4
_STILL: Final = frozenset({"up", "down", "left", "right", "home", "end", "pageup", "pagedown", "backspace"})
"""Keys that move within what has the focus: no frame is waited for."""


def takes_text(node: object) -> bool:
    """Whether what is typed there becomes text."""
    # a TextArea by what it has: its class loads a parser, and stands behind the first paint
    return isinstance(node, Input) or getattr(node, "read_only", True) is False


class KeyOrder:
    """Keeps keys and pastes back while one before them is being handled."""

    def __init__(self, app: App[Any], unanswered: Callable[[Key], None]) -> None:
        """``unanswered`` is told of a key that what had the focus did not handle in its time."""
        self._app = app
        self._unanswered = unanswered
        self._waiting: deque[Key | Paste] = deque()
        self._released: Key | Paste | None = None
        self._following: asyncio.Task[None] | None = None

    def holds(self, event: Key | Paste) -> bool:
        """Whether ``event`` must wait; if so it is kept, and posted again when its turn has come."""
        if event is self._released:
            self._released = None
            return False
        if self._following is None or self._following.done():
            return False
        self._waiting.append(event)
        return True

    def sent(self, event: Key | Paste, focused: MessagePump) -> None:
        """``event`` is on its way to what had the focus, or was handled by a priority binding."""
        target = focused if event.is_forwarded else None
        self._following = asyncio.create_task(self._follow(event, target))

    def end(self) -> None:
        """Follow no key any more."""
        if self._following is not None:
            self._following.cancel()

    async def _follow(self, event: Key | Paste, target: MessagePump | None) -> None:
        settling = asyncio.create_task(self._settled(event, target))
        try:
            for _ in range(_LOOKS):
                if (await asyncio.wait({settling}, timeout=_LOOK_S))[0]:
                    break
            else:
                if isinstance(event, Key) and not (event.is_printable and takes_text(target)):
                    self._unanswered(event)
        finally:
            settling.cancel()
        if self._waiting:
            self._released = self._waiting.popleft()
            self._app.post_message(self._released)
        else:
            self._following = None

    async def _settled(self, event: Key | Paste, target: MessagePump | None) -> None:
        """Wait until ``event`` was handled and nothing that it set off is under way."""
        if target is not None and takes_text(target) and (not isinstance(event, Key) or event.is_printable):
            await _handled(target)
            return
        if target is not None:
            await self._climbed(target)
        quiet = isinstance(event, Key) and event.key in _STILL
        for turn in range(_ROUNDS):
            before = self._app.screen, self._app.focused
            await self._climbed(before[1] or before[0])
            if not quiet and self._app.screen._callbacks:  # noqa: SLF001 - nothing public tells of them
                await _drawn(self._app)
            if turn and before == (self._app.screen, self._app.focused):
                return

    async def _climbed(self, node: MessagePump) -> None:
        """Go the way of a message that bubbles, behind it."""
        here: Any = node
        while here is not None:
            await _handled(here)
            here = here._parent  # noqa: SLF001 - as messages bubble


async def _handled(pump: MessagePump) -> None:
    """Wait until ``pump`` has handled what it was sent so far, or ends."""
    done = asyncio.Event()
    if not pump.call_later(done.set):
        return
    ran = False
    while not done.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), _LOOK_S)
        if ran and not pump.is_running:
            return
        ran = ran or pump.is_running


async def _drawn(app: App[Any]) -> None:
    """Wait for the next frame: what is put off until then has been done."""
    done = asyncio.Event()
    if app.screen.call_after_refresh(done.set):
        await done.wait()
