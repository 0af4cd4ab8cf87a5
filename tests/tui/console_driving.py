"""Driving the console in tests: an app over a scene, keys, settling, and what stands on the screen."""

import asyncio
import io
from datetime import UTC
from pathlib import Path
from typing import Any

from rich.console import Console
from textual.pilot import Pilot
from textual.widgets import Input

from peak_console.config.workspace import Workspace
from peak_console.operations.views.fake import FakeSource
from peak_console.tui.app import Opening, PeakApp
from peak_console.tui.bar_drawing import BarFlags
from peak_console.tui.settings import Settings

_CALM = 3
"""Times in a row that nothing is asked of the source: a message may ask anew."""


def make_app(
    source: FakeSource, *, root: Path | None = Path("eurusd-desk"), readonly: bool = False
) -> PeakApp:
    """The console over ``source`` at its frozen moment; it reads on demand only."""
    opening = Opening(
        lambda: source,
        None if root is None else Workspace(root),
        clock=source.clock,
        settings=Settings(zone=UTC),
        flags=BarFlags(readonly=readonly),
        refresh=False,
    )
    return PeakApp(opening)


async def settle(pilot: Pilot[Any]) -> None:
    """Wait until everything asked of the source is on the screen."""
    app = pilot.app
    assert isinstance(app, PeakApp)
    calm = 0
    while calm < _CALM:
        calm = calm + 1 if app.feed.settle(0.0) else 0
        if not calm:
            assert await asyncio.to_thread(app.feed.settle, 60.0)
        await pilot.pause()
    await pilot.wait_for_scheduled_animations()
    await pilot.pause()


async def press(pilot: Pilot[Any], *keys: str) -> None:
    """Press keys one after the other, each with what follows from it; words are typed without a pause."""
    await settle(pilot)
    for key, following in zip(keys, (*keys[1:], ""), strict=False):
        await pilot.press(key)
        typing = len(key) == len(following) == 1 and isinstance(pilot.app.focused, Input)
        if not typing:
            await settle(pilot)


def screen_text(app: PeakApp) -> str:
    """The characters on the screen, one line a row."""
    width, height = app.size
    console = Console(
        width=width,
        height=height,
        file=io.StringIO(),
        force_terminal=True,
        record=True,
        legacy_windows=False,
        safe_box=False,
    )
    update = app.screen._compositor.render_update(
        full=True, screen_stack=app._background_screens, simplify=True
    )
    console.print(update)
    return "\n".join(line.rstrip() for line in console.export_text(styles=False).splitlines()) + "\n"
