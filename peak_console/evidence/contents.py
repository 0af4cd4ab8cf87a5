"""What goes into a pack: a run's record, files, texts and configs, keys struck out, in reproducible bytes.

Nothing here depends on when or where the pack is built: the same run, files and kept configs give the same
bytes. Keys that the builder's environment holds are struck out beside those that show by their form.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from peak_console.config.versions import PROMPTS
from peak_console.domain.canonical import canonical
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.evidence.artefacts import artefacts_on_record
from peak_console.evidence.derived import derived_files
from peak_console.evidence.event_lines import EventLine, line_of
from peak_console.evidence.gathering import RunRecord
from peak_console.evidence.layout import (
    ARTEFACTS,
    CHECKPOINT,
    EVENTS,
    GOVERNING,
    PROOFS,
    README,
    TEXTS,
    config_path,
    safe_name,
)
from peak_console.evidence.manifest import FileEntry, LeftOut, entry_of
from peak_console.evidence.readme import readme
from peak_console.evidence.run_files import RunFile
from peak_console.evidence.striking import Strike, struck_bytes, struck_lines
from peak_console.ledger.heads.proofs import InclusionProof

Kept = Callable[[str, str], tuple[str, bytes] | None]
"""Gives the suffix and bytes of a config by name and digest; ``None`` where no copy is kept."""

NOT_THERE: Final = "recorded_and_not_there"
"""Why an artefact is left out that the run recorded: its file is gone."""
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_NAMED: Final = re.compile(r"(matrix|models|prices|budgets|control|ledger|lock|limits)_digest")


@dataclass
class Contents:
    """The files of a pack with their entries, and what is left out, as they gather."""

    files: dict[str, bytes] = field(default_factory=dict)
    entries: dict[str, FileEntry] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)

    def put(
        self, path: str, data: bytes, *, original: bytes | None = None, recorded: str | None = None
    ) -> None:
        """Add a file; ``original`` is what it was where that is something else."""
        before = None if original == data else original
        self.files[path] = data
        self.entries[path] = entry_of(path, data, original=before, recorded=recorded)


def contents_of(
    record: RunRecord,
    *,
    files: list[RunFile],
    proofs: Mapping[int, InclusionProof],
    kept: Kept,
    strike: Strike,
    key_id: str,
) -> Contents:
    """Everything of a pack but its manifest and statement.

    ``proofs`` are those of all events of the record, by place, against one checkpoint. Raises
    ``LedgerBroken`` where an event does not give its own hashes.
    """
    found = Contents()
    run = _events(found, EVENTS, record.events, strike)
    governing = _events(found, GOVERNING, record.governing, strike)
    for path, data in derived_files(record.run_id, run, governing).items():
        found.put(path, data)
    found.put(PROOFS, b"".join(_proof(seq, proofs[seq]) for seq in sorted(proofs)))
    checkpoint = next(iter(proofs.values())).checkpoint
    found.put(CHECKPOINT, str(checkpoint).encode())
    found.put(README, readme(record.run_id, key_id).encode())
    _run_files(found, record, files, strike)
    _configs(found, record, kept, strike)
    return found


def _events(found: Contents, path: str, events: tuple[LedgerEvent, ...], strike: Strike) -> list[LedgerEvent]:
    """Put events in, keys struck out; gives them as they stand in the pack."""
    lines = [line_of(one, strike) for one in events]
    original = b"".join(
        EventLine(event, pruned=line.pruned).data() if line.redacted else line.data()
        for event, line in zip(events, lines, strict=True)
    )
    found.put(path, b"".join(line.data() for line in lines), original=original)
    return [line.event for line in lines]


def _proof(seq: int, proof: InclusionProof) -> bytes:
    hashed = (proof.header or {}).get("hash")
    return canonical({"seq": seq, "hash": hashed, "path": [one.hex() for one in proof.path]}) + b"\n"


# -- the run's folder


def _run_files(found: Contents, record: RunRecord, files: list[RunFile], strike: Strike) -> None:
    recorded = dict(artefacts_on_record(list(record.events)))
    struck_names = 0
    for file in files:
        if file.path == TEXTS and file.data is not None:
            found.put(TEXTS, struck_lines(file.data, strike), original=file.data)
            continue
        struck = strike(file.path) != file.path
        struck_names += struck
        path = f"{ARTEFACTS}/~redacted-{struck_names}" if struck else _inner(file.path)
        if file.data is None:
            found.left_out.append(LeftOut(path, file.refused, file.sha256))
            continue
        data = struck_bytes(file.data, strike)
        if data is None:
            found.left_out.append(LeftOut(path, "holds_a_key_that_cannot_be_struck_out", file.sha256))
        else:
            found.put(path, data, original=file.data, recorded=recorded.get(file.path))
    present = {file.path for file in files}
    for path, digest in recorded.items():
        if path not in present:
            found.left_out.append(LeftOut(_inner(strike(path)), NOT_THERE, digest))


def _inner(path: str) -> str:
    return "/".join((ARTEFACTS, *(safe_name(part) for part in path.split("/") if part)))


# -- configs


def _configs(found: Contents, record: RunRecord, kept: Kept, strike: Strike) -> None:
    """Copies of every config that was in force or is named; of prompts, those that were used."""
    for name, digest in sorted(set(digests_named(record))):
        copy = kept(name, digest)
        if copy is None:
            found.left_out.append(LeftOut(f"config {name}", "no_copy_kept", digest))
            continue
        _copy(found, name, digest, copy, strike)
        if name == PROMPTS:
            _prompts(found, _used(record.events), copy[1], kept, strike)


def _copy(found: Contents, name: str, digest: str, copy: tuple[str, bytes], strike: Strike) -> None:
    suffix, data = copy
    shown = struck_bytes(data, strike)
    if shown is None:
        found.left_out.append(LeftOut(f"config {name}", "holds_a_key_that_cannot_be_struck_out", digest))
    else:
        found.put(config_path(name, digest, suffix), shown, original=data)


def _prompts(found: Contents, used: set[str], index: bytes, kept: Kept, strike: Strike) -> None:
    try:
        listed = orjson.loads(index)
    except orjson.JSONDecodeError:
        listed = {}
    for reference in sorted(used):
        digest = listed.get(reference) if isinstance(listed, dict) else None
        if not isinstance(digest, str):
            continue  # in the library of another time
        copy = kept(PROMPTS, digest)
        if copy is None:
            found.left_out.append(LeftOut(f"prompt {safe_name(strike(reference))}", "no_copy_kept", digest))
        else:
            _copy(found, f"prompt.{strike(reference).replace('@', '.')}", digest, copy, strike)


def _used(events: tuple[LedgerEvent, ...]) -> set[str]:
    """The prompts that calls of the run were made with, as ``<name>@<version>``."""
    bodies = (one.body for one in events if one.kind == EventKind.CALL_REQUESTED and one.body is not None)
    named = ((one.get("prompt_name"), one.get("prompt_version")) for one in bodies)
    return {f"{name}@{version}" for name, version in named if name and version}


def digests_named(record: RunRecord) -> Iterator[tuple[str, str]]:
    """Every config by name and digest that was in force when the run began, came later, or is named by it."""
    first = record.events[0].seq
    in_force: dict[str, str] = {}
    later: list[tuple[str, str]] = []
    for event in record.governing:
        for name, digest in _told(event):
            if event.seq < first:
                in_force[name] = digest
            else:
                later.append((name, digest))
    for event in record.events:
        for name, value in (event.body or {}).items():
            known = _NAMED.fullmatch(name)
            if known and _is_digest(value):
                later.append((known[1], str(value)))
    yield from in_force.items()
    yield from later


def _told(event: LedgerEvent) -> Iterator[tuple[str, str]]:
    body: Mapping[str, Any] = event.body or {}
    if event.kind == EventKind.NODE_STARTED:
        digests = body.get("digests")
        for name, digest in digests.items() if isinstance(digests, Mapping) else ():
            if _is_digest(digest):
                yield name, digest
    elif event.kind == EventKind.CONFIG_CHANGED and "file" in body and _is_digest(body.get("new")):
        yield str(body["file"]), str(body["new"])


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None
