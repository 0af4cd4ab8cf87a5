"""Two weeks of hourly shadow cycles, played against the simulator while things go wrong.

    python benchmarks/soak.py [--cycles 336] [--root DIR] [--seed N]

Each cycle sees the next hourly bar of real history, so 336 of them are two weeks of the data's own clock; the
safety clocks (lease, boot, TTLs) are real and not accelerated. A demo's node, simulator and traffic run
for as long as it takes (about three seconds a cycle). Meanwhile providers fail, a model is swapped, another
one changes under its name, answers slow down, the budget is used up, the node is killed three times, an
operator stops and enables. Asked for: everything is noticed, nothing is lost, memory is flat.

Ends with 1 where one of these does not hold.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from soak_disturbances import Disturbance, World, body, disturbances, quicken

from peak_console.cli.demo_house import DemoHouse
from peak_console.control.files import NODE
from peak_console.domain.clock import from_iso
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.operations.gate_replay import replay_gate
from peak_console.operations.ledger import verify

EVERY_S = 3
JOB = "soak"
POLL_S = 0.5
FLAT = 1.15
"""The node's memory late against its memory early, at most."""

JOBS = f"""
[[job]]
name = "{JOB}"
kind = "shadow_cycle"
schedule = "every {EVERY_S}s"
timeout_s = 40
catch_up = "none"
budget = {{ max_cost_eur = 1.0, max_calls = 12 }}

[job.shadow_cycle]
instrument = "EUR/USD"
eur_per_quote = 0.85
file = {{ path = "package:eurusd_1h" }}
replay = {{ start = 0, step = 1 }}
sizing = {{ risk_eur = 50.0, max_notional_eur = 900.0, fee_bps = 1.0, slippage_bps = 1.0 }}

[[job]]
name = "gold"
kind = "canary"
schedule = "every 45s"
timeout_s = 120
catch_up = "none"

[job.canary]
cases = "gold"
slots = [{{ layer = "L2" }}, {{ layer = "L3" }}]
"""


@dataclass
class Watched:
    """What was seen along the way."""

    seq: int = 0
    cycles: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    memory: list[tuple[int, int]] = field(default_factory=list)
    """The node's resident memory in KB, by cycle."""
    files: list[tuple[int, int]] = field(default_factory=list)
    wal: int = 0
    started: dict[str, int] = field(default_factory=dict)
    """Runs of the job by due time, with how often each began."""
    ended: Counter[str] = field(default_factory=Counter)
    missed: int = 0
    interrupted: int = 0

    def take(self, event: LedgerEvent) -> None:
        """Count an event."""
        told = body(event)
        if event.kind == EventKind.SHADOW_CYCLE_FINISHED and told.get("job") == JOB:
            self.cycles += 1
            self.outcomes[str(told["outcome"])] += 1
            self.reasons.update(map(str, told["reasons"]))
        elif event.kind.startswith("job.") and told.get("job") == JOB:
            self._job(event)

    def _job(self, event: LedgerEvent) -> None:
        told = body(event)
        if event.kind == EventKind.JOB_STARTED:
            due = str(told["due_at"])
            self.started[due] = self.started.get(due, 0) + 1
        elif event.kind == EventKind.JOB_FINISHED:
            self.ended[str(told["state"])] += 1
        elif event.kind == EventKind.JOB_MISSED:
            self.missed += int(told["count"])
        elif event.kind == EventKind.JOB_INTERRUPTED:
            self.interrupted += 1


class Soak:
    """The soak over one workspace."""

    def __init__(self, house: DemoHouse, cycles: int) -> None:
        self._goal = cycles
        self.watched = Watched()
        environment = house.environment_file
        assert environment is not None
        self.world = World(house, environment, lambda: self.watched.cycles)
        self.planned = disturbances(cycles)
        self._resting_until = 0

    def run(self) -> None:
        """Play until the cycles are through and everything was taken back, or too long a time has passed."""
        self.world.config("configs/shadow/jobs.toml", lambda _: JOBS)
        quicken(self.world)
        until = time.monotonic() + self._goal * 20 + 300
        while self.watched.cycles < self._goal or not all(one.undone_at is not None for one in self.planned):
            if time.monotonic() > until:
                sys.stderr.write("the time is up\n")
                return
            time.sleep(POLL_S)
            self._look()
            self._disturb()
        self._look()

    def _under_way(self) -> Disturbance | None:
        return next((one for one in self.planned if one.begun and one.undone_at is None), None)

    def _look(self) -> None:
        fresh = self.world.events(self.watched.seq)
        for event in fresh:
            self.watched.take(event)
            self.watched.seq = event.seq
            self._notice(event)
        self._measure()

    def _notice(self, event: LedgerEvent) -> None:
        one = self._under_way()
        if one is None or one.begun is None or event.seq <= one.begun[2]:
            return
        for name, noticed in one.by:
            if name not in one.noticed and noticed(event):
                one.noticed[name] = (self.watched.cycles, time.monotonic(), event.seq)

    def _disturb(self) -> None:
        now = self.watched.cycles
        one = self._under_way()
        if one is None:
            due = next((each for each in self.planned if each.begun is None and each.at <= now), None)
            if due is not None and now >= self._resting_until:
                due.begun = (now, time.monotonic(), self.world.head())
                sys.stderr.write(f"cycle {now}: {due.name}\n")
                due.begin(self.world)
            return
        assert one.begun is not None
        late = now - one.begun[0] > one.within
        through = one.whole and now - max(place for place, _, _ in one.noticed.values()) >= one.lasts
        if through or late:
            one.undo(self.world)
            one.undone_at = now
            self._resting_until = now + 3
            sys.stderr.write(
                f"cycle {now}: {one.name}: {'noticed' if one.whole else 'NOT NOTICED'}, taken back\n"
            )

    def _measure(self) -> None:
        try:
            pid = json.loads((self.world.house.ws.control / NODE).read_bytes())["pid"]
            status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
            files = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - only counted
        except (OSError, ValueError):
            return
        kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
        self.watched.memory.append((self.watched.cycles, kb))
        self.watched.files.append((self.watched.cycles, files))
        wal = self.world.house.ws.ledger.with_name("ledger.db-wal")
        self.watched.wal = max(self.watched.wal, wal.stat().st_size if wal.exists() else 0)


