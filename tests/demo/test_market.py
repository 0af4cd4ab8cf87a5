from hypothesis import given
from hypothesis import strategies as st

from peak_console.demo.market import bars, window


def test_the_excerpt_is_sound() -> None:
    """Two thousand hours in order, each price within its bar."""
    every = bars()
    assert len(every) == 2000
    assert [bar.time for bar in every] == sorted({bar.time for bar in every})
    for bar in every:
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        assert bar.volume >= 0


@given(st.integers(0, 10**9), st.integers(1, 200))
def test_any_place_gives_a_whole_window(place: int, size: int) -> None:
    """Windows are as long as asked for, wherever they begin, and say what they hold."""
    found = window(place, size)
    assert len(found.bars) == size
    assert found.table().count("\n") == size
    assert found.first.time in found.described()
    assert found.table().splitlines()[-1].startswith(found.last.time)
