"""What proving a large ledger costs: verification with its memory, signed heads, proofs with their size.

    python benchmarks/ledger_proofs.py [--events 1000000] [--keep FILE] [--json]

Baselines in the same run: a plain loop of sqlite3, json and hashlib over the same file by wall time, and
the bare hashing of as many nodes. ``--keep`` names a ledger that is filled once and used again: ten million
events take about 12 GB and ten minutes.
"""

import argparse
import hashlib
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger_figures import Line, plain_loop, report
from ledger_traffic import fill

from peak_console.ledger.heads.merkle import collect, consistency_ranges, inclusion_ranges
from peak_console.ledger.heads.merkle_proofs import verify_consistency, verify_inclusion
from peak_console.ledger.schema import open_for_writing

MEMORY_MB = 300
TWO_PARTS = 2
"""Verification runs in this many processes: what the machines of this project have."""

VERIFY = (
    "import sys, json; from pathlib import Path; from peak_console.ledger.verifying.verify import verify\n"
    "if __name__ == '__main__':\n"
    "    found = verify(Path(sys.argv[1])); print(json.dumps({'ok': found.ok, 'events': found.events}))\n"
)


def whole(path: Path) -> tuple[float, float]:
    """Seconds and the most megabytes, over all its processes, of our verification in a process of its own."""
    began = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-c", VERIFY, str(path)], stdout=subprocess.PIPE, text=True)
    with watched(child.pid) as most:
        said, _ = child.communicate()
    if child.returncode or not json.loads(said)["ok"]:
        raise SystemExit(f"the ledger does not verify: {said}")
    return time.perf_counter() - began, most[0] / 1e6


@contextmanager
def watched(pid: int) -> Iterator[list[float]]:
    """The most memory of a process and all below it, in bytes; shared pages count in part (Linux)."""
    most, ended = [0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.1):
            most[0] = max(most[0], sum(proportional(one) for one in family(pid)))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield most
    finally:
        ended.set()
        thread.join()


def family(pid: int) -> list[int]:
    """The process and all below it."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                found += [int(word) for word in task.read_text().split()]
            except OSError:
                continue
    return found


def proportional(pid: int) -> float:
    """The proportional set size of one process, in bytes; 0 when it has ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:")), 0.0)


def entries(path: Path, size: int) -> Iterator[bytes]:
    """The hashes of the first ``size`` events."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    for (link,) in db.execute("SELECT hash FROM ledger WHERE seq <= ? ORDER BY seq", (size,)):
        yield bytes.fromhex(link)
    db.close()


def bare_leaves(count: int) -> float:
    """Seconds to hash as many leaves and nodes as the tree has, from memory: the least a root can cost."""
    one, many = b"\x01" + bytes(64), range(2 * count)
    began = time.perf_counter()
    for _ in many:
        hashlib.sha256(one).digest()
    return time.perf_counter() - began


def proofs(path: Path, size: int) -> list[Line]:
    """An inclusion and a consistency proof at this size, made on demand from the stored hashes."""
    bare = bare_leaves(size)
    index, first = random.Random(1).randrange(size), size // 3  # noqa: S311 - a place, no secret
    inside, consistent = inclusion_ranges(index, size), consistency_ranges(first, size)
    began = time.perf_counter()
    found = collect(entries(path, size), [*inside, *consistent])
    made = time.perf_counter() - began
    path_hashes = [found.hash_of(one) for one in inside]
    root = found.frontier.root()
    leaf = entry_at(path, index)
    if not verify_inclusion(leaf, index, size, path_hashes, root):
        raise SystemExit("the inclusion proof does not hold")
    first_root = collect(entries(path, first)).frontier.root()
    linking = [found.hash_of(one) for one in consistent]
    if not verify_consistency(first, size, first_root, root, linking):
        raise SystemExit("the consistency proof does not hold")
    began = time.perf_counter()
    for _ in range(1000):
        verify_inclusion(leaf, index, size, path_hashes, root)
    checked = (time.perf_counter() - began) * 1000
    return [
        Line("bare hashing of as many nodes (baseline)", f"{bare:.2f} s"),
        Line(
            "root and proofs in one pass over the file",
            f"{made:.2f} s = {made / bare:.2f} x baseline",
            "<= 4 x",
            made <= 4 * bare,
        ),
        Line(
            "inclusion proof",
            f"{len(path_hashes)} hashes, {32 * len(path_hashes)} B; checked in {checked:.0f} us",
        ),
        Line("consistency proof", f"{len(linking)} hashes, {32 * len(linking)} B"),
    ]


def entry_at(path: Path, index: int) -> bytes:
    """The entry of one leaf."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    (link,) = db.execute("SELECT hash FROM ledger WHERE seq = ?", (index + 1,)).fetchone()
    db.close()
    return bytes.fromhex(link)


def measure(path: Path, size: int) -> list[Line]:
    """All figures over the ledger at ``path``."""
    plain = plain_loop(path).wall_s
    seconds, megabytes = whole(path)
    return [
        Line("events, size", f"{size:,}, {path.stat().st_size / 1e9:.1f} GB"),
        Line("plain sqlite3, json, hashlib loop (baseline)", f"{size / plain:,.0f} events/s"),
        Line(
            "verify: headers, bodies, links, root, figures",
            f"{size / seconds:,.0f} events/s = {plain / seconds:.2f} x baseline",
            ">= 1.5 x",
            plain >= 1.5 * seconds,
        ),
        Line(
            "verify: memory of all its processes",
            f"{megabytes:.0f} MB",
            f"<= {MEMORY_MB} MB",
            megabytes <= MEMORY_MB,
        ),
        *proofs(path, size),
    ]


def count(path: Path) -> int:
    """How many events a kept ledger has, brought to the present schema."""
    db = open_for_writing(path)
    (size,) = db.execute("SELECT ifnull(max(seq), 0) FROM ledger").fetchone()
    db.close()
    return int(size)


def main() -> None:
    """Measure and print; exit 1 when a target was missed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="size of the ledger")
    parser.add_argument("--keep", type=Path, help="a ledger that is filled once and used again")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    load = os.getloadavg()
    with tempfile.TemporaryDirectory() as folder:
        path = options.keep or Path(folder) / "ledger.db"
        if not path.exists():
            fill(path, options.events)
        lines = measure(path, count(path))
    lines.insert(0, Line("load of the machine before", " ".join(f"{one:.1f}" for one in load)))
    report(lines, as_json=options.json)


if __name__ == "__main__":
    main()
