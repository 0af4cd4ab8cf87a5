"""Events in a pack: a line each, header and body in canonical JSON, and what was struck out. Pure.

A line is ``{"header", "body"?, "redacted"?, "pruned"?}``. ``redacted`` names the parts out of which keys were
struck: such a part no longer gives its hash, which stays on the line. ``pruned`` says that the ledger had
dropped the body when the pack was built.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from peak_console.domain.canonical import canonical, sha256_hex
from peak_console.domain.errors import LedgerBroken, PeakError
from peak_console.domain.events import HEADER_FIELDS, LedgerEvent, header_hash
from peak_console.evidence.manifest import PackMalformed
from peak_console.evidence.striking import Strike, struck_value

HEADER: Final = "header"
BODY: Final = "body"

_KEPT: Final = frozenset({"seq", "ts", "boot_us", "kind", "body_sha256", "prev_hash", "hash"})
"""Fields of a header that nobody but the ledger writes."""


@dataclass(frozen=True, slots=True)
class EventLine:
    """An event as a pack holds it."""

    event: LedgerEvent
    redacted: tuple[str, ...] = ()
    pruned: bool = False

    def data(self) -> bytes:
        """The line, with its end."""
        fields: dict[str, Any] = {HEADER: self.event.header()}
        if self.event.body is not None:
            fields[BODY] = dict(self.event.body)
        if self.redacted:
            fields["redacted"] = list(self.redacted)
        if self.pruned:
            fields["pruned"] = True
        return sorted_json(fields) + b"\n"

    def faults(self) -> Iterator[str]:
        """In which ways the line contradicts its own hashes."""
        event = self.event
        if HEADER not in self.redacted and _header_hash(event.header()) != event.hash:
            yield f"event {event.seq}: its header does not give its hash"
        if event.body is None:
            if not self.pruned:
                yield f"event {event.seq}: its body is missing"
        elif self.pruned:
            yield f"event {event.seq}: it has a body and says that it was pruned"
        elif BODY not in self.redacted and _body_hash(event.body) != event.body_sha256:
            yield f"event {event.seq}: its body does not give its hash"


def sorted_json(value: Any) -> bytes:
    """Canonical JSON of a value that may hold whole bodies, and so be nested deeper than one of them may."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def line_of(event: LedgerEvent, strike: Strike) -> EventLine:
    """The line of an event of the ledger, keys struck out of it.

    Raises ``LedgerBroken`` where the event does not give its own hashes: such a one is not sealed.
    """
    whole = EventLine(event, pruned=event.body is None)
    if fault := next(whole.faults(), ""):
        raise LedgerBroken(
            f"the ledger is broken at {fault}",
            remedy="see what is broken with: peak ledger verify",
            seq=event.seq,
        )
    header, body = event.header(), event.body
    shown: dict[str, Any] = {
        name: value if name in _KEPT or not isinstance(value, str) else strike(value)
        for name, value in header.items()
    }
    said = None if body is None else struck_value(dict(body), strike)
    redacted = tuple(part for part, changed in ((BODY, said != body), (HEADER, shown != header)) if changed)
    return whole if not redacted else EventLine(LedgerEvent(**shown, body=said), redacted, whole.pruned)


def read_line(data: bytes) -> EventLine:
    """A line of a pack; raises :class:`PackMalformed`."""
    try:
        fields = orjson.loads(data)
        header, body = fields[HEADER], fields.get(BODY)
        redacted = tuple(fields.get("redacted", ()))
        fits = _is_header(header) and isinstance(body, dict | None) and {HEADER, BODY}.issuperset(redacted)
        event = LedgerEvent(**header, body=body) if fits else None
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        event = None
    if event is None:
        raise PackMalformed(f"not an event's line: {data[:60]!r}")
    return EventLine(event, redacted, fields.get("pruned") is True)


def read_lines(data: bytes) -> list[EventLine]:
    """The lines of a file; raises :class:`PackMalformed`."""
    return [read_line(line) for line in data.splitlines()]


def _is_header(header: Any) -> bool:
    if not isinstance(header, Mapping) or not set(HEADER_FIELDS).issuperset(header):
        return False
    numbers = ("seq", "boot_us")
    return all(
        type(value) is int if name in numbers else isinstance(value, str) for name, value in header.items()
    )


def _header_hash(header: Mapping[str, Any]) -> str:
    try:
        return header_hash(header)
    except PeakError:
        return ""


def _body_hash(body: Mapping[str, Any]) -> str:
    try:
        return sha256_hex(canonical(dict(body)))
    except PeakError:
        return ""
