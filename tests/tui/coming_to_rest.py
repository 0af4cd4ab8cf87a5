"""When an app under test has come to rest: told by its event loop and its threads, not by the clock.

Textual's own tests wait until the process did little for some fiftieths of a second: that is slow for each
key, and on a busy machine it says little. An app is at rest when its loop has nothing to run, its screen
nothing to draw, and each of its threads waits to be asked. The clock is waited for, as Textual does, where a
thread is at work for long, or where something keeps the loop busy for good.
"""

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, Final
from weakref import WeakSet

import pytest
from textual._wait import wait_for_idle
from textual.app import App, ScreenStackError
from textual.pilot import Pilot

_CALM: Final = 2
"""Rounds of the loop in a row with nothing to run: one may only have fetched what was due."""
_BUSY_S: Final = 1.0
_BUSY_ROUNDS: Final = 5000
"""A loop that never was calm for so long, in so many rounds, is kept busy by what has itself run for ever:
Textual's own waiting is used. A key takes less than a hundred rounds, however slow they are.
"""
_TICK_S: Final = 1 / 120
"""Half the time between two drawings."""
_LOOKS: Final = 10
_LOOK_S: Final = 0.002
"""How often, and how long, a thread that soon is done is waited for."""
_SOON_S: Final = 0.5
"""A thread that looks again in less than this is not at rest; files being watched are looked at as seldom."""

_busy_loops: "WeakSet[asyncio.AbstractEventLoop]" = WeakSet()
_wait_by_messages = Pilot._wait_for_screen


@contextmanager
def told_by_the_app() -> Iterator[None]:
    """Every pilot waits until its app is at rest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("textual.app.wait_for_idle", _idle)
        patch.setattr("textual.pilot.wait_for_idle", _idle)
        patch.setattr(Pilot, "_wait_for_screen", _wait_for_screen)
        yield


async def at_rest(app: App[Any]) -> bool:
    """Wait until nothing is to be run, thought about or drawn; whether the loop ever was calm.

    What threads bring is there before it is drawn.
    """
    while await _calm():
        await _threads()
        if not (await _calm() and await _draw(app)):
            break
    return asyncio.get_running_loop() not in _busy_loops


async def _idle(min_sleep: float = 0.0, max_sleep: float = _BUSY_S) -> None:
    """In place of a time in which the process did little."""
    if not await _calm():
        await wait_for_idle(min_sleep, max_sleep)


async def _wait_for_screen(pilot: Pilot[Any], *seconds: float) -> bool:
    """In place of a message to each widget that must come back."""
    if not await at_rest(pilot.app):
        return await _wait_by_messages(pilot, *seconds)
    return not pilot.app._exception_event.is_set()


async def _calm() -> bool:
    """Wait until the loop has nothing to run; whether that came about."""
    loop = asyncio.get_running_loop()
    ready = loop._ready  # type: ignore[attr-defined]
    deadline = monotonic() + _BUSY_S
    calm = rounds = 0
    while calm < _CALM and loop not in _busy_loops:
        await asyncio.sleep(0)
        rounds += 1
        calm = 0 if ready else calm + 1
        if rounds > _BUSY_ROUNDS and monotonic() > deadline and not calm:
            _busy_loops.add(loop)
    return calm == _CALM


async def _draw(app: App[Any]) -> bool:
    """Wait for the next tick of a screen that has anything to draw; whether it had."""
    if not app.is_running or app._exit:
        return False
    try:
        screen = app.screen
    except ScreenStackError:
        return False
    due = (
        screen._layout_required
        or screen._scroll_required
        or screen._repaint_required
        or screen._recompose_required
        or screen._dirty_widgets
        or screen._callbacks
    )
    if app._batch_count or app._resize_timer is not None or (due and screen._update_timer._active.is_set()):
        await asyncio.sleep(_TICK_S)
        return True
    if due:
        screen._on_timer_update()
    return bool(due)


async def _threads() -> None:
    """Wait for threads that are soon done; for others as Textual does."""
    for _ in range(_LOOKS):
        if not _at_work():
            return
        await asyncio.sleep(_LOOK_S)
    await wait_for_idle(0)


def _at_work() -> bool:
    """Whether a thread does anything, or soon will, other than wait to be asked."""
    frames = sys._current_frames()
    here = threading.get_ident()
    return any(
        not _waits(frames[thread.ident])
        for thread in threading.enumerate()
        if thread.ident in frames and thread.ident != here and not isinstance(thread, threading._DummyThread)
    )


def _waits(frame: Any) -> bool:
    if frame.f_code is not threading.Condition.wait.__code__:
        where = frame.f_code
        return bool(where.co_name == "_worker" and where.co_filename.endswith("futures/thread.py"))
    seen = frame.f_locals
    timeout = seen.get("timeout")
    return bool(seen.get("waiter") in seen["self"]._waiters and (timeout is None or timeout >= _SOON_S))
