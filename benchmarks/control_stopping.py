"""How fast a stop reaches running workers of other processes, and what holds once the node has died.

A worker asks its gate each millisecond, as one that sends all the time does; another holds 64 calls in flight
under the watch. Both report on the boot clock, which all processes of a machine share. A stop is timed from
before its first step. Baseline: a worker that looks each millisecond whether a bare file is there, and an
operator who unlinks it.
"""

import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from control_figures import Figure, percentile, spread
from control_place import Place

from peak_console.control.files import ENABLED, LEASE, STOP
from peak_console.control.gate import CallGate, InFlight
from peak_console.control.running import running_nodes
from peak_console.control.scopes import Halt, Subject
from peak_console.control.stop import stop_now
from peak_console.domain.clock import SystemClock
from peak_console.node.spawn import connect_node, ensure_node
from peak_console.operations.enable import enable_scope
from peak_console.operations.lowering import stop_scope
from peak_console.operations.stop import record_stop
from peak_console.operations.workers import acknowledgements

CLOCK = SystemClock()
IN_FLIGHT = 64
STOP_MS, CHECK_US, LAPSE_S, SHELL_MS = 50.0, 25.0, 5.0, 100.0
CHECK_RATIO = 4.0
SCOPE = "layer:L6"
SUBJECT = Subject(layer="L6", run_id="run_1", provider="openai", model_id="gpt-5-mini")
FLAG = "bare-flag"


def sender(control: Path, line: Connection) -> None:
    """Asks before each send; says when it was first refused."""
    gate = CallGate(control, CLOCK, {})

    def passes() -> bool:
        return gate.posture().calls and gate.halts().of_call(SUBJECT) is None

    _report_refusals(line, passes)


def plain_sender(control: Path, line: Connection) -> None:
    """Looks whether a bare file is there."""
    _report_refusals(line, (control / FLAG).exists)


def _report_refusals(line: Connection, passes: Callable[[], bool]) -> None:
    while line.recv():
        while not passes():
            time.sleep(0.0001)
        line.send("ready")
        while passes():
            time.sleep(0.001)
        line.send(CLOCK.boot_us())


def holder(control: Path, line: Connection) -> None:
    """Holds 64 calls in flight; says when the last of them was cancelled."""
    gate = CallGate(control, CLOCK, {})
    watch = InFlight(gate)
    while line.recv():
        while not gate.posture().calls or gate.halts().of_call(SUBJECT) is not None:
            time.sleep(0.0001)
        cancelled = threading.Semaphore(0)
        with ExitStack() as calls:
            for _ in range(IN_FLIGHT):
                calls.enter_context(watch.watch(_releasing(cancelled), SUBJECT))
            line.send("ready")
            for _ in range(IN_FLIGHT):
                cancelled.acquire()
            line.send(CLOCK.boot_us())


def _releasing(cancelled: threading.Semaphore) -> Callable[[Halt], None]:
    return lambda _: cancelled.release()


class Workers:
    """Worker processes that are asked round by round when a stop reached them."""

    def __init__(self, control: Path, works: dict[str, Any]) -> None:
        context = multiprocessing.get_context("spawn")
        self._workers = {}
        for name, work in works.items():
            here, there = context.Pipe()
            process = context.Process(target=work, args=(control, there), daemon=True)
            process.start()
            self._workers[name] = (process, here)
        self.taken: dict[str, list[float]] = {name: [] for name in works}

    def begin(self) -> None:
        """Begin a round; returns when every worker sends."""
        for _, line in self._workers.values():
            line.send(True)  # noqa: FBT003 - the line's own word
            assert line.recv() == "ready"

    def measure(self, stop: Callable[[], None]) -> None:
        """Stop, and note what each worker took from before it."""
        began = CLOCK.boot_us()
        stop()
        for name, (_, line) in self._workers.items():
            self.taken[name].append((line.recv() - began) / 1000)

    def end(self) -> None:
        """End the processes."""
        for process, line in self._workers.values():
            line.send(False)  # noqa: FBT003 - the line's own word
            process.join(5)


