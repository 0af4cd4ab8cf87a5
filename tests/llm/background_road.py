"""A workspace with two models that work in the background, and their prices."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from road import MATRIX as ROAD_MATRIX
from road import MODELS, PRICES, Road, asking, write_workspace

from peak_console.config.workspace import Workspace
from peak_console.domain.calls import CallRequest
from peak_console.domain.vocabulary import Layer
from peak_console.llm.unattended.background import PollRule

QUICK_POLLS = PollRule(
    first_wait_s=0.02, longest_wait_s=0.05, request_s=30.0, settle_s=2.0, settle_wait_s=0.02
)

_ALONE = '[L4.primary]\nprovider = "openai"\nmodel_id = "o4-mini-deep-research"\nmax_output_tokens = 1000'

MATRIX = (
    ROAD_MATRIX.replace(
        '[L1.fallback]\nprovider = "openai"\nmodel_id = "gpt-5.2"',
        '[L1.fallback]\nprovider = "openai"\nmodel_id = "gpt-5.2-pro"\nmax_output_tokens = 1000',
    )
    .replace(
        '[L1.primary]\nprovider = "openai"\nmodel_id = "o3-deep-research"',
        '[L1.primary]\nprovider = "openai"\nmodel_id = "o4-mini-deep-research"\nmax_output_tokens = 1000',
    )
    .replace('[L4.primary]\nprovider = "openai"\nmodel_id = "gpt-5-nano"', _ALONE)
)
"""L1 has two models that work in the background, L4 one alone."""

_MODEL = """
[[model]]
provider = "openai"
model_id = "{0}"
family = "{1}"
allowed = true
endpoint = "responses"
background = true
context_tokens = 400000
max_output_tokens = 128000
"""

_PRICE = """
[[price]]
provider = "openai"
model_id = "{0}"
input_usd_per_mtok = {1}
cache_read_usd_per_mtok = {2}
output_usd_per_mtok = {3}
source = "test"
as_of = 2026-01-01
valid_from = 2026-01-01
"""

COST_EUR = "0.003420000"
"""What the stub's usage costs on o4-mini-deep-research: 600 * 2 + 400 * 0.5 + 300 * 8 millionths, at 0.90."""


def write_background_workspace(root: Path, **changes: Any) -> Workspace:
    """The workspace's files."""
    more = _MODEL.format("o4-mini-deep-research", "o4") + _MODEL.format("gpt-5.2-pro", "gpt-5.2")
    ws = write_workspace(root, **({"matrix": MATRIX, "models": MODELS + more} | changes))
    prices = _PRICE.format("o4-mini-deep-research", "2.0", "0.5", "8.0")
    ws.prices.write_text(PRICES + prices + _PRICE.format("gpt-5.2-pro", "21.0", "2.1", "168.0"))
    return ws


MATERIAL = "\n" + "EUR/USD 1.0842, 1.0851, 1.0839; " * 32
"""What a question is about: a prompt long enough for the tokens that the provider bills."""


def research(text: str = "What moves the dollar?", layer: Layer = Layer.L1, **more: Any) -> CallRequest:
    """A call for background work that may cost what the stub bills."""
    return asking(text + MATERIAL, layer=layer, background=True, **({"max_output_tokens": 1000} | more))


def bodies(road: Road, kind: str) -> list[dict[str, Any]]:
    """The bodies of the events of a kind."""
    return [dict(event.body or {}) for event in road.events(kind)]


async def until(holds: Callable[[], Any]) -> None:
    """Wait, by a deadline, until something holds."""
    async with asyncio.timeout(25):
        while not holds():  # noqa: ASYNC110 - what is waited for is another server's state, or a file's
            await asyncio.sleep(0.005)
