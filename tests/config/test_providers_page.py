"""The page on providers: its snippets lint, and say what ships."""

import re
import shutil
import tomllib
from datetime import date
from pathlib import Path

import pytest

from peak_console.config.defaults import default_configs
from peak_console.config.interfaces import INTERFACES
from peak_console.config.lint import lint_workspace
from peak_console.config.lint.catalogue import CATALOGUE
from peak_console.config.workspace import Workspace
from peak_console.domain.vocabulary import PhaseLevel

TODAY = date(2026, 11, 22)
PAGE = (Path(__file__).parents[2] / "docs" / "providers.md").read_text(encoding="utf-8")
MATRIX = "configs/ai/layer_model_matrix.toml"
FILES = (MATRIX, "configs/ai/models.toml", "configs/ai/prices.toml")
_OTHERS = "\n".join(
    f'[{layer}.primary]\nprovider = "google"\nmodel_id = "gemini-3.8-flash"'
    for layer in ("L0", "L1", "L3", "L4")
)
_BLOCK = re.compile(r"```toml\n# (\S+)\n(.*?)```", re.DOTALL)


def snippets(provider: str) -> dict[str, str]:
    """The snippets of a provider's section, by file."""
    section = PAGE.split(f"\n## {provider}\n")[1].split("\n## ")[0]
    return dict(_BLOCK.findall(section))


def without(text: str, table: str, provider: str, model_id: str) -> str:
    """A file without its entries of a model."""
    named = f'provider = "{provider}"\nmodel_id = "{model_id}"\n'
    return f"[[{table}]]\n".join(part for part in text.split(f"[[{table}]]\n") if not part.startswith(named))


@pytest.mark.parametrize("provider", list(INTERFACES))
def test_the_snippets_of_a_provider_lint(provider: str, tmp_path: Path) -> None:
    """Slot, registry entry and price as the page has them, in the place of what ships: no finding on them."""
    found = snippets(provider)
    assert tuple(found) == FILES
    slot = tomllib.loads(found[MATRIX])["L2"]["primary"]
    assert slot["provider"] == provider
    shutil.copytree(default_configs(), tmp_path / "configs")
    rules = f'[global]\nallowed_providers = ["google", "{provider}"]\n'
    (tmp_path / MATRIX).write_text(f"{rules}{_OTHERS}\n{found[MATRIX]}", encoding="utf-8")
    for name, table in zip(FILES[1:], ("model", "price"), strict=True):
        path = tmp_path / name
        rest = without(path.read_text(encoding="utf-8"), table, provider, slot["model_id"])
        path.write_text(f"{rest}\n{found[name]}", encoding="utf-8")
    findings = lint_workspace(Workspace(tmp_path), phase=PhaseLevel.RESEARCH, today=TODAY)
    unrelated = {"prompt.unset", "prompt.unused", "matrix.critic_missing"}
    assert [one for one in findings if one.rule not in unrelated] == []


@pytest.mark.parametrize("provider", list(INTERFACES))
def test_the_snippets_say_what_ships(provider: str) -> None:
    """Entry and price of the page are those of the shipped files, so that the page does not grow old."""
    found = snippets(provider)
    root = default_configs().parent
    for name, table in zip(FILES[1:], ("model", "price"), strict=True):
        (ours,) = tomllib.loads(found[name])[table]
        shipped = tomllib.loads((root / name).read_text(encoding="utf-8"))[table]
        assert ours in shipped


def test_the_rules_that_the_page_names_exist() -> None:
    """By id."""
    named = set(re.findall(r"`((?:interface|registry|matrix|price)\.[a-z_]+)`", PAGE))
    assert named
    assert named <= set(CATALOGUE)