def plain_stops(folder: Path, rounds: int) -> list[float]:
    """The baseline: an unlink, seen by a worker that looks each millisecond."""
    workers = Workers(folder, {"plain": plain_sender})
    for number in range(rounds):
        (folder / FLAG).touch()
        workers.begin()
        time.sleep(0.001 * (number % 17))
        workers.measure((folder / FLAG).unlink)
    workers.end()
    return workers.taken["plain"]


def global_stops(place: Place, rounds: int, base: list[float]) -> list[Figure]:
    """Stops of everything, each enabled again; and who acknowledged among the callers that are at work."""
    ws = place.ws
    workers = Workers(ws.control, {"a worker's next send": sender, "64 calls in flight": holder})
    itself: list[float] = []
    told: list[float] = []
    lost = 0
    for number in range(rounds):
        place.enable()
        workers.begin()
        time.sleep(0.001 * (number % 17))
        outcomes = []
        workers.measure(lambda: outcomes.append(stop_now(ws.control, reason="benchmark")))  # noqa: B023 - called now
        (outcome,) = outcomes
        assert outcome.effective
        itself.append((outcome.report.steps[-1].at_us - outcome.report.steps[0].at_us) / 1000)
        record_stop(ws, outcome)
        found = acknowledgements(ws, outcome.stop_id, patience_s=2.0)
        lost += len(found.missing)
        told += [float(one.acknowledged_ms) for one in found.workers if one.acknowledged_ms is not None]
    workers.end()
    place.enable()
    against = f"a bare unlink seen: {spread(base)}"
    figures = [_stop_figure(f"global stop: {name}", took, against) for name, took in workers.taken.items()]
    return [
        *figures,
        Figure("global stop: its own steps", spread(itself)),
        Figure("callers at work acknowledge, after the notice", spread(told) if told else "none connected"),
        Figure("acknowledgements missing", str(lost), "0", met=lost == 0),
    ]


def scope_stops(place: Place, rounds: int) -> list[Figure]:
    """Stops of one layer through the node, shown in its lease; each lifted again."""
    ws = place.ws
    workers = Workers(ws.control, {"a worker's next send": sender, "64 calls in flight": holder})
    told: list[float] = []
    asked: list[float] = []
    escalated: list[bool] = []
    for number in range(rounds):
        began = time.perf_counter()
        with connect_node(ws, name="benchmark") as client:
            client.request("workers", stop_id="")
        asked.append((time.perf_counter() - began) * 1000)
        workers.begin()
        time.sleep(0.001 * (number % 17))

        def stop() -> None:
            began = CLOCK.boot_us()
            done = stop_scope(ws, SCOPE, reason="benchmark")
            told.append((CLOCK.boot_us() - began) / 1000)
            assert done.effective
            escalated.append(done.escalated)

        workers.measure(stop)
        if escalated[-1]:  # the node did not answer in time, so everything was stopped
            place.enable()
            continue
        with connect_node(ws, name="benchmark") as client:
            enable_scope(ws, client, scope=SCOPE, reason="benchmark", confirm="ENABLE", operator="demo")
    workers.end()
    against = f"a question to the node alone: {spread(asked)}"
    figures = [_stop_figure(f"scope stop: {name}", took, against) for name, took in workers.taken.items()]
    return [
        *figures,
        Figure("scope stop: recorded and read back", spread(told)),
        Figure("scope stops that became a stop of everything", str(sum(escalated))),
    ]


def _stop_figure(what: str, took: list[float], against: str) -> Figure:
    return Figure(what, spread(took), f"p99 <= {STOP_MS:g} ms", against, percentile(took, 99) <= STOP_MS)


