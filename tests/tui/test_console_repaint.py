"""What has been drawn once is drawn again when it has changed, whatever was shown or hidden in between."""

from dataclasses import replace

import pytest
from console_driving import make_app, press, screen_text
from console_scenes import scene

from peak_console.operations.views.fake import FakeSource
from peak_console.tui.screens.live import LiveScreen


def _new_call(source: FakeSource, model: str) -> None:
    """A call ends: it is the first of the tail, which stays as long as it was."""
    live = source.live_snapshot
    newest = replace(live.tail[0], seq=live.tail[0].seq + 1, call_id=f"call_{model}", model_id=model)
    source.live_snapshot = replace(live, tail=(newest, *live.tail[:-1]))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
@pytest.mark.parametrize("keys", [("b",), ("b", "b"), ("b", "2", "1"), ("p",), ("tab", "tab")])
async def test_the_tail_goes_on_after_keys_that_change_the_layout(
    size: tuple[int, int], keys: tuple[str, ...]
) -> None:
    """New calls stand in "latest calls" after the breakers, the plots or another screen were shown."""
    source = scene("normal")
    app = make_app(source)
    async with app.run_test(size=size) as pilot:
        await press(pilot, *keys)
        for model in ("fresh-one", "fresh-two"):
            _new_call(source, model)
            await press(pilot, "r")
            assert model in screen_text(app)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_styles_that_change_without_a_repaint_freeze_nothing(size: tuple[int, int]) -> None:
    """A style update makes the tail forget what it drew; Textual does not always ask for its rows again."""
    source = scene("normal")
    app = make_app(source)
    async with app.run_test(size=size) as pilot:
        await press(pilot, "b")
        assert isinstance(app.screen, LiveScreen)
        app.screen.tail.notify_style_update()
        _new_call(source, "fresh-one")
        await press(pilot, "r")
        assert "fresh-one" in screen_text(app)


async def test_the_prompts_sign_is_that_of_what_is_asked() -> None:
    """A filter typed after a command stands behind ``/``, and the other way round."""
    app = make_app(scene("normal"))
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "colon", "escape", "slash", *"layer:L9", "enter")
        last = screen_text(app).splitlines()[-2]
        assert last.startswith(" / layer:L9")
        await press(pilot, "escape", "colon")
        assert screen_text(app).splitlines()[-2].startswith(" :")


@pytest.mark.parametrize("key", ["nokey:1", "outcome:nothing"])
async def test_what_is_wrong_with_a_filter_is_told_whole(key: str) -> None:
    """At 80 columns the keys that there are stand in full, on as many lines as they take."""
    app = make_app(scene("normal"))
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "slash", *key, "enter")
        text = " ".join(" ".join(screen_text(app).splitlines()[-6:]).split())
        problem = app.screen.set_filter(key)  # type: ignore[attr-defined]
        assert " ".join(problem.split()) in text
        await press(pilot, *["backspace"] * 20, "enter")
        assert "latest calls" in screen_text(app)
