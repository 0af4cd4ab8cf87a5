"""Kill the node, its notary and its callers in mid-append, again and again; look whether anything was lost.

As a program: ``python benchmarks/crash.py --rounds 100``.
"""

import argparse
import json
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE

from support import forking

from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore
from peak_console.control.sockets import find_socket
from peak_console.domain.events import EventKind
from peak_console.ledger.heads.known_heads import known_heads
from peak_console.ledger.heads.merkle import Frontier
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.ledger.verifying.verify import verify
from peak_console.node.spawn import begin_ledger
from peak_console.operations.enable import enable_workspace
from peak_console.operations.init import init_workspace

HERE = Path(__file__).parent
CALLERS = 3
_LIMIT = re.compile(r"(max_\w+\s*=\s*)[\d_.]+")


@dataclass(frozen=True)
class Finding:
    """What a campaign found; nothing ``lost``, ``doubled``, ``moved`` or ``refused`` is the promise."""

    kills: int
    acknowledged: int
    events: int
    lost: int
    doubled: int
    moved: int
    refused: int
    """Calls that the node refused though nobody stopped and the budgets had room."""
    chain: str
    forked: int = 0
    """Signed heads that are not those of the ledger."""
    signed: int = 0


@dataclass
class Workplace:
    """A workspace of its own, enabled, and the folder where its callers note their acknowledgements."""

    folder: Path
    ws: Workspace

    def node(self) -> forking.Forked:
        """Start the node as a service does, and wait until it serves."""
        reading, writing = os.pipe()
        words = ["-m", "peak_console.node", "--root", str(self.ws.root), "--ready-fd", str(writing)]
        process = forking.start(
            [*words, "--no-children"], pass_fds=(writing,), stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE
        )
        os.close(writing)
        with os.fdopen(reading, "rb") as said:
            first = json.loads(said.readline() or b"{}")
        if not first.get("ready"):
            raise RuntimeError(f"the node did not start: {first} {process.communicate()[1]}")
        return process

    def notary(self) -> forking.Forked:
        """Start the notary as the node does; it ends with its standard input."""
        return forking.start(
            ["-m", "peak_console.node.notarychild", "--root", self.ws.root],
            stdin=PIPE,
            stdout=DEVNULL,
            stderr=DEVNULL,
            env={
                **os.environ,
                "PEAK_KEYS_DIR": str(self.folder / "keys"),
                "PEAK_STATE_DIR": str(self.folder / "state"),
            },
        )

    def caller(self, name: str) -> forking.Forked:
        """Start a caller."""
        words = [HERE / "ledger_caller.py", self.folder, name, self.ws.control]
        return forking.start(words, stdout=PIPE, stderr=PIPE)

    def enable(self, environ: dict[str, str]) -> None:
        """Permit calls, as the operator does."""
        with BlockingLedgerClient.connect(
            find_socket(self.ws.control), name="campaign", deadline_s=30
        ) as client:
            enable_workspace(self.ws, client, reason="campaign", confirm="ENABLE", environ=environ)


def workplace(folder: Path) -> tuple[Workplace, dict[str, str]]:
    """A new workspace with an operator and room in its budgets; and where that operator's key lies."""
    environ = {**os.environ, "PEAK_KEYS_DIR": str(folder / "keys")}
    made = init_workspace(folder / "w", operator="campaign", environ=environ)
    begin_ledger(made.ws, operator=made.operator, public_key=made.public_key)
    budgets = made.ws.budgets.read_text(encoding="utf-8")
    made.ws.budgets.write_text(_LIMIT.sub(r"\g<1>1000000", budgets), encoding="utf-8")
    rules = "[checkpoints]\nevery_events = 20\nevery_s = 1\n"
    made.ws.ledger_config.write_text(rules, encoding="utf-8")
    return Workplace(folder, made.ws), environ


