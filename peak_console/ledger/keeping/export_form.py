"""The form of an exported piece of the ledger: a head that says what it is, then events as they are hashed.

JSONL: the head is the first line, each event one more: the header's fields, ``body`` (``null`` where it is
not given), and in a run's slice ``path``, the event's inclusion path. Parquet: the same as columns, the head
in the file's metadata. With the file and the public key anybody can compute all of it again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import orjson

from peak_console.domain.events import HEADER_FIELDS
from peak_console.ledger.headers import Header
from peak_console.ledger.heads.merkle_proofs import HASH_BYTES, PATH_LIMIT

FORMAT: Final = "peak-ledger-export/v1"
METADATA: Final = b"peak-ledger-export"
"""Under which name a Parquet file has the head in its metadata."""

LINE_LIMIT: Final = 4 * 1024 * 1024
"""The longest line that is read, in bytes: a body of 1 MiB, escaped, with its header and path."""

_RANGES_LIMIT: Final = 100_000
_TEXT_LIMIT: Final = 64 * 1024
_HASH_DIGITS: Final = 2 * HASH_BYTES


class ExportMalformed(ValueError):
    """A text that is no export, or no event of one."""


class ExportWrong(ValueError):
    """An export that is not what it says; the text names where and why."""


@dataclass(frozen=True, slots=True)
class ExportedEvent:
    """One event as an export has it. ``body`` are its canonical bytes, ``None`` where it is not given."""

    header: Header
    body: bytes | None
    path: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class SaidPruned:
    """A pruned range as the exporting ledger knew it; the event that says so may lie outside the export."""

    seq: int
    before: str
    upto_seq: int
    kinds: tuple[str, ...]

    def covers(self, seq: int, ts: str, kind: str) -> bool:
        """Whether the body of this event may be missing by it."""
        return seq <= self.upto_seq and ts < self.before and kind in self.kinds


@dataclass(frozen=True, slots=True)
class ExportHead:
    """What an export says of itself."""

    origin: str
    first: int
    last: int
    prev_hash: str | None
    """The hash before the first event; ``None`` in a run's slice, whose events do not follow each other."""
    events: int
    head: str
    """The hash of the last event."""
    run_id: str | None = None
    bodies: bool = True
    pruned: tuple[SaidPruned, ...] = ()
    checkpoint: str | None = None
    """The signed note that covers it, as published; ``None`` where nothing signed does."""
    proven: int | None = None
    """Place of the event whose inclusion ``path`` proves; those before it are proven by their links."""
    path: tuple[bytes, ...] = ()
    vkey: str | None = None
    """The key that signed, as the exporting workspace says: no proof of anything by itself."""

    @property
    def contiguous(self) -> bool:
        """Whether every event follows the one before it."""
        return self.run_id is None

    def as_json(self) -> dict[str, Any]:
        """The head as it stands in a file."""
        return {
            "format": FORMAT,
            "origin": self.origin,
            "first": self.first,
            "last": self.last,
            "prev_hash": self.prev_hash,
            "events": self.events,
            "head": self.head,
            "run_id": self.run_id,
            "bodies": self.bodies,
            "pruned": [
                {"seq": one.seq, "before": one.before, "upto_seq": one.upto_seq, "kinds": list(one.kinds)}
                for one in self.pruned
            ],
            "checkpoint": self.checkpoint,
            "proven": self.proven,
            "path": hex_path(self.path),
            "vkey": self.vkey,
        }

    def to_bytes(self) -> bytes:
        """The head as one line of JSON, without its end."""
        return orjson.dumps(self.as_json())

    @classmethod
    def of_bytes(cls, data: bytes) -> Self:
        """The head that a file begins with; raises :class:`ExportMalformed`."""
        found = _object(data)
        if found.get("format") != FORMAT:
            raise ExportMalformed(f"it is no {FORMAT}")
        first, last, events = (_count(found, name) for name in ("first", "last", "events"))
        run_id, prev_hash = _text(found, "run_id"), found.get("prev_hash")
        if not 0 < first <= last or not 0 < events <= last - first + 1:
            raise ExportMalformed("first, last and events do not fit each other")
        if run_id is None and (events != last - first + 1 or not is_hash(prev_hash)):
            raise ExportMalformed("it names no run, and is not whole from its first to its last event")
        if not is_hash(found.get("head")) or type(found.get("bodies")) is not bool:
            raise ExportMalformed("head or bodies are not as they should be")
        proven = None if found.get("proven") is None else _count(found, "proven")
        return cls(
            origin=_text(found, "origin") or "",
            first=first,
            last=last,
            prev_hash=prev_hash,
            events=events,
            head=found["head"],
            run_id=run_id,
            bodies=found["bodies"],
            pruned=_ranges(found.get("pruned")),
            checkpoint=_text(found, "checkpoint"),
            proven=proven,
            path=read_path(found.get("path", [])),
            vkey=_text(found, "vkey"),
        )


def event_line(event: ExportedEvent, *, with_path: bool) -> bytes:
    """One event as a line of JSON with its end."""
    fields: dict[str, Any] = {
        name: value for name, value in zip(HEADER_FIELDS, event.header, strict=False) if value is not None
    }
    fields["body"] = None if event.body is None else orjson.Fragment(event.body)
    if with_path:
        fields["path"] = hex_path(event.path)
    return orjson.dumps(fields) + b"\n"


def read_event(line: bytes) -> dict[str, Any]:
    """The fields of a line; raises :class:`ExportMalformed` where it is no object."""
    return _object(line)


def hex_path(path: Sequence[bytes]) -> list[str]:
    """A path as JSON shows it."""
    return [one.hex() for one in path]


def read_path(value: Any) -> tuple[bytes, ...]:
    """The inverse of :func:`hex_path`; raises :class:`ExportMalformed`."""
    if not isinstance(value, list) or len(value) > PATH_LIMIT or not all(map(is_hash, value)):
        raise ExportMalformed("its path is no inclusion path")
    return tuple(map(bytes.fromhex, value))


def is_hash(value: Any) -> bool:
    """Whether this is a SHA-256 in lower-case hexadecimal."""
    return isinstance(value, str) and len(value) == _HASH_DIGITS and not value.strip("0123456789abcdef")


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ExportMalformed(f"it is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise ExportMalformed("it is no JSON object")
    return found


def _count(found: Mapping[str, Any], name: str) -> int:
    value = found.get(name)
    if type(value) is not int or not 0 < value < 2**53:
        raise ExportMalformed(f"its {name} is no place")
    return value


def _text(found: Mapping[str, Any], name: str) -> str | None:
    value = found.get(name)
    if value is not None and not (isinstance(value, str) and len(value) <= _TEXT_LIMIT):
        raise ExportMalformed(f"its {name} is no text")
    return value


def _ranges(value: Any) -> tuple[SaidPruned, ...]:
    if not isinstance(value, list) or len(value) > _RANGES_LIMIT:
        raise ExportMalformed("its pruned ranges are no list")
    return tuple(map(_range, value))


def _range(value: Any) -> SaidPruned:
    kinds = value.get("kinds") if isinstance(value, dict) else None
    if not isinstance(kinds, list) or not all(isinstance(kind, str) for kind in kinds):
        raise ExportMalformed("one of its pruned ranges is none")
    return SaidPruned(
        _count(value, "seq"), _text(value, "before") or "", _count(value, "upto_seq"), tuple(kinds)
    )
