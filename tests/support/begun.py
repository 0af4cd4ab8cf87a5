"""A workspace as ``peak init`` leaves it, made once for all tests of a worker and copied for each."""

import shutil
from pathlib import Path

import pytest

from peak_console.config.workspace import Workspace
from peak_console.node.spawn import begin_ledger
from peak_console.operations.init import init_workspace


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a workspace ``w`` of operator anna, its ledger begun, and ``keys``; to be copied."""
    folder = tmp_path_factory.mktemp("begun")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PEAK_KEYS_DIR", str(folder / "keys"))
        patched.setenv("PEAK_STATE_DIR", str(folder / "state"))
        made = init_workspace(folder / "w", operator="anna")
        begin_ledger(made.ws, operator=made.operator, public_key=made.public_key)
    return folder


def begin_here(begun: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A copy of its own at ``folder/w``; keys and what is kept outside the workspace lie beside it."""
    for name in ("w", "keys"):
        shutil.copytree(begun / name, folder / name)
    monkeypatch.setenv("PEAK_KEYS_DIR", str(folder / "keys"))
    monkeypatch.setenv("PEAK_STATE_DIR", str(folder / "state"))
    return Workspace((folder / "w").resolve())
