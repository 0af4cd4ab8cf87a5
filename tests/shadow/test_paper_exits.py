"""Paper positions end at their level or horizon on the bars that come; what was said is scored by them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shadow.cycle_world import job

from peak_console.config.jobs import Sizing
from peak_console.domain.canonical import canonical
from peak_console.domain.clock import iso, unix_us
from peak_console.domain.outlook import View
from peak_console.domain.trading import OrderIntent, Quote, Side
from peak_console.risk.book import filled, held, paper_fill
from peak_console.shadow.bars import Bar
from peak_console.shadow.book import Book, Idea, book_digest, book_from, new_book
from peak_console.shadow.exits import ExitReason, begun_again, exited
from peak_console.shadow.review import score_words
from peak_console.shadow.scoring import IdeaResult, Score, said_in, scored

START = datetime(2026, 11, 20, tzinfo=UTC)
PAIR = "EUR/USD"


def sizing() -> Sizing:
    """A basis point of slippage and of fee."""
    cycle = job().shadow_cycle
    assert cycle is not None
    return cycle.sizing


def bar(hour: int, opened: str, high: str, low: str, close: str) -> Bar:
    """An hour."""
    return Bar(START + timedelta(hours=hour), *map(Decimal, (opened, high, low, close)))


def holding(view: View = View.UP, level: str = "1.0", hours: int = 4) -> Book:
    """A book that took a position of 100 at 1.1, at the start."""
    at_us = unix_us(START)
    book = replace(
        new_book("shadow", Decimal(1000), at_us),
        quotes={PAIR: Quote(PAIR, Decimal("1.1"), at_us, Decimal("0.85"), at_us)},
    )
    side = Side.BUY if view is View.UP else Side.SELL
    intent = OrderIntent("idea", "run", PAIR, side, Decimal(100))
    fill = paper_fill(intent, book.quotes[PAIR], fee_bps=Decimal(0), slippage_bps=Decimal(0))
    idea = Idea(PAIR, view, Decimal(level), START + timedelta(hours=hours), START, "idea", "run")
    return replace(book, paper=filled(book.paper, intent, fill, at_us)).with_idea(PAIR, idea)


QUIET = [bar(hour, "1.1", "1.15", "1.05", "1.1") for hour in range(6)]


@pytest.mark.parametrize(
    ("bars", "reason", "price", "at"),
    [
        ([*QUIET[:1], bar(1, "1.1", "1.1", "0.99", "1.1")], ExitReason.INVALIDATED, "0.9999", 2),
        ([*QUIET[:1], bar(1, "0.9", "1.1", "0.8", "1.1")], ExitReason.INVALIDATED, "0.89991", 2),
        (QUIET, ExitReason.HORIZON, "1.09989", 4),
        ([*QUIET[:3], bar(3, "1.1", "1.2", "0.9", "1.2")], ExitReason.INVALIDATED, "0.9999", 4),
        ([*QUIET[:2], bar(9, "1.3", "1.4", "1.2", "1.35")], ExitReason.HORIZON, "1.29987", 9),
    ],
    ids=["level", "opened beyond it", "horizon", "level before horizon", "after a gap"],
)
def test_a_position_ends_on_the_bars_that_came(
    bars: Sequence[Bar], reason: ExitReason, price: str, at: int
) -> None:
    """At the level or the bar's open, whichever is worse; at the horizon's close; worse by the slippage."""
    book, ended = exited(holding(), PAIR, bars, 3600, sizing())
    assert ended is not None
    assert (ended.reason, ended.price, ended.side) == (reason, Decimal(price), Side.SELL)
    assert ended.at == START + timedelta(hours=at)
    assert (held(book.paper, PAIR), book.idea(PAIR)) == (0, None)
    assert ended.fee_eur > 0


def test_a_short_position_ends_above() -> None:
    """Its level lies above, and it buys back dearer."""
    bars = [QUIET[0], bar(1, "1.1", "1.21", "1.1", "1.2")]
    _, ended = exited(holding(View.DOWN, "1.2"), PAIR, bars, 3600, sizing())
    assert ended is not None
    assert (ended.side, ended.price, ended.reason) == (Side.BUY, Decimal("1.20012"), ExitReason.INVALIDATED)


def test_no_bar_is_looked_at_twice() -> None:
    """What was seen without an end stays so; bars before the position began do not count."""
    early = [bar(-1, "1.1", "1.1", "0.5", "1.1"), *QUIET[:2]]
    book, ended = exited(holding(), PAIR, early, 3600, sizing())
    assert ended is None
    idea = book.idea(PAIR)
    assert idea is not None
    assert idea.seen_to == START + timedelta(hours=2)


def test_history_that_begins_again_closes_what_is_open() -> None:
    """At the last price seen: nobody holds a position into the past."""
    book, ended = begun_again(holding(), PAIR, sizing())
    assert ended is not None
    assert (ended.reason, ended.price, held(book.paper, PAIR)) == (
        ExitReason.HISTORY_AGAIN,
        Decimal("1.09989"),
        0,
    )


def test_a_book_is_read_back_as_it_was_written() -> None:
    """Canonical JSON; its digest tells two states apart, and what is none has none."""
    book = replace(holding(), cycles=3, score=Score(outlooks=2, brier_sum=Decimal("0.5"), ideas={"hit": 1}))
    told = book.to_json()
    assert book_from(told) == book
    assert canonical(told)
    assert book_digest(told) != book_digest(replace(book, cycles=4).to_json())
    assert [book_digest(one) for one in (None, 7, {"float": 1.5})] == ["", "", ""]


@pytest.mark.parametrize(
    "wrong", [None, [], {}, {"cycles": True}, {"ideas": 7}, {"score": {}}, {"state": None}]
)
def test_a_book_that_cannot_be_read_is_none(wrong: Any) -> None:
    """It is never taken for an empty one."""
    told = holding().to_json() | wrong if isinstance(wrong, dict) and wrong else wrong
    with pytest.raises(ValueError, match=r"book|score|count"):
        book_from(told)


def body(**changes: Any) -> dict[str, Any]:
    """What a cycle said at the start: up with 60 %, for four hours."""
    return {
        "as_of": iso(START),
        "outlook": {
            "horizon_h": 4,
            "scenarios": [
                {"name": "up", "probability_pct": 60, "closes_from": "1.12", "closes_below": None},
                {"name": "down", "probability_pct": 40, "closes_from": None, "closes_below": "1.12"},
            ],
        },
        "hypothesis": {
            "view": "up",
            "reference_level": "1.1",
            "invalidation_level": "1.0",
            "horizon_h": 4,
        },
    } | changes


@pytest.mark.parametrize(
    ("last", "happened", "brier", "idea"),
    [
        (bar(3, "1.1", "1.2", "1.1", "1.15"), "up", "0.3200", IdeaResult.HIT),
        (bar(3, "1.1", "1.1", "1.05", "1.06"), "down", "0.7200", IdeaResult.MISS),
        (bar(3, "1.1", "1.2", "0.99", "1.15"), "up", "0.3200", IdeaResult.INVALIDATED),
    ],
)
def test_what_was_said_is_held_against_what_came(
    last: Bar, happened: str, brier: str, idea: IdeaResult
) -> None:
    """By the close at the horizon's end; what came after it does not count."""
    said = said_in("run", body())
    assert said is not None
    later = bar(4, "9", "9", "9", "9")
    one = scored(said, [*QUIET[:3], last, later], 3600)
    assert one is not None
    assert (one.happened, one.brier, one.idea) == (happened, Decimal(brier), idea)
    assert scored(said, [later], 3600) is None


