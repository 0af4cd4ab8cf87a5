"""An event's place in the chain, recomputed from what the reader gives. Pure."""

from collections.abc import Mapping

from peak_console.domain.canonical import canonical, sha256_hex
from peak_console.domain.errors import PeakError
from peak_console.domain.events import GENESIS_PREV_HASH, LedgerEvent, header_hash
from peak_console.operations.views.call_detail import ChainPlace


def place_of(event: LedgerEvent, before: str | None) -> ChainPlace:
    """What holds at ``event``; ``before`` is the hash of the event below it, ``None`` when that is unknown.

    The body's check is over its canonical form, which is byte for byte what was stored; ``None`` where the
    body was pruned.
    """
    return ChainPlace(
        seq=event.seq,
        kind=event.kind,
        event_id=event.event_id,
        hash=event.hash,
        prev_hash=event.prev_hash,
        body_sha256=event.body_sha256,
        header_holds=_header_holds(event),
        body_holds=_body_holds(event.body, event.body_sha256),
        link_holds=_link_holds(event, before),
    )


def _header_holds(event: LedgerEvent) -> bool:
    try:
        return header_hash(event.header()) == event.hash
    except PeakError:
        return False


def _body_holds(body: Mapping[str, object] | None, sha256: str) -> bool | None:
    if body is None:
        return None
    try:
        return sha256_hex(canonical(dict(body))) == sha256
    except PeakError:
        return False


def _link_holds(event: LedgerEvent, before: str | None) -> bool | None:
    if event.seq == 1:
        return event.prev_hash == GENESIS_PREV_HASH
    return None if before is None else event.prev_hash == before
