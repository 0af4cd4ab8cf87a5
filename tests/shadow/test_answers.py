"""Answers of market data services that are not laid out as a file: where bars stand, what they are called."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import ValidationError
from shadow.cycle_world import job

from peak_console.config.jobs import CycleSettings, HttpSource
from peak_console.shadow.bars import DataUnusable
from peak_console.shadow.sources import source_of

FIRST = 1_795_000_000 // 3600 * 3600
FIGURES = [(FIRST + 3600 * n, 10 + n, 20 + n, 5 + n, 15 + n, n) for n in range(3)]
"""Time, open, high, low, close, volume of three hourly bars, the oldest first."""
LETTERS = dict(zip("tohlcv", ("time", "open", "high", "low", "close", "volume"), strict=True))
NAMED = {ours: letter for letter, ours in LETTERS.items()}
PLACED = {"time": 0, "low": 1, "high": 2, "open": 3, "close": 4}


def lists(order: tuple[int, ...] = (0, 1, 2, 3, 4, 5)) -> list[list[Any]]:
    """Rows that are lists, their columns in this order."""
    return [[row[place] for place in order] for row in FIGURES]


def objects() -> list[dict[str, Any]]:
    """Rows that are objects with names of one letter."""
    return [dict(zip(LETTERS, row, strict=True)) for row in FIGURES]


ANSWERS: dict[str, Any] = {
    "klines": [[one[0] * 1000, *map(str, one[1:]), one[0] * 1000 + 3599999, "0"] for one in FIGURES],
    "candles": lists((0, 3, 2, 1, 4, 5))[::-1],
    "ohlc": {"error": [], "result": {"XBTUSD": lists(), "last": 7}},
    "aggregates": {"status": "OK", "results": objects()},
    "nested": [{"data": objects()[::-1]}],
    "error": {"error": ["hidden"]},
}


def settings_of(url: str, **changes: Any) -> CycleSettings:
    """A cycle's settings over an address."""
    cycle = job(window=2, replay=None, file=None, http={"url": url, **changes}).shadow_cycle
    assert cycle is not None
    return cycle


@pytest.fixture
async def address() -> AsyncIterator[str]:
    """A service whose answer its query names; without one it answers with an error."""

    async def answer(request: web.Request) -> web.Response:
        told = ANSWERS.get(request.query.get("of", ""))
        if told is None:
            text = "timestamp,open,high,low,close\n" + "".join(
                f"{row[0]},{row[1]},{row[2]},{row[3]},{row[4]}\n" for row in FIGURES[::-1]
            )
            return web.Response(text=text) if "csv" in request.query else web.Response(status=400)
        return web.Response(text=json.dumps(told), content_type="application/json")

    application = web.Application()
    application.router.add_get("/v1/market", answer)
    server = TestServer(application)
    await server.start_server()
    yield str(server.make_url("/v1/market"))
    await server.close()


@pytest.mark.parametrize(
    ("query", "changes"),
    [
        ("symbol=BTCUSDT&of=klines", {}),
        ("of=candles", {"columns": PLACED, "newest_first": True}),
        ("of=ohlc", {"rows": "result.XBTUSD"}),
        ("of=aggregates", {"rows": "results", "columns": NAMED}),
        ("of=nested", {"rows": "0.data", "columns": NAMED, "newest_first": True}),
        ("csv=1", {"format": "csv", "newest_first": True}),
    ],
)
async def test_bars_are_found_in_what_services_answer(
    address: str, tmp_path: Path, query: str, changes: Any
) -> None:
    """Lists or objects, in a list or within others, either way round; the query is sent and not told."""
    source = await source_of(settings_of(f"{address}?{query}", **changes), tmp_path).load()
    assert source.name == address
    assert [(bar.start.timestamp(), *bar.row()[1:5]) for bar in source.bars] == [
        (row[0], *map(str, row[1:5])) for row in FIGURES
    ]
    assert {bar.volume for bar in source.bars} in ({Decimal(0)}, {Decimal(n) for n in range(3)})
    assert source.bars[0].start.tzinfo is UTC
    assert source.bars[0].start == datetime.fromtimestamp(FIRST, UTC)


@pytest.mark.parametrize(
    ("query", "changes", "code", "said"),
    [
        ("of=error", {"rows": "result.list"}, "data_rows", "no result.list in it"),
        ("of=ohlc", {"rows": "result.XBTUSD.9"}, "data_rows", "no result.XBTUSD.9"),
        ("of=ohlc", {"rows": "result"}, "data_unreadable", "no list"),
        ("of=candles", {"columns": PLACED}, "data_out_of_order", "line 2"),
        ("of=klines", {"newest_first": True}, "data_out_of_order", "line 2"),
        ("of=klines", {"columns": {**PLACED, "close": 9}}, "data_columns", "line 1: there is no column 9"),
        ("of=klines", {"columns": NAMED}, "data_columns", "line 1: there is no column t"),
        ("of=aggregates", {"rows": "results", "columns": PLACED}, "data_columns", "no column 0"),
        ("of=klines&token=hidden", {}, "source_query", "token is named like a secret"),
        ("symbol=hidden", {}, "data_http_status", "answered 400"),
    ],
)
async def test_what_is_not_as_the_settings_say_is_refused(  # noqa: PLR0917 - a case's columns
    address: str, tmp_path: Path, query: str, changes: Any, code: str, said: str
) -> None:
    """With its line where there is one; a key in the query before anything is sent; no value is repeated."""
    with pytest.raises(DataUnusable, match=said) as told:
        await source_of(settings_of(f"{address}?{query}", **changes), tmp_path).load()
    assert (told.value.code, bool(told.value.remedy)) == (code, True)
    assert "hidden" not in f"{told.value.message} {told.value.remedy} {told.value.details}"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": "csv", "rows": "a"}, "rows is of format json alone"),
        ({"format": "jsonl", "columns": PLACED}, "positions of columns"),
        ({"rows": "a..b"}, "rows"),
        ({"columns": {**PLACED, "time": True}}, "columns.time"),
        ({"columns": {**PLACED, "time": -1}}, "columns.time"),
        ({"columns": {"time": "t"}}, "columns.open"),
    ],
)
def test_settings_that_fit_no_answer_are_refused(changes: Any, said: str) -> None:
    """Where the config is read, not when a cycle runs."""
    with pytest.raises(ValidationError, match=said):
        HttpSource.model_validate({"url": "https://host.example/k", **changes})
