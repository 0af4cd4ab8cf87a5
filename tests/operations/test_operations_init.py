"""``peak init``: a workspace from the packaged defaults, nothing overwritten."""

import stat
from pathlib import Path

import pytest

from peak_console.config.defaults import default_configs
from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore
from peak_console.domain.errors import EnvironmentUnfit, UsageWrong
from peak_console.operations.init import init_workspace, operator_name


def environ(tmp_path: Path) -> dict[str, str]:
    """Keys of this test only."""
    return {"PEAK_KEYS_DIR": str(tmp_path / "keys")}


def test_a_new_workspace_has_every_default_and_keys(tmp_path: Path) -> None:
    """Each packaged file, byte for byte; folders; the workspace's key and the operator's."""
    made = init_workspace(tmp_path / "desk", operator="anna", environ=environ(tmp_path))
    source = default_configs()
    for file in source.rglob("*.toml"):
        assert (made.ws.root / "configs" / file.relative_to(source)).read_bytes() == file.read_bytes()
    assert made.kept == ()
    assert {"configs/keys/anna.pub", "configs/keys/workspace.pub"} <= set(made.made)
    assert stat.S_IMODE(made.ws.control.stat().st_mode) == 0o2770
    assert KeyStore(made.ws.keys, environ(tmp_path)).mine() == ["anna"]
    assert not any((made.ws.root / "configs").rglob("*.key"))


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    """A second time makes nothing; an edited file and a YAML one in TOML's place stay as they are."""
    first = init_workspace(tmp_path / "desk", operator="anna", environ=environ(tmp_path))
    first.ws.budgets.write_text("# mine\n")
    first.ws.prices.rename(first.ws.prices.with_suffix(".yaml"))
    second = init_workspace(tmp_path / "desk", operator="anna", environ=environ(tmp_path))
    assert second.made == ()
    assert first.ws.budgets.read_text() == "# mine\n"
    assert not first.ws.prices.exists()
    assert second.public_key == first.public_key


def test_two_workspaces_do_not_share_keys(tmp_path: Path) -> None:
    """The same operator in two workspaces has two keys."""
    one = init_workspace(tmp_path / "one", operator="anna", environ=environ(tmp_path))
    two = init_workspace(tmp_path / "two", operator="anna", environ=environ(tmp_path))
    assert one.public_key != two.public_key
    assert KeyStore(one.ws.keys, environ(tmp_path)).mine() == ["anna"]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A file in the way: a clear error."""
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentUnfit) as caught:
        init_workspace(tmp_path / "file" / "desk", operator="anna", environ=environ(tmp_path))
    assert caught.value.code == "workspace_unwritable"
    with pytest.raises(UsageWrong):
        init_workspace(tmp_path / "desk", operator="../anna", environ=environ(tmp_path))
    assert not Workspace(tmp_path / "desk").root.exists()


@pytest.mark.parametrize(
    ("login", "name"),
    [("anna", "anna"), ("Anna.Müller", "anna.m-ller"), ("DOMAIN\\bob", "domain-bob"), ("???", "operator")],
)
def test_a_login_becomes_an_operators_name(login: str, name: str) -> None:
    """Whatever the system calls a user."""
    assert operator_name(login) == name
