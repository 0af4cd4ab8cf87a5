"""Configs kept by digest."""

import stat
from datetime import date
from pathlib import Path

import pytest

from peak_console.config.load import load_configs
from peak_console.config.versions import find_version, keep_versions, read_version
from peak_console.config.workspace import Workspace
from peak_console.domain.canonical import sha256_hex
from peak_console.operations.init import init_workspace

TODAY = date(2026, 11, 22)


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace of the packaged defaults."""
    monkeypatch.setenv("PEAK_KEYS_DIR", str(tmp_path / "keys"))
    return init_workspace(tmp_path / "w", operator="anna").ws


def test_every_config_and_prompt_is_kept_by_its_digest(ws: Workspace) -> None:
    """Whatever digest stands on the ledger leads to the bytes it is of; prompts by their index."""
    configs = load_configs(ws, today=TODAY)
    assert keep_versions(ws, configs) == ()
    for name, digest in configs.digests.items():
        kept = read_version(ws, name, digest)
        assert kept is not None, name
        assert sha256_hex(kept[1]) == digest
    assert {"matrix", "prices", "prompts"} <= set(configs.digests)
    for prompt in configs.prompts.prompts.values():
        assert read_version(ws, "prompts", prompt.sha256) == (".md", prompt.text.encode())


def test_copies_are_made_once_and_stay_when_the_file_changes(ws: Workspace) -> None:
    """A second time writes nothing; a changed file gets a copy of its own, the old one stays, read-only."""
    first = load_configs(ws, today=TODAY)
    keep_versions(ws, first)
    before = {path: path.stat() for path in ws.versions.rglob("*") if path.is_file()}
    keep_versions(ws, first)
    assert {path: path.stat() for path in ws.versions.rglob("*") if path.is_file()} == before
    ws.prices.write_text(ws.prices.read_text() + "\n# another\n")
    second = load_configs(ws, today=TODAY)
    assert keep_versions(ws, second) == ()
    for configs in (first, second):
        assert read_version(ws, "prices", configs.digests["prices"]) is not None
    assert len([path for path in ws.versions.rglob("*") if path.is_file()]) == len(before) + 1
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o222 == 0 for path in before)


def test_a_copy_that_was_altered_is_no_copy(ws: Workspace) -> None:
    """What is read is held against the digest; a name that is none finds nothing."""
    configs = load_configs(ws, today=TODAY)
    keep_versions(ws, configs)
    path = find_version(ws, "matrix", configs.digests["matrix"])
    assert path is not None
    path.chmod(0o644)
    path.write_text("altered")
    assert read_version(ws, "matrix", configs.digests["matrix"]) is None
    assert find_version(ws, "matrix", "../matrix/" + configs.digests["matrix"]) is None
    assert find_version(ws, "..", configs.digests["matrix"]) is None


def test_what_cannot_be_kept_is_told(ws: Workspace) -> None:
    """A folder that takes nothing gives words for each config, and no error."""
    ws.versions.parent.mkdir(exist_ok=True)
    ws.versions.write_text("in the way")
    problems = keep_versions(ws, load_configs(ws, today=TODAY))
    assert any(one.startswith("matrix: ") for one in problems)


def test_a_file_that_changed_meanwhile_is_told(ws: Workspace) -> None:
    """The digest that was read has no copy then, and says so; the file as it is now has one."""
    configs = load_configs(ws, today=TODAY)
    ws.budgets.write_text(ws.budgets.read_text() + "\n# later\n")
    problems = keep_versions(ws, configs)
    assert [one.partition(":")[0] for one in problems] == ["budgets"]
    assert read_version(ws, "budgets", sha256_hex(ws.budgets.read_bytes())) is not None
