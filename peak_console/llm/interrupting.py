"""A call in flight under a stop: its task is cancelled, told apart from its caller's own cancelling."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from peak_console.control.gate import InFlight


class Interrupted(Exception):
    """A stop arrived while something was in flight; ``reason`` is the posture's."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@contextmanager
def interruptible(in_flight: InFlight) -> Iterator[None]:
    """While inside, a stop ends the block with :class:`Interrupted`; a caller's cancelling goes through."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    if task is None:
        raise RuntimeError("a call runs in a task")
    reasons: list[str] = []
    inside = True

    def cancel(reason: str) -> None:
        if inside and not reasons:
            reasons.append(reason)
            task.cancel()

    def on_stop(reason: str) -> None:
        loop.call_soon_threadsafe(cancel, reason)

    try:
        with in_flight.watch(on_stop):
            yield
    except asyncio.CancelledError:
        inside = False
        if reasons and task.uncancel() == 0:
            raise Interrupted(reasons[0]) from None
        raise
    finally:
        inside = False
