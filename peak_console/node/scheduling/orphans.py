"""Workers that outlived their node: one that hangs does not hear that its node is gone."""

import os
import signal
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from peak_console.control.boot import boot_id

_PROC: Final = Path("/proc")
_BORN: Final = 19
"""Place of ``starttime`` behind the command's name in ``/proc/<pid>/stat``: field 22 of proc_pid_stat(5)."""


class Orphan(NamedTuple):
    """A worker of an earlier node, as it was written down when it was started."""

    pid: int
    born: str
    """By :func:`born_of`; empty where nobody knows it."""


def born_of(pid: int, proc: Path = _PROC) -> str:
    """The boot, and the ticks since then, at which a process was born; empty where the kernel tells none.

    A number that was given anew is another process's, and that one was born at another time.
    """
    try:
        told = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        return f"{boot_id()}/{int(told.rpartition(')')[2].split()[_BORN])}"
    except (OSError, ValueError, IndexError):
        return ""


def end_orphan(
    one: Orphan, root: Path, module: str, *, ours: Collection[int] = (), proc: Path = _PROC
) -> bool:
    """End the process group of an earlier node's worker, if its number still is its own; whether it was.

    It is one by the moment it was born at, and by its whole command line, which names ``module`` and this
    workspace. Never this process, and none of ``ours``, the workers of this node. Where the kernel does not
    show all that (macOS) nothing is ended: such a worker can neither spend nor record, for its claim is gone.
    """
    if one.pid <= 1 or one.pid == os.getpid() or one.pid in ours:
        return False
    try:
        words = (proc / str(one.pid) / "cmdline").read_bytes().split(b"\0")
        leads = os.getpgid(one.pid) == one.pid
    except OSError:
        return False
    wanted = [b"-m", os.fsencode(module), b"--root", os.fsencode(root), b""]
    if not leads or words[1:] != wanted or not one.born or born_of(one.pid, proc) != one.born:
        return False
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(one.pid, signal.SIGKILL)
    return True
