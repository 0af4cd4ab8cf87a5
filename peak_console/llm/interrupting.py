"""A call in flight under a stop: its task is cancelled, told apart from its caller's own cancelling."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from peak_console.control.gate import InFlight
from peak_console.control.scopes import Halt, Subject


class Interrupted(Exception):
    """A stop arrived while something was in flight; ``halt`` says which."""

    def __init__(self, halt: Halt) -> None:
        super().__init__(halt.words)
        self.halt = halt


@contextmanager
def interruptible(in_flight: InFlight, subject: Subject | None = None) -> Iterator[None]:
    """While inside, a stop ends the block with :class:`Interrupted`; a caller's cancelling goes through.

    Stops of parts end it where they cover ``subject``.
    """
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    if task is None:
        raise RuntimeError("a call runs in a task")
    halts: list[Halt] = []
    inside = True

    def cancel(halt: Halt) -> None:
        if inside and not halts:
            halts.append(halt)
            task.cancel()

    def on_halt(halt: Halt) -> None:
        loop.call_soon_threadsafe(cancel, halt)

    try:
        with in_flight.watch(on_halt, subject):
            yield
    except asyncio.CancelledError:
        inside = False
        if halts and task.uncancel() == 0:
            raise Interrupted(halts[0]) from None
        raise
    finally:
        inside = False
