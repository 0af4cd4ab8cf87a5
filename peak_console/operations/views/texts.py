"""Request and answer texts of a run, found by their hashes in ``runs/<run_id>/texts.jsonl``."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from peak_console.domain.canonical import sha256_hex
from peak_console.domain.ids import is_run_id
from peak_console.operations.views.call_detail import LoggedText

SEGMENT: Final = "texts.jsonl"
_LONGEST_LINE: Final = 64 * 1024**2
_SHOWN: Final = 200_000
"""Characters of a text that a page takes."""


def find_texts(runs: Path, run_id: str, wanted: Sequence[tuple[str, str]]) -> tuple[LoggedText, ...]:
    """The texts ``wanted`` (kind, SHA-256), each with whether it still has that hash; never raises."""
    if not wanted:
        return ()
    if not is_run_id(run_id):
        return tuple(LoggedText(kind, sha256, None, why="the run's id is not one") for kind, sha256 in wanted)
    path = runs / run_id / SEGMENT
    try:
        found = _scan(path, {sha256 for _, sha256 in wanted})
    except OSError as error:
        why = f"{SEGMENT} of run {run_id}: {error.strerror or error}"
        return tuple(LoggedText(kind, sha256, None, why=why) for kind, sha256 in wanted)
    gone = f"not in {SEGMENT} of run {run_id}: dropped by retention, or never written"
    return tuple(_logged(kind, sha256, found.get(sha256), gone) for kind, sha256 in wanted)


def segment_state(runs: Path, run_id: str) -> tuple[int, int]:
    """Size and time of a run's texts: what was read of them holds while these do."""
    try:
        found = (runs / run_id / SEGMENT).stat() if is_run_id(run_id) else None
    except OSError:
        found = None
    return (found.st_size, found.st_mtime_ns) if found else (-1, -1)


def _scan(path: Path, hashes: set[str]) -> dict[str, str]:
    """The texts of the lines that name one of the hashes; a line that cannot be read is passed over."""
    found: dict[str, str] = {}
    marks = {sha256.encode(): sha256 for sha256 in hashes}
    with path.open("rb") as file:
        while len(found) < len(hashes) and (raw := file.readline(_LONGEST_LINE)):
            if not any(mark in raw for mark in marks):
                continue
            text = _text_of(raw, hashes)
            if text is not None:
                found[text[0]] = text[1]
    return found


def _text_of(raw: bytes, hashes: set[str]) -> tuple[str, str] | None:
    try:
        line: Any = json.loads(raw)
    except ValueError:
        return None
    if not isinstance(line, dict):
        return None
    sha256, text = line.get("sha256"), line.get("text")
    return (sha256, text) if sha256 in hashes and isinstance(text, str) else None


def _logged(kind: str, sha256: str, text: str | None, gone: str) -> LoggedText:
    if text is None:
        return LoggedText(kind, sha256, None, why=gone)
    matches = sha256_hex(text.encode("utf-8", "surrogatepass")) == sha256
    return LoggedText(kind, sha256, text[:_SHOWN], matches, cut=len(text) > _SHOWN)
