"""``python -m peak_console.node.drillchild --kind KIND --folder FOLDER``: one drill, on a mirror in FOLDER.

The mirror is a workspace with keys, a ledger, a node and a worker of its own. What is done to it is done by
the code that does it in earnest. Each step is a JSON line with its time; ``{"ended": true}`` is the last.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, Thread
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.domain.clock import SystemClock
from peak_console.domain.errors import PeakError
from peak_console.domain.incidents import DrillKind
from peak_console.domain.text import one_line
from peak_console.node.spawn import begin_ledger, connect_node, ensure_node, stop_node
from peak_console.operations import arming
from peak_console.operations.capture import capture
from peak_console.operations.containing import contain
from peak_console.operations.drills import DrillStep
from peak_console.operations.enable import enable_workspace
from peak_console.operations.incidents.alerting import send_test_alert
from peak_console.operations.init import init_workspace
from peak_console.operations.lowering import disarm
from peak_console.operations.stop import stop

PROBE: Final = "peak_console.operations.drill_probe"
OPERATOR: Final = "drill"
REASON: Final = "drill"

SEEN_S: Final = 5.0
"""A worker that does not see it within a lease's life has not seen it."""

_HOOK: Final = """
[[hooks]]
name = "drill"
kind = "command"
command = ["/bin/sh", "-c", "cat > audits/told.json"]
timeout_s = 5
"""


Tell = Callable[[DrillStep], object]


class DrillFailed(Exception):
    """What a step was there for did not happen."""


@dataclass
class Worker:
    """The probe: what it saw last, by the boot clock."""

    process: "subprocess.Popen[bytes]"
    calls: bool = False
    armed: bool = False
    at_us: int = 0
    changed: Condition = field(default_factory=Condition)

    def listen(self) -> None:
        """Take in what it says, until it ends."""
        for line in self.process.stdout or ():
            told = json.loads(line)
            with self.changed:
                self.calls, self.armed, self.at_us = told["calls"], told["armed"], told["at_us"]
                self.changed.notify_all()

    def sees(self, what: str, holds: Callable[["Worker"], bool]) -> int:
        """When it saw what ``holds`` says; raises :class:`DrillFailed`."""
        with self.changed:
            if not self.changed.wait_for(lambda: holds(self), SEEN_S):
                raise DrillFailed(f"the worker did not see within {SEEN_S:g} s: {what}")
            return self.at_us


@contextmanager
def mirror(folder: Path, kind: DrillKind) -> Iterator[tuple[Workspace, Worker]]:
    """A workspace that may call, and its worker; both are ended after."""
    made = init_workspace(folder / "mirror", operator=OPERATOR)
    ws = made.ws
    if kind is DrillKind.ALERT:
        with (ws.root / "configs" / "incidents.toml").open("a", encoding="utf-8") as file:
            file.write(_HOOK)
    begin_ledger(ws, operator=made.operator, public_key=made.public_key, simulated=True)
    ensure_node(ws, simulated=True, with_parent=True)
    try:
        with connect_node(ws, name="drill") as client:
            enable_workspace(ws, client, reason=REASON, confirm="ENABLE", operator=OPERATOR)
        with _worker(ws) as worker:
            worker.sees("calls are permitted", lambda one: one.calls)
            yield ws, worker
    finally:
        stop_node(ws, force=True)


