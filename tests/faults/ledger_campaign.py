"""Kill the ledger's server and its callers in mid-append, again and again; look whether anything was lost.

As a program: ``python tests/faults/ledger_campaign.py --rounds 100``.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.verify import verify

HERE = Path(__file__).parent
CALLERS = 3


@dataclass(frozen=True)
class Finding:
    """What a campaign found; nothing ``lost``, ``doubled`` or ``moved`` is the promise."""

    kills: int
    acknowledged: int
    events: int
    lost: int
    doubled: int
    moved: int
    chain: str


def start(script: str, *arguments: str, wait: bool = False) -> subprocess.Popen[str]:
    """Start one of the scripts beside this one; ``wait`` for its word that it is ready."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / script), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if wait and process.stdout is not None and process.stdout.readline() != "ready\n":
        raise RuntimeError(process.communicate()[1])
    return process


def kill(process: subprocess.Popen[str]) -> None:
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
    """``rounds`` kills of the server, and as many of a caller, at random moments of full work."""
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    node = start("ledger_node.py", str(folder), wait=True)
    callers = {
        name: start("ledger_caller.py", str(folder), name) for name in (f"a{n}" for n in range(CALLERS))
    }
    born, kills = CALLERS, 0
    try:
        progress(folder, 0)
        for _ in range(rounds):
            time.sleep(chance.uniform(0.02, work_s))
            kill(node)
            node = start("ledger_node.py", str(folder), wait=True)
            time.sleep(chance.uniform(0.02, work_s))
            name = chance.choice(sorted(callers))
            kill(callers.pop(name))
            callers[f"a{born}"] = start("ledger_caller.py", str(folder), f"a{born}")
            born, kills = born + 1, kills + 2
            progress(folder, len(acknowledged(folder)))
    finally:
        for process in (*callers.values(), node):
            kill(process)
    return examine(folder, kills)


def progress(folder: Path, above: int) -> None:
    """Wait until callers are acknowledged again: a round without work proves nothing."""
    until = time.monotonic() + 30
    while len(acknowledged(folder)) <= above:
        if time.monotonic() > until:
            raise RuntimeError("no caller got on within 30 s")
        time.sleep(0.01)


def examine(folder: Path, kills: int) -> Finding:
    """Compare what was acknowledged with what is there, and verify the chain and the figures."""
    acks = acknowledged(folder)
    places: dict[str, tuple[int, str]] = {}
    times: Counter[str] = Counter()
    with LedgerReader(folder / "ledger.db") as reader:
        after = 0
        while events := reader.read(after, 1000, bodies=False):
            for event in events:
                times[event.event_id] += 1
                places[event.event_id] = (event.seq, event.hash)
            after = events[-1].seq
    result = verify(folder / "ledger.db")
    return Finding(
        kills=kills,
        acknowledged=len(acks),
        events=sum(times.values()),
        lost=sum(event_id not in places for event_id in acks),
        doubled=sum(count > 1 for count in times.values()),
        moved=sum(places.get(event_id, place) != place for event_id, place in acks.items()),
        chain="ok" if result.ok else f"{result.broken_how} at {result.broken_seq}: {result.detail}",
    )


def main() -> None:
    """Run a campaign and say what was found; exit 1 when anything was."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pk") as folder:
        finding = campaign(Path(folder), options.rounds, seed=options.seed)
    print(f"seed {options.seed}: {finding}")  # noqa: T201 - a program's result
    sys.exit(bool(finding.lost or finding.doubled or finding.moved or finding.chain != "ok"))


if __name__ == "__main__":
    main()
