"""The screen Arm in each state a person can name; states that look alike at both sizes are drawn at one."""

from collections.abc import Callable
from typing import Any

import pytest
from arm_scenes import arm_app
from console_driving import press, settle
from textual.pilot import Pilot
from textual.widgets import Input

Looks = Callable[..., None]


def opened(*keys: str) -> Callable[[Pilot[Any]], Any]:
    """Open the screen, wait for the checklist, press keys; no cursor blinks."""

    async def steps(pilot: Pilot[Any]) -> None:
        await press(pilot, "5")
        pilot.app.screen.long_work().wait()  # type: ignore[attr-defined]
        await settle(pilot)
        await press(pilot, *keys)
        for field in pilot.app.screen.query(Input):
            field.cursor_blink = False

    return steps


@pytest.mark.parametrize(
    ("size", "state"),
    [
        ("80x24", "empty"),
        ("80x24", "normal"),
        ("120x40", "normal"),
        ("120x40", "alarming"),
        ("80x24", "armed"),
        ("120x40", "armed"),
        ("80x24", "drill"),
        ("80x24", "stale"),
        ("80x24", "hostile"),
    ],
)
def test_arm(looks: Looks, size: str, state: str) -> None:
    """State and countdown, the pre-live checklist with its evidence, how arming ended before."""
    looks(arm_app(state)[0], size, steps=opened())


@pytest.mark.parametrize(("state", "keys"), [("normal", ("a",)), ("asked", ("c",))])
def test_arm_dialogues(looks: Looks, state: str, keys: tuple[str, ...]) -> None:
    """What will happen, the fields, Cancel with the focus, what is missing; never the token itself."""
    looks(arm_app(state)[0], "80x24", steps=opened(*keys))
