import asyncio
import json
import sys
from pathlib import Path

import pytest
from loopback_server import LoopbackServer
from road import BUDGETS, Road, answering, chat, open_road, write_workspace

from peak_console.domain.money import nano_from_text

RUN = "20261122_120000_abcdef"
CALLER = Path(__file__).parent / "calling_process.py"


async def callers(road: Road, url: str, *, processes: int, calls: int) -> dict[str, int]:
    """How the calls of several processes ended, all together."""
    started = [
        await asyncio.create_subprocess_exec(
            sys.executable, str(CALLER), str(road.ws.root), url, RUN, str(calls),
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(processes)
    ]  # fmt: skip
    outputs = await asyncio.gather(*(process.communicate() for process in started))
    assert [process.returncode for process in started] == [0] * processes
    ends: dict[str, int] = {}
    for out, _ in outputs:
        for code, count in json.loads(out).items():
            ends[code] = ends.get(code, 0) + count
    return ends


def never_above(road: Road, limit: int) -> None:
    """Folded over the ledger: at no event were spent and reserved money together above the limit."""
    spent, reserved = 0, {}
    for event in road.events("llm.call.requested", "llm.call.completed", "llm.call.failed"):
        assert event.body is not None
        hop = (event.call_id, event.body["hop"])
        if event.kind == "llm.call.requested":
            reserved[hop] = nano_from_text(event.body["bound_eur"])
            assert spent + sum(reserved.values()) <= limit
        else:
            reserved.pop(hop)
            spent += nano_from_text(event.body["cost_eur"])
    assert not reserved


@pytest.mark.parametrize("dear", [False, True])
async def test_concurrent_calls_never_overrun_a_budget(tmp_path: Path, *, dear: bool) -> None:
    """Sixty calls from three processes against a budget for a few: none is admitted beyond it.

    With dear answers (all the output that was allowed) spend itself uses the budget up; with cheap ones the
    reservations do, for a moment, and more calls fit after they are settled.
    """
    usage = {"prompt_tokens": 100, "completion_tokens": 100 if dear else 1, "total_tokens": 200}
    limit = "0.002"
    budgets = BUDGETS.replace("[run]\nmax_cost_eur = 100.0", f"[run]\nmax_cost_eur = {limit}")
    ws = write_workspace(tmp_path / "ws", budgets=budgets)
    async with LoopbackServer(answering(chat(usage=usage))) as provider, open_road(ws, provider.url) as road:
        ends = await callers(road, provider.url, processes=3, calls=20)
        assert ends.pop("ok") >= 3
        assert set(ends) <= {"budget_exceeded"}
        assert ends.get("budget_exceeded", 0) > 0
        never_above(road, nano_from_text(limit))
        sent = road.kinds().count("llm.call.requested")
        assert len(provider.seen) == sent < 60
        road.check()


async def test_a_count_of_calls_is_kept_exactly(tmp_path: Path) -> None:
    """Seven calls are allowed, forty-five are tried from three processes: seven are sent."""
    ws = write_workspace(tmp_path / "ws", budgets=BUDGETS.replace("[day]", "max_calls = 7\n[day]"))
    async with LoopbackServer(answering()) as provider, open_road(ws, provider.url) as road:
        ends = await callers(road, provider.url, processes=3, calls=15)
        assert ends == {"ok": 7, "budget_exceeded": 38}
        assert len(provider.seen) == 7
        road.check()
