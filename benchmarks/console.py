"""The console beside a plain Textual program, in a pseudo-terminal: start, bytes, processor, memory, lag.

    python benchmarks/console.py [--events 1000000] [--ledger-root DIR] [--quick]

Each figure stands beside its target; ratios are taken within this run, so a busy machine slows both sides.
"""

import argparse
import asyncio
import gc
import os
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path += [str(ROOT / "tests" / "tui"), str(ROOT / "tests" / "operations")]

from ledger_seed import SLOTS, one_call, seed_ledger  # noqa: E402 - the path comes first
from terminal_screen import Terminal  # noqa: E402

from peak_console.config.workspace import Workspace  # noqa: E402
from peak_console.domain.clock import SystemClock  # noqa: E402
from peak_console.ledger.folds.rollups import Rollups  # noqa: E402
from peak_console.ledger.writer import LedgerWriter  # noqa: E402
from peak_console.operations.views.live import Window  # noqa: E402
from peak_console.operations.views.live_source import LiveSource  # noqa: E402

PLAIN = """
from textual.app import App
from textual.widgets import Static
class Plain(App):
    def compose(self):
        yield Static("plain text")
Plain().run()
"""
OURS = """
import sys
from pathlib import Path
from peak_console.config.workspace import Workspace
from peak_console.tui.app import run_console
sys.exit(run_console(Workspace(Path(sys.argv[1]))))
"""
EVENTS_A_CALL = 2.1
ROWS: list[tuple[str, str, str, bool | None]] = []


def report(name: str, value: str, target: str = "", holds: bool | None = None) -> None:  # noqa: FBT001 - three states
    """Print one figure at once, and keep it for the table."""
    ROWS.append((name, value, target, holds))
    mark = {True: "ok", False: "MISSED", None: ""}[holds]
    print(f"{name:<52} {value:>16}  {target:<18} {mark}", flush=True)


def ledger(folder: Path, events: int) -> Workspace:
    """A workspace with a ledger of about ``events`` events that ends now; an older one is taken as it is."""
    root = folder / f"desk-{events}"
    workspace = Workspace(root)
    if not workspace.ledger.exists():
        shutil.copytree(ROOT / "configs", root / "configs")
        began = time.monotonic()
        calls = int(events / EVENTS_A_CALL)
        seed_ledger(
            workspace.ledger, end=datetime.now(UTC), calls=calls, per_second=calls / 600_000, batch=400
        )
        print(f"made a ledger of {events:,} events in {time.monotonic() - began:.0f} s at {root}", flush=True)
    return workspace


def first_text(command: list[str], pattern: str) -> float:
    """Seconds from exec to ``pattern`` on the screen."""
    with Terminal(command) as terminal:
        terminal.wait(pattern, 30)
        return time.monotonic() - terminal.started


def measure_start(workspace: Workspace, rounds: int) -> None:
    """First text beside a plain program's, and first figures; rounds alternate."""
    plain, ours, figures = [], [], []
    for _ in range(rounds):
        plain.append(first_text([sys.executable, "-c", PLAIN], "plain text"))
        command = [sys.executable, "-c", OURS, str(workspace.root)]
        with Terminal(command) as terminal:
            terminal.wait("Live", 30)
            ours.append(time.monotonic() - terminal.started)
            terminal.wait(r"L0 +primary", 30)
            figures.append(time.monotonic() - terminal.started)
    ratio = statistics.median(ours) / statistics.median(plain)
    report("plain Textual program, first text", f"{statistics.median(plain) * 1000:.0f} ms")
    report("console, first text", f"{statistics.median(ours) * 1000:.0f} ms")
    report("ratio", f"{ratio:.2f}", "<= 1.5", ratio <= 1.5)
    shown = statistics.median(figures)
    report("console, first figures", f"{shown * 1000:.0f} ms", "<= 1000 ms", shown <= 1.0)


def measure_queries(workspace: Workspace) -> None:
    """What one look costs once the first has been made."""
    source = LiveSource(workspace)
    for window in Window:
        for _ in range(3):
            source.bar()
            source.live(window)
        costs = []
        for _ in range(20):
            began = time.perf_counter()
            source.live(window)
            costs.append(time.perf_counter() - began)
        worst = sorted(costs)[18] * 1000
        report(f"Live's queries over {window.label}, p95", f"{worst:.1f} ms", "<= 20 ms", worst <= 20)
    source.close()


def cpu_of(pid: int) -> float:
    """Seconds of processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mib(pid: int) -> float:
    """Resident memory in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2


@contextmanager
def appending(workspace: Workspace, calls_per_second: float) -> Iterator[Callable[[], int]]:
    """Append calls to the ledger while inside; gives the head's number."""
    stop = threading.Event()
    head = [0]

    def run() -> None:
        dice = random.Random(9)  # noqa: S311 - figures for a benchmark
        number = int(time.time() * 1000)
        with LedgerWriter(workspace.ledger, clock=SystemClock(), projections=[Rollups()]) as writer:
            while not stop.is_set():
                calls = range(number, number + max(1, round(calls_per_second / 10)))
                number = calls.stop
                drafts = [
                    (draft, "bench") for call in calls for draft in one_call(call, dice.choice(SLOTS), dice)
                ]
                writer.append(drafts)
                head[0] = writer.head[0]
                stop.wait(0.1)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield lambda: head[0]
    finally:
        stop.set()
        thread.join()


