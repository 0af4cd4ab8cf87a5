"""Prompt and answer texts: one segment a run, referred to from the ledger by hash."""

import asyncio
import os
from collections import OrderedDict
from pathlib import Path
from typing import Final

import orjson

from peak_console.domain.errors import EnvironmentUnfit

SEGMENT: Final = "texts.jsonl"
_MOST_OPEN: Final = 64

_sync = getattr(os, "fdatasync", os.fsync)


class TextStore:
    """Appends texts to ``runs/<run_id>/texts.jsonl``, a line each.

    What calls keep within one turn of the event loop goes out in one write a run, on the next turn; whole
    lines only, so that several processes may append to one segment.
    """

    def __init__(self, runs: Path) -> None:
        self._runs = runs
        self._open: OrderedDict[str, int] = OrderedDict()
        self._waiting: dict[str, list[bytes]] = {}
        self._failed: dict[str, str] = {}

    def keep(self, run_id: str, call_id: str, kind: str, text: str, sha256: str) -> None:
        """Have one text appended; :meth:`check` says whether it was."""
        line = orjson.dumps({"sha256": sha256, "kind": kind, "call_id": call_id, "text": text})
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        self._waiting.setdefault(run_id, []).append(line)

    def check(self, run_id: str) -> None:
        """Raise ``EnvironmentUnfit`` when a text of the run could not be written since the last check."""
        if run_id in self._waiting:
            self.flush()
        why = self._failed.pop(run_id, None)
        if why is not None:
            raise EnvironmentUnfit(
                f"the texts of run {run_id} cannot be written: {why}",
                code="texts_unwritable",
                remedy="free disk space, check the rights of runs/",
            )

    def sync(self, run_id: str) -> None:
        """Make what was written durable; failing shows at the next check."""
        try:
            _sync(self._segment(run_id))
        except OSError as error:
            self._failed[run_id] = error.strerror or str(error)

    def flush(self) -> None:
        """Write what waits."""
        waiting, self._waiting = self._waiting, {}
        for run_id, lines in waiting.items():
            data = b"\n".join(lines) + b"\n"
            try:
                if os.write(self._segment(run_id), data) != len(data):
                    self._failed[run_id] = "the disk took a part only"
            except OSError as error:
                self._failed[run_id] = error.strerror or str(error)

    def close(self) -> None:
        """Write what waits and close all segments."""
        self.flush()
        while self._open:
            os.close(self._open.popitem()[1])

    def _segment(self, run_id: str) -> int:
        handle = self._open.get(run_id)
        if handle is not None:
            self._open.move_to_end(run_id)
            return handle
        folder = self._runs / run_id
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / SEGMENT, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o660)
        self._open[run_id] = handle
        if len(self._open) > _MOST_OPEN:
            os.close(self._open.popitem(last=False)[1])
        return handle
