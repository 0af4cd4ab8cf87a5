"""From a keystroke to the finding on the Matrix screen: the shipped matrix, and one of a thousand lines.

    python benchmarks/editor.py [--rounds 15]

A key that breaks the text is pressed; the clock stops when the finding stands in the list and is painted.
The baseline is a bare Textual editor over the same text in the same run, from the key to its next calm. Exit
code 1 when a target does not hold.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent / "tests" / "tui")]

from console_driving import make_app  # noqa: E402 - the path comes first
from lint import thousand_lines  # noqa: E402
from matrix_scenes import keys, matrix_source  # noqa: E402
from textual.app import App, ComposeResult  # noqa: E402
from textual.widgets import TextArea  # noqa: E402

from peak_console.config.defaults import write_default_configs  # noqa: E402
from peak_console.config.workspace import Workspace  # noqa: E402
from peak_console.tui.editing import EditorState  # noqa: E402
from peak_console.tui.screens.matrix import MatrixScreen  # noqa: E402

TARGET_MS = 150.0
FLUENT_MS = 300.0
"""Of a thousand lines it is asked that typing stays fluent; findings may follow a little later."""


class Bare(App[None]):
    """Nothing but an editor."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def compose(self) -> ComposeResult:
        """The editor."""
        yield TextArea(self.text)


async def bare(text: str, rounds: int) -> float:
    """Milliseconds of a key in a bare editor, the median."""
    app, found = Bare(text), []
    async with app.run_test(size=(120, 40)) as pilot:
        for _ in range(rounds):
            began = time.perf_counter()
            await pilot.press("x")
            found.append(1000 * (time.perf_counter() - began))
    return statistics.median(found)


def is_broken(state: EditorState) -> bool:
    """Whether lint says that the text is no TOML."""
    return any(one.rule == "file.syntax" for one in state.findings)


async def ours(root: Path, rounds: int) -> list[float]:
    """Milliseconds from a key to what lint says of the text with it, on the screen; sorted."""
    app, found = make_app(matrix_source(), root=root), []
    async with app.run_test(size=(120, 40)) as pilot:
        await keys(pilot, "4", "e", "ctrl+home")
        screen = app.screen
        assert isinstance(screen, MatrixScreen)
        for at in range(rounds):
            began = time.perf_counter()
            app.simulate_key("x" if at % 2 == 0 else "backspace")
            broken = at % 2 == 0
            while True:
                state = screen.state
                if state is not None and state.current and is_broken(state) == broken:
                    break
                await asyncio.sleep(0.001)
            painted = asyncio.Event()
            screen.call_after_refresh(painted.set)
            await painted.wait()
            found.append(1000 * (time.perf_counter() - began))
            await pilot.pause()
    return sorted(found)


def main() -> int:
    """Measure both texts; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds, kept = parser.parse_args().rounds, True
    with tempfile.TemporaryDirectory() as folder:
        for name, made in (("shipped", str), ("1,000 lines", thousand_lines)):
            workspace = Workspace(Path(folder) / name)  # one each: a draft of the one would open in the other
            write_default_configs(workspace.root)
            text = made(workspace.matrix.read_text(encoding="utf-8"))
            workspace.matrix.write_text(text, encoding="utf-8")
            base = asyncio.run(bare(text, rounds))
            figures = asyncio.run(ours(workspace.root, rounds))
            median, worst = statistics.median(figures), figures[-1]
            limit = TARGET_MS if name == "shipped" else FLUENT_MS
            holds = median <= limit
            kept = kept and holds
            print(
                f"{name:<12} key to finding {median:6.0f} ms, most {worst:6.0f} ms"
                f"  bare editor {base:5.0f} ms  ratio {median / base:4.1f}"
                f"  <= {limit:.0f} ms {'ok' if holds else 'MISSED'}"
            )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
