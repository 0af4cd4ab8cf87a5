"""The real program in a real pseudo-terminal, driven by keys as an operator would."""

import re
import shutil
import sys
from pathlib import Path

import pytest
from terminal_screen import Terminal

from peak_console.config.workspace import Workspace
from peak_console.operations.ledger import verify

PEAK = [sys.executable, "-m", "peak_console.cli.entry"]
START = "from peak_console.cli.entry import main; main()"


@pytest.mark.slow
def test_on_call_story(tmp_path: Path) -> None:
    """Open, look, filter, open a call, go back, stop with two keys, see it stopped; the chain verifies."""
    root = tmp_path / "tour"
    command = [sys.executable, "-c", START, "demo", "--root", str(root), "--rate", "15"]
    with Terminal(command, env={"PEAK_KEYS_DIR": str(tmp_path / "keys")}) as terminal:
        terminal.wait("● DISARMED.*SIMULATED")
        terminal.wait(r"L0 +primary")
        terminal.press("2")
        terminal.wait(r"following")
        terminal.press("/", "layer:L0 outcome:ok", "enter")
        terminal.wait(r"/ layer:L0 outcome:ok")
        terminal.wait(r"\A(?!(?s:.*) L[1-4] )(?s:.*) L0 .*✓ ok")
        rows = [line for line in terminal.text.splitlines()[2:-1] if re.search(r" L\d ", line)]
        assert rows
        assert all(" L0 " in line and "✓ ok" in line for line in rows)
        terminal.press("enter")
        terminal.wait("route and why")
        terminal.wait("admitted")
        terminal.press("v")
        terminal.wait("llm.call.requested")
        terminal.press("escape")
        terminal.wait(r"\A(?!(?s:.*)llm\.call\.requested)(?s:.*)Calls")  # an Escape and a key are another key
        terminal.press("!")
        terminal.wait("STOP +every call, every order")
        terminal.press("s")
        terminal.wait("✓ stop .*STOPPED, read back")
        terminal.wait(r"\A *■ STOPPED")  # the bar, besides the panel
        terminal.press("escape")
        terminal.wait(r"\A(?!(?s:.*)STOP +every call, every order)")
        terminal.press("q")
        terminal.end()
    workspace = Workspace(root)
    assert (workspace.control / "STOP").exists()
    assert not (workspace.control / "ENABLED").exists()
    assert verify(workspace).ok


def test_no_workspace_opens_and_says_so(tmp_path: Path) -> None:
    """Outside a workspace the console opens with the reason, posture unknown, and leaves with q."""
    with Terminal([sys.executable, "-c", START, "console"], columns=80, rows=24, cwd=tmp_path) as terminal:
        terminal.wait(r"\? UNKNOWN")
        terminal.wait("no_workspace|no workspace")
        terminal.press("q")
        terminal.end()
        terminal.child.close()
        assert terminal.child.exitstatus == 0


def test_broken_toml_opens_and_shows_the_finding(tmp_path: Path) -> None:
    """The finding stands in the alerts with file and line; the posture is unknown, which acts as stopped."""
    shutil.copytree(Path(__file__).resolve().parents[2] / "configs", tmp_path / "configs")
    matrix = tmp_path / "configs" / "ai" / "layer_model_matrix.toml"
    matrix.write_text("[L0.primary]\nprovider = openai\n", encoding="utf-8")
    command = [sys.executable, "-c", START, "console", "--readonly", "--root", str(tmp_path)]
    with Terminal(command) as terminal:
        terminal.wait(r"\? UNKNOWN +(= stopped)")
        terminal.wait(r"layer_model_matrix\.toml:2")
        terminal.wait("CONFIG")
        terminal.press("q")
