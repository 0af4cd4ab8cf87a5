"""Questions that the lock stands on, read back from the texts of their runs: what was asked, what was said.

A sample names a run, what was asked and what was answered by their hashes. A run's texts are found by hash
only, so that what was changed since is as gone as what was pruned.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from peak_console.config.lock import LockEntry, StoredSample
from peak_console.domain.canonical import NotCanonical, sha256_hex
from peak_console.domain.ids import is_run_id
from peak_console.llm.providers.reading_back import Asked, asked_again
from peak_console.llm.router import request_hash
from peak_console.llm.texts import SEGMENT

_LONGEST_LINE: Final = 16 * 1024**2


@dataclass(slots=True)
class Stored:
    """A question with the answers that the lock stands on."""

    asked: Asked
    answers: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Gathered:
    """What could be read back of an entry's samples."""

    questions: list[Stored] = field(default_factory=list)
    gone: int = 0
    """Samples whose texts are pruned, changed, or were never kept."""
    other: int = 0
    """Samples that cannot be asked again as they were: with tools, pictures, or in a form unknown here."""


def gather(runs: Path, entry: LockEntry, names: Iterable[str], most: int) -> Gathered:
    """At most ``most`` questions of ``entry``, in the lock's order; ``names`` are the model's on the wire."""
    found, by_hash = Gathered(), dict[str, Stored]()
    texts: dict[str, _Texts] = {}
    wire_names = tuple(dict.fromkeys((entry.model_id, *names)))
    for sample in entry.samples:
        known = by_hash.get(sample.request_hash)
        if known is None and len(by_hash) >= most:
            continue
        held = texts.setdefault(sample.run_id, _Texts(runs, sample.run_id))
        answer, body = held.answers.get(sample.answer_sha256), held.request(sample, wire_names)
        if answer is None or body is None:
            found.gone += 1
            continue
        asked = asked_again(body)
        if asked is None:
            found.other += 1
            continue
        if known is None:
            known = by_hash[sample.request_hash] = Stored(asked)
            found.questions.append(known)
        known.answers.append(answer)
    return found


class _Texts:
    """The texts of a run that still have the hash they are kept under."""

    def __init__(self, runs: Path, run_id: str) -> None:
        self.answers: dict[str, str] = {}
        self._requests: list[str] = []
        self._hashes: dict[tuple[str, str], str] = {}
        if is_run_id(run_id):
            self._read(runs / run_id / SEGMENT)

    def request(self, sample: StoredSample, names: Iterable[str]) -> Mapping[str, Any] | None:
        """What was asked, as it was sent."""
        for name in names:
            text = self._hashed(name).get(sample.request_hash)
            if text is not None:
                body: Any = json.loads(text)
                return body if isinstance(body, dict) else None
        return None

    def _hashed(self, name: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for text in self._requests:
            key = (name, text)
            if key not in self._hashes:
                self._hashes[key] = _hash(name, text)
            found.setdefault(self._hashes[key], text)
        return found

    def _read(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                while raw := file.readline(_LONGEST_LINE):
                    self._take(raw)
        except OSError:
            return

    def _take(self, raw: bytes) -> None:
        try:
            line: Any = json.loads(raw)
        except ValueError:
            return
        text = line.get("text") if isinstance(line, dict) else None
        if not isinstance(text, str):
            return
        sha256 = sha256_hex(text.encode("utf-8", "surrogatepass"))
        if sha256 != line.get("sha256"):
            return
        if line.get("kind") == "request":
            self._requests.append(text)
        else:
            self.answers[sha256] = text


def _hash(name: str, text: str) -> str:
    try:
        return request_hash(name, text.encode("utf-8", "surrogatepass"), canonical_body=False)
    except (ValueError, NotCanonical):
        return ""
