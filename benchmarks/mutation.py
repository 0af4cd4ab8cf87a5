"""Planted mutants of the safety code: how many the fast tests of each module kill.

    pip install -e '.[dev,mutation]'
    python benchmarks/mutation.py [--jobs 2] [--list] [--json] [MODULE...]

Mutants are Cosmic Ray's and dropped statements; each runs in a process of its own against a copy of the
repository in a temporary folder. A mutant that no caller can tell from the code is listed, with its reason,
in mutation_equivalent.toml and counts neither way. Exit code 1 where a module is below 90 %, or where a
mutant that is listed was killed: its reason is wrong then.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

TARGET = 0.90
ROOT = Path(__file__).resolve().parents[1]
EQUIVALENT = Path(__file__).with_name("mutation_equivalent.toml")
COPIED = ("peak_console", "tests", "configs", "docs", "pyproject.toml", "README.md", "CHANGELOG.md")
NOT_COPIED = shutil.ignore_patterns("__pycache__", "__snapshots__", "*.svg", "*.db")
VALUES = "control/test_control_values"
ARM = (
    *("control/test_arm_values", "control/test_arm_rules", "control/test_arm_tokens"),
    *("control/test_arm_reference", "control/test_arm_sequences", VALUES),
)
GATE = (
    *("risk/test_gate_reasons", "risk/test_gate_golden", "risk/test_gate_numbers"),
    *("risk/test_gate_validity", "risk/test_gate_document"),
)
TESTS: dict[str, tuple[str, ...]] = {
    "control.posture": ("control/test_control_posture", VALUES),
    "control.lease": (
        *("control/test_control_posture", "control/test_control_lease", "control/test_control_orders"),
        VALUES,
    ),
    "control.gate": ("control/test_control_gate",),
    "control.orders": ("control/test_control_orders", VALUES),
    "control.arming": ARM,
    "control.arm_rules": ARM,
    "control.arm_state": ARM,
    "control.arm_records": ARM,
    "control.tokens": ("control/test_arm_tokens", VALUES),
    "control.breakers": ("control/test_latching_breakers", VALUES),
    "control.lowered": ("control/test_control_lowered", VALUES),
    "control.scopes": ("control/test_control_scopes",),
    "control.history": ("control/test_control_history",),
    "policy.breaker": ("policy/test_breaker", VALUES),
    "risk.gate": GATE,
    "risk.document": GATE,
    "risk.validity": GATE,
    "risk.book_sums": GATE,
    "node.folding": ("node/test_node_rules",),
    "incidents.opening": ("incidents/test_trigger_opening",),
    "ledger.verifying.chain": ("ledger/test_ledger_verify_pieces",),
}
"""The modules, and the tests that stand for each."""

NOT_HERE = "not microseconds"
"""Tests of speed fail where the machine is busy; they would be counted as kills."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A mutant, and what became of it."""

    line: int
    operator: str
    before: str
    after: str
    outcome: str
    by: str
    reason: str = ""
    """Why no caller can tell it from the code."""


@dataclass(frozen=True, slots=True)
class Row:
    """A module's figures. What ran into the time limit was noticed and counts as killed."""

    module: str
    mutants: int
    equivalent: int
    killed: int
    survived: int
    timeout: int
    score: float
    wrongly_listed: int