def check_cost(place: Place) -> Figure:
    """Microseconds of one gate check on the node's own lease, beside reading the three files and no more."""
    gate = CallGate(place.ws.control, CLOCK, {})
    names = [os.fspath(place.ws.control / name) for name in (ENABLED, LEASE, STOP)]
    checks = _rounds(gate.posture)
    plain = _rounds(lambda: _read(names))
    ratio = min(checks) / min(plain)
    value = f"median {statistics.median(checks):.1f}, best {min(checks):.1f} us, {ratio:.1f} x reading"
    against = (
        f"the three files, read and no more: median {statistics.median(plain):.1f}, best {min(plain):.1f} us"
    )
    met = min(checks) <= CHECK_US or ratio <= CHECK_RATIO  # on a machine that is busy with more than this
    return Figure("a gate check", value, f"<= {CHECK_US:g} us", against, met)


STOP_NOW = (
    "import sys; from pathlib import Path; from peak_console.control.stop import stop_now; "
    "stop_now(Path(sys.argv[1]))"
)
UNLINK = "import os, sys; os.unlink(sys.argv[1] + '/ENABLED')"


def from_shell(rounds: int) -> Figure:
    """Milliseconds from an interpreter's start until ``ENABLED`` is gone; beside one that unlinks alone."""
    with tempfile.TemporaryDirectory(prefix="pk") as name:
        took = [_gone_after(Path(name), STOP_NOW) for _ in range(rounds)]
        plain = [_gone_after(Path(name), UNLINK) for _ in range(rounds)]
    best = min(took)
    value = f"median {statistics.median(took):.0f}, best {best:.0f} ms, {best / min(plain):.1f} x unlinking"
    against = f"an interpreter that unlinks: median {statistics.median(plain):.0f}, best {min(plain):.0f} ms"
    return Figure("a stop from the shell", value, f"<= {SHELL_MS:g} ms", against, best <= SHELL_MS)


def _gone_after(folder: Path, code: str) -> float:
    permits = folder / ENABLED
    permits.write_bytes(b"{}")
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code, str(folder)])
    while permits.exists():
        time.sleep(0.0005)
    took = (time.perf_counter() - began) * 1000
    process.wait()
    return took


def _rounds(work: Callable[[], object]) -> list[float]:
    found = []
    for _ in range(30):
        began = time.perf_counter()
        for _ in range(1000):
            work()
        found.append((time.perf_counter() - began) * 1000)
    return found


def _read(names: list[str]) -> None:
    for name in names:
        try:
            handle = os.open(name, os.O_RDONLY)
        except FileNotFoundError:
            continue
        os.read(handle, 4096)
        os.close(handle)


def node_deaths(place: Place, rounds: int) -> list[Figure]:
    """SIGKILL of the node under traffic: when the last send was permitted, and that the next node goes on."""
    ws, last, back = place.ws, [], []
    gate = CallGate(ws.control, CLOCK, {})
    for number in range(rounds):
        place.await_calls(permitted=True)
        time.sleep(0.07 * (number % 15))
        (pid,) = [one.pid for one in running_nodes() if one.root == ws.root]
        os.kill(pid, signal.SIGKILL)
        died = CLOCK.boot_us()
        permitted = died
        while (now := CLOCK.boot_us()) < died + 6_000_000:
            if gate.posture().calls:
                permitted = now
            time.sleep(0.001)
        last.append((permitted - died) / 1e6)
        began = time.monotonic()
        ensure_node(ws, simulated=True, with_parent=True, wait_s=60)
        place.await_calls(permitted=True)
        back.append(time.monotonic() - began)
    return [
        Figure(
            "last send permitted after the node's SIGKILL",
            spread(last, "s"),
            f"<= {LAPSE_S:g} s",
            "without a lease: for ever",
            max(last) <= LAPSE_S,
            law=True,
        ),
        Figure("the next node permits calls again after", spread(back, "s")),
    ]
