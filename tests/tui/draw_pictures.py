"""Draws the pictures of the README: ``python tests/tui/draw_pictures.py`` writes them to ``docs/images``.

The figures are made up (``console_scenes``) and the moment is frozen, so that the same code draws the same
picture; the screens are the real ones.
"""

import asyncio
import re
from pathlib import Path

from console_driving import make_app, press
from console_scenes import scene

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"

PICTURES = {
    "live": ("normal", ()),
    "call": ("normal", ("2", "enter")),
    "incident": ("alarming", ("exclamation_mark",)),
}
"""Name → scene and keys."""


async def picture(state: str, keys: tuple[str, ...]) -> str:
    """The screen after ``keys``, as SVG at 120 by 40."""
    app = make_app(scene(state))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, *keys)
        drawn = app.export_screenshot(title="peak", simplify=True)
    return re.sub(r"terminal-\d+", "terminal", drawn)


def main() -> None:
    """Write every picture."""
    for name, (state, keys) in PICTURES.items():
        (IMAGES / f"{name}.svg").write_text(asyncio.run(picture(state, keys)), encoding="utf-8")


if __name__ == "__main__":
    main()
