"""What the Runs screen waits for over a large index: opening, paging, filters, words; and filling it.

    python benchmarks/runs.py [--events 1000000] [--fill 20000] [--json]

The index is made up row by row (ten events a run), through the writer that the node's child uses. Baseline
in the same run: a plain ``SELECT`` of the newest page by its primary key, without any of ours around it.
``--fill`` names how many events of a real ledger the child's filler takes for its rate; 0 leaves it out.
"""

import argparse
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ledger_figures import Line, report
from ledger_traffic import fill

from peak_console.config.workspace import Workspace
from peak_console.ledger.search.index import RUN_COLUMNS, Batch, IndexWriter, Position
from peak_console.ledger.search.query import Condition, IndexReader, RunQuery
from peak_console.node.indexchild import Filler

EVENTS_A_RUN = 10
BATCH_RUNS = 5000
OPENING_MS, FILTER_MS = 200.0, 300.0
VOCABULARY = [f"word{number}" for number in range(5000)]


def made_up(number: int, dice: random.Random) -> dict[str, Any]:
    """A run: one in twenty failed, one in a thousand was aborted, layers and costs by chance."""
    zeros: dict[str, Any] = {name: 0 if "INTEGER" in kind else "" for name, kind in RUN_COLUMNS.items()}
    seq = 2 + number * EVENTS_A_RUN
    second = number % 86_400
    roll = dice.random()
    return zeros | {
        "seq": seq,
        "last_seq": seq + EVENTS_A_RUN - 1,
        "run_id": f"202611{1 + number // 86_400 % 28:02}_{second:06}_{number:06x}",
        "started": f"2026-11-22T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.000000Z",
        "finished": None,
        "last": "2026-11-22T12:00:00.000000Z",
        "phase": "shadow" if number % 50 else "bootstrap",
        "layers": "L0 L2" if roll < 0.9 else "L3",
        "outcome": "aborted" if roll < 0.001 else "failed" if roll < 0.05 else "ok",
        "verdict": "FAIL" if roll > 0.98 else "PASS",
        "cost": int(dice.expovariate(1) * 20_000_000),
        "purpose": f"outlook {number % 97}",
        "calls": 3,
    }


def make(path: Path, runs: int) -> float:
    """Fill an index with made-up runs; the seconds it took."""
    dice, writer, at = random.Random(5), IndexWriter(path), Position()  # noqa: S311 - made-up figures
    began = time.perf_counter()
    for first in range(0, runs, BATCH_RUNS):
        rows = [made_up(number, dice) for number in range(first, min(runs, first + BATCH_RUNS))]
        reached = Position(rows[-1]["last_seq"], f"{first:064x}", "g")
        words = {
            (row["seq"], row["last_seq"]): " ".join(
                ["llm call requested completed openai gpt", *dice.choices(VOCABULARY, k=6)]
                + (["leverage"] if number % 20_000 == 7 else [])
            )
            for number, row in enumerate(rows, first)
        }
        layers = [(layer, row["seq"]) for row in rows for layer in row["layers"].split()]
        writer.put(Batch([list(row.values()) for row in rows], layers, words, reached), at)
        at = reached
    writer.close()
    return time.perf_counter() - began


def timed(work: Callable[[], Any], rounds: int = 7) -> float:
    """The median of some rounds, in milliseconds."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def queries(runs: int) -> dict[str, tuple[RunQuery, int | None]]:
    """What is asked, and from where."""
    middle = 2 + runs // 2 * EVENTS_A_RUN
    return {
        "newest page": (RunQuery(), None),
        "page in the middle": (RunQuery(), middle),
        "outcome:failed": (RunQuery((Condition("outcome", "among", ("failed",)),)), None),
        "outcome:aborted": (RunQuery((Condition("outcome", "among", ("aborted",)),)), None),
        "layer:L3 critic:FAIL": (
            RunQuery((Condition("layers", "among", ("L3",)), Condition("verdict", "among", ("FAIL",)))),
            None,
        ),
        "cost>0.2": (RunQuery((Condition("cost", ">", (200_000_000,)),)), None),
        "cost>9 (nothing)": (RunQuery((Condition("cost", ">", (9_000_000_000,)),)), None),
        "a word of every run": (RunQuery(words=("completed",)), None),
        "a word of few runs": (RunQuery(words=("leverage",)), None),
        "two words": (RunQuery(words=("word7", "word11")), None),
        "a word and layer:L3": (RunQuery((Condition("layers", "among", ("L3",)),), ("word7",)), None),
        "a word of none": (RunQuery(words=("zebra",)), None),
        "without a word": (RunQuery(without=("completed",)), None),
    }


def measure(path: Path, runs: int) -> list[Line]:
    """Opening and every question, beside the plain query of the newest page."""
    plain = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    base = timed(lambda: plain.execute("SELECT * FROM run ORDER BY seq DESC LIMIT 200").fetchall())
    plain.close()

    def opening() -> None:
        with IndexReader(path) as reader:
            reader.position()
            reader.find(RunQuery(), None, 200)

    lines = [
        Line("plain sqlite3, newest page", f"{base:.2f} ms"),
        figure("opening", timed(opening), base, OPENING_MS),
    ]
    with IndexReader(path) as reader:
        for name, (wanted, before) in queries(runs).items():
            found = reader.find(wanted, before, 200)
            taken = timed(lambda one=wanted, at=before: reader.find(one, at, 200))  # type: ignore[misc]
            rows = f"{len(found.rows)} rows" + ("" if found.next_before is None else ", more below")
            lines.append(figure(f"{name}: {rows}", taken, base, FILTER_MS))
    return lines


def figure(what: str, taken: float, base: float, most: float) -> Line:
    """A time with its ratio to the plain query."""
    return Line(what, f"{taken:.2f} ms ({taken / base:.1f} x plain)", f"<= {most:.0f} ms", taken <= most)


def filling(folder: Path, events: int) -> Line:
    """How many events a second the child's filler takes from a real ledger."""
    ws = Workspace(folder)
    ws.audits.mkdir()
    fill(ws.ledger, events)
    filler, began = Filler(ws), time.perf_counter()
    while not filler.round():
        pass
    rate = events / (time.perf_counter() - began)
    filler.close()
    return Line("filling from a ledger", f"{rate:,.0f} events/s")


def main() -> None:
    """Make the index, measure, report; exit 1 when a target was missed."""
    parser = argparse.ArgumentParser(description="What the Runs screen waits for over a large index.")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--fill", type=int, default=20_000, help="events of a real ledger; 0 leaves it out")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path, runs = Path(folder) / "search.db", options.events // EVENTS_A_RUN
        seconds = make(path, runs)
        size = path.stat().st_size / 1e6
        lines = [
            Line(
                "index", f"{options.events:,} events, {runs:,} runs, {size:,.0f} MB, made in {seconds:.0f} s"
            )
        ]
        lines += measure(path, runs)
        if options.fill:
            lines.append(filling(Path(folder), options.fill))
    report(lines, as_json=options.json)
    if any(line.met is False for line in lines):
        sys.exit(1)


if __name__ == "__main__":
    main()
