"""A job's worker that does as its params say: ``python -m fake_job --root ROOT``.

``hang`` sleeps and ignores SIGTERM, with a child that does so too; ``wait`` ends when the file ``go`` stands
in the workspace, or with the node; ``say`` is printed as it is, ``err`` on standard error before; otherwise
it is done at once. Each run that began is a line of ``ran.txt``.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path


def main() -> None:
    """One run."""
    root = Path(sys.argv[sys.argv.index("--root") + 1])
    order = json.loads(sys.stdin.readline())
    params = order["params"]
    with (root / "ran.txt").open("a", encoding="utf-8") as file:
        file.write(
            json.dumps(
                {
                    **order,
                    "pid": os.getpid(),
                    "group": os.getpgid(0),
                    "nice": os.nice(0),
                    "env": sorted(os.environ),
                }
            )
            + "\n"
        )
    tell({"run_id": "run-1"})
    tell({"step": "at work"})
    if "say" in params:
        os.write(2, params.get("err", "").encode())
        os.write(1, params["say"].encode())
        sys.exit(int(params.get("exit", 1)))
    if params.get("hang"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen(["sleep", "600"])
        tell({"step": f"child {child.pid}"})
        time.sleep(600)
    while (params.get("wait") or (root / "wait").exists()) and not (root / "go").exists():
        ready, _, _ = select.select([sys.stdin], [], [], 0.02)
        if ready and not sys.stdin.read(1):
            sys.exit(3)
    tell({"ended": params.get("outcome", "would_block"), "state": "done", "detail": "as asked"})


def tell(fields: dict[str, str]) -> None:
    """A line for the node."""
    os.write(1, json.dumps(fields).encode() + b"\n")


if __name__ == "__main__":
    main()
