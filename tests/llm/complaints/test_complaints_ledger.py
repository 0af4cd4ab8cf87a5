"""What users of other gateways say of their logs: gigabytes a month, and minutes for a page of them."""

import re
import sqlite3
from functools import cache

import pytest
from loopback_server import LoopbackServer
from road import Road, asking, open_road
from support.own_code import PACKAGE, code, modules

from peak_console.config.workspace import Workspace
from peak_console.ledger.reader import LedgerReader

GROWING = re.compile(r"\bSCAN (?:e|event|events|call|calls)\b(?! USING)")


@cache
def statements() -> tuple[tuple[str, str], ...]:
    """The SQL that stands in the package, with the module it stands in."""
    return tuple(
        (path.relative_to(PACKAGE).as_posix(), text)
        for path in modules()
        for text in code(path).texts + code(path).documents
        if re.match(r"\s*(SELECT|WITH)\b", text)
    )


def test_a_page_of_the_log_runs_distinct_over_all_of_it() -> None:
    """Bifrost #4838, LiteLLM #2171: a facet is ``SELECT DISTINCT`` over the log, 80 s long. Here none is."""
    found = {where for where, text in statements() if "DISTINCT" in text.upper()}
    assert found <= {"ledger/verifying/recount.py"}, "verification only, over the tables of figures"


def test_a_page_of_the_log_is_reached_by_counting_rows() -> None:
    """LiteLLM #2235, PR #20720: pages by OFFSET read all that came before. Here a page begins at a key."""
    assert [(where, text) for where, text in statements() if re.search(r"\bOFFSET\b", text.upper())] == []


@pytest.fixture
async def many(workspace: Workspace, providers: LoopbackServer) -> Workspace:
    """A workspace with some calls on its ledger."""
    async with open_road(workspace, providers.url) as road:
        for number in range(12):
            await road.client.call(asking(f"call {number}"))
    return workspace


async def test_a_page_costs_the_whole_log(many: Workspace) -> None:
    """LiteLLM PR #37983: an index is missing and every page scans.

    Here the readers' statements are explained.
    """
    asked: list[str] = []
    with LedgerReader(many.ledger) as reader:
        database = next(value for value in vars(reader).values() if isinstance(value, sqlite3.Connection))
        database.set_trace_callback(asked.append)
        last = reader.read(0, 100_000)[-1]
        call = next(event.call_id for event in reader.read(0, 100_000) if event.call_id)
        assert call
        reader.read(last.seq - 2, 2)
        reader.in_flight()
        database.set_trace_callback(None)
        plans = {
            statement: [row[-1] for row in database.execute(f"EXPLAIN QUERY PLAN {statement}")]
            for statement in asked
            if statement.lstrip().upper().startswith(("SELECT", "WITH"))
        }
    assert plans
    scanned = {
        statement: plan for statement, plan in plans.items() for line in plan if GROWING.search(str(line))
    }
    assert scanned == {}


async def test_a_call_takes_pages_of_the_database(road: Road) -> None:
    """Bifrost #4838: 8.4 GB in 30 days, for bodies stand in the rows. Here hashes do, and a call is small."""
    text = "A long question. " * 4000
    await road.client.call(asking(text, max_output_tokens=100))
    for event in road.events():
        assert "A long question." not in str(event.body)
        assert len(str(event.body)) < 4000, event.kind


async def test_totals_are_summed_over_the_log(many: Workspace) -> None:
    """LiteLLM PR #9538: an aggregate table is needed at a million rows.

    Here roll-ups stand, kept with each row.
    """
    with LedgerReader(many.ledger) as reader:
        database = next(value for value in vars(reader).values() if isinstance(value, sqlite3.Connection))
        tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert {name for name in tables if name.startswith(("rollup", "rate", "counter"))}
