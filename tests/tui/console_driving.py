"""Driving the console in tests: an app over a scene, keys, settling, and what stands on the screen."""

import asyncio
import io
from datetime import UTC
from pathlib import Path
from typing import Any

from rich.console import Console
from textual.pilot import Pilot

from peak_console.config.workspace import Workspace
from peak_console.operations.views.fake import FakeSource
from peak_console.tui.app import Opening, PeakApp
from peak_console.tui.bar_drawing import BarFlags
from peak_console.tui.settings import Settings


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
    for _ in range(4):
        assert await asyncio.to_thread(app.feed.settle, 10.0)
        await pilot.pause()
    await pilot.wait_for_scheduled_animations()
    await pilot.pause()


async def press(pilot: Pilot[Any], *keys: str) -> None:
    """Press keys one after the other, each with what follows from it."""
    await settle(pilot)
    for key in keys:
        await pilot.press(key)
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
