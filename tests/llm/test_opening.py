"""The road as another program uses it: the README's snippet, run as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import peak_console.llm
from peak_console.domain.errors import EnvironmentUnfit, NodeUnreachable
from peak_console.llm import open_client

README = Path(__file__).resolve().parents[2] / "README.md"


async def test_without_workspace_or_node_it_says_so(tmp_path: Path) -> None:
    """Nothing is made up: no workspace and no node are errors with a remedy."""
    with pytest.raises(EnvironmentUnfit, match="not a workspace"):
        async with open_client(tmp_path / "nowhere"):
            pass
    (tmp_path / "configs").mkdir()
    with pytest.raises(NodeUnreachable) as refused:
        async with open_client(tmp_path):
            pass
    assert refused.value.remedy


def test_unknown_names_are_attribute_errors() -> None:
    """The lazy package behaves like any other."""
    with pytest.raises(AttributeError):
        _ = peak_console.llm.no_such_thing


def test_the_snippet_of_the_readme_runs(tmp_path: Path) -> None:
    """The documented program compiles, imports what it names, and is refused politely without a workspace."""
    snippet = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert snippet is not None
    done = subprocess.run(
        [sys.executable, "-c", snippet[1]],
        cwd=tmp_path,
        env={"PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "no workspace here" in done.stderr
