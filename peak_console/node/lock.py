"""Exactly one node per workspace: ``flock`` on the folder ``audits/`` itself."""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from peak_console.domain.errors import EnvironmentUnfit

_PAUSE_S = 0.02


class NodeLock:
    """The lock that makes this process the node; ends with the process, however it ends.

    Raises ``EnvironmentUnfit``: ``node_running`` when another holds it for ``wait_s``, ``audits_unusable``
    when the folder cannot be opened.
    """

    def __init__(self, audits: Path, *, wait_s: float = 0.5) -> None:
        try:
            self._handle = os.open(audits, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise EnvironmentUnfit(
                f"{audits} cannot be opened: {error.strerror}",
                code="audits_unusable",
                remedy="check the folder and who may enter it",
            ) from error
        until = time.monotonic() + wait_s
        while not self._take():
            if time.monotonic() >= until:
                os.close(self._handle)
                raise EnvironmentUnfit(
                    f"another node runs for {audits.parent}",
                    code="node_running",
                    remedy="look at it with: peak node status; end it with: peak node stop",
                )
            time.sleep(_PAUSE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def release(self) -> None:
        """Let another process become the node."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _take(self) -> bool:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
