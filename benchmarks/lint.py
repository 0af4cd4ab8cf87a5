"""What lint costs, whole and on a keystroke; and a campaign of mutated configs against it.

    python benchmarks/lint.py [--rounds 15] [--mutations 10000] [--seed 1] [--json]

The baseline of the same run reads, parses (tomllib) and validates (pydantic) the same main files and does
nothing else; ratios to it hold on any machine. A mutation is a shipped config, cut, shuffled or spoilt: lint
may not raise, what loads may hold no forbidden model, a change by key loads to what it meant, and a file read
back after a save is what was saved. Exit code 1 when one of these, or a target, does not hold.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

from pydantic import ValidationError

from peak_console.config.assembly import assemble
from peak_console.config.defaults import write_default_configs
from peak_console.config.document import parse_document, read_document
from peak_console.config.editing.applying import apply_changes
from peak_console.config.editing.changes import Change
from peak_console.config.editing.intending import same
from peak_console.config.editing.targets import target_named
from peak_console.config.lint import inspect, lint_workspace
from peak_console.config.lint.schema import SHAPES
from peak_console.config.sources import Sources, read_sources
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import CallRefused, ConfigInvalid
from peak_console.domain.vocabulary import Layer, PhaseLevel, Role
from peak_console.operations.workbench.checking import Checker
from peak_console.policy.deny import hard_deny

TODAY = date(2026, 11, 22)
TARGETS_MS = {"lint_ms": 50.0, "keystroke_ms": 50.0, "keystroke_1000_lines_ms": 150.0}
PIECES = (
    "[L5.primary]\n",
    "[[L0.fallback]]\n",
    "provider = 'anthropic'\n",
    "model_id = 'claude-3'\n",
    "model_id = 'c-l-a-u-d-e'\n",
    "service = 'L0'\n",
    "global = 1\n",
    "model = 5\n",
    "1e999999",
    "nan",
    "{",
    "]]",
    "'''",
    '"',
    "= ",
    "\x00",
    "\u202e",
    "\r\n",
    "# ",
)


def milliseconds(work: Callable[[], object], rounds: int) -> float:
    """The median time of some rounds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def parse_and_validate(root: Path, sources: Sources) -> None:
    """The baseline: the main files read, parsed and validated, without places, rules or prompts."""
    for kind, document in sources.main.items():
        if document.data is not None:
            data = tomllib.loads((root / document.name).read_text(encoding="utf-8"), parse_float=Decimal)
            try:
                SHAPES[kind].model_validate(data)
            except ValidationError:
                continue


def thousand_lines(matrix: str) -> str:
    """The shipped matrix with fallbacks to fill a thousand lines; lint has something to say of each."""
    text = matrix.replace("[L2.fallback]", "[[L2.fallback]]")
    more = (
        '\n[[L2.fallback]]\nprovider = "openai"\nmodel_id = "gpt-{}"\ntimeout_s = 60\ndegraded = true\n# x\n'
    )
    return text + "".join(more.format(place) for place in range(145))


def timings(ws: Workspace, rounds: int) -> dict[str, float]:
    """All figures of one run."""
    sources = read_sources(ws.root)
    matrix = ws.matrix.read_text(encoding="utf-8")
    checker, target = Checker(ws, phase=PhaseLevel.RESEARCH, today=TODAY), target_named("matrix")
    typed = iter(range(10**9))
    checker.check(target, matrix)
    long = thousand_lines(matrix)
    figures = {
        "baseline_ms": milliseconds(lambda: parse_and_validate(ws.root, sources), rounds),
        "lint_ms": milliseconds(lambda: lint_workspace(ws, phase=PhaseLevel.RESEARCH, today=TODAY), rounds),
        "keystroke_ms": milliseconds(lambda: checker.check(target, f"{matrix}# {next(typed)}\n"), rounds),
        "keystroke_1000_lines_ms": milliseconds(
            lambda: checker.check(target, f"{long}# {next(typed)}\n"), rounds
        ),
    }
    ratios = {f"{name}_to_baseline": figures[name] / figures["baseline_ms"] for name in TARGETS_MS}
    return {name: round(value, 2) for name, value in {**figures, **ratios}.items()}


def mutated(text: str, chance: random.Random) -> bytes:
    """A few cuts, insertions, swapped lines and changed bytes."""
    for _ in range(chance.randint(1, 4)):
        at = chance.randint(0, len(text))
        lines = text.split("\n")
        match chance.randint(0, 3):
            case 0:
                text = text[:at] + chance.choice(PIECES) + text[at:]
            case 1:
                text = text[:at] + text[at + chance.randint(1, 60) :]
            case 2:
                one, two = chance.randrange(len(lines)), chance.randrange(len(lines))
                lines[one], lines[two] = lines[two], lines[one]
                text = "\n".join(lines)
            case _:
                one = chance.randrange(len(lines))
                name, equals, _ = lines[one].partition("=")
                lines[one] = f"{name}= {chance.choice(PIECES)}" if equals else lines[one]
                text = "\n".join(lines)
    return text.encode("utf-8", "replace")


def fault_of(ws: Workspace, sources: Sources, chance: random.Random) -> str:
    """One mutation tried; what did not hold, or nothing."""
    kind = chance.choice([kind for kind, one in sources.main.items() if one.data is not None])
    document = sources.main[kind]
    raw = mutated(document.text, chance)
    changed = parse_document(raw, document.name)
    spoilt = Sources({**sources.main, kind: changed}, sources.prompts, sources.scopes)
    phase = chance.choice(list(PhaseLevel))
    try:
        report = inspect(spoilt, phase=phase, today=TODAY)
        matrix = assemble(spoilt, report).matrix
    except ConfigInvalid:
        matrix = None
    for layer in Layer if matrix else ():
        for role in Role:
            try:
                chain = matrix.chain(layer, role) if matrix else ()
            except CallRefused:
                continue
            if any(hard_deny(provider=one.provider, model_id=one.model_id) for one in chain):
                return f"a forbidden model stands in {layer}.{role}"
    if changed.data is None:
        return ""
    text = apply_changes(changed.text, [Change(("mark",), chance.randint(0, 9))])
    loaded = parse_document(text.encode(), document.name).data or {}
    if not same({**loaded, "mark": 0}, {**changed.data, "mark": 0}):
        return "a change by key changed something else"
    file = ws.root / "saved.toml"
    file.write_bytes(text.encode())
    return "" if same(read_document(file, file.name).data, loaded) else "what is read is not what was saved"


def campaign(ws: Workspace, count: int, seed: int) -> list[str]:
    """The faults of so many mutations; each names the seed that makes it again."""
    sources, faults = read_sources(ws.root), []
    for number in range(seed, seed + count):
        try:
            fault = fault_of(ws, sources, random.Random(number))  # noqa: S311 - repeatable, not secret
        except Exception as error:  # noqa: BLE001 - any is a fault found
            fault = f"{type(error).__name__}: {error}"
        if fault:
            faults.append(f"seed {number}: {fault}")
    return faults


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_default_configs(Path(folder))
        ws = Workspace(Path(folder))
        figures = timings(ws, options.rounds)
        faults = campaign(ws, options.mutations, options.seed)
    missed = [name for name, most in TARGETS_MS.items() if figures[name] > most]
    result = {**figures, "mutations": options.mutations, "faults": faults, "targets_missed": missed}
    if options.json:
        sys.stdout.write(json.dumps(result, indent=2) + "\n")
    else:
        sys.stdout.write("".join(f"{name}: {value}\n" for name, value in result.items()))
    return 1 if faults or missed else 0


if __name__ == "__main__":
    sys.exit(main())
