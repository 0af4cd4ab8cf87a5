"""Arming at depth: walks against the oracle, wrong tokens by the hundred thousand, and what a moment costs.

    python benchmarks/arming.py [--walks 10000] [--tokens 100000]

The walks have clock jumps of up to 400 days, sleep, reboots, crash points between record and privilege,
edits, breakers, ends of runs and several consoles; see tests/control/arm_walk.py.
"""

import argparse
import random
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "control"))

from arm_program import real  # noqa: E402 - the path comes first
from arm_walk import wander  # noqa: E402
from arm_world import SECOND, ArmWorld  # noqa: E402

STEPS = 20


def walks(count: int) -> tuple[int, float]:
    """Walk so often; gives how often something was armed, and the seconds. Raises the first flaw."""
    armed, begun = 0, time.perf_counter()
    for seed in range(count):
        world = ArmWorld(real(), random.Random(seed))  # noqa: S311 - a walk, no secret
        wander(world, STEPS)
        armed += world.armed_seen
    return armed, time.perf_counter() - begun


def wrong_tokens(count: int) -> tuple[int, int, float]:
    """Type so many wrong tokens, waiting out each lockout; gives how many armed, lockouts, the seconds."""
    world = ArmWorld(real(), random.Random(7))  # noqa: S311 - guesses, no secret
    armed = lockouts = 0
    begun = time.perf_counter()
    for _ in range(count):
        if world.boot < world.locked_until:
            lockouts += 1
            world.advance((world.locked_until - world.boot) / SECOND)
        asked = world.machine.asked
        request_id = asked.request_id if asked is not None else world.ask()
        guess = world.program.new_token(world.chance.randbytes)
        if guess != world.issues[request_id].token:
            world.confirm(request_id, token=guess)
        world.record()
        armed += world.machine.lease is not None
        world.issues = {request_id: world.issues[request_id]}
        world.ledger.clear()
    return armed, lockouts, time.perf_counter() - begun


def timing(count: int = 200_000) -> dict[str, float]:
    """Nanoseconds of a comparison by kind of what is typed: the least of many, so that noise falls out."""
    program = real()
    chance = random.Random(3)  # noqa: S311 - a measurement
    token, bound = program.new_token(chance.randbytes), program.Bound("r", "b" * 64, "s", 1)
    kept = program.token_digest(token, bound)
    typed = {
        "right": token,
        "first character right": token[0] + program.new_token(chance.randbytes)[1:],
        "wrong": program.new_token(chance.randbytes),
        "malformed": "!" * len(token),
    }
    least = dict.fromkeys(typed, float("inf"))
    for _ in range(count // 100):
        for kind, text in typed.items():
            begun = time.perf_counter_ns()
            for _ in range(10):
                program.matches(text, kept, bound)
            least[kind] = min(least[kind], (time.perf_counter_ns() - begun) / 10)
    return least


def main() -> int:
    """Measure and print; exit 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--walks", type=int, default=10_000)
    parser.add_argument("--tokens", type=int, default=100_000)
    asked = parser.parse_args()
    armed, seconds = walks(asked.walks)
    print(f"walks        {asked.walks:>8,} x {STEPS} steps: 0 flaws, armed {armed:,} times, {seconds:.1f} s")
    wrong, lockouts, seconds = wrong_tokens(asked.tokens)
    print(
        f"wrong tokens {asked.tokens:>8,}: {wrong} armed (target 0), {lockouts:,} lockouts, {seconds:.1f} s"
    )
    for kind, ns in timing().items():
        print(f"comparison   {kind:<22} {ns / 1000:.2f} us")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