def between(figures: list[tuple[int, int]], low: float, high: float) -> float:
    """The median of figures whose cycle lies in a share of all."""
    last = figures[-1][0]
    return statistics.median(one for cycle, one in figures if last * low <= cycle <= last * high)


def accounted(watched: Watched) -> tuple[int, int, int]:
    """Due times from the first to the last run; those that began or were told as missed; begun twice."""
    dues = sorted(from_iso(due) for due in watched.started)
    between_s = (dues[-1] - dues[0]) / timedelta(seconds=1)
    return (
        round(between_s / EVERY_S) + 1,
        len(dues) + watched.missed,
        sum(n > 1 for n in watched.started.values()),
    )


def table(soak: Soak) -> bool:
    """Print what happened; whether everything holds."""
    watched = soak.watched
    print(f"{watched.cycles} cycles = {watched.cycles / 24:.1f} days of hourly bars")
    print(f"{'disturbance':36} {'at':>5} {'noticed by':34} {'cycles':>6} {'s':>6}")
    good = True
    for one in soak.planned:
        good &= one.begun is not None
        for name, _ in one.by:
            seen = one.noticed.get(name)
            told = (
                f"{seen[0] - one.begun[0]:>6} {seen[1] - one.begun[1]:>6.1f}"
                if seen and one.begun
                else "  NEVER"
            )
            good &= seen is not None
            print(f"{one.name:36} {one.begun[0] if one.begun else '-':>5} {name:34} {told}")
    due, told_of, twice = accounted(watched)
    early, late = between(watched.memory, 0.4, 0.55), between(watched.memory, 0.85, 1.0)
    ws = soak.world.house.ws
    chain, gate = verify(ws), replay_gate(ws)
    rows = [
        ("due times", f"{due}, told {told_of}, begun twice {twice}", told_of >= due and not twice),
        ("ends", f"{dict(watched.ended)}, interrupted {watched.interrupted}", True),
        ("outcomes", str(dict(watched.outcomes)), watched.outcomes["would_allow"] > 0),
        ("reasons", str(dict(watched.reasons)), True),
        ("kills of the node", str(soak.world.kills), soak.world.kills == 3),
        ("ledger verifies", str(chain.ok), chain.ok),
        ("gate decided again", f"{gate.decided}, {gate.differ} differ", gate.holds and gate.decided > 0),
        (
            "node's memory, early and late",
            f"{early / 1024:.0f} and {late / 1024:.0f} MB",
            late <= early * FLAT,
        ),
        (
            "open files, early and late",
            f"{between(watched.files, 0.4, 0.55):.0f} and {between(watched.files, 0.85, 1):.0f}",
            True,
        ),
        ("write-ahead log, most", f"{watched.wal / 2**20:.1f} MB", watched.wal < 256 * 2**20),
    ]
    for name, told, holds in rows:
        good &= holds
        print(f"{name:32} {told}{'' if holds else '   <-- does not hold'}")
    return good


def main() -> int:
    """Run it."""
    options = argparse.ArgumentParser()
    options.add_argument("--cycles", type=int, default=336)
    options.add_argument("--root", type=Path)
    options.add_argument("--seed", type=int, default=7)
    asked = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="peak-soak-"))
    os.environ["PEAK_KEYS_DIR"], os.environ["PEAK_STATE_DIR"] = str(folder / "keys"), str(folder / "state")
    with DemoHouse(asked.root or folder / "desk", rate=3.0, seed=asked.seed) as house:
        soak = Soak(house, asked.cycles)
        with suppress(KeyboardInterrupt):  # the table of what was seen so far
            soak.run()
        good = table(soak)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
