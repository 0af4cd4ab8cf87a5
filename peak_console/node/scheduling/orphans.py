"""Workers that outlived their node: one that hangs does not hear that its node is gone."""

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")


def end_orphan(pid: int, root: Path, proc: Path = _PROC) -> bool:
    """End the process group of an earlier node's worker, if ``pid`` still is one; whether it was.

    It is one by its command line, which names a module and this workspace; where the kernel does not show
    that (macOS) nothing is ended: such a worker can neither spend nor record, for its claim is gone.
    """
    try:
        words = (proc / str(pid) / "cmdline").read_bytes().split(b"\0")
        leads = os.getpgid(pid) == pid
    except OSError:
        return False
    if not leads or words[1:2] != [b"-m"] or words[3:5] != [b"--root", os.fsencode(root)]:
        return False
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    return True
