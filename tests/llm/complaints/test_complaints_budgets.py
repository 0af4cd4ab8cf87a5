"""What users of other gateways say of budgets: overrun, passed by, or refusing what fits."""

import asyncio
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from loopback_server import Exchange, LoopbackServer
from road import BUDGETS, Road, answering, asking, chat, failing, open_road, write_workspace

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import BudgetExceeded, PeakError
from peak_console.domain.vocabulary import Layer, Role
from peak_console.ledger.reader import LedgerReader

RUN = "20261122_120000_abcdef"


def budgeted(
    root: Path, *, run: str = "max_cost_eur = 100.0", day: str = "max_cost_eur = 1000.0"
) -> Workspace:
    """A workspace whose run and day have these limits."""
    budgets = BUDGETS.replace("[run]\nmax_cost_eur = 100.0", f"[run]\n{run}")
    return write_workspace(root, budgets=budgets.replace("[day]\nmax_cost_eur = 1000.0", f"[day]\n{day}"))


def ended(end: object) -> str:
    """How a call ended, in a word."""
    return str(end.code) if isinstance(end, PeakError) else type(end).__name__


async def ends(road: Road, calls: int, **more: object) -> dict[str, int]:
    """How this many calls at once ended."""
    tried = [road.client.call(asking(f"call {number}", **more)) for number in range(calls)]  # type: ignore[arg-type]
    return dict(Counter(map(ended, await asyncio.gather(*tried, return_exceptions=True))))


def spent(road: Road) -> Decimal:
    """What the ledger's calls cost."""
    events = road.events("llm.call.completed", "llm.call.failed")
    return sum((Decimal(str((event.body or {})["cost_eur"])) for event in events), Decimal(0))


async def test_concurrent_calls_of_a_session_overrun_its_budget(tmp_path: Path) -> None:
    """LiteLLM #34732: ``max_budget_per_session`` passes concurrent calls.

    Here each reserves before it is sent.
    """
    dear = {"prompt_tokens": 100, "completion_tokens": 100, "total_tokens": 200}
    ws = budgeted(tmp_path / "ws", run="max_cost_eur = 0.001")
    async with LoopbackServer(answering(chat(usage=dear))) as provider, open_road(ws, provider.url) as road:
        found = await ends(road, 40, run_id=RUN)
        assert found.pop("CallResult") >= 1
        assert set(found) == {"budget_exceeded"}
        assert len(provider.seen) == 40 - found["budget_exceeded"]
        assert spent(road) <= Decimal("0.001")
        road.check()


async def test_the_first_calls_of_somebody_new_pass_together(tmp_path: Path) -> None:
    """LiteLLM #40095, #11083: before a counter exists, every concurrent first call passes. Here one does."""
    ws = budgeted(tmp_path / "ws", run="max_cost_eur = 100.0\nmax_calls = 1")
    async with LoopbackServer(answering()) as provider, open_road(ws, provider.url) as road:
        assert await ends(road, 20, run_id=RUN) == {"CallResult": 1, "budget_exceeded": 19}
        assert len(provider.seen) == 1
        road.check()


async def test_another_key_passes_the_budget_by(tmp_path: Path) -> None:
    """LiteLLM #26672: a second limit is not looked at once the first has room.

    Here all scopes hold at once.
    """
    ws = budgeted(tmp_path / "ws", day="max_cost_eur = 1000.0\nmax_calls = 2")
    async with LoopbackServer(answering()) as provider, open_road(ws, provider.url) as road:
        for layer in (Layer.L2, Layer.L3):
            await road.client.call(asking(layer=layer))
        with pytest.raises(BudgetExceeded) as caught:
            await road.client.call(asking(layer=Layer.L0))
        assert caught.value.details["scope"] == "day"
        assert len(provider.seen) == 2


