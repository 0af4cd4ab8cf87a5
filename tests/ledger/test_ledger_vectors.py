"""The test vectors fix the ledger's bytes: what is written today verifies in ten years, by any program."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from peak_console.domain.canonical import canonical
from peak_console.domain.clock import ManualClock
from peak_console.domain.events import GENESIS_PREV_HASH, EventDraft, LedgerEvent, header_hash
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.verifying.verify import verify
from peak_console.ledger.writer import LedgerWriter

VECTORS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("vectors.json").read_bytes())["events"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["draft"]["kind"])
def test_the_vectors_hold_by_the_reference_alone(vector: dict[str, Any]) -> None:
    """By rfc8785 and hashlib, without a line of ours."""
    header = {name: value for name, value in vector["header"].items() if name != "hash"}
    assert rfc8785.dumps(vector["draft"]["body"]) == vector["body_canonical"].encode()
    assert rfc8785.dumps(header) == vector["header_canonical"].encode()
    assert hashlib.sha256(vector["body_canonical"].encode()).hexdigest() == header["body_sha256"]
    assert hashlib.sha256(vector["header_canonical"].encode()).hexdigest() == vector["hash"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["draft"]["kind"])
def test_our_canonical_form_and_hash_are_the_vectors(vector: dict[str, Any]) -> None:
    """Body bytes and header hash."""
    assert canonical(vector["draft"]["body"]) == vector["body_canonical"].encode()
    assert header_hash(vector["header"]) == vector["hash"]
    event = LedgerEvent(**vector["header"], body=vector["draft"]["body"])
    assert event.header() == vector["header"]


def test_the_vectors_are_a_chain() -> None:
    """From 64 zeros, each linking to the one before."""
    previous = GENESIS_PREV_HASH
    for vector in VECTORS:
        assert vector["header"]["prev_hash"] == previous
        previous = vector["hash"]


def test_the_writer_writes_the_vectors(tmp_path: Path) -> None:
    """The same drafts at the same time give the same ledger, byte for byte; and it verifies."""
    path = tmp_path / "ledger.db"
    with LedgerWriter(path, clock=ManualClock()) as writer:
        writer.append([(EventDraft(**vector["draft"]), vector["actor"]) for vector in VECTORS])
        bodies = [data for (data,) in writer._db.execute("SELECT bytes FROM body ORDER BY seq")]
    with LedgerReader(path) as reader:
        assert [event.header() for event in reader.read()] == [vector["header"] for vector in VECTORS]
    assert bodies == [vector["body_canonical"].encode() for vector in VECTORS]
    assert verify(path, figures=False).ok
