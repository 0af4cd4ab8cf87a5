"""The environment file of a node: what it gives, and what it never gives."""

from pathlib import Path

import pytest

from peak_console.node.key_file import read_key_file

KEY = "sk-not-a-real-key-0123456789"


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    """A file of that text and mode."""
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_names_and_values_are_read(tmp_path: Path) -> None:
    """Comments, blanks, ``export`` and quotes are those of any environment file."""
    text = f"# keys\n\nexport OPENAI_API_KEY='{KEY}'\nGEMINI_API_KEY={KEY}=\n"
    found = read_key_file(written(tmp_path / "env", text), tmp_path / "desk")
    assert (found.problem, dict(found.values)) == (
        "",
        {"OPENAI_API_KEY": KEY, "GEMINI_API_KEY": f"{KEY}="},
    )


def test_no_value_is_ever_shown(tmp_path: Path) -> None:
    """Neither in a report nor in what a debugger prints."""
    found = read_key_file(written(tmp_path / "env", f"OPENAI_API_KEY={KEY}\n"), tmp_path / "desk")
    assert KEY not in repr(found)
    assert KEY not in str(found.as_dict())
    assert found.as_dict()["names"] == ["OPENAI_API_KEY"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_open_to_others_gives_nothing(tmp_path: Path, mode: int) -> None:
    """Absence permits nothing, and neither does a key that others may know."""
    found = read_key_file(written(tmp_path / "env", f"OPENAI_API_KEY={KEY}\n", mode), tmp_path / "desk")
    assert not found.values
    assert found.problem == "it is open to others"
    assert found.remedy.startswith("chmod 600")


def test_a_file_in_the_workspace_gives_nothing(tmp_path: Path) -> None:
    """No secret lies in a workspace, which may be pushed."""
    inside = written(tmp_path / "env", f"OPENAI_API_KEY={KEY}\n")
    assert read_key_file(inside, tmp_path).problem == "it lies in the workspace"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Who may write the folder could point it elsewhere."""
    target = written(tmp_path / "target", f"OPENAI_API_KEY={KEY}\n")
    link = tmp_path / "env"
    link.symlink_to(target)
    assert not read_key_file(link, tmp_path / "desk").values


def test_a_missing_file_is_no_problem(tmp_path: Path) -> None:
    """Jobs then have no keys; nothing is wrong with the node."""
    found = read_key_file(tmp_path / "none", tmp_path / "desk")
    assert (dict(found.values), found.problem) == ({}, "")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"OPENAI_API_KEY\n", "line 1 is not NAME=value"),
        (b"A=1\nrm -rf /\n", "line 2 is not NAME=value"),
        (b"\xff\xfe", "it is too large, or no text"),
        (b"A=" + b"x" * 70_000, "it is too large, or no text"),
    ],
)
def test_what_is_no_environment_file_gives_nothing(tmp_path: Path, data: bytes, problem: str) -> None:
    """Half of a file is not used."""
    path = tmp_path / "env"
    path.write_bytes(data)
    path.chmod(0o600)
    found = read_key_file(path, tmp_path / "desk")
    assert (dict(found.values), found.problem) == ({}, problem)
