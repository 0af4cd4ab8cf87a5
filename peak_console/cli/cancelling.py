"""Work that a signal cancels instead of killing, so that what it began is recorded, and ended elsewhere."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import click

_T = TypeVar("_T")


def cancellable(work: Coroutine[Any, Any, _T], said: Callable[[], bool], otherwise: str) -> _T:
    """The result of ``work``; SIGINT and SIGTERM cancel it, and are exit codes 130 and 143 once it has ended.

    ``said`` tells whether the work itself said what became of it; ``otherwise`` is said where it did not.
    """
    got: list[int] = []

    async def main() -> _T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def cancel(number: int) -> None:
            got.append(number)
            if task is not None:
                task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(ValueError, RuntimeError, NotImplementedError):  # not in the main thread
                loop.add_signal_handler(number, cancel, number)
        return await work

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        if not got:
            raise
    if not said():
        click.echo(f"peak: {otherwise}", err=True)
    raise click.exceptions.Exit(128 + got[0])