def bytes_a_second(terminal: Terminal, seconds: int) -> list[int]:
    """Bytes written in each of ``seconds`` seconds."""
    found = []
    for _ in range(seconds):
        before = terminal.written
        terminal.read(1.0)
        found.append(terminal.written - before)
    return found


def measure_rest(workspace: Workspace, seconds: int) -> None:
    """Processor and bytes with nothing happening."""
    with Terminal([sys.executable, "-c", OURS, str(workspace.root)]) as terminal:
        terminal.wait(r"L0 +primary", 30)
        terminal.read(6.0)
        before, began = cpu_of(terminal.child.pid), time.monotonic()
        written = bytes_a_second(terminal, seconds)
        share = 100 * (cpu_of(terminal.child.pid) - before) / (time.monotonic() - began)
        report("processor at rest", f"{share:.1f} % of a core", "<= 3 %", share <= 3)
        report("bytes a refresh at rest, median", f"{statistics.median(written):,.0f}")


def measure_traffic(workspace: Workspace, seconds: int) -> None:
    """Bytes a refresh and lag while calls are made: 20 calls a second, then 500 events a second."""
    for rate, keys, name in (
        (20.0, (), "1 h"),
        (20.0, ("[",), "5 min"),
        (500 / EVENTS_A_CALL, (), "500 events/s"),
    ):
        columns = 120 if rate < 100 else 220  # wide enough for the ledger's number on the bar
        with Terminal([sys.executable, "-c", OURS, str(workspace.root)], columns=columns) as terminal:
            terminal.wait(r"L0 +primary", 30)
            with appending(workspace, rate) as head:
                terminal.press(*keys)
                terminal.read(3.0)
                before, began = cpu_of(terminal.child.pid), time.monotonic()
                written = bytes_a_second(terminal, seconds)
                share = 100 * (cpu_of(terminal.child.pid) - before) / (time.monotonic() - began)
                worst = max(written)
                report(f"bytes a refresh, {name}, median", f"{statistics.median(written):,.0f}")
                report(f"bytes a refresh, {name}, most", f"{worst:,}", "<= 8,192", worst <= 8192)
                report(f"processor, {name}", f"{share:.1f} % of a core")
                if name.endswith("events/s"):
                    measure_lag(terminal, head)


def measure_lag(terminal: Terminal, head: Callable[[], int]) -> None:
    """How many events the bar is behind the writer."""
    behind = []
    for _ in range(10):
        terminal.read(0.5)
        now = head()
        bar = terminal.text.splitlines()[0]
        shown = int("".join(one for one in bar.partition("#")[2].split(" ")[0] if one.isdigit()) or 0)
        behind.append(now - shown)
    seconds = statistics.median(behind) / 500
    report("lag behind 500 events/s, median", f"{seconds:.1f} s", "<= 1.5 s", seconds <= 1.5)


async def measure_memory(workspace: Workspace, refreshes: int, switches: int) -> None:
    """Memory over refreshes and screen switches, in one process."""
    from peak_console.tui.app import Opening, PeakApp  # noqa: PLC0415 - after the start was measured

    app = PeakApp(Opening(lambda: LiveSource(workspace), workspace, refresh=False))
    async with app.run_test(size=(120, 40)) as pilot:

        async def refresh(times: int) -> None:
            for _ in range(times):
                app.feed.poke()
                await asyncio.to_thread(app.feed.settle, 10.0)
                await asyncio.sleep(0)

        async def switch(times: int) -> None:
            for at in range(times):
                await pilot.press("201"[at % 3])

        await refresh(300)
        await switch(30)
        gc.collect()
        before = rss_mib(os.getpid())
        began = time.monotonic()
        await refresh(refreshes)
        report(f"{refreshes:,} refreshes took", f"{time.monotonic() - began:.0f} s")
        await switch(switches)
        gc.collect()
        grown = rss_mib(os.getpid()) - before
        name = f"memory grown over {refreshes:,} refreshes, {switches} switches"
        report(name, f"{grown:+.1f} MiB", "<= 5 MiB", grown <= 5)


def main() -> int:
    """Measure everything; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument(
        "--ledger-root", type=Path, default=Path(tempfile.gettempdir()) / "peak-bench-console"
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    wish = parser.parse_args()
    part = 10 if wish.quick else 1
    workspace = ledger(wish.ledger_root, wish.events // part)
    measure_start(workspace, 3 if wish.quick else 7)
    measure_queries(workspace)
    measure_rest(workspace, 5 if wish.quick else 20)
    measure_traffic(workspace, 5 if wish.quick else 20)
    asyncio.run(measure_memory(workspace, 6000 // part, 500 // part))
    return 0 if all(holds is not False for *_, holds in ROWS) else 1


if __name__ == "__main__":
    sys.exit(main())
