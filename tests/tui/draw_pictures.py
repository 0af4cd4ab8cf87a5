"""Draws the pictures of the README: ``python tests/tui/draw_pictures.py`` writes them to ``docs/images``.

The figures are made up (``console_scenes``) and the moment is frozen, so that the same code draws the same
picture; the screens are the real ones.
"""

import asyncio
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from arm_scenes import arm_app
from change_scenes import BASE, DRAFT, MATRIX, bench, sha256
from console_driving import make_app, press, settle
from console_scenes import scene
from incident_scenes import FakeContainment, incident_source
from matrix_scenes import calm, matrix_source, write_workspace
from shadow_scenes import shadow_app
from textual.screen import Screen

from peak_console.operations.views.fake import FakeSource
from peak_console.tui.app import PeakApp
from peak_console.tui.screens.history import HistoryScreen
from peak_console.tui.screens.save import Proposal, SaveDialog

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"

PICTURES = {
    "live": ("normal", ()),
    "call": ("normal", ("2", "enter")),
}
"""Name → scene and keys."""
INCIDENTS = {
    "incident": ("open", ("exclamation_mark", "a")),
    "incidents": ("open", ("6",)),
}
"""The same over a scene with incidents; the panel's keys come to what is made up for them."""


OVER: dict[str, Callable[[], Screen[None]]] = {
    "save": lambda: SaveDialog(Proposal(MATRIX, DRAFT, sha256(BASE))),
    "history": lambda: HistoryScreen(MATRIX),
}
"""Name → what stands over the Matrix screen."""


async def workbench(name: str, folder: Path) -> str:
    """The Matrix screen over a workspace in ``folder``, with a screen of ours on top of it, as SVG."""
    root = write_workspace(folder)
    app = make_app(matrix_source(), root=root)
    app.opening = replace(app.opening, bench=bench("concerns"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4")
        await calm(pilot)
        if name in OVER:
            screen = OVER[name]()
            await app.push_screen(screen)
            for work in ("work", "long_work", "proving"):
                begun = getattr(screen, work, None)
                if begun is not None:
                    begun().wait()
                await press(pilot, *(("down",) if work == "long_work" and name == "history" else ()))
        return drawn(app)


def drawn(app: PeakApp) -> str:
    """The screen as SVG, the same each time."""
    return re.sub(r"terminal-\d+", "terminal", app.export_screenshot(title="peak", simplify=True))


async def picture(state: str, keys: tuple[str, ...], source: FakeSource | None = None) -> str:
    """The screen after ``keys``, as SVG at 120 by 40."""
    app = make_app(source or scene(state))
    app.opening = replace(app.opening, containment=FakeContainment())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, *keys)
        while not all(part.over for part in app.contained.values()):
            await settle(pilot)
        await settle(pilot)
        return drawn(app)


async def arm() -> str:
    """The screen Arm with its checklist judged, as SVG at 120 by 40."""
    app, _ = arm_app("normal")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "5")
        app.screen.long_work().wait()  # type: ignore[attr-defined]
        await settle(pilot)
        return drawn(app)


async def shadow() -> str:
    """The Shadow screen with a model out of use, as SVG at 120 by 40."""
    app, _ = shadow_app("alarming")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "7")
        return drawn(app)


def main() -> None:
    """Write every picture."""
    (IMAGES / "shadow.svg").write_text(asyncio.run(shadow()), encoding="utf-8")
    (IMAGES / "arm.svg").write_text(asyncio.run(arm()), encoding="utf-8")
    for name, (state, keys) in PICTURES.items():
        (IMAGES / f"{name}.svg").write_text(asyncio.run(picture(state, keys)), encoding="utf-8")
    for name, (state, keys) in INCIDENTS.items():
        shown = asyncio.run(picture(state, keys, incident_source(state)))
        (IMAGES / f"{name}.svg").write_text(shown, encoding="utf-8")
    for name in ("matrix", *OVER):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["PEAK_STATE_DIR"] = os.environ["PEAK_KEYS_DIR"] = folder
            drawing = asyncio.run(workbench(name, Path(folder)))
        (IMAGES / f"{name}.svg").write_text(drawing, encoding="utf-8")


if __name__ == "__main__":
    main()
