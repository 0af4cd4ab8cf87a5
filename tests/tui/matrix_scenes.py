"""A workspace for the Matrix screen, and what ledger and files would tell of its models."""

import asyncio
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from console_driving import settle
from console_scenes import NOW, bar, scene
from textual.events import Paste
from textual.pilot import Pilot

from peak_console.config.verifying import Standing
from peak_console.operations.views.fake import FakeSource
from peak_console.operations.views.freshness import Freshness
from peak_console.operations.views.live import Slot
from peak_console.operations.views.matrix import (
    LifeFact,
    MatrixFacts,
    PriceFact,
    Served,
    SlotTraffic,
)
from peak_console.tui.screens.matrix import MatrixScreen

MATRIX = """\
# Which model works in which layer and role.

[global]
forbidden_providers = ["anthropic"]
allowed_providers = ["openai", "google"]

[L0.primary]
provider = "openai"
model_id = "gpt-6-nano"   # quick and cheap

# stands in while openai is away
[[L0.fallback]]
provider = "google"
model_id = "gemini-3-flash"

# the last resort
[[L0.fallback]]
provider = "openai"
model_id = "gpt-6-mini"
degraded = true

[L0.critic]
provider = "google"
model_id = "gemini-3-pro"

[L1.primary]
provider = "openai"
model_id = "gpt-6-mini"

[L2.primary]
provider = "openai"
model_id = "gpt-6-luna"

[L2.critic]
service = "L4"

[L3.primary]
provider = "openai"
model_id = "gpt-6-luna"

[L3.critic]
service = "L4"

[L4.primary]
provider = "google"
model_id = "gemini-3-pro"
"""

BUDGETS = """\
timezone = "UTC"
warn_pct = 80.0

[currency]
eur_per_usd = 0.9
as_of = 2026-11-20
source = "made up"

[call]
max_tokens = 400_000
max_cost_eur = 5.00

[run]
max_cost_eur = 15.00

[day]
max_cost_eur = 50.00
"""

MODELS = (
    ("openai", "gpt-6-nano", "nano", "0.05", "0.40"),
    ("openai", "gpt-6-mini", "mini", "0.25", "2.00"),
    ("openai", "gpt-6-luna", "luna", "1.75", "14"),
    ("google", "gemini-3-flash", "flash", "0.30", "2.50"),
    ("google", "gemini-3-pro", "pro", "1.25", "10"),
)

_TRAFFIC = {
    Slot("L0", "primary", "openai", "gpt-6-nano"): SlotTraffic(8214, 410.0, 980.0),
    Slot("L0", "fallback", "google", "gemini-3-flash"): SlotTraffic(41, 620.0, 1900.0),
    Slot("L0", "critic", "google", "gemini-3-pro"): SlotTraffic(602, 2100.0, 5400.0),
    Slot("L2", "primary", "openai", "gpt-6-luna"): SlotTraffic(288, 3200.0, 9100.0),
    Slot("L4", "primary", "google", "gemini-3-pro"): SlotTraffic(290, 2300.0, 6200.0),
}


def models_text() -> str:
    """The registry."""
    return "\n".join(
        f'[[model]]\nprovider = "{provider}"\nmodel_id = "{model}"\nfamily = "{family}"\nallowed = true\n'
        f'endpoint = "{"responses" if provider == "openai" else "generate_content"}"\n'
        f"context_tokens = 400_000\nmax_output_tokens = 32_000\n"
        for provider, model, family, _, _ in MODELS
    )


def prices_text() -> str:
    """The prices."""
    return "\n".join(
        f'[[price]]\nprovider = "{provider}"\nmodel_id = "{model}"\ninput_usd_per_mtok = {cost}\n'
        f'output_usd_per_mtok = {out}\nsource = "made up"\nas_of = 2026-11-01\nvalid_from = 2026-11-01\n'
        for provider, model, _, cost, out in MODELS
    )


def write_workspace(folder: Path, matrix: str | None = MATRIX) -> Path:
    """A workspace below ``folder``; without a matrix where that is ``None``."""
    root = folder / "eurusd-desk"
    ai = root / "configs" / "ai"
    ai.mkdir(parents=True)
    texts = {"models.toml": models_text(), "prices.toml": prices_text(), "budgets.toml": BUDGETS}
    if matrix is not None:
        texts["layer_model_matrix.toml"] = matrix
    for name, text in texts.items():
        (ai / name).write_text(text, encoding="utf-8")
    return root


def facts() -> MatrixFacts:
    """What is known of the models above."""
    prices = {
        (provider, model): PriceFact(Decimal(cost), Decimal(out), "made up", "2026-11-01")
        for provider, model, _, cost, out in MODELS
    }
    lives = {(provider, model): LifeFact() for provider, model, *_ in MODELS}
    lives["google", "gemini-3-flash"] = LifeFact(
        shutdown="2026-12-20", days_left=28, successor="google:gemini-3-pro"
    )
    served = {
        slot: Served(f"{slot.model_id}-2026-09-01" if slot.provider == "openai" else slot.model_id, NOW)
        for slot in _TRAFFIC
    }
    return MatrixFacts(
        NOW,
        Freshness(NOW - timedelta(seconds=1)),
        "bootstrap",
        _TRAFFIC,
        served,
        prices,
        lives,
        {
            Slot("L0", "primary", "openai", "gpt-6-nano"): Standing.VERIFIED,
            Slot("L2", "primary", "openai", "gpt-6-luna"): Standing.ATTESTED,
        },
        Standing.UNVERIFIED,
        "lock signed by mara, until 2027-01-01",
    )


def matrix_source(state: str = "normal") -> FakeSource:
    """A source for the screen: ``normal``, ``stale`` (the ledger is away) or ``empty`` (nothing known)."""
    source = scene("normal")
    source.bar_snapshot = bar("stale" if state == "stale" else "normal")
    known = facts()
    if state == "stale":
        away = Freshness(NOW - timedelta(seconds=252), "database is locked by another program")
        source.matrix_facts = MatrixFacts(
            NOW, away, "bootstrap", known.traffic, known.served, known.prices, known.lives,
            known.verified, known.lock, known.lock_words,
        )  # fmt: skip
    elif state == "empty":
        source.matrix_facts = MatrixFacts(NOW, Freshness(None, "there is no ledger yet"))
    else:
        source.matrix_facts = known
    return source


HOSTILE_MATRIX = MATRIX.replace("quick and cheap", "quick \u202e[/nope] \u200b\u00ad cheap").replace(
    '"gpt-6-luna"', '"gpt-6\u202e[/nope]"', 1
)
"""A matrix that says what it may not: directions turned round, markup, characters of no width."""


async def calm(pilot: Pilot[Any]) -> None:
    """Wait until every config that was touched is read, checked and kept, and stands on the screen."""
    await settle(pilot)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        screen = pilot.app.screen_stack[0]
        await pilot.pause()
        if not isinstance(screen, MatrixScreen) or screen.settled:
            break
        await asyncio.sleep(0.01)
    else:
        raise AssertionError("the Matrix screen did not settle")
    await pilot.pause()


async def keys(pilot: Pilot[Any], *pressed: str) -> None:
    """Press keys, each with what follows from it."""
    for key in pressed:
        await pilot.press(key)
        await calm(pilot)


async def typed(pilot: Pilot[Any], text: str) -> None:
    """Paste a text where the focus is, then wait for what follows."""
    pilot.app.post_message(Paste(text))
    await calm(pilot)
