"""Jobs under SIGKILL: a real node is killed again and again; what became of every due time is counted.

    python benchmarks/jobs_kills.py [--kills 50]

Three jobs are due each second, one of each policy. A figure is printed only where each due time began or was
told as missed, no claim had two workers, and no end was told twice; see tests/node/kill_judging.py.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
NODE_TESTS = HERE.parent / "tests" / "node"
sys.path.insert(0, str(NODE_TESTS))

from kill_judging import Judged, judge  # noqa: E402 - the path comes first
from node_world import World, node_process, until  # noqa: E402

from peak_console.node.spawn import begin_ledger  # noqa: E402
from peak_console.operations.init import init_workspace  # noqa: E402

JOB = (
    '[[job]]\nname = "{0}"\nkind = "two_sample"\nschedule = "every 1s"\n'
    'catch_up = "{0}"\nenabled = {1}\n[job.two_sample]\n'
)


def write_jobs(world: World, *, enabled: bool) -> None:
    """The three jobs."""
    text = "".join(JOB.format(name, str(enabled).lower()) for name in ("none", "last", "all"))
    (world.ws.root / "configs/shadow/jobs.toml").write_text(text, encoding="utf-8")


def trial(folder: Path, kills: int, seed: int) -> tuple[Judged, float]:
    """Kill so often; gives what was counted, and the longest seconds from a start to service."""
    os.environ |= {"PEAK_KEYS_DIR": str(folder / "keys"), "PEAK_STATE_DIR": str(folder / "state")}
    os.environ["PYTHONPATH"] = str(NODE_TESTS)
    made = init_workspace(folder / "w", operator="anna")
    begin_ledger(made.ws, operator=made.operator, public_key=made.public_key)
    world, chance, longest = World(made.ws), random.Random(seed), 0.0  # noqa: S311 - when to kill, by a seed
    world.set_control(cooldown_s=0)
    write_jobs(world, enabled=True)
    program = [str(NODE_TESTS / "job_node.py")]
    for number in range(kills + 1):
        begun = time.perf_counter()
        with node_process(world, program=program) as node:
            longest = max(longest, time.perf_counter() - begun)
            if number == 0:
                world.enable(node.socket)
            time.sleep(chance.uniform(0.2, 2.5))
            if number < kills:
                node.kill()
                continue
            write_jobs(world, enabled=False)
            time.sleep(1.5)
            until(lambda: idle(world, node.socket), "nothing runs any more")
    told = [(one.kind, one.body or {}) for one in world.events() if one.kind.startswith("job.")]
    ran = [json.loads(line) for line in (world.ws.root / "ran.txt").read_text().splitlines()]
    return judge(told, [(one["key"], one["attempt"]) for one in ran]), longest


def idle(world: World, socket: Path) -> bool:
    """Whether nothing runs and nothing waits."""
    with world.client(socket) as client:
        jobs = client.request("jobs.list")["jobs"]
    return not any(one["running"] or one["waiting"] for one in jobs)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="peak-jobs-") as folder:
        found, longest = trial(Path(folder), options.kills, options.seed)
    print(
        f"{options.kills} kills of a node; every due time began or was told as missed, none ran twice at once"
    )
    print(f"  due times           {found.dues:8}")
    print(f"  workers begun       {found.begun:8}")
    print(f"  cut off and told    {found.interrupted:8}")
    print(f"  begun again         {found.again:8}")
    print(f"  missed and told     {found.missed:8}")
    print(f"  longest start       {longest:8.2f} s")


if __name__ == "__main__":
    main()
