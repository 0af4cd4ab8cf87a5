"""Capability scopes: both forms are read, and what is unfit is not in force."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from peak_console.config.defaults import default_configs, demo_configs, write_default_configs
from peak_console.config.lint import lint_workspace
from peak_console.config.load import load_configs
from peak_console.config.scopes import ScopeFile, ScopeLibrary, index_of, layer_in, unfit
from peak_console.config.workspace import Workspace
from peak_console.domain.vocabulary import Layer, PhaseLevel
from peak_console.policy.scopes import Autonomy, Tool

TODAY = date(2026, 11, 22)


def scope(layer: str = "L2", level: str = "PROP", **sections: Any) -> ScopeFile:
    """A scope in sections."""
    return ScopeFile.model_validate({"scope": {"layer_id": layer, "autonomy_level": level}, **sections})


def test_the_flat_form_comes_to_the_same() -> None:
    """Tables of truth values are lists; the level, the tools and the checks stand elsewhere."""
    found = ScopeFile.model_validate(
        {
            "id": "L3_v1",
            "layer_id": "L3",
            "autonomy": "REC/PROP",
            "tools": {"allowed_tools": ["files"]},
            "outputs_allowed": {"checklists": True, "orders": False},
            "outputs_forbidden": {"execution_commands": True, "poems": False},
            "safety_checks": {"no_live_toggle": True},
        }
    ).rules("d" * 64)
    assert (found.layer, found.autonomy, found.digest) == (Layer.L3, Autonomy.RECOMMEND, "d" * 64)
    assert found.tools == {Tool.FILES}
    assert found.outputs == {"checklists"}
    assert found.forbidden == {"execution_commands", "LiveToggle"}


def test_two_lists_of_tools_must_both_name_a_tool() -> None:
    """What only one of two lists allows is not permitted, and forbidden wins over both."""
    tools = {"allowed_tools": ["files", "web"]}
    tooling = {"allowed": ["web", "shell", "files"], "forbidden": ["files"]}
    assert scope(tools=tools, tooling=tooling).permitted_tools == {Tool.WEB}


@pytest.mark.parametrize("data", [{}, {"layer_id": "L3"}, {"layer_id": "L9", "autonomy": "RO"}])
def test_a_scope_is_of_a_layer(data: dict[str, Any]) -> None:
    """Without a layer and a level there is no scope."""
    with pytest.raises(ValueError, match="layer"):
        ScopeFile.model_validate(data)


def test_what_is_unfit_is_not_in_force() -> None:
    """Two for one layer, another layer's name, and a layer of models that may execute: no scope of theirs."""
    found = {
        "L0": scope("L0"),
        "L0_more": scope("L0"),
        "L1_research": scope("L2"),
        "L3": scope("L3", "EXEC"),
        "L4": scope("L4", "RO/REC"),
        "L6": scope("L6", "EXEC"),
        "advice": scope("L2"),
    }
    assert set(unfit(found)) == {"L0", "L0_more", "L1_research", "L3"}
    library = ScopeLibrary.of(found, {name: (f"{name}.toml", "0" * 64) for name in found})
    assert set(library.rules) == {Layer.L2, Layer.L4, Layer.L6}
    assert library.find(Layer.L0) is None


@pytest.mark.parametrize(
    ("name", "layer"), [("L2", "L2"), ("l2_outlook", "L2"), ("L2-x", "L2"), ("L22", None), ("x", None)]
)
def test_a_name_tells_a_layer(name: str, layer: str | None) -> None:
    """A file's name begins with its layer, or tells none."""
    assert layer_in(name) == layer


def test_names_beyond_ascii_have_a_digest(tmp_path: Path) -> None:
    """A file whose name is not ASCII, or no text at all, is in the library and in its digest."""
    write_default_configs(tmp_path)
    ws = Workspace(tmp_path)
    before = load_configs(ws, today=TODAY).digests["scopes"]
    (ws.scopes / "L3.toml").rename(ws.scopes / "L3_pläne.toml")
    (ws.scopes / "L4.toml").rename(ws.scopes / "L4_\udcff.toml")
    configs = load_configs(ws, today=TODAY)
    assert configs.digests["scopes"] != before
    assert {Layer.L3, Layer.L4} <= set(configs.scopes.rules)
    assert index_of({"a.toml": "1"}) == {"a.toml": "1"}


@pytest.mark.parametrize("folder", [default_configs(), demo_configs()], ids=["default", "demo"])
def test_the_shipped_scopes_are_in_force(folder: Path) -> None:
    """Every layer has one without a finding; deep research has the web, the gate and execution no tools."""
    ws = Workspace(folder.parent)
    found = lint_workspace(ws, phase=PhaseLevel.SHADOW, today=TODAY)
    assert [one for one in found if one.rule.startswith("scope.") or "scopes/" in one.file] == []
    rules = load_configs(ws, today=TODAY).scopes.rules
    assert set(rules) == set(Layer)
    assert rules[Layer.L1].permits(Tool.WEB)
    assert rules[Layer.L5].tools == rules[Layer.L6].tools == frozenset()
    assert all("OrderParameters" in rules[layer].forbidden for layer in Layer if layer.may_call_models)
