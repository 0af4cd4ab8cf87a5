from hypothesis import given
from hypothesis import strategies as st

from peak_console.simulator.facts import facts

TABLE = """Data: EUR/USD, two bars. An earlier text spoke of 1.50000.

time,open,high,low,close,volume
2018-01-25 00:00:00,1.24000,1.24200,1.23900,1.24100,100
2018-01-25 01:00:00,1.24100,1.24500,1.24050,1.24410,120"""


def test_a_table_of_bars_is_read_by_its_columns() -> None:
    """First and last close, lowest low, highest high, last time; other prices do not count."""
    found = facts(TABLE)
    assert (found.pair, found.first, found.last) == ("EUR/USD", 1.241, 1.2441)
    assert (found.low, found.high, found.when) == (1.239, 1.245, "2018-01-25 01:00:00")
    assert found.change_pct > 0


def test_prices_in_prose_are_read_in_order() -> None:
    """Without a table the first and last price of the text, and its latest time."""
    found = facts("GBP/USD went from 1.30010 on 2020-01-01 to 1.29010 on 2020-01-02 10:00.")
    assert (found.pair, found.first, found.last, found.when) == (
        "GBP/USD",
        1.3001,
        1.2901,
        "2020-01-02 10:00",
    )


_LINES = st.lists(st.text(alphabet="0123456789.,- :\n", max_size=40).map("2018-01-25 0".__add__), max_size=4)


@given(st.text() | _LINES.map("\n".join))
def test_any_prompt_has_facts(text: str) -> None:
    """No prompt raises; what is known lies in its range, and without figures all is zero."""
    found = facts(text)
    if found.known:
        assert found.low <= found.middle <= found.high
    else:
        assert (found.first, found.last, found.low, found.high) == (0, 0, 0, 0)
