"""How the ledger's benchmarks tell their figures, and the plain loop they are measured against."""

import hashlib
import json
import sqlite3
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Line:
    """One figure: what, its value with unit, the target, and whether it was met (``None``: it has none)."""

    what: str
    value: str
    target: str = ""
    met: bool | None = None


@dataclass(frozen=True)
class Loop:
    """What the plain loop took: events, seconds on the wall and of the processor."""

    events: int
    wall_s: float
    cpu_s: float


def plain_loop(path: Path) -> Loop:
    """The plain way: read with sqlite3, encode with json, hash with hashlib, compare links; one process."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    wall, cpu, count, previous = time.perf_counter(), time.process_time(), 0, "0" * 64
    rows = db.execute("SELECT l.*, b.bytes FROM ledger l JOIN body b ON b.seq = l.seq ORDER BY l.seq")
    names = [column[0] for column in rows.description[:-2]]
    for row in rows:
        header = {name: value for name, value in zip(names, row, strict=False) if value is not None}
        data = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
        if (
            hashlib.sha256(row[-1]).hexdigest() != header["body_sha256"]
            or header["prev_hash"] != previous
            or hashlib.sha256(data).hexdigest() != row[-2]
        ):
            raise SystemExit(f"event {row[0]} does not verify")
        previous = row[-2]
        count += 1
    db.close()
    return Loop(count, time.perf_counter() - wall, time.process_time() - cpu)


def report(lines: list[Line], *, as_json: bool) -> None:
    """Print the figures and end: with 1 when a target was missed."""
    if as_json:
        print(json.dumps({"figures": [asdict(line) for line in lines]}))
    else:
        width = max(len(line.what) for line in lines)
        for line in lines:
            verdict = {None: "", True: "met", False: "MISSED"}[line.met]
            print(f"{line.what:<{width}}  {line.value:<48} {line.target:<14} {verdict}")
    sys.exit(any(line.met is False for line in lines))
