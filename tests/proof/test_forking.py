"""Commands by fork are as those that an interpreter of their own runs: the installed ``peak``, started."""

import os
import subprocess
from pathlib import Path

import pytest
from support import forking
from support.program import Peak


@pytest.fixture
def peak(tmp_path: Path) -> Peak:
    """``peak`` from an empty folder, with few variables."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return Peak({**kept, "HOME": str(tmp_path), "PEAK_KEYS_DIR": str(tmp_path / "keys")}, tmp_path)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--help",), 0),
        (("lnit",), 2),
        (("status", "--json"), 3),
        (("call", "L2", "--prompt", "-", "--root", "."), 3),
    ],
)
def test_both_ways_give_the_same(peak: Peak, words: tuple[str, ...], code: int) -> None:
    """Exit code and both streams are those of the installed program; none shows a traceback."""
    forked, started = peak(*words), peak.started(*words)
    assert forked == started
    assert started.code == code
    assert "Traceback" not in started.err


def test_nothing_of_one_command_reaches_the_next(peak: Peak, tmp_path: Path) -> None:
    """Folder and variables are each command's own; what one reads of a file is not kept for the next."""
    root = tmp_path / "desk"
    assert peak("init", root, "--operator", "anna").code == 0
    assert (tmp_path / "keys").is_dir()
    lint = ("lint", "--root", root, "--json")
    assert peak(*lint).code == 0
    (root / "configs/ai/budgets.toml").write_text("[currency\n", encoding="utf-8")
    assert peak(*lint).code == 1
    other = tmp_path / "other"
    other.mkdir()
    assert peak("init", "here", "--operator", "anna", cwd=other, PEAK_KEYS_DIR=str(other / "keys")).code == 0
    assert (other / "here/configs").is_dir()
    assert (other / "keys").is_dir()


def test_a_command_that_does_not_end_is_killed(peak: Peak, tmp_path: Path) -> None:
    """After the caller's patience; the next command is served."""
    assert peak("init", "desk", "--operator", "anna").code == 0
    watching = ("-m", "peak_console", "lint", "--watch", "--root", str(tmp_path / "desk"))
    with pytest.raises(subprocess.TimeoutExpired):
        forking.run(watching, env=peak.environ, cwd=tmp_path, typed=None, timeout=0.5)
    assert peak("--version").code == 0
