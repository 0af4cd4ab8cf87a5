"""Lines, figures, plots and the posture bar: drawn pure, never wider than they may be."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from console_scenes import HOSTILE, NOW, SCENES, bar
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from peak_console.domain.posture import Orders, Posture, PostureState
from peak_console.operations.views.bar import Armed, SeenUrl
from peak_console.operations.views.breakers import BreakerLine, BreakerState
from peak_console.tui import figures as fig
from peak_console.tui.bar_drawing import BarFlags, draw_bar
from peak_console.tui.ink import Span, Tone, apart, cell, fit, pad, rule, text_of, width_of
from peak_console.tui.plot import Alphabet, PlotStyle, nice_top, plot, resample, spark
from peak_console.tui.widgets.canvas import clean

words = st.text(max_size=30)
spans = st.lists(words.map(Span), max_size=6)


@given(spans, st.integers(0, 60))
def test_fit_never_overruns(some: list[Span], width: int) -> None:
    """What is cut is cut to the width, in cells, wide characters too."""
    assert width_of(fit(some, width)) <= width


@given(spans, st.integers(1, 60))
def test_pad_is_exact(some: list[Span], width: int) -> None:
    """A padded line has its width, unless half of a wide character would be needed."""
    assert width - 1 <= width_of(pad(some, width)) <= width


@given(words, st.integers(0, 30))
def test_a_cell_is_exact(text: str, width: int) -> None:
    """Columns stay aligned whatever stands in them."""
    assert width - 1 <= cell_len(cell(text, width).text) <= width


@given(spans, spans, st.integers(1, 80))
def test_apart_and_rule_never_overrun(left: list[Span], right: list[Span], width: int) -> None:
    """The right end stays, the left one gives way."""
    assert width_of(apart(left, right, width)) <= width
    assert width_of(rule(left, width, right)) <= width


@given(st.text(max_size=200))
def test_nothing_a_terminal_obeys_passes(text: str) -> None:
    """No control, bidirectional or zero-width character is left; one line stays one line."""
    shown = clean(text)
    assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in shown)
    assert not {"\u202e", "\u200b", "\u2066", "\ufeff", "\n"} & set(shown)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (fig.count(None), "—"),
        (fig.count(1204), "1,204"),
        (fig.count(234_567), "234.6k"),
        (fig.count(12_345_678), "12.3M"),
        (fig.rate(0.0), "0"),
        (fig.rate(3.44), "3.4"),
        (fig.percent(0.04), "0.0"),
        (fig.percent(99.99), "100"),
        (fig.latency(0), "0"),
        (fig.latency(85.2), "85ms"),
        (fig.latency(999.6), "1.0s"),
        (fig.latency(9960), "10s"),
        (fig.latency(372_000), "6m12"),
        (fig.euros(0), "0.00"),
        (fig.euros(12_000), "<.0001"),
        (fig.euros(31_482_500), "0.0315"),
        (fig.euros(4_812_000_000), "4.81"),
        (fig.exact_euros(31_482_500), "0.0314825"),
        (fig.brief_euros(797_300), "0.00080"),
        (fig.brief_euros(10_512_000), "0.011"),
        (fig.brief_euros(1_234_000_000), "1.23"),
        (fig.brief_euros(1), "0.000000001"),
        (fig.brief_euros(0), "0.00"),
        (fig.exact_euros(-1_500_000_000), "-1.50"),
        (fig.age(None), "—"),
        (fig.age(59.9), "59s"),
        (fig.age(3700), "1h"),
        (fig.age(200_000), "2d"),
        (fig.countdown(872), "14:32"),
        (fig.countdown(-5), "0:00"),
        (fig.countdown(3725), "1:02:05"),
        (fig.axis(0), "0"),
        (fig.axis(0.25), "0.25"),
        (fig.axis(150), "150"),
        (fig.axis(9_999), "9,999"),
        (fig.axis(80_000), "80k"),
        (fig.axis(166_667), "167k"),
        (fig.axis(999_700), "1M"),
        (fig.axis(2.5e9), "2.5G"),
        (fig.size(20_480), "20 KB"),
    ],
)
def test_figures_read_as_people_write_them(shown: str, expected: str) -> None:
    """Short, with their unit, never a false zero."""
    assert shown == expected


points = st.lists(st.none() | st.floats(0, 1e9), max_size=200)


@given(points, st.integers(12, 90), st.integers(2, 12), st.sampled_from(list(Alphabet)), st.booleans())
def test_a_plot_fills_its_area_exactly(
    some: list[float | None],
    width: int,
    height: int,
    alphabet: Alphabet,
    filled: bool,  # noqa: FBT001
) -> None:
    """As many rows as asked, each as wide as asked, whatever the data."""
    rows = plot(some, width, height, PlotStyle(fig.axis, alphabet=alphabet, filled=filled, limit=5.0))
    assert len(rows) == height
    assert {width_of(row) for row in rows} == {width}


@given(points, st.integers(1, 60))
def test_resampling_keeps_the_highest(some: list[float | None], columns: int) -> None:
    """A spike is never averaged away when there are more points than columns."""
    known = [point for point in some if point is not None]
    sampled = resample(some, columns)
    assert len(sampled) == columns
    if known and len(some) >= columns:
        assert max(point for point in sampled if point is not None) == max(known)


def test_missing_data_is_a_gap_not_a_zero() -> None:
    """A dot on the floor where nothing is known; nothing at all where it is zero."""
    rows = plot([5.0, None, None, 0.0], 11, 3, PlotStyle(fig.axis, alphabet=Alphabet.BLOCK))
    assert text_of(rows[-1])[-4:] == "█·· "
    assert spark([None, 0.0, 4.0], 3) == "· █"
    assert spark([None, 0.0, 4.0], 3, alphabet=Alphabet.ASCII) == "_ #"


def test_a_limit_in_reach_is_drawn_and_a_far_one_is_not() -> None:
    """A limit line stands where the data comes near it; a far one would press the data flat."""
    near = plot([1.0, 2.0, 0.0, 0.0], 20, 5, PlotStyle(fig.axis, limit=3.0))
    assert any("╌" in text_of(row) for row in near)
    far = plot([1.0, 2.0, 0.0, 0.0], 20, 5, PlotStyle(fig.axis, limit=300.0))
    assert not any("╌" in text_of(row) for row in far)


@given(st.floats(1e-6, 1e12))
def test_an_axis_ends_at_a_round_number_just_above(value: float) -> None:
    """At or above the value, and less than twice and a half of it."""
    assert value * 0.999 <= nice_top(value) <= value * 2.51


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_the_bar_always_fits_and_keeps_what_must_stay(name: str, width: int) -> None:
    """Posture, armed, workspace and warnings stand at every width from 80 on."""
    snapshot = bar(name)
    text = text_of(draw_bar(snapshot, NOW, width - 1, BarFlags(readonly=True), UTC))
    assert cell_len(text) <= width - 1
    assert snapshot.posture.state.value in text
    assert "ARMED" in text
    assert clean(snapshot.workspace)[:8] in clean(text)
    assert "RO" in text or "READ-ONLY" in text
    assert not snapshot.simulated or "SIM" in text
    assert not snapshot.config_errors or "CONFIG" in text


@pytest.mark.parametrize("width", [80, 120])
def test_an_open_breaker_never_leaves_the_bar(width: int) -> None:
    """A long reason gives way to it; a latched one has the graver sign."""
    posture = Posture(
        PostureState.STOPPED,
        calls=False,
        orders=Orders.NONE,
        reasons=("node_says_stopped", "stopped_by_operator", "ledger_unavailable"),
        since=NOW,
    )
    opened = BreakerLine("openai", "gpt-5.2", BreakerState.OPEN, until=NOW + timedelta(seconds=9))
    snapshot = replace(bar("normal"), posture=posture, breakers=(opened,))
    assert "BRK 1/1 ▲" in text_of(draw_bar(snapshot, NOW, width - 1, BarFlags(readonly=True), UTC))
    latched = replace(opened, kind="budget", latched=True, until=None)
    snapshot = replace(snapshot, breakers=(replace(opened, state=BreakerState.CLOSED), latched))
    assert "BRK 1/1 ✗" in text_of(draw_bar(snapshot, NOW, width - 1, BarFlags(readonly=True), UTC))


def test_an_address_of_another_process_stands_on_the_bar_with_its_age() -> None:
    """A worker's override is as loud as one's own."""
    seen = SeenUrl("openai", "https://proxy.example/v1", NOW - timedelta(minutes=3))
    snapshot = replace(bar("normal"), simulated=False, seen_urls=(seen,))
    assert "URL openai→proxy.example 3m ago" in text_of(draw_bar(snapshot, NOW, 160, BarFlags(), UTC))
    assert "URL openai 3m" in text_of(draw_bar(snapshot, NOW, 65, BarFlags(), UTC))


def test_addresses_never_drive_out_what_must_be_seen() -> None:
    """Three of them take the room of one at most; posture, breakers, ledger and clock stand beside them."""
    urls = tuple((one, f"http://user:pw@127.0.0.1:39197/{one}") for one in ("google", "mistral", "openai"))
    text = text_of(draw_bar(replace(bar("normal"), foreign_urls=urls), NOW, 119, BarFlags(), UTC))
    assert "URL google" in text
    assert "+2" in text
    assert "pw@" not in text
    for must in ("DISARMED", "BRK", "LEDGER", "14:05:09Z"):
        assert must in text
    narrow = text_of(draw_bar(replace(bar("normal"), foreign_urls=urls), NOW, 79, BarFlags(), UTC))
    assert "URL 3" in narrow
    assert "DISARMED" in narrow
    assert "LEDGER" in narrow


def test_the_armed_countdown_never_disappears() -> None:
    """It stands even beside every warning at once."""
    armed = Armed("live:eurusd", "run", NOW + timedelta(minutes=14, seconds=32))
    posture = Posture(PostureState.ARMED, calls=True, orders=Orders.ALL, reasons=("enabled",), since=NOW)
    snapshot = replace(bar("hostile"), posture=posture, armed=armed)
    text = text_of(draw_bar(snapshot, NOW, 79, BarFlags(readonly=True), UTC))
    assert "ARMED 14:32" in text


def test_a_bar_that_was_not_read_again_says_so() -> None:
    """An old snapshot is never shown as the present."""
    text = text_of(draw_bar(bar("normal"), NOW + timedelta(seconds=30), 119, BarFlags(), UTC))
    assert "DISARMED?" in text
    assert "last read 30s ago" in text


def test_the_operators_own_zone_stands_beside_utc() -> None:
    """Both times are told where there is room."""
    zone = timezone(timedelta(hours=1), "CET")
    text = text_of(draw_bar(bar("normal"), NOW, 160, BarFlags(), zone))
    assert "14:05:09Z 15:05 CET" in text


def test_hostile_words_take_no_more_room_than_others() -> None:
    """A workspace's name cannot push the posture off the bar."""
    snapshot = replace(bar("normal"), workspace=HOSTILE * 40)
    text = text_of(draw_bar(snapshot, NOW, 79, BarFlags(), UTC))
    assert text.startswith(" ● DISARMED")
    assert cell_len(text) <= 79


def test_tones_never_stand_alone() -> None:
    """Every posture has a sign and a word beside its colour."""
    assert Tone.CHIP_BAD.value.startswith("chip-")
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for state in PostureState:
        posture = Posture(state, calls=False, orders=Orders.NONE, reasons=())
        text = text_of(
            draw_bar(replace(bar("normal"), posture=posture, taken_at=at), at, 79, BarFlags(), UTC)
        )
        assert state.value in text
        assert text[1] in "■●▼▲?"
