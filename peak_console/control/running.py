"""Which nodes run on this host, found by their command lines. Standard library only: the stop path asks."""

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MODULE = "peak_console.node"
"""The module a node is started as: ``python -m peak_console.node --root ROOT``."""


@dataclass(frozen=True, slots=True, order=True)
class RunningNode:
    """A node's process and the root of its workspace."""

    pid: int
    root: Path


def running_nodes() -> list[RunningNode]:
    """The nodes of this host that this user may see, by process id."""
    found = (parse(pid, words) for pid, words in _processes())
    return sorted(one for one in found if one is not None)


def parse(pid: int, words: list[str]) -> RunningNode | None:
    """A node by its command line ``words``; ``None`` for any other program."""
    try:
        at = words.index("-m")
        root = words[words.index("--root", at) + 1]
    except (ValueError, IndexError):
        return None
    return RunningNode(pid, Path(root)) if words[at + 1] == MODULE else None


def _processes() -> Iterable[tuple[int, list[str]]]:
    proc = Path("/proc")
    return _from_proc(proc) if (proc / "self" / "cmdline").exists() else _from_ps()


def _from_proc(proc: Path) -> Iterable[tuple[int, list[str]]]:
    for folder in proc.iterdir():
        if folder.name.isdigit():
            try:
                raw = (folder / "cmdline").read_bytes()
            except OSError:
                continue  # it ended, or belongs to another user
            yield int(folder.name), [word.decode(errors="replace") for word in raw.split(b"\0")[:-1]]


def _from_ps() -> Iterable[tuple[int, list[str]]]:
    """For macOS, which has no /proc. ``ps`` joins words by blanks: a root with blanks is not found."""
    done = subprocess.run(
        ["/bin/ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=False, timeout=5
    )
    for line in done.stdout.splitlines():
        pid, _, command = line.strip().partition(" ")
        if pid.isdigit():
            yield int(pid), command.split()