@contextmanager
def _worker(ws: Workspace) -> Iterator[Worker]:
    words = [sys.executable, "-m", PROBE, "--control", os.fspath(ws.control)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - our own
    worker = Worker(process)
    Thread(target=worker.listen, daemon=True).start()
    try:
        yield worker
    finally:
        process.kill()
        process.wait()


def drill(kind: DrillKind, folder: Path, tell: Tell) -> None:
    """Run one drill; ``tell`` gets each step as it ends. Raises where one cannot be begun."""
    began = time.monotonic()
    with mirror(folder, kind) as (ws, worker):
        ms = int((time.monotonic() - began) * 1000)
        tell(DrillStep("mirror made", ms, ok=True, detail="workspace, node and worker of its own"))
        _DRILLS[kind](ws, worker, tell)


def _drill_disarm(ws: Workspace, worker: Worker, tell: Tell) -> None:
    _arm(ws, worker, tell)
    began = SystemClock().boot_us()
    done = disarm(ws, reason=REASON, operator=OPERATOR)
    held = done.effective and not done.escalated
    tell(DrillStep("disarm", _since(began), ok=held, detail=done.line))
    at = worker.sees("arming ended", lambda one: not one.armed)
    seen = max(0, at - began) // 1000
    tell(DrillStep("seen by the worker", seen, ok=worker.calls, detail="no arm lease; calls go on"))


def _arm(ws: Workspace, worker: Worker, tell: Tell) -> None:
    """A drill lease, asked for and confirmed as in earnest."""
    began = SystemClock().boot_us()
    with connect_node(ws, name="drill") as client:
        asked = arming.request(
            ws,
            client,
            scope="venue:drill",
            run_id="",
            purpose=REASON,
            reason=REASON,
            ttl_s=None,
            drill=True,
            operator=OPERATOR,
        )
        arming.confirm(
            ws,
            client,
            request_id=asked.request_id,
            token=asked.token,
            phrase=asked.phrase,
            operator=OPERATOR,
        )
    worker.sees("an arm lease", lambda one: one.armed)
    tell(DrillStep("armed", _since(began), ok=True, detail="a drill lease, which no gate accepts"))


def _drill_stop(ws: Workspace, worker: Worker, tell: Tell) -> None:
    began = SystemClock().boot_us()
    done = stop(ws, reason=REASON, operator=OPERATOR)
    tell(DrillStep("stop", _since(began), ok=done.outcome.effective, detail=done.recorded.line))
    _seen_stopped(worker, began, tell)


def _seen_stopped(worker: Worker, began: int, tell: Tell) -> None:
    at = worker.sees("calls are not permitted", lambda one: not one.calls)
    seen = max(0, at - began) // 1000
    tell(DrillStep("seen by the worker", seen, ok=True, detail="it may not call any more"))


def _drill_capture(ws: Workspace, _: Worker, tell: Tell) -> None:
    began = SystemClock().boot_us()
    done = capture(ws, reason=REASON, operator=OPERATOR)
    lies = done.path.exists() and not done.outside
    words = f"{done.files} files, {done.events} events, sealed"
    tell(DrillStep("capture", _since(began), ok=done.sealed and lies, detail=words))


def _drill_contain(ws: Workspace, worker: Worker, tell: Tell) -> None:
    began = SystemClock().boot_us()
    done = contain(ws, reason=REASON, operator=OPERATOR)
    for step in done.steps:
        tell(DrillStep(step.name, step.ms, step.ok, one_line(step.detail, 200)))
    _seen_stopped(worker, began, tell)
    words = done.why or "the incident is on record"
    tell(DrillStep("recorded", _since(began), ok=done.recorded, detail=words))


def _drill_alert(ws: Workspace, _: Worker, tell: Tell) -> None:
    began = SystemClock().boot_us()
    with connect_node(ws, name="drill") as client:
        done = send_test_alert(ws, client, shown_s=0)
    report = done.reports[0]
    tell(DrillStep("hook told", report.ms, report.ok is True, report.detail))
    told = json.loads((ws.audits / "told.json").read_text(encoding="utf-8"))
    right = told["data"]["incident_id"] == done.incident_id and told["data"]["test"] is True
    words = f"{told['type']}, marked as a test"
    tell(DrillStep("message read", _since(began), right, words))
    tell(DrillStep("closed itself", _since(began), done.closed))


def _since(began_us: int) -> int:
    return (SystemClock().boot_us() - began_us) // 1000


_DRILLS: Final[dict[DrillKind, Callable[[Workspace, Worker, Tell], None]]] = {
    DrillKind.DISARM: _drill_disarm,
    DrillKind.STOP: _drill_stop,
    DrillKind.CAPTURE: _drill_capture,
    DrillKind.CONTAIN: _drill_contain,
    DrillKind.ALERT: _drill_alert,
}


def main() -> int:
    """The process: 0 where the drill came to its end, however it came out."""
    parser = argparse.ArgumentParser(description="One drill on a mirror.")
    parser.add_argument("--kind", choices=[one.value for one in _DRILLS], required=True)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()

    def tell(step: DrillStep) -> None:
        _say(step.as_json())

    try:
        drill(DrillKind(options.kind), options.folder, tell)
    except (PeakError, DrillFailed, OSError, ValueError) as error:
        tell(DrillStep("drill", 0, ok=False, detail=one_line(str(error), 300)))
    finally:
        shutil.rmtree(options.folder / "mirror", ignore_errors=True)
    _say({"ended": True})
    return 0


def _say(fields: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
