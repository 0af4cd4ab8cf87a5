"""Prompt and answer texts: one segment a run, referred to from the ledger by hash."""

import os
from collections import OrderedDict
from pathlib import Path
from typing import Final

import orjson

from peak_console.domain.errors import EnvironmentUnfit

SEGMENT: Final = "texts.jsonl"
_MOST_OPEN: Final = 64


class TextStore:
    """Appends texts to ``runs/<run_id>/texts.jsonl``: one line a text, one write a line."""

    def __init__(self, runs: Path) -> None:
        self._runs = runs
        self._open: OrderedDict[str, int] = OrderedDict()

    def keep(self, run_id: str, call_id: str, kind: str, text: str, sha256: str) -> None:
        """Append one text; raises ``EnvironmentUnfit`` when it cannot be written."""
        line = orjson.dumps({"sha256": sha256, "kind": kind, "call_id": call_id, "text": text}) + b"\n"
        try:
            written = os.write(self._segment(run_id), line)
        except OSError as error:
            raise self._unwritable(run_id, error.strerror or str(error)) from error
        if written != len(line):
            raise self._unwritable(run_id, "the disk took a part of the line only")

    def sync(self, run_id: str) -> None:
        """Make what was written durable."""
        try:
            os.fdatasync(self._segment(run_id)) if hasattr(os, "fdatasync") else os.fsync(
                self._segment(run_id)
            )
        except OSError as error:
            raise self._unwritable(run_id, error.strerror or str(error)) from error

    def close(self) -> None:
        """Close all segments."""
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

    def _unwritable(self, run_id: str, why: str) -> EnvironmentUnfit:
        return EnvironmentUnfit(
            f"the texts of run {run_id} cannot be written: {why}",
            code="texts_unwritable",
            remedy="free disk space, check the rights of runs/",
        )
