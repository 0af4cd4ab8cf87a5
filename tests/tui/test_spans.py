"""What is written to the terminal: only cells that changed, and the same screen as a plain repaint."""

from itertools import pairwise

import pyte
import pytest
from console_driving import make_app, settle
from console_scenes import scene
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from peak_console.tui.app import PeakApp
from peak_console.tui.screens.live import LiveScreen
from peak_console.tui.spans import Look, SpanUpdate, look_of, turn
from peak_console.tui.widgets.canvas import cells_of, changes

WIDTH = 24
CONSOLE = Console(force_terminal=True, color_system="truecolor", width=WIDTH)
STYLES = [
    Style.parse(text)
    for text in (
        "none",
        "white on black",
        "bold white on black",
        "bold #112233 on black",
        "#112233 on #445566",
        "underline red on black",
        "italic",
        "on #0000ff",
        "color(200) on color(17)",
        "bright_red on bright_black",
    )
]
words = st.text(st.sampled_from("ab ─█⣿漢ー🙂é"), max_size=8)
strips = st.lists(st.tuples(words, st.sampled_from(STYLES)), max_size=6).map(
    lambda parts: Strip([Segment(text, style) for text, style in parts]).adjust_cell_length(WIDTH, STYLES[1])
)


def _terminal() -> tuple[pyte.Screen, pyte.Stream]:
    screen = pyte.Screen(WIDTH, 2)
    return screen, pyte.Stream(screen)


def _cells(screen: pyte.Screen) -> list[tuple[object, ...]]:
    return [tuple(screen.buffer[0][x]) for x in range(WIDTH)]


def _paint(strip: Strip) -> str:
    return LayoutUpdate([[strip]], Region(0, 0, WIDTH, 1)).render_segments(CONSOLE)


@settings(max_examples=300)
@given(strips, strips)
def test_writing_the_changes_gives_the_screen_of_a_repaint(old: Strip, new: Strip) -> None:
    """Whatever stood there, wide characters and styles too."""
    changed, stream = _terminal()
    stream.feed(_paint(old))
    runs = changes(old, new)
    if runs:
        update = SpanUpdate([{0: new}], [(0, left, right) for left, right in runs], [[WIDTH]])
        stream.feed(update.render_segments(CONSOLE))
    repainted, whole = _terminal()
    whole.feed(_paint(new))
    assert _cells(changed) == _cells(repainted)


@given(strips, strips)
def test_every_differing_cell_lies_in_a_run(old: Strip, new: Strip) -> None:
    """Nothing that changed is left out; runs are in order and apart."""
    runs = changes(old, new)
    before, after = cells_of(old), cells_of(new)
    differing = {at for at in range(WIDTH) if before[at] != after[at]}
    assert differing <= {at for left, right in runs for at in range(left, right)}
    assert all(left < right <= WIDTH for left, right in runs)
    assert all(one[1] < two[0] for one, two in pairwise(runs))


@given(st.sampled_from(STYLES), st.sampled_from(STYLES))
def test_a_turn_sends_only_what_differs(before: Style, after: Style) -> None:
    """The same look needs nothing; a new colour alone needs no reset."""
    one, two = (look_of(Strip.render_ansi(style, ColorSystem.TRUECOLOR)) for style in (before, after))
    assert turn(one, one) == ""
    if one.attributes == two.attributes and one.background == two.background and two.foreground:
        assert "0;" not in turn(one, two)[:4]


def test_codes_are_taken_apart() -> None:
    """Attributes, foreground and background, in every form that Rich writes."""
    assert look_of("1;38;2;1;2;3;48;5;4") == Look(("1",), "38;2;1;2;3", "48;5;4")
    assert look_of("3;31;100") == Look(("3",), "31", "100")
    assert look_of("") == Look()


async def test_an_unchanged_snapshot_writes_nothing_and_a_changed_figure_little(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A refresh costs what changed: no cell for nothing, a few for a figure."""
    source = scene("normal")
    app = make_app(source)
    written: list[str] = []
    real = PeakApp._display

    def counting(self: PeakApp, screen: object, update: object) -> None:
        if isinstance(update, SpanUpdate):
            written.append(update.render_segments(CONSOLE))
        elif isinstance(update, LayoutUpdate):
            written.append("layout" * 10_000)
        real(self, screen, update)  # type: ignore[arg-type]

    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert isinstance(app.screen, LiveScreen)
        monkeypatch.setattr(PeakApp, "_display", counting)
        app.feed.poke()
        await settle(pilot)
        assert "".join(written) == ""
        rows = source.live_snapshot.rows
        bigger = [rows[0].__class__(**{**_fields(rows[0]), "calls": rows[0].calls + 1}), *rows[1:]]
        source.live_snapshot = source.live_snapshot.__class__(
            **{**_fields(source.live_snapshot), "rows": tuple(bigger)}
        )
        app.feed.poke()
        await settle(pilot)
        assert 0 < len("".join(written)) < 200


def _fields(value: object) -> dict[str, object]:
    return {name: getattr(value, name) for name in value.__slots__}  # type: ignore[attr-defined]
