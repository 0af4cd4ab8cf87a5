"""SIGKILLs around enable and stop: of the node, of whoever enables, of whoever stops, at random moments.

Each round an enable begins, a stop follows at a random moment, and one of the three processes dies at
another. Once a stop was told as effective, nothing may be permitted until an enable that began later: looked
at again and again until the next round, over the restart of the node.

Baseline: how many of the same stops a node would have undone that goes by the ledger alone, because their
record was not there yet when it died.
"""

import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from control_figures import Figure

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests" / "faults"), str(HERE.parent / "tests")]

from ledger_campaign import kill, workplace  # noqa: E402 - the path comes first

from peak_console.control.files import ENABLED  # noqa: E402
from peak_console.control.gate import CallGate  # noqa: E402
from peak_console.control.stop import stop_now  # noqa: E402
from peak_console.domain.clock import SystemClock  # noqa: E402
from peak_console.domain.events import EventKind  # noqa: E402
from peak_console.ledger.reader import LedgerReader  # noqa: E402
from peak_console.operations import enable as enabling  # noqa: E402

WATCHED_S = 0.15
"""How long nothing may be permitted after each round, besides the node's restart."""


@dataclass
class Found:
    """What a campaign of kills found; ``undone`` must be 0."""

    kills: Counter[str] = field(default_factory=Counter)
    undone: int = 0
    enabled: int = 0
    """Rounds in which calls were permitted before the stop: else nothing is shown."""
    later: int = 0
    """Enables that looked only when the stop stood already, and so lifted it as an operator may."""
    unrecorded: int = 0
    """Stops that the ledger did not know of when the round was over."""


class Campaign:
    """Rounds on a workspace of their own."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - moments, not secrets
        self.place, environ = workplace(folder)
        self.environ = environ
        self.place.ws.control_config.write_text("[enable]\ncooldown_s = 0\n", encoding="utf-8")
        self.gate = CallGate(self.place.ws.control, SystemClock(), {})
        self.found = Found()
        self.node = self.place.node()
        enabling._EFFECT_WAIT_S = 0.05  # noqa: SLF001 - an enable that was stopped waits for nothing here

    def rounds(self, count: int) -> Found:
        """Go through so many rounds, one kill each."""
        try:
            for number in range(count):
                self._round(("node", "enabler", "stopper")[number % 3])
        finally:
            self._kill_node()
        return self.found

    def _round(self, victim: str) -> None:
        self.seen = False
        self._settled()
        with LedgerReader(self.place.ws.ledger) as reader:
            self.begun = reader.head()[0]
        enabler = forked(lambda: self.place.enable(self.environ))
        if self.chance.random() < 0.5:
            self._while(10.0, enabler)  # then the kill is beside the stop
        self._while(self.chance.uniform(0, 0.1))
        dies_in = self.chance.uniform(0, 0.03)
        stopper = forked(lambda: stop_now(self.place.ws.control, reason="campaign"))
        if victim == "stopper":
            time.sleep(dies_in / 10)
        elif victim == "node" and self.chance.random() < 0.5:  # half of them die before the stop is done
            self._kill_node()
        else:
            time.sleep(dies_in)
        if victim == "enabler":
            with suppress(ProcessLookupError):
                os.kill(enabler, signal.SIGKILL)
        elif victim == "stopper":
            os.kill(stopper, signal.SIGKILL)
        else:
            self._kill_node()
        self.found.kills[victim] += 1
        self.found.enabled += self.seen
        if os.waitpid(stopper, 0)[1] != 0:  # it died on the way: whoever stops, stops again
            assert stop_now(self.place.ws.control, reason="again").effective
        self._hold(lambda: gone(enabler))
        self.found.unrecorded += self._last() == EventKind.CONTROL_ENABLED
        if self.node.poll() is not None:
            self.node = self.place.node()
        until = time.monotonic() + WATCHED_S
        self._hold(lambda: time.monotonic() > until)

    def _settled(self) -> None:
        """Wait until the last stop is on record: before, an enable is refused."""
        until = time.monotonic() + 5
        while self._last() == EventKind.CONTROL_ENABLED and time.monotonic() < until:
            time.sleep(0.01)

    def _while(self, seconds: float, enabler: int | None = None) -> None:
        """Wait, where ``enabler`` is given at most until it came through or ended."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.gate.posture().calls:
                self.seen = True
                if enabler is not None:
                    return
            if enabler is not None and gone(enabler):
                return
            time.sleep(0.001)

    def _hold(self, over: Callable[[], bool]) -> None:
        """Nothing is permitted until ``over``; ``ENABLED`` does not stand in the end."""
        broken = False
        while not over():
            broken = broken or self.gate.posture().calls
            time.sleep(0.001)
        broken = broken or (self.place.ws.control / ENABLED).exists()
        if not broken:
            return
        if self._lifted():  # it looked when the stop stood, and lifted it: an enable that began later
            self.found.later += 1
            assert stop_now(self.place.ws.control, reason="again").effective
        else:
            self.found.undone += 1

    def _lifted(self) -> bool:
        """Whether the last enable names a stop of this round as the one it saw."""
        with LedgerReader(self.place.ws.ledger) as reader:
            stops, enabled = set(), ""
            for event in reader.read(self.begun, 1000):
                body = event.body or {}
                if event.kind == EventKind.CONTROL_STOPPED:
                    stops.add(body.get("stop_id"))
                elif event.kind == EventKind.CONTROL_ENABLED:
                    enabled = body.get("after_stop")
        return enabled in stops

    def _kill_node(self) -> None:
        if self.node.poll() is None:
            kill(self.node)

    def _last(self) -> str:
        """The last enable or stop on record."""
        with LedgerReader(self.place.ws.ledger) as reader:
            events = [reader.last(kind) for kind in (EventKind.CONTROL_ENABLED, EventKind.CONTROL_STOPPED)]
        found = max((one for one in events if one is not None), key=lambda one: one.seq, default=None)
        return found.kind if found is not None else ""


def forked(work: Callable[[], object]) -> int:
    """A process that does ``work`` and ends with 0, or with 1 where it is refused."""
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
    except BaseException:  # noqa: BLE001 - a refusal is an end like another
        os._exit(1)
    os._exit(0)


def gone(pid: int) -> bool:
    """Whether the child has ended."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def kills(count: int, seed: int) -> list[Figure]:
    """``count`` SIGKILLs around enable and stop."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="pk") as folder:
        found = Campaign(Path(folder), seed).rounds(count)
    told = ", ".join(f"{number} {name}" for name, number in sorted(found.kills.items()))
    against = f"a node that goes by the ledger alone: {found.unrecorded} undone"
    shown = f"enabled before it in {found.enabled}, later in {found.later}, {time.monotonic() - began:.0f} s"
    return [
        Figure(
            f"{count} SIGKILLs ({told})",
            f"{found.undone} stops undone ({shown})",
            "0",
            against,
            found.undone == 0,
            law=True,
        )
    ]
