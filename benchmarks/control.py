"""How fast a stop reaches a running worker of another process, and what a check costs.

    python benchmarks/control.py [--stops 100] [--json]

A worker asks its gate each millisecond, as one that sends all the time does; another holds 64 calls in flight
under the watch. Both report on the boot clock, which all processes of a machine share. The stop is timed from
before the first unlink.
"""

import argparse
import json
import multiprocessing
import statistics
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path

from peak_console.control import lease as leases
from peak_console.control.boot import boot_id
from peak_console.control.files import ENABLED, LEASE, STOP, encode
from peak_console.control.gate import CallGate, InFlight
from peak_console.control.stop import stop_now
from peak_console.domain.clock import SystemClock
from peak_console.domain.posture import Orders, PostureState

CLOCK = SystemClock()
IN_FLIGHT = 64
TARGET_STOP_MS = 50.0
TARGET_CHECK_US = 25.0


def enable(control: Path) -> None:
    """A folder as an enabled workspace's node keeps it, for one round."""
    now = CLOCK.boot_us()
    (control / STOP).unlink(missing_ok=True)
    (control / ENABLED).write_bytes(encode({"event_id": "ev_1"}))
    lease = leases.Lease(
        boot_id=boot_id(),
        session="s",
        generation=1,
        issued_us=now,
        expires_us=now + leases.LIFETIME_US,
        phase="bootstrap",
        calls=True,
        orders=Orders.NONE,
        state=PostureState.DISARMED,
        reasons=("enabled",),
        enabled="ev_1",
        seq=1,
        digests=dict.fromkeys(("matrix", "models", "prices", "budgets", "control"), "0" * 64),
    )
    leases.write(control / LEASE, leases.encode(lease))


def sender(control: Path, line: Connection) -> None:
    """A worker that asks before each send; says when it was first refused."""
    gate = CallGate(control, CLOCK, {})
    while line.recv():
        while not gate.posture().calls:
            time.sleep(0.0001)
        line.send("ready")
        while gate.posture().calls:
            time.sleep(0.001)
        line.send(CLOCK.boot_us())


def holder(control: Path, line: Connection) -> None:
    """A worker with 64 calls in flight; says when the last of them was cancelled."""
    watch = InFlight(CallGate(control, CLOCK, {}))
    while line.recv():
        cancelled = threading.Semaphore(0)
        with ExitStack() as calls:
            for _ in range(IN_FLIGHT):
                calls.enter_context(watch.watch(lambda _, done=cancelled: done.release()))
            line.send("ready")
            for _ in range(IN_FLIGHT):
                cancelled.acquire()
            line.send(CLOCK.boot_us())


def measure(control: Path, stops: int) -> dict[str, list[float]]:
    """Milliseconds from the stop to each worker's end, per stop."""
    context = multiprocessing.get_context("spawn")
    workers = {}
    for name, work in (("new sends refused", sender), ("64 calls cancelled", holder)):
        here, there = context.Pipe()
        process = context.Process(target=work, args=(control, there), daemon=True)
        process.start()
        workers[name] = (process, here)
    figures: dict[str, list[float]] = {name: [] for name in (*workers, "the stop itself")}
    for number in range(stops):
        enable(control)
        for _, line in workers.values():
            line.send(True)  # noqa: FBT003 - the line's own word
            assert line.recv() == "ready"
        time.sleep(0.001 * (number % 17))
        began = CLOCK.boot_us()
        outcome = stop_now(control)
        figures["the stop itself"].append((CLOCK.boot_us() - began) / 1000)
        assert outcome.effective
        for name, (_, line) in workers.items():
            figures[name].append((line.recv() - began) / 1000)
    for process, line in workers.values():
        line.send(False)  # noqa: FBT003 - the line's own word
        process.join(5)
    return figures


def check_cost(control: Path) -> list[float]:
    """Microseconds of one gate check, in rounds of a thousand."""
    enable(control)
    gate = CallGate(control, CLOCK, {})
    rounds = []
    for _ in range(30):
        began = time.perf_counter()
        for _ in range(1000):
            gate.posture()
        rounds.append((time.perf_counter() - began) * 1000)
    return rounds


def percentile(values: list[float], per_cent: int) -> float:
    """Nearest rank."""
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * per_cent // 100) - 1)]


def main() -> int:
    """Measure, print, and fail when a target is missed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--stops", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), options.stops)
        checks = check_cost(Path(folder))
    rows = {
        name: {"p50_ms": statistics.median(one), "p99_ms": percentile(one, 99), "max_ms": max(one)}
        for name, one in figures.items()
    }
    met = all(rows[name]["p99_ms"] <= TARGET_STOP_MS for name in rows) and min(checks) <= TARGET_CHECK_US
    if options.json:
        print(json.dumps({"stops": rows, "check_us": statistics.median(checks), "met": met}))
    else:
        for name, row in rows.items():
            print(
                f"{name:20} p50 {row['p50_ms']:7.2f}  p99 {row['p99_ms']:7.2f}  max {row['max_ms']:7.2f} ms"
            )
        print(f"{'a gate check':20} median {statistics.median(checks):.1f} µs, best {min(checks):.1f} µs")
        print(f"p99 <= {TARGET_STOP_MS:g} ms, check <= {TARGET_CHECK_US:g} µs: {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
