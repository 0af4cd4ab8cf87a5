"""How often a schedule fires, held against the node's own reading of it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peak_console.config.cron import Firing, firing
from peak_console.domain.errors import ConfigInvalid
from peak_console.jobs.due import parse_schedule

PART = st.one_of(
    st.just("*"),
    st.integers(0, 61).map(str),
    st.tuples(st.integers(0, 40), st.integers(0, 61)).map(lambda ends: f"{ends[0]}-{ends[1]}"),
    st.tuples(st.sampled_from(["*", "3", "1-9"]), st.integers(0, 9)).map(lambda step: f"{step[0]}/{step[1]}"),
)
FIELD = st.lists(PART, min_size=1, max_size=2).map(",".join)
DAY = st.one_of(FIELD, st.sampled_from(["mon", "MON-fri", "sun", "5-7", "0", "7", "sat,sun", "1-5/2"]))
MONTH = st.one_of(FIELD, st.sampled_from(["feb", "JAN-mar", "2", "12"]))
LINES = st.tuples(FIELD, FIELD, FIELD, MONTH, DAY).map(" ".join)


@settings(max_examples=100, deadline=None)
@given(LINES)
def test_a_line_that_lint_takes_is_one_that_the_node_takes(line: str) -> None:
    """What lint says of a cron line is what the node will say: it comes, or it never does."""
    try:
        found = firing(line).ever
    except ValueError:
        found = False
    try:
        taken = parse_schedule(line).after(0) is not None
    except ConfigInvalid:
        taken = False
    assert found == taken, line


@pytest.mark.parametrize(
    ("line", "shortest_s"),
    [
        ("every 20s", 20),
        ("every 15 m", 900),
        ("every 2d", 172_800),
        ("daily 07:30", 86_400),
        ("* * * * *", 60),
        ("5 * * * 1-5", 3600),
        ("*/15 * * * *", 900),
        ("0,50 * * * *", 600),
        ("30 2 * * *", 86_400),
        ("0 22,23,0 * * *", 3600),
    ],
)
def test_the_shortest_time_between_two_firings(line: str, shortest_s: int) -> None:
    """Over midnight too."""
    assert firing(line) == Firing(shortest_s)


@pytest.mark.parametrize("line", ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 31 feb */2"])
def test_a_day_that_no_year_has_never_comes(line: str) -> None:
    """Thirty days hath September; a weekday beside it saves a line only where either will do."""
    assert not firing(line).ever
    assert firing("0 0 30 2 1").ever
    assert firing("0 0 29 2 *").ever


@pytest.mark.parametrize(
    "line", ["60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "5-2 * * * *", "*/0 * * * *"]
)
def test_what_is_out_of_bounds_is_told(line: str) -> None:
    """With the word that is wrong."""
    with pytest.raises(ValueError, match="is no"):
        firing(line)