def test_a_score_counts_by_tenths_of_what_was_said() -> None:
    """And says so in words."""
    said = said_in("run", body())
    assert said is not None
    one = scored(said, [*QUIET[:3], bar(3, "1.1", "1.2", "1.1", "1.15")], 3600)
    assert one is not None
    score = Score().taking([one, one])
    assert (score.outlooks, score.said[6], score.came[6], score.said[4], score.came[4]) == (2, 2, 2, 2, 0)
    assert Score.from_json(score.to_json()) == score
    assert "2 outlooks scored, mean Brier score 0.3200. Ideas: 2 hit." in score_words(score)
    assert "| 60 to 70 % | 2 | 2 | 100 % |" in score_words(score)
    assert score_words(Score()).startswith("No outlook")


@pytest.mark.parametrize("change", [{"outlook": None}, {"as_of": None}, {"outlook": {"horizon_h": "x"}}])
def test_what_cannot_be_read_is_not_scored(change: dict[str, Any]) -> None:
    """An aborted cycle said nothing."""
    assert said_in("run", body(**change)) is None


PRICES = st.decimals("0.5", "2.0", places=3)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(PRICES, PRICES, PRICES, PRICES), min_size=1, max_size=8),
    st.sampled_from([View.UP, View.DOWN]),
    PRICES,
)
def test_an_exit_closes_all_and_looks_only_forward(
    figures: list[tuple[Decimal, ...]], view: View, level: Decimal
) -> None:
    """Whatever the bars: nothing is left of the position, or it goes on with its idea; both never."""
    bars = [
        Bar(START + timedelta(hours=hour), one[0], max(one), min(one), one[1])
        for hour, one in enumerate(figures)
    ]
    book, ended = exited(holding(view, str(level)), PAIR, bars, 3600, sizing())
    assert (ended is None) is (held(book.paper, PAIR) != 0) is (book.idea(PAIR) is not None)
    if ended is not None:
        assert START < ended.at <= START + timedelta(hours=4)
