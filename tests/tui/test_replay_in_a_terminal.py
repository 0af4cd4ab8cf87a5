"""``peak console --replay`` in a real pseudo-terminal: it opens, is moved by keys, and leaves."""

import sys
from pathlib import Path

from console_past import make_past
from terminal_screen import Terminal

START = "from peak_console.cli.entry import main; main()"


def test_replay_in_a_terminal(tmp_path: Path) -> None:
    """Held at FROM; a step, a mark and the end show their moments; no node was started; q leaves."""
    ws = make_past(tmp_path / "desk")
    words = ["console", "--root", str(ws.root), "--replay", "2026-11-22T03:10Z", "+10m"]
    command = [sys.executable, "-c", START, *words]
    with Terminal(command, columns=80, rows=24, env={"PEAK_KEYS_DIR": str(tmp_path / "keys")}) as terminal:
        terminal.wait(r"DISARMED(?s:.*)REPLAY(?s:.*)‖ +held(?s:.*)03:10:00Z")
        terminal.press(".")
        terminal.wait(r"‖ +held.*03:10:01Z")
        terminal.press("'", "'")
        terminal.wait(r"■ STOPPED(?s:.*)03:12:44Z")
        terminal.press("Z")
        terminal.wait(r"‖ +end.*03:20:00Z")
        terminal.press("q")
        terminal.end()
        terminal.child.close()
        assert terminal.child.exitstatus == 0
    assert not list((ws.root / "audits").glob("*.sock"))
    assert not (ws.control / "STOP").exists()
