"""Nodes whose jobs are those of ``fake_job``: ``python job_node.py [--nodes N] --root ROOT …``.

With ``--nodes`` so many processes start at once; one that ends notes its exit code in ``ended.txt``.
"""

import functools
import os
import sys
from pathlib import Path

import peak_console.node.foreground as program
from peak_console.node.engine import Node


def main() -> None:
    """One node, or several."""
    vars(program)["Node"] = functools.partial(Node, job_module="fake_job")
    if "--nodes" not in sys.argv:
        program.main()
    place = sys.argv.index("--nodes")
    _, nodes = sys.argv.pop(place), int(sys.argv.pop(place))
    ended = Path(sys.argv[sys.argv.index("--root") + 1]) / "ended.txt"
    for _ in range(nodes - 1):
        if os.fork() == 0:
            break
    try:
        program.main()
    except SystemExit as end:
        with ended.open("a", encoding="utf-8") as file:
            file.write(f"{end.code}\n")


if __name__ == "__main__":
    main()
