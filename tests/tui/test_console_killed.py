"""The real console, killed with a token on its screen: nothing is armed, and the token is in no file."""

import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from terminal_screen import Terminal

from peak_console.domain.arming import ArmState
from peak_console.domain.clock import SystemClock
from peak_console.node.spawn import begin_ledger, connect_node, ensure_node, stop_node
from peak_console.operations.arming import arm_facts
from peak_console.operations.enable import enable_workspace
from peak_console.operations.init import init_workspace
from peak_console.operations.lowering import disarm

START = "from peak_console.cli.entry import main; main()"


@pytest.mark.slow
def test_a_console_killed_beside_its_token_leaves_nothing_armed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Typed as a person does up to the token, then SIGKILL: the request waits, runs out, and is no trace."""
    monkeypatch.setenv("PEAK_KEYS_DIR", str(tmp_path / "keys"))
    monkeypatch.setenv("PEAK_STATE_DIR", str(tmp_path / "state"))
    made = init_workspace(tmp_path / "w", operator="anna")
    begin_ledger(made.ws, operator=made.operator, public_key=made.public_key)
    ensure_node(made.ws, with_parent=True, wait_s=60)
    try:
        with connect_node(made.ws, name="test") as client:
            enable_workspace(made.ws, client, reason="test", confirm="ENABLE", operator="anna")
        token = token_on_screen(made.ws.root)
        assert arm_facts(made.ws, SystemClock()).state is ArmState.CONFIRMABLE
        disarm(made.ws)
        until(lambda: arm_facts(made.ws, SystemClock()).state is ArmState.IDLE)
    finally:
        stop_node(made.ws, force=True)
    for path in (one for one in tmp_path.rglob("*") if one.is_file()):
        data = path.read_bytes()
        assert token.encode() not in data, path
        assert token.replace("-", "").encode() not in data, path


def token_on_screen(root: Path) -> str:
    """The token of a drill, as the console showed it before it was killed."""
    command = [sys.executable, "-c", START, "console", "--root", str(root)]
    with Terminal(command) as terminal:
        terminal.wait("DISARMED")
        terminal.press("5")
        terminal.wait("may be asked for")
        terminal.press("a")
        terminal.wait("ask to be armed")
        terminal.wait(" DRILL ")
        terminal.press("tab", "venue:paper", "tab", "tab", "weekly")
        terminal.press("\x19")  # ctrl+y
        shown = terminal.wait(r"(?:[0-9A-Z]  ){4}[0-9A-Z] +- +(?:[0-9A-Z]  ){5}[0-9A-Z*~$=]")
        terminal.child.kill(signal.SIGKILL)
        terminal.child.wait()
    found = re.search(r"(?:[0-9A-Z]  ){4}[0-9A-Z] +- +(?:[0-9A-Z]  ){5}[0-9A-Z*~$=]", shown)
    assert found is not None
    return found[0].replace(" ", "")


def until(holds: Callable[[], bool], patience_s: float = 90.0) -> None:
    """Wait until it holds."""
    end = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