async def test_a_pass_through_route_evades_the_budget(tmp_path: Path) -> None:
    """Bifrost #2873: one kind of request is not counted.

    Here every layer and role is, and there is one road.
    """
    ws = budgeted(tmp_path / "ws", day="max_cost_eur = 0")
    async with LoopbackServer(answering()) as provider, open_road(ws, provider.url) as road:
        for layer, role in ((Layer.L0, Role.PRIMARY), (Layer.L2, Role.CRITIC), (Layer.L2, Role.FALLBACK)):
            with pytest.raises(BudgetExceeded):
                await road.client.call(asking(layer=layer, role=role))
        assert provider.seen == []


@pytest.mark.parametrize("limit", ["max_cost_eur = 0", "max_cost_eur = 1.0\nmax_calls = 0"])
async def test_a_budget_of_zero_is_never_enforced(tmp_path: Path, limit: str) -> None:
    """LiteLLM PR #37736: zero counts as "no budget". Here zero denies, and nothing leaves."""
    ws = budgeted(tmp_path / "ws", run=limit)
    async with LoopbackServer(answering()) as provider, open_road(ws, provider.url) as road:
        with pytest.raises(BudgetExceeded):
            await road.client.call(asking(run_id=RUN))
        assert provider.seen == []
        assert "llm.call.requested" not in road.kinds()


async def test_the_fallback_is_not_checked_again(tmp_path: Path) -> None:
    """LiteLLM PR #41379: only the first model is held against the budget.

    Here the fallback reserves its own bound.

    The budget takes the primary's bound and nothing more; the primary's lost answer is spent at its bound.
    """

    async def lost(exchange: Exchange) -> None:
        await exchange.answer(200, chat()[:60], length=9000)
        exchange.cut()

    ws = budgeted(tmp_path / "ws", run="max_cost_eur = 0.0004")
    async with LoopbackServer(lost) as provider, open_road(ws, provider.url) as road:
        with pytest.raises(PeakError) as caught:
            await road.client.call(asking(run_id=RUN))
        assert caught.value.code == "budget_exceeded"
        assert [one.path for one in provider.seen] == ["/v1/chat/completions"]
        assert spent(road) <= Decimal("0.0004")
        road.check()


async def test_a_budget_is_called_exceeded_that_is_not(tmp_path: Path) -> None:
    """LiteLLM #36926, bifrost #5770: spend counts twice and the rule fires early.

    Here all that fits is admitted.

    Each call's bound is nearly the budget; settled at a tiny part of it, the next must fit again, and again.
    """
    ws = budgeted(tmp_path / "ws", run="max_cost_eur = 0.0004")
    tiny = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    async with LoopbackServer(answering(chat(usage=tiny))) as provider, open_road(ws, provider.url) as road:
        for number in range(30):
            await road.client.call(asking(f"call {number}", run_id=RUN))
        assert len(provider.seen) == 30
        road.check()


@pytest.mark.parametrize("status", [400, 500])
async def test_reservations_leak(tmp_path: Path, status: int) -> None:
    """LiteLLM #27639: a call that fails keeps its reservation for ever.

    Here failures that cost nothing free it.
    """
    ws = budgeted(tmp_path / "ws", run="max_cost_eur = 0.0015")
    async with LoopbackServer(answering()) as provider, open_road(ws, provider.url) as road:
        for _ in range(4):
            provider.handler = failing(status, times=1)
            assert set(await ends(road, 1, run_id=RUN)) <= {"CallResult", "bad_request"}
            with LedgerReader(ws.ledger) as reader:
                assert reader.in_flight() == 0
        road.check()


async def test_cancelled_callers_leak_reservations(tmp_path: Path) -> None:
    """LiteLLM #27639 again: whoever walks away leaves nothing reserved, and pays what may be billed."""
    asked = asyncio.Event()

    async def never(exchange: Exchange) -> None:
        asked.set()
        await asyncio.Event().wait()

    ws = budgeted(tmp_path / "ws")
    async with LoopbackServer(never) as provider, open_road(ws, provider.url) as road:
        call = asyncio.create_task(road.client.call(asking(run_id=RUN)))
        await asked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await road.client.close()
        road.check()
        assert spent(road) > 0
