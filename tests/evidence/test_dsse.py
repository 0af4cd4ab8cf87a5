"""Envelopes against another implementation of DSSE, and statements in their form."""

import base64
import hashlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evidence_world import EvidenceWorld
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from peak_console.control.keys import KeySigner
from peak_console.evidence.dsse import PAYLOAD_TYPE, EnvelopeWrong, key_id, pae, seal, unseal
from peak_console.evidence.manifest import PackMalformed
from peak_console.evidence.statement import Statement, read_statement

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = KeySigner(PRIVATE)


def _their_key(public: bytes) -> SSlibKey:
    return SSlibKey(key_id(public), "ed25519", "ed25519", {"public": public.hex()})


@given(st.text(max_size=40), st.binary(max_size=200))
def test_what_is_signed_is_the_same_everywhere(kind: str, payload: bytes) -> None:
    """The pre-authentication encoding is byte for byte that of securesystemslib."""
    assert pae(kind, payload) == Envelope(payload, kind, {}).pae()


def test_our_envelope_verifies_elsewhere() -> None:
    """Securesystemslib accepts it under our key id, and refuses it for another payload."""
    ours = Envelope.from_dict(json.loads(seal(b'{"a":1}', SIGNER)))
    ours.verify([_their_key(SIGNER.public)], 1)
    assert ours.payload == b'{"a":1}'
    ours.payload = b'{"a":2}'
    with pytest.raises(VerificationError):
        ours.verify([_their_key(SIGNER.public)], 1)


def test_their_envelope_verifies_here() -> None:
    """What securesystemslib seals with the same key is unsealed, whatever its JSON looks like."""
    theirs = Envelope(b"payload", PAYLOAD_TYPE, {})
    theirs.sign(CryptoSigner(PRIVATE, _their_key(SIGNER.public)))
    assert unseal(json.dumps(theirs.to_dict(), indent=2).encode(), SIGNER.public) == b"payload"


def test_a_sealed_pack_is_an_in_toto_statement_for_others(world: EvidenceWorld) -> None:
    """The envelope on disk verifies with securesystemslib; its subjects are the files with their SHA-256."""
    folder = world.build().path
    envelope = Envelope.from_dict(json.loads((folder / "statement.dsse.json").read_text()))
    envelope.verify([_their_key(world.public)], 1)
    statement = json.loads(envelope.payload)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    for subject in statement["subject"]:
        assert subject["digest"] == {
            "sha256": hashlib.sha256((folder / subject["name"]).read_bytes()).hexdigest()
        }
    assert statement["predicate"]["program"] == {"name": "peak-console", "version": "0.1.0"}


@pytest.mark.parametrize(
    "envelope",
    [
        b"",
        b"[]",
        b"{}",
        b'{"payload":1,"payloadType":"application/vnd.in-toto+json","signatures":[]}',
        b'{"payload":"!","payloadType":"application/vnd.in-toto+json","signatures":[]}',
        seal(b"x", SIGNER).replace(b"in-toto", b"in-tutu"),
        seal(b"x", SIGNER).replace(b'"sig":"', b'"sig":"AA'),
    ],
)
def test_what_is_no_envelope_of_ours_is_refused(envelope: bytes) -> None:
    """Broken JSON, other types, other signatures: never an error of another kind."""
    with pytest.raises(EnvelopeWrong):
        unseal(envelope, SIGNER.public)


def test_another_type_is_not_signed_by_the_same_signature() -> None:
    """The signature binds the payload's type."""
    fields = json.loads(seal(b"x", SIGNER))
    signature = base64.b64decode(fields["signatures"][0]["sig"])
    PRIVATE.public_key().verify(signature, pae(PAYLOAD_TYPE, b"x"))
    assert pae("text/plain", b"x") != pae(PAYLOAD_TYPE, b"x")


def test_a_statement_reads_back_as_it_was_and_no_other_form_is_read() -> None:
    """Counts are counts, digests are digests, no file stands twice."""
    statement = Statement("run", "origin", 5, "a" * 64, "1", {"events": 3}, {"a.txt": "b" * 64})
    assert read_statement(statement.payload()) == statement
    whole = json.loads(statement.payload())
    twice = {**whole, "subject": whole["subject"] * 2}
    negative = {**whole, "predicate": {**whole["predicate"], "checkpoint": {"size": -1, "root": "a" * 64}}}
    short = {**whole, "subject": [{"name": "a", "digest": {"sha256": "b"}}]}
    for wrong in (twice, negative, short, {**whole, "_type": "x"}, {}, {**whole, "subject": None}):
        with pytest.raises(PackMalformed):
            read_statement(json.dumps(wrong).encode())
