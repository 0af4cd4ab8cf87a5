"""What lies in a pack: every file with its hash, size and type, and what could not be put in. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from peak_console.domain.canonical import canonical, sha256_hex
from peak_console.domain.ids import is_incident_id

FORMAT: Final = "peak-console/evidence/v1"
"""The form of a pack; another one is not read."""

MANIFEST: Final = "manifest.json"
STATEMENT: Final = "statement.dsse.json"

_TYPES: Final = {
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".md": "text/markdown",
    ".note": "text/plain",
    ".txt": "text/plain",
    ".toml": "application/toml",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".csv": "text/csv",
    ".pub": "text/plain",
}


class PackMalformed(ValueError):
    """A file of a pack that is not in its form."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of a pack. ``original`` is the SHA-256 of what it was before keys were struck out of it."""

    path: str
    sha256: str
    size: int
    media_type: str
    original: str | None = None
    recorded: str | None = None
    """Of an artefact: the SHA-256 that ``run.finished`` names for it."""

    @property
    def redacted(self) -> bool:
        """Whether something was struck out."""
        return self.original is not None

    def as_dict(self) -> dict[str, Any]:
        """The entry as the manifest holds it."""
        fields: dict[str, Any] = {
            "path": self.path,
            "sha256": self.sha256,
            "bytes": self.size,
            "media_type": self.media_type,
        }
        if self.original is not None:
            fields |= {"redacted": True, "original_sha256": self.original}
        if self.recorded is not None:
            fields["recorded_sha256"] = self.recorded
        return fields


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that belongs to the run and is not in the pack, and why."""

    what: str
    reason: str
    sha256: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The entry as the manifest holds it."""
        known = {} if self.sha256 is None else {"sha256": self.sha256}
        return {"what": self.what, "reason": self.reason, **known}


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of one run's pack in the order of their paths, and what is missing from it."""

    run_id: str
    files: tuple[FileEntry, ...]
    left_out: tuple[LeftOut, ...] = ()

    def data(self) -> bytes:
        """The manifest's file: canonical JSON."""
        return canonical(
            {
                "format": FORMAT,
                subject_key(self.run_id): self.run_id,
                "files": [one.as_dict() for one in self.files],
                "left_out": [one.as_dict() for one in self.left_out],
            }
        )

    def by_path(self) -> Mapping[str, FileEntry]:
        """The entries by their paths."""
        return {one.path: one for one in self.files}


def entry_of(
    path: str, data: bytes, *, original: bytes | str | None = None, recorded: str | None = None
) -> FileEntry:
    """The entry of a file; ``original`` is what it was (or its hash) where keys were struck out."""
    before = sha256_hex(original) if isinstance(original, bytes) else original
    return FileEntry(path, sha256_hex(data), len(data), media_type(path), before, recorded)


def subject_key(subject: str) -> str:
    """Under which name the id of a pack's subject stands in it: a run's, or of a capture an incident's."""
    return "incident_id" if is_incident_id(subject) else "run_id"


def subject_of(fields: Mapping[str, Any]) -> str:
    """The id of a pack's subject; raises ``KeyError`` or ``ValueError`` where it is not in its form."""
    named = [name for name in ("run_id", "incident_id") if name in fields]
    if len(named) != 1:
        raise ValueError("one run, or one incident, is wanted")
    subject = _text(fields[named[0]])
    if subject_key(subject) != named[0]:
        raise ValueError(f"{named[0]} is none")
    return subject


def media_type(path: str) -> str:
    """The type of a file by its name; bytes where the name says nothing."""
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return _TYPES.get(name[dot:].lower() if dot > 0 else "", "application/octet-stream")


def sorted_left_out(found: Iterable[LeftOut]) -> tuple[LeftOut, ...]:
    """What is missing, in one order, each once."""
    return tuple(sorted(set(found), key=lambda one: (one.what, one.reason, one.sha256 or "")))


def read_manifest(data: bytes) -> Manifest:
    """A manifest from its file; raises :class:`PackMalformed`."""
    fields = json_object(data, MANIFEST)
    if fields.get("format") != FORMAT:
        raise PackMalformed(f"{MANIFEST} is not of the format {FORMAT}")
    try:
        files = tuple(_entry(one) for one in fields["files"])
        left_out = tuple(_left_out(one) for one in fields["left_out"])
        run_id = subject_of(fields)
    except (KeyError, TypeError, ValueError) as error:
        raise PackMalformed(f"{MANIFEST} is not in its form: {error}") from error
    paths = [one.path for one in files]
    if paths != sorted(set(paths)):
        raise PackMalformed(f"{MANIFEST} does not list its files once and in order")
    return Manifest(run_id, files, left_out)


def json_object(data: bytes, name: str) -> dict[str, Any]:
    """The JSON object in a file; raises :class:`PackMalformed`."""
    try:
        fields = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise PackMalformed(f"{name} is not JSON") from error
    if not isinstance(fields, dict):
        raise PackMalformed(f"{name} is not a JSON object")
    return fields


def _entry(fields: Mapping[str, Any]) -> FileEntry:
    size = fields["bytes"]
    if type(size) is not int or size < 0:
        raise ValueError("bytes is no count")
    original, recorded = fields.get("original_sha256"), fields.get("recorded_sha256")
    if (original is not None) != (fields.get("redacted") is True):
        raise ValueError("a redacted file names its original, and no other does")
    return FileEntry(
        _text(fields["path"]),
        _text(fields["sha256"]),
        size,
        _text(fields["media_type"]),
        None if original is None else _text(original),
        None if recorded is None else _text(recorded),
    )


def _left_out(fields: Mapping[str, Any]) -> LeftOut:
    known = fields.get("sha256")
    return LeftOut(_text(fields["what"]), _text(fields["reason"]), None if known is None else _text(known))


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a text is wanted")
    return value