def kill(process: forking.Forked) -> None:
    """SIGKILL, as the kernel's memory killer or a power switch would; and nothing left of it."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


def acknowledged(folder: Path) -> dict[str, tuple[int, str]]:
    """Every acknowledgement that a caller had in hand; a line cut by its own death is none."""
    found: dict[str, tuple[int, str]] = {}
    for file in sorted(folder.glob("*.acks")):
        for line in file.read_text().splitlines(keepends=True):
            words = line.split()
            if line.endswith("\n") and len(words) == 3:
                found[words[0]] = (int(words[1]), words[2])
    return found


def campaign(folder: Path, rounds: int, *, seed: int = 1, work_s: float = 0.25) -> Finding:
    """``rounds`` kills of the node, its notary and a caller each, at random moments of full work."""
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    place, environ = workplace(folder)
    node, notary = place.node(), place.notary()
    callers: dict[str, forking.Forked] = {}
    born, kills, noted = CALLERS, 0, 0
    try:
        place.enable(environ)
        callers |= {name: place.caller(name) for name in (f"a{n}" for n in range(CALLERS))}
        progress(folder, 0, callers)
        for _ in range(rounds):
            time.sleep(chance.uniform(0.02, work_s))
            noted = signing(place.ws, noted)
            time.sleep(chance.uniform(0, 0.02))
            kill(node)
            kill(notary)
            notary, node = place.notary(), place.node()  # both begin at the same time
            progress(folder, len(acknowledged(folder)), callers)
            time.sleep(chance.uniform(0.02, work_s))
            name = chance.choice(sorted(callers))
            kill(callers.pop(name))
            callers[f"a{born}"] = place.caller(f"a{born}")
            born, kills = born + 1, kills + 3
    finally:
        for process in (*callers.values(), node, notary):
            kill(process)
    return examine(folder, place.ws, kills)


def signing(ws: Workspace, above: int) -> int:
    """Wait until the notary has signed again; gives the bytes of all notes."""
    until = time.monotonic() + 30
    while (noted := sum(path.stat().st_size for path in ws.checkpoints.glob("*.notes"))) <= above:
        if time.monotonic() > until:
            raise RuntimeError("the notary signed nothing within 30 s")
        time.sleep(0.005)
    return noted


def progress(folder: Path, above: int, callers: dict[str, forking.Forked]) -> None:
    """Wait until callers are acknowledged again: a round without work proves nothing."""
    until = time.monotonic() + 30
    while len(acknowledged(folder)) <= above:
        for name, process in callers.items():
            if process.poll() is not None:
                raise RuntimeError(f"caller {name} ended by itself: {process.communicate()[1]}")
        if time.monotonic() > until:
            raise RuntimeError("no caller got on within 30 s")
        time.sleep(0.01)


def examine(folder: Path, ws: Workspace, kills: int) -> Finding:
    """Compare what was acknowledged and what was signed with what is there; verify chain and figures."""
    ledger, key = ws.ledger, KeyStore(ws.keys).raw_public() or b""
    signed = [root for roots in known_heads(ws.checkpoints, key).roots.values() for root in roots.items()]
    roots, frontier = {}, Frontier()
    acks = acknowledged(folder)
    places: dict[str, tuple[int, str]] = {}
    times: Counter[str] = Counter()
    refused = 0
    with LedgerReader(ledger) as reader:
        after = 0
        while events := reader.read(after, 1000, bodies=False):
            for event in events:
                times[event.event_id] += 1
                places[event.event_id] = (event.seq, event.hash)
                frontier.extend((bytes.fromhex(event.hash),))
                roots[event.seq] = frontier.root()
                refused += event.kind == EventKind.CALL_REFUSED
            after = events[-1].seq
    result = verify(ledger)
    return Finding(
        kills=kills,
        acknowledged=len(acks),
        events=sum(times.values()),
        lost=sum(event_id not in places for event_id in acks),
        doubled=sum(count > 1 for count in times.values()),
        refused=refused,
        moved=sum(places.get(event_id, place) != place for event_id, place in acks.items()),
        forked=sum(roots.get(size) != root for size, root in signed),
        signed=len(signed),
        chain="ok" if result.ok else f"{result.broken_how} at {result.broken_seq}: {result.detail}",
    )


def cut(cuts: int, seed: int) -> int:
    """Simulate power cuts with the product's settings, and a tenth without a sync at every commit."""
    from power_cut import power_cuts  # noqa: PLC0415 - kills need no apsw

    kept, bitten = (
        power_cuts(cuts, seed=seed),
        power_cuts(max(cuts // 10, 1), synchronous="NORMAL", seed=seed),
    )
    print(f"seed {seed}: FULL {kept}; NORMAL {bitten}")  # noqa: T201 - a program's result
    return int(bool(kept.lost or kept.broken or not bitten.lost))


def main() -> None:
    """Run a campaign and say what was found; exit 1 when anything was."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--power-cuts", type=int, default=0, help="Simulate so many power cuts instead.")
    options = parser.parse_args()
    if options.power_cuts:
        sys.exit(cut(options.power_cuts, options.seed))
    with tempfile.TemporaryDirectory(prefix="pk") as folder:
        finding = campaign(Path(folder), options.rounds, seed=options.seed)
    print(f"seed {options.seed}: {finding}")  # noqa: T201 - a program's result
    found = (finding.lost, finding.doubled, finding.moved, finding.refused, finding.forked)
    sys.exit(any(found) or finding.chain != "ok")


if __name__ == "__main__":
    main()