class Worker:
    """A process that tries mutants of one module."""

    def __init__(self, copy: Path, module: str, seconds: float) -> None:
        tests = [f"tests/{name}.py" for name in TESTS[module]]
        folder = tempfile.mkdtemp(prefix="w", dir=copy.parent)
        env = {**os.environ, "PYTHONPATH": "", "TMPDIR": folder, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        program = Path(__file__).with_name("mutation_worker.py")
        self._process = subprocess.Popen(
            [sys.executable, str(program), f"peak_console.{module}", str(seconds), "-k", NOT_HERE, *tests],
            cwd=copy,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, source: str, *, first: bool = False) -> dict[str, Any]:
        """What the tests make of this source."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"source": source, "first": first}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def end(self) -> None:
        """No more mutants."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def started(copy: Path, module: str, source: str) -> Worker:
    """A worker that has seen the tests pass on the code as it is, and fail without it."""
    worker = Worker(copy, module, 60)
    found = worker.ask(source, first=True)
    if found["outcome"] != "survived":
        raise SystemExit(f"{module}: the tests do not pass on the code as it is: {found['by']}")
    if worker.ask("raise AssertionError('planted')\n")["outcome"] != "killed":
        raise SystemExit(f"{module}: a module that cannot be imported was not noticed")
    return worker


def survey(copy: Path, module: str, jobs: int) -> Iterator[Tried]:
    """Every mutant of a module, tried, as soon as it and those before it are."""
    from mutation_planting import Mutant, mutants_of  # noqa: PLC0415 - an optional extra, named if missing

    source = (copy / "peak_console" / f"{module.replace('.', '/')}.py").read_text("utf-8")
    reasons = {(one["before"], after): one["reason"] for one in listed(module) for after in one["after"]}
    free: SimpleQueue[Worker] = SimpleQueue()
    workers = [started(copy, module, source) for _ in range(jobs)]
    for worker in workers:
        free.put(worker)

    def tried(mutant: Mutant) -> Tried:
        worker = free.get()
        try:
            found = worker.ask(mutant.source)
        finally:
            free.put(worker)
        what = (mutant.line, mutant.operator, mutant.before, mutant.after)
        return Tried(*what, found["outcome"], found["by"], reasons.get((mutant.before, mutant.after), ""))

    try:
        with ThreadPoolExecutor(jobs) as pool:
            yield from pool.map(tried, mutants_of(source))
    finally:
        for worker in workers:
            worker.end()


def listed(module: str) -> Iterator[dict[str, Any]]:
    """The mutants of a module that are known to change nothing."""
    for one in tomllib.loads(EQUIVALENT.read_text("utf-8")).get("equivalent", []):
        if one["module"] == module:
            yield one


def row_of(module: str, tried: list[Tried]) -> Row:
    """The figures of a module."""
    wrong = sum(bool(one.reason) and one.outcome != "survived" for one in tried)
    same = sum(bool(one.reason) and one.outcome == "survived" for one in tried)
    count = Counter(one.outcome for one in tried if not one.reason or one.outcome != "survived")
    caught, counted = count["killed"] + count["timeout"], len(tried) - same
    score = caught / counted if counted else 1.0
    return Row(module, len(tried), same, count["killed"], count["survived"], count["timeout"], score, wrong)


def told(one: Tried, *, everything: bool) -> None:
    """A survivor, one that is listed wrongly, and on request who killed which."""
    survived = one.outcome == "survived"
    if survived and not one.reason:
        print(f"  survived {one.line} {one.operator}\n    - {one.before}\n    + {one.after}", flush=True)
    elif one.reason and not survived:
        print(
            f"  listed as equivalent, and {one.outcome} by {one.by}: {one.line}\n    + {one.after}",
            flush=True,
        )
    elif everything:
        print(f"  {one.outcome} {one.line} {one.operator} {one.by or one.reason}", flush=True)


def main() -> int:
    """The table, the survivors, and whether the target is met."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "modules", nargs="*", metavar="MODULE", help="such as control.posture; all without one"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--list", action="store_true", help="every mutant, with the test that killed it")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    unknown = [one for one in asked.modules if one not in TESTS]
    if unknown:
        parser.error(f"no such module here: {', '.join(unknown)}; known are {', '.join(TESTS)}")
    try:
        import cosmic_ray  # noqa: F401, PLC0415 - an optional extra, named if missing
    except ImportError:
        parser.error("cosmic-ray is missing: pip install -e '.[dev,mutation]'")
    rows = []
    with tempfile.TemporaryDirectory(prefix="peak-mutation-") as folder:
        copy = Path(folder) / "copy"
        copy.mkdir()
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, copy / name, ignore=NOT_COPIED)
            else:
                shutil.copy2(source, copy / name)
        for module in asked.modules or TESTS:
            tried = []
            if not asked.json:
                print(module, flush=True)
            for one in survey(copy, module, asked.jobs):
                tried.append(one)
                if not asked.json:
                    told(one, everything=asked.list)
            rows.append(row_of(module, tried))
    report(rows, as_json=asked.json)
    return int(any(one.score < TARGET or one.wrongly_listed for one in rows))


def report(rows: list[Row], *, as_json: bool) -> None:
    """The table."""
    if as_json:
        print(json.dumps({"target": TARGET, "modules": [asdict(one) for one in rows]}, indent=2))
        return
    print(
        f"\n{'module':<26}{'mutants':>8}{'equiv.':>8}{'killed':>8}{'survived':>9}{'timeout':>8}{'score':>9}"
    )
    for one in rows:
        figures = f"{one.mutants:>8}{one.equivalent:>8}{one.killed:>8}{one.survived:>9}{one.timeout:>8}"
        print(f"{one.module:<26}{figures}{one.score:>9.1%}{'' if one.score >= TARGET else '  below 90 %'}")


if __name__ == "__main__":
    sys.exit(main())
