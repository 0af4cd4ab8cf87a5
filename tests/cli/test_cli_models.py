"""``peak models``, ``peak prices refresh`` and ``peak import registry``: what they print and leave alone."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from peak_console.cli.program import run
from peak_console.config.workspace import Workspace
from peak_console.operations.shapes import SHAPES
from peak_console.operations.workbench.drafts import drafts_of

ROOT = Path(__file__).resolve().parents[2]
REGISTRY = """
[models.big]
provider = "openai"
model_id = "o3-pro"
family = "o3"
context_window = 200000
max_output_tokens = 16000
cost_per_1k_input = 0.02
cost_per_1k_output = 0.08
status = "production"
note = "\\u001b[31mred"

[models.helper]
provider = "anthropic"
model_id = "x"

[layer_mapping.L1]
primary = "o3-deep-research"
critic = "big"
"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped configs without a ledger, on a wide terminal."""
    monkeypatch.setenv("COLUMNS", "200")
    shutil.copytree(ROOT / "configs", tmp_path / "desk" / "configs")
    return tmp_path / "desk"


def told(capsys: pytest.CaptureFixture[str], desk: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON document of a command."""
    code = run([*words, "--root", str(desk), "--json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, found


def test_models_are_listed_by_provider_and_by_likeness(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One provider's models, and those whose name is like a word, the likeliest first."""
    code, found = told(capsys, desk, "models", "list", "--provider", "google")
    SHAPES["models-list"].model_validate(found)
    assert code == 0
    assert {one["provider"] for one in found["models"]} == {"google"}
    _, like = told(capsys, desk, "models", "list", "--query", "gpt-6.1-te")
    assert like["models"][0]["model_id"] == "gpt-6.1-terra"


def test_one_model_is_shown_and_a_misspelt_one_is_named(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Price with source, end and slots in words; an unknown name exits 2 with what may be meant."""
    assert run(["models", "show", "openai:gpt-5-mini", "--root", str(desk)]) == 0
    shown = capsys.readouterr().out
    for part in ("genai-prices", "2026-12-11", "openai:gpt-6.1-terra", "L2.primary", "never called"):
        assert part in shown
    code, found = told(capsys, desk, "models", "show", "openai:gpt5-mimi")
    assert code == 2
    assert found["error"]["code"] == "model_unknown"
    assert "openai:gpt-5-mini" in found["error"]["remedy"]


def test_a_refresh_that_changes_nothing_makes_no_draft(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The shipped table agrees with the package: exit 0, no draft, and what is kept is said."""
    code, found = told(capsys, desk, "prices", "refresh", "--draft")
    SHAPES["prices-refresh"].model_validate(found)
    assert (code, found["changes"], found["draft"]) == (0, 0, None)
    assert {one["kind"] for one in found["rows"]} == {"kept"}
    assert drafts_of(Workspace(desk)).get("prices") is None


def test_a_refresh_that_changes_something_is_a_draft_on_request(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --draft nothing is made; with it the editor holds it, and the file stays."""
    prices = desk / "configs/ai/prices.toml"
    prices.write_text(
        prices.read_text().replace("input_usd_per_mtok = 0.05\n", "input_usd_per_mtok = 0.04\n")
    )
    before = prices.read_bytes()
    assert told(capsys, desk, "prices", "refresh")[1]["draft"] is None
    code, found = told(capsys, desk, "prices", "refresh", "--draft")
    assert (code, found["changes"], found["draft"]) == (0, 1, "prices")
    assert found["rows"][0]["fields"]["input_usd_per_mtok"] == {"old": "0.04", "new": "0.05"}
    assert prices.read_bytes() == before


def test_an_import_reports_everything_and_makes_drafts(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Dry, it only reports; else it leaves drafts, and a second one does not run over them."""
    file = desk.parent / "registry.toml"
    file.write_text(REGISTRY)
    code, dry = told(capsys, desk, "import", "registry", str(file), "--dry-run")
    SHAPES["import-registry"].model_validate(dry)
    assert (code, dry["drafts"], dry["format"]) == (0, [], "registry")
    assert [one["source"] for one in dry["lost"] if one["refused"]] == ["models.helper"]
    assert run(["import", "registry", str(file), "--root", str(desk)]) == 0
    shown = capsys.readouterr().out
    assert "drafts in the editor: models, prices, matrix" in shown
    assert "\x1b" not in shown
    drafts_of(Workspace(desk)).put("matrix", "# another\n", base=None, base_text="")
    code, refused = told(capsys, desk, "import", "registry", str(file))
    assert (code, refused["error"]["code"]) == (1, "draft_exists")
    assert told(capsys, desk, "import", "registry", str(file), "--replace-draft")[1]["drafts"]
