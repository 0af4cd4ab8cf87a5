"""The one thread that reads and writes ``audits/state.db``, so that a slow disk never holds up the loop."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from peak_console.node.state_db import StateDb

_Answer = TypeVar("_Answer")


class StateThread:
    """Working state of the node: drafts, schedules, runs, evidence of drift. One connection, one thread."""

    def __init__(self, path: Path) -> None:
        self._db = StateDb(path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="state")

    @property
    def note(self) -> str:
        """What happened to the file, for people; empty when nothing did."""
        return self._db.note

    async def do(self, work: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """Do ``work`` in a transaction that is durable when this returns; see :meth:`StateDb.run`.

        A file found corrupt is begun anew and ``work`` is done on the new one: whoever relies on what was
        there before looks for it. Work that was begun is finished, also where whoever asked is cancelled.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._db.run, work)

    def close(self) -> None:
        """Finish what is under way and close the file."""
        self._thread.submit(self._db.close)
        self._thread.shutdown(wait=True)
