"""What users of other gateways say of prices: unknown ones are nothing, cached tokens count twice."""

from decimal import Decimal
from pathlib import Path

import pytest
from loopback_server import LoopbackServer
from road import PRICES, Road, answering, asking, chat, gemini, open_road, write_workspace

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import PeakError
from peak_console.domain.vocabulary import Role

EUR_PER_USD = Decimal("0.90")


def eur(*parts: tuple[int, str]) -> Decimal:
    """Tokens at their USD price for a million each, in EUR."""
    usd = sum((tokens * Decimal(price) for tokens, price in parts), Decimal(0)) / 1_000_000
    return usd * EUR_PER_USD


def refused(road: Road) -> list[str]:
    """Why candidates were passed over, in the last refusal."""
    body = road.events("llm.call.refused")[-1].body or {}
    return [row["reason"] for row in body["route"]]


def without_price(ws: Workspace, *models: str) -> None:
    """Take these models' rows out of the price table."""
    rows = ws.prices.read_text().split("[[price]]")
    kept = [row for row in rows if not any(f'model_id = "{model}"' in row for model in models)]
    ws.prices.write_text("[[price]]".join(kept))


async def test_an_unknown_price_is_nothing(workspace: Workspace, providers: LoopbackServer) -> None:
    """LiteLLM #36561, #35914, #40741, litellm-rs #831: an unknown price becomes $0 and no budget ever fires.

    Here it is refused.
    """
    without_price(workspace, "gpt-5-mini", "gemini-2.5-flash")
    async with open_road(workspace, providers.url) as road:
        with pytest.raises(PeakError) as caught:
            await road.client.call(asking())
        assert caught.value.code == "price_missing"
        assert refused(road) == ["price_missing", "price_missing"]
    assert providers.seen == []


async def test_an_unpriced_model_is_passed_over_and_the_priced_one_pays(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """LiteLLM #24949: the check is skipped for a model without a price. Here the model is."""
    without_price(workspace, "gpt-5-mini")
    async with open_road(workspace, providers.url) as road:
        result = await road.client.call(asking())
    assert (result.provider, result.fallback) == ("google", True)
    assert Decimal(result.cost_eur) > 0


async def test_a_price_of_ones_own_is_ignored(workspace: Workspace, providers: LoopbackServer) -> None:
    """LiteLLM #25874: a custom price is not used.

    Here the file's price is the only one, from the next call on.
    """
    async with open_road(workspace, providers.url) as road:
        before = await road.client.call(asking())
        workspace.prices.write_text(PRICES.replace("input_usd_per_mtok = 0.25", "input_usd_per_mtok = 2.5"))
        after = await road.client.call(asking())
    assert Decimal(before.cost_eur) == eur((60, "0.25"), (40, "0.025"), (20, "2"))
    assert Decimal(after.cost_eur) == eur((60, "2.5"), (40, "0.025"), (20, "2"))


async def test_an_alias_whose_price_moved_is_priced_as_before(
    tmp_path: Path, providers: LoopbackServer
) -> None:
    """Aliases move: ``mistral-medium-latest`` went to a dearer model.

    A new row holds from its day on, not before.
    """
    row = next(row for row in PRICES.split("[[price]]") if '"gpt-5-mini"' in row)
    dearer = row.replace("0.25", "0.50").replace("valid_from = 2026-01-01", "valid_from = 2026-06-01")
    moved = f"{PRICES}[[price]]{dearer}"
    ws = write_workspace(tmp_path / "ws")
    ws.prices.write_text(moved)
    async with open_road(ws, providers.url) as road:
        result = await road.client.call(asking())
    assert Decimal(result.cost_eur) == eur((60, "0.50"), (40, "0.025"), (20, "2"))


async def test_cached_tokens_of_openai_count_twice(workspace: Workspace, providers: LoopbackServer) -> None:
    """LiteLLM #6215, #9812, Aider #5516: cached tokens are billed as input and as cached.

    90 of 100 are cached here.
    """
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 90},
    }
    providers.handler = answering(chat(usage=usage))
    async with open_road(workspace, providers.url) as road:
        result = await road.client.call(asking())
    assert Decimal(result.cost_eur) == eur((10, "0.25"), (90, "0.025"), (20, "2"))


async def test_cached_tokens_of_gemini_count_twice(workspace: Workspace, providers: LoopbackServer) -> None:
    """LiteLLM #14849, #14874, #40016, #40006: Gemini's prompt count includes the cached; adding is 4x."""
    usage = {
        "promptTokenCount": 1000,
        "cachedContentTokenCount": 900,
        "candidatesTokenCount": 20,
        "thoughtsTokenCount": 30,
        "totalTokenCount": 1050,
    }
    providers.handler = answering(google=gemini(usageMetadata=usage))
    async with open_road(workspace, providers.url) as road:
        result = await road.client.call(asking(role=Role.FALLBACK))
    assert Decimal(result.cost_eur) == eur((100, "0.30"), (900, "0.03"), (50, "2.50"))
    assert (result.usage.input_total, result.usage.cache_read, result.usage.reasoning) == (1000, 900, 30)


async def test_reasoning_tokens_count_twice_or_not_at_all(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """LiteLLM PR #35290: nine tenths of the output were reasoning, and missed.

    They are part of the output, once.
    """
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 1000,
        "total_tokens": 1010,
        "completion_tokens_details": {"reasoning_tokens": 900},
    }
    providers.handler = answering(chat(usage=usage))
    async with open_road(workspace, providers.url) as road:
        result = await road.client.call(asking())
    assert Decimal(result.cost_eur) == eur((10, "0.25"), (1000, "2"))
    assert result.usage.reasoning == 900


async def test_an_explicit_zero_is_replaced_by_an_estimate(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """LiteLLM #37992: a count of zero counts as absent and is estimated. Here zero is what it says."""
    providers.handler = answering(
        chat(text="", usage={"prompt_tokens": 40, "completion_tokens": 0, "total_tokens": 40})
    )
    async with open_road(workspace, providers.url) as road:
        result = await road.client.call(asking())
        completed = road.events("llm.call.completed")[0].body or {}
    assert Decimal(result.cost_eur) == eur((40, "0.25"))
    assert (result.usage.output_total, completed.get("cost_basis", "usage")) == (0, "usage")


async def test_no_usage_is_estimated_or_free(workspace: Workspace, providers: LoopbackServer) -> None:
    """LiteLLM #8349, #36523: an answer without usage is logged at $0. Here it costs its bound."""
    providers.handler = answering(chat(usage=None))
    async with open_road(workspace, providers.url) as road:
        result = await road.client.call(asking())
        requested = road.events("llm.call.requested")[0].body or {}
    assert result.cost_eur == requested["bound_eur"]
