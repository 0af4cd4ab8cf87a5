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
        terminal.wait(r"DISARMED(?s:.*)REPLAY(?s:.*)‖ +held(?s:.*)03:10:00Z", 30)
        terminal.press(".")
        terminal.wait(r"‖ +held.*03:10:01Z", 10)
        terminal.press("'", "'")
        terminal.wait(r"■ STOPPED(?s:.*)03:12:44Z", 10)
        terminal.press("Z")
        terminal.wait(r"‖ +end.*03:20:00Z", 10)
        terminal.press("q")
        terminal.read(3)
        assert not terminal.child.isalive()
        terminal.child.close()
        assert terminal.child.exitstatus == 0
    assert not list((ws.root / "audits").glob("*.sock"))
    assert not (ws.control / "STOP").exists()
