"""Headers and their hash."""

import hashlib

import rfc8785

from peak_console.domain.events import GENESIS_PREV_HASH, HEADER_FIELDS, EventDraft, LedgerEvent, header_hash

EVENT = LedgerEvent(
    seq=2,
    event_id="ev_1",
    ts="2026-11-22T12:00:00.000000Z",
    boot_us=5,
    kind="run.started",
    actor="ada",
    body_sha256="a" * 64,
    prev_hash="b" * 64,
    hash="c" * 64,
    run_id="20261122_120000_abcdef",
)


def test_a_header_omits_absent_fields_and_the_body() -> None:
    """The header's JSON holds what is there, and never the body."""
    header = EVENT.header()
    assert list(header) == [name for name in HEADER_FIELDS if name in header]
    assert "call_id" not in header
    assert "body" not in header


def test_the_hash_covers_every_present_field_but_itself() -> None:
    """It is SHA-256 over the RFC 8785 form of the header without ``hash``."""
    header = EVENT.header()
    without = {name: value for name, value in header.items() if name != "hash"}
    assert header_hash(header) == hashlib.sha256(rfc8785.dumps(without)).hexdigest()
    for name in without:
        changed = {**header, name: 7 if isinstance(header[name], int) else "changed"}
        assert header_hash(changed) != header_hash(header)
    assert header_hash({**header, "hash": "d" * 64}) == header_hash(header)


def test_the_genesis_links_to_nothing() -> None:
    """The first link is 64 zeros; a draft's body defaults to an empty object."""
    assert GENESIS_PREV_HASH == "0" * 64
    assert EventDraft("ev_1", "run.started").body == {}
