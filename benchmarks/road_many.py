"""The road under many callers and over many calls: throughput of four processes, memory that stays flat.

    python benchmarks/road_many.py [--calls 3000] [--memory 0] [--json]

One calling process at 64 calls at a time, then four of them at once, on the same cores, against the same
answering server and the same ledger. ``--memory 1000000`` then makes that many calls in one process and looks
at its memory and the ledger's after a tenth, at half and at the end. Exit 1 when a target is missed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from road import make_workspace, said, spawn
from road_measuring import resident_mb

HERE = Path(__file__).resolve().parent
CALLERS = 4
FLAT_PCT = 5.0
"""How much memory may grow between a tenth of the calls and their end."""


def caller(url: str, root: Path, calls: int) -> "subprocess.Popen[str]":
    """A calling process that waits for its start."""
    words = [sys.executable, str(HERE / "road_caller.py"), url, str(root), str(calls)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def together(url: str, root: Path, calls: int, count: int) -> list[dict[str, Any]]:
    """What ``count`` processes measured that begin at one moment, each with its share of ``calls``."""
    processes = [caller(url, root, calls // count) for _ in range(count)]
    for process in processes:
        assert said(process) == "ready"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    found = [json.loads(said(process)) for process in processes]
    for process in processes:
        process.wait()
    return found


def rate(found: list[dict[str, Any]]) -> float:
    """Calls a second of all together, by the slowest."""
    total: int = sum(one["calls"] for one in found)
    return total / max(one["seconds"] for one in found)


def longest_wait_ms(root: Path, since: float) -> float:
    """The longest that an append waited in the ledger for its commit, by the ledger's own clock."""
    rows = [line.split() for line in (root / "waits").read_text().splitlines()]
    return max((float(ms) for at, ms in rows if float(at) >= since), default=0.0)


def memory(url: str, root: Path, calls: int, ledger_pid: int) -> dict[str, list[float]]:
    """Memory in MB of the caller and of the ledger's process, over ``calls``."""
    seen: list[float] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(1.0):
            seen.append(resident_mb(ledger_pid))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    (found,) = together(url, root, calls, 1)
    done.set()
    thread.join()
    at = [seen[int((len(seen) - 1) * share)] for share in (0.1, 0.5, 1.0)]
    return {"caller": found["memory_mb"], "ledger": at}


def main() -> int:
    """Run the benchmark; gives the exit code."""
    parser = argparse.ArgumentParser(description="The road under many callers and over many calls.")
    parser.add_argument("--calls", type=int, default=6000, help="calls of all processes together")
    parser.add_argument("--memory", type=int, default=0, help="calls over which memory is looked at; 0: none")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="peak-road-") as folder:
        root = Path(folder) / "ws"
        make_workspace(root)
        answers, ledger = spawn("answers"), spawn("ledger", str(root))
        try:
            url = f"http://127.0.0.1:{said(answers)}/v1"
            assert said(ledger) == "ready"
            one = together(url, root, options.calls, 1)
            begun = time.time()
            four = together(url, root, options.calls, CALLERS)
            waited = longest_wait_ms(root, begun)
            grown = memory(url, root, options.memory, ledger.pid) if options.memory else {}
        finally:
            for process in (answers, ledger):
                process.kill()
                process.wait()
    return report(one, four, waited, grown, as_json=options.json)


def report(
    one: list[dict[str, Any]],
    four: list[dict[str, Any]],
    waited: float,
    grown: dict[str, list[float]],
    *,
    as_json: bool,
) -> int:
    """Print what was measured against what is wanted; gives the exit code."""
    longest = max(each["longest_append_ms"] for each in four)
    verdicts = [
        (
            "calls per second, four processes",
            f"{rate(four):.0f} >= {rate(one):.0f} of one",
            rate(four) >= rate(one),
        ),
        ("longest wait of an append in the ledger", f"{waited:.0f} ms <= 150 ms", waited <= 150),
    ]
    for name, (early, middle, end) in grown.items():
        growth = (end / early - 1) * 100
        text = f"{early:.0f}, {middle:.0f}, {end:.0f} MB: {growth:+.1f} % <= {FLAT_PCT:.0f} %"
        verdicts.append((f"memory of the {name}", text, growth <= FLAT_PCT))
    if as_json:
        rows = [{"name": name, "measured": text, "holds": holds} for name, text, holds in verdicts]
        print(json.dumps({"one": one, "four": four, "memory_mb": grown, "targets": rows}, indent=2))
    else:
        print(f"longest append as a caller sees it, its own turn and the line included: {longest:.0f} ms")
        for name, text, holds in verdicts:
            print(f"{'holds ' if holds else 'MISSED'} {name:42} {text}")
    return 0 if all(holds for _, _, holds in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
