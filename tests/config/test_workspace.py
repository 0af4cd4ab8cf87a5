"""Finding a workspace: by name, by variable, by where one stands."""

from pathlib import Path

import pytest

from peak_console.config.workspace import MATRIX, Workspace, find_workspace
from peak_console.domain.errors import EnvironmentUnfit


def lay(root: Path) -> Path:
    """Lay the file by which a workspace is known."""
    (root / MATRIX).parent.mkdir(parents=True)
    (root / MATRIX).touch()
    return root


def test_the_order_of_the_contract(tmp_path: Path) -> None:
    """``--root`` before ``PEAK_ROOT`` before the nearest parent."""
    named, variable, here = (lay(tmp_path / name) for name in ("named", "variable", "here"))
    environ = {"PEAK_ROOT": str(variable)}
    below = here / "a" / "b"
    below.mkdir(parents=True)
    assert find_workspace(named, environ=environ, cwd=below).root == named
    assert find_workspace(environ=environ, cwd=below).root == variable
    assert find_workspace(environ={}, cwd=below).root == here
    assert find_workspace(environ={"PEAK_ROOT": ""}, cwd=below).root == here


def test_the_nearest_parent_wins(tmp_path: Path) -> None:
    """A workspace within a workspace is its own."""
    lay(tmp_path)
    inner = lay(tmp_path / "inner")
    assert find_workspace(environ={}, cwd=inner / "configs").root == inner


def test_a_named_workspace_without_matrix_still_opens(tmp_path: Path) -> None:
    """It must be possible to look at it, and to stop it."""
    (tmp_path / "configs").mkdir()
    assert find_workspace(tmp_path, environ={}).root == tmp_path


@pytest.mark.parametrize("variable", [True, False])
def test_no_workspace_is_a_clear_error(tmp_path: Path, variable: bool) -> None:  # noqa: FBT001 - two ways to name it
    """Exit code 3, a reason code, and what to do."""
    environ = {"PEAK_ROOT": str(tmp_path)} if variable else {}
    with pytest.raises(EnvironmentUnfit) as unfit:
        find_workspace(environ=environ, cwd=tmp_path)
    assert unfit.value.code == "no_workspace"
    assert unfit.value.exit_code == 3
    assert "peak init" in unfit.value.remedy


def test_the_paths_of_the_contract() -> None:
    """The table "Workspace" of the contracts, path by path."""
    ws = Workspace(Path("w"))
    assert {
        str(path.relative_to("w"))
        for path in (
            ws.matrix,
            ws.models,
            ws.prices,
            ws.budgets,
            ws.prompts,
            ws.control_config,
            ws.console_config,
            ws.keys,
            ws.runs,
            ws.audits,
            ws.ledger,
            ws.control,
            ws.log,
        )
    } == {
        "configs/ai/layer_model_matrix.toml",
        "configs/ai/models.toml",
        "configs/ai/prices.toml",
        "configs/ai/budgets.toml",
        "configs/ai/prompts",
        "configs/control.toml",
        "configs/console.toml",
        "configs/keys",
        "runs",
        "audits",
        "audits/ledger.db",
        "audits/control",
        "audits/logs/peak.log",
    }
