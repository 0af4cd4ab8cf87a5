"""Snapshots and their sources: what a cycle sees, as of when, and that it never sees what is yet to come."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from shadow.cycle_world import job

from peak_console.config.jobs import CycleSettings
from peak_console.shadow.bars import Bar, DataUnusable
from peak_console.shadow.snapshot import taken
from peak_console.shadow.sources import Loaded, source_of

START = datetime(2026, 11, 20, tzinfo=UTC)
CSV = "time,open,high,low,close\n" + "".join(
    f"2026-11-20T{hour:02}:00:00Z,1.1,1.2,1.0,1.15\n" for hour in range(10)
)


def settings_of(**changes: Any) -> CycleSettings:
    """A cycle's settings over four bars."""
    cycle = job(**({"window": 4, "replay": None} | changes)).shadow_cycle
    assert cycle is not None
    return cycle


def loaded(count: int = 10) -> Loaded:
    """So many hourly bars; the close of each is its number and one."""
    bars = tuple(Bar(START + timedelta(hours=one), *([Decimal(one + 1)] * 4)) for one in range(count))
    return Loaded("file", "bars.csv", "0" * 64, bars)


def test_live_the_moment_is_now_and_a_bar_under_way_is_not_seen() -> None:
    """Its age counts from the end of the newest complete bar."""
    now = START + timedelta(hours=9, minutes=30)
    seen = taken(loaded(), settings_of(), now=now, cycle=5)
    assert (seen.as_of, seen.price, seen.age_s, seen.stale) == (now, Decimal(9), 1800, False)
    assert seen.facts()["cut"] == "2026-11-20T09:00:00.000000Z"
    assert [bar.close for bar in seen.known] == [Decimal(one) for one in range(1, 10)]
    late = taken(loaded(), settings_of(), now=START + timedelta(hours=13), cycle=0)
    assert (late.stale, late.age_s) == (True, 3 * 3600)
    assert "cut" not in late.facts()


def test_data_from_the_future_is_refused() -> None:
    """A wrong zone or clock would show the model what is yet to come."""
    with pytest.raises(DataUnusable) as told:
        taken(loaded(), settings_of(), now=START + timedelta(hours=8, minutes=59), cycle=0)
    assert told.value.code == "data_in_future"


def test_replayed_history_has_a_clock_of_its_own() -> None:
    """A step a cycle, nothing stale, nothing of what comes after, and round again at the end."""
    settings = settings_of(replay={"start": 1, "step": 2})
    now = START + timedelta(days=3000)
    seen = [taken(loaded(), settings, now=now, cycle=one) for one in range(5)]
    assert [int(one.price) for one in seen] == [5, 7, 9, 5, 7]
    assert [one.replay.round for one in seen if one.replay] == [0, 0, 0, 1, 1]
    assert all(one.as_of == one.priced_at and not one.stale and one.age_s == 0 for one in seen)
    assert all(max(bar.start for bar in one.known) == one.last.start for one in seen)
    assert len({one.digest for one in seen[:3]}) == 3
    assert seen[0].digest == seen[3].digest


def test_too_few_bars_are_refused() -> None:
    """For a window, and for the place in history where the replay begins."""
    for settings in (settings_of(window=11), settings_of(replay={"start": 7})):
        with pytest.raises(DataUnusable) as told:
            taken(loaded(), settings, now=START + timedelta(days=1), cycle=0)
        assert told.value.code == "data_too_short"


async def test_no_path_leads_out_of_the_workspace(tmp_path: Path) -> None:
    """Neither up, nor from the root, nor by a link, also of a folder; a link within it may."""
    root = tmp_path / "ws"
    root.mkdir()
    for path in (tmp_path / "bars.csv", root / "own.csv"):
        path.write_text(CSV)
    (root / "link.csv").symlink_to(tmp_path / "bars.csv")
    (root / "near.csv").symlink_to(root / "own.csv")
    (root / "folder").symlink_to(tmp_path)
    ways = ("../bars.csv", str(tmp_path / "bars.csv"), str(root / "own.csv"), "link.csv", "folder/bars.csv")
    for name in (*ways, "folder/ws/../bars.csv"):
        with pytest.raises(DataUnusable) as told:
            await source_of(settings_of(file={"path": name}), root).load()
        assert told.value.code == "source_outside"
    assert len((await source_of(settings_of(file={"path": "near.csv"}), root).load()).bars) == 10


async def test_a_file_is_read_below_the_workspace(tmp_path: Path) -> None:
    """By its suffix; a folder, a pipe, a strange suffix and a file that is not there are refused."""
    (tmp_path / "bars.csv").write_text(CSV)
    source = await source_of(settings_of(file={"path": "bars.csv"}), tmp_path).load()
    assert (source.kind, source.name, len(source.bars)) == ("file", "bars.csv", 10)
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    codes = {}
    for name in ("folder.csv", "pipe.csv", "bars.xlsx", "gone.csv", "a\x00.csv"):
        with pytest.raises(DataUnusable) as told:
            await asyncio.wait_for(source_of(settings_of(file={"path": name}), tmp_path).load(), 5)
        codes[name] = told.value.code
    assert list(codes.values()) == ["data_unreadable"] * 2 + [
        "data_format",
        "data_missing",
        "data_unreadable",
    ]


async def test_the_package_ships_an_excerpt(tmp_path: Path) -> None:
    """And says which, where another is asked for."""
    source = await source_of(settings_of(file={"path": "package:eurusd_1h"}), tmp_path).load()
    assert (source.kind, len(source.bars)) == ("package", 2000)
    with pytest.raises(DataUnusable, match=r"no bars \.\./secrets"):
        await source_of(settings_of(file={"path": "package:../secrets"}), tmp_path).load()


@pytest.fixture
async def address() -> AsyncIterator[str]:
    """An address that answers as its path says."""

    async def answer(request: web.Request) -> web.Response:
        told = request.match_info["what"]
        if told == "moved":
            raise web.HTTPFound("/bars")
        if told.isdigit():
            return web.Response(status=int(told))
        return web.Response(text=CSV if told == "bars" else "<html>")

    application = web.Application()
    application.router.add_get("/{what}", answer)
    server = TestServer(application)
    await server.start_server()
    yield str(server.make_url("/"))
    await server.close()


@pytest.mark.parametrize(
    ("what", "code", "again"),
    [
        ("404", "data_http_status", False),
        ("503", "data_http_status", True),
        ("moved", "data_network_redirect", False),
        ("page", "data_empty", False),
    ],
)
async def test_an_address_that_gives_no_bars_is_refused(
    address: str, tmp_path: Path, what: str, code: str, *, again: bool
) -> None:
    """And whether asking once more may help."""
    settings = settings_of(file=None, http={"url": address + what, "format": "csv"})
    with pytest.raises(DataUnusable) as told:
        await source_of(settings, tmp_path).load()
    assert (told.value.code, told.value.details.get("again", False)) == (code, again)


async def test_an_address_gives_bars(address: str, tmp_path: Path) -> None:
    """As a file would hold them; one that the deny names is never asked."""
    settings = settings_of(file=None, http={"url": f"{address}bars", "format": "csv"})
    source = await source_of(settings, tmp_path).load()
    assert (source.kind, len(source.bars)) == ("http", 10)
    denied = settings_of(file=None, http={"url": "https://api.anthropic.com/bars", "format": "csv"})
    with pytest.raises(DataUnusable) as told:
        await source_of(denied, tmp_path).load()
    assert told.value.code == "data_network_denied"
