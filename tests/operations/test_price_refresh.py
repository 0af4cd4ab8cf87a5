"""What newer published prices propose: a draft that keeps comments, other sources and history."""

import shutil
import sys
import tomllib
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import ControlRefused, EnvironmentUnfit
from peak_console.operations.price_refresh import Refresh, RowKind, draft_of, refresh
from peak_console.operations.published_prices import GenaiPrices, Published
from peak_console.operations.shapes import SHAPES
from peak_console.operations.workbench.drafts import drafts_of

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PRICES = "configs/ai/prices.toml"


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    """A workspace with the shipped configs and no ledger."""
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    return Workspace(tmp_path)


class Told:
    """Published prices as a test says them; a model that it does not name is unknown."""

    name = "genai-prices 9.9.9"

    def __init__(self, prices: dict[str, dict[str, str]], tiers: tuple[int, ...] = ()) -> None:
        self.prices, self.tiers = prices, tiers

    def find(self, provider: str, model_id: str, on: date, context_tokens: int) -> Published | None:
        """As the package would."""
        found = self.prices.get(f"{provider}:{model_id}")
        return (
            None
            if found is None
            else Published({key: Decimal(one) for key, one in found.items()}, self.tiers)
        )


NANO = {"input_usd_per_mtok": "0.06", "output_usd_per_mtok": "0.4", "cache_read_usd_per_mtok": "0.005"}


def kinds(found: Refresh) -> dict[str, RowKind]:
    """What becomes of each model."""
    return {f"{one.provider}:{one.model_id}": one.kind for one in found.rows}


def test_the_shipped_table_agrees_with_the_installed_package() -> None:
    """Nothing to change; what another source says dearer is kept and said; the shape holds."""
    found = refresh(Workspace(ROOT), NOW, GenaiPrices())
    assert found.changes == 0
    kept = [one for one in found.rows if one.kind is RowKind.KEPT]
    assert kept
    assert all("higher price stands" in one.note for one in kept)
    assert found.text == found.standing.text
    SHAPES["prices-refresh"].model_validate(found.as_dict(None))


def test_a_changed_price_is_a_row_from_today_on(ws: Workspace) -> None:
    """The old row stays for what was paid before; comments and all other rows stay as they were."""
    found = refresh(ws, NOW, Told({"openai:gpt-5-nano": NANO}))
    assert kinds(found)["openai:gpt-5-nano"] is RowKind.CHANGED
    assert kinds(found)["openai:gpt-5-mini"] is RowKind.GONE
    assert kinds(found)["bedrock:eu.amazon.nova-lite-v1:0"] is RowKind.KEPT
    before = (ws.root / PRICES).read_text()
    assert found.text.startswith(before.rstrip("\n"))
    rows = [
        one
        for one in tomllib.loads(found.text, parse_float=Decimal)["price"]
        if one["model_id"] == "gpt-5-nano"
    ]
    assert [one["input_usd_per_mtok"] for one in rows] == [Decimal("0.05"), Decimal("0.06")]
    assert (rows[1]["valid_from"], rows[1]["as_of"], rows[1]["source"]) == (
        NOW.date(), NOW.date(), "genai-prices 9.9.9",
    )  # fmt: skip


def test_the_same_day_changes_its_own_row(ws: Workspace) -> None:
    """Refreshed twice on a day, with other data: one row of that day, not two."""
    (ws.root / PRICES).write_text(refresh(ws, NOW, Told({"openai:gpt-5-nano": NANO})).text)
    dearer = Told({"openai:gpt-5-nano": {**NANO, "input_usd_per_mtok": "0.07"}})
    again = refresh(ws, NOW, dearer).text
    rows = [
        one for one in tomllib.loads(again, parse_float=Decimal)["price"] if one["model_id"] == "gpt-5-nano"
    ]
    assert [one["input_usd_per_mtok"] for one in rows] == [Decimal("0.05"), Decimal("0.07")]


def test_a_registered_model_without_a_price_gets_one(ws: Workspace) -> None:
    """New is what the registry names and the table does not; what nobody prices stays unknown."""
    (ws.root / PRICES).write_text("# none yet\n")
    found = refresh(ws, NOW, Told({"openai:gpt-5-nano": NANO}))
    assert kinds(found)["openai:gpt-5-nano"] is RowKind.NEW
    assert kinds(found)["openai:gpt-5.2"] is RowKind.UNKNOWN
    assert found.changes == 1
    assert found.text.startswith("# none yet\n")


def test_a_dearer_tier_within_the_context_is_taken() -> None:
    """A bound is never understated: where long inputs cost more and fit, the dearer price counts."""
    source = GenaiPrices()
    short = source.find("openai", "gpt-5.4-pro", NOW.date(), 272_000)
    long = source.find("openai", "gpt-5.4-pro", NOW.date(), 400_000)
    assert short is not None
    assert long is not None
    assert (short.prices["input_usd_per_mtok"], long.prices["input_usd_per_mtok"]) == (30, 60)
    assert source.find("openai", "no-such-model", NOW.date(), 10) is None


def test_the_proposal_is_a_draft_and_never_overwrites_one(ws: Workspace) -> None:
    """The file stays; a draft somebody is at is not replaced unless that is asked for."""
    before = (ws.root / PRICES).read_bytes()
    found = refresh(ws, NOW, Told({"openai:gpt-5-nano": NANO}))
    drafts_of(ws).put("prices", "# mine\n", base=None, base_text="", now=NOW)
    with pytest.raises(ControlRefused) as refused:
        draft_of(ws, found, NOW)
    assert refused.value.code == "draft_exists"
    made = draft_of(ws, found, NOW, replace=True)
    assert made is not None
    assert (made.text, made.origin, made.base) == (found.text, "prices refresh", found.standing.digest)
    assert (ws.root / PRICES).read_bytes() == before


def test_without_the_package_the_command_says_what_to_install(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing extra is named with its remedy, and nothing is guessed."""
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    with pytest.raises(EnvironmentUnfit) as missing:
        refresh(ws, NOW)
    assert missing.value.code == "extra_missing"
    assert "peak-console[prices]" in missing.value.remedy
