"""Proofs as auditors take them away: made, written, read again, and refused whatever was changed in them."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_desk import Desk
from signed_desk import SignedDesk, drafts
from test_notes import OTHER, SIGNER

from peak_console.domain.errors import LedgerBroken, UsageWrong
from peak_console.ledger.heads.notes import Checkpoint, read_note
from peak_console.ledger.heads.proof_texts import (
    CONSISTENCY_LINE,
    INCLUSION_LINE,
    PROOF_LIMIT,
    Proof,
    ProofMalformed,
    as_document,
    as_text,
    read_proof,
)
from peak_console.ledger.heads.proofs import ConsistencyProof, InclusionProof, Trust, judge
from peak_console.ledger.heads.proving import NotSigned, prove_consistency, prove_inclusion

TRUST = Trust(SIGNER.public)


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignedDesk]:
    """Forty events, signed at 7, 20 and 33 of them."""
    folder = tmp_path_factory.mktemp("signed")
    desk = Desk(folder / "ledger.db").open()
    one = SignedDesk(desk, folder)
    notary = one.notary()
    for upto in (7, 20, 33):
        desk.write(*drafts(upto - desk.writer.head[0]))
        one.settle(notary, asked=True)
    desk.write(*drafts(7))
    notary.close()
    assert one.signed() == [7, 20, 33]
    yield one
    desk.writer.close()


def inclusion(signed: SignedDesk, seq: int) -> InclusionProof:
    """The proof of one event."""
    with signed.desk.reader() as reader:
        return prove_inclusion(reader, [seq], signed.files, signed.key())[0]


def consistency(signed: SignedDesk, first: int, second: int) -> ConsistencyProof:
    """The proof that one beginning is another's."""
    with signed.desk.reader() as reader:
        return prove_consistency(reader, first, second, signed.files, signed.key())


def again(proof: Proof, form: str) -> Proof:
    """The proof written and read."""
    if form == "text":
        return read_proof(as_text(proof).encode())
    return read_proof(json.dumps(as_document(proof)).encode())


@pytest.mark.parametrize("form", ["text", "json"])
def test_every_signed_event_is_proved(signed: SignedDesk, form: str) -> None:
    """Each against the first checkpoint that covers it; written, read again and judged by the key alone."""
    for seq in range(1, 34):
        proof = inclusion(signed, seq)
        verdict = judge(again(proof, form), TRUST)
        assert verdict.ok, verdict.problems
        assert verdict.facts["header"]["seq"] == seq
        assert verdict.facts["checkpoint"]["size"] == next(one for one in (7, 20, 33) if one >= seq)


@pytest.mark.parametrize("form", ["text", "json"])
def test_every_beginning_is_proved(signed: SignedDesk, form: str) -> None:
    """From any size to any signed or unsigned one below a checkpoint, equal ones among them."""
    for first in (1, 2, 6, 7, 8, 20, 31):
        for second in (7, 8, 20, 31, 32, 33):
            if first > second:
                continue
            proof = again(consistency(signed, first, second), form)
            verdict = judge(proof, TRUST)
            assert verdict.ok, (first, second, verdict.problems)
            assert isinstance(proof, ConsistencyProof)
            assert bool(proof.bridge) == (second not in {7, 20, 33})


def test_many_events_are_proved_in_one_pass(signed: SignedDesk) -> None:
    """All under the checkpoint that covers the last of them, so that one note serves a whole pack."""
    with signed.desk.reader() as reader:
        proofs = prove_inclusion(reader, [3, 9, 21], signed.files, signed.key())
    assert [judge(one, TRUST).ok for one in proofs] == [True] * 3
    assert len({str(one.checkpoint) for one in proofs}) == 1
    assert [one.index for one in proofs] == [2, 8, 20]


def test_a_proof_made_again_is_the_same(signed: SignedDesk) -> None:
    """Later checkpoints do not change it."""
    assert as_text(inclusion(signed, 5)) == as_text(inclusion(signed, 5))
    assert Checkpoint.of_text(inclusion(signed, 5).checkpoint.text).size == 7


def test_the_text_is_that_of_its_specification(signed: SignedDesk) -> None:
    """First line, extra, index, hashes, empty line, note; the leaf is the hash of what extra holds."""
    proof = inclusion(signed, 2)
    lines = as_text(proof).split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[1].startswith("extra ")
    assert lines[2] == "index 1"
    blank = lines.index("")
    assert [base64.b64decode(one) for one in lines[3:blank]] == list(proof.path)
    assert read_note("\n".join(lines[blank + 1 :])) == proof.checkpoint
    assert json.loads(base64.b64decode(lines[1][6:]))["seq"] == 2


def test_what_is_not_signed_yet_is_refused_with_a_way_out(signed: SignedDesk) -> None:
    """An event behind the newest checkpoint, and one that does not exist."""
    with pytest.raises(NotSigned) as caught:
        inclusion(signed, 34)
    assert "peak ledger checkpoint" in caught.value.remedy
    assert caught.value.exit_code == 1
    with pytest.raises(NotSigned):
        consistency(signed, 3, 40)
    for seq in (0, 41):
        with pytest.raises(UsageWrong, match="no event"):
            inclusion(signed, seq)
    for first, second in ((0, 3), (5, 3)):
        with pytest.raises(UsageWrong, match="beginning"):
            consistency(signed, first, second)


def test_a_ledger_that_is_not_what_was_signed_proves_nothing(signed: SignedDesk, tmp_path: Path) -> None:
    """Another ledger of the same genesis' name, under the notes of this one: told, not proved."""
    desk = Desk(tmp_path / "ledger.db").open()
    desk.write(*drafts(10))
    with desk.reader() as reader:
        key = SignedDesk(desk, tmp_path).key()
        note = Checkpoint(key.name, 7, bytes(32)).signed(SIGNER)
        other = SignedDesk(desk, tmp_path)
        other.files.append(note, desk.clock.now())
        with pytest.raises(LedgerBroken) as caught:
            prove_inclusion(reader, [3], other.files, key)
    desk.writer.close()
    assert caught.value.code == "rewritten_chain"


def problems(proof: Proof, trust: Trust = TRUST) -> set[str]:
    """What a judgement finds wrong, by code."""
    return {code for code, _ in judge(proof, trust).problems}


def test_an_inclusion_proof_says_what_does_not_hold(signed: SignedDesk) -> None:
    """Key, origin, event, body, place, path: each by its own name."""
    proof = inclusion(signed, 5)
    assert proof.header is not None
    header = dict(proof.header)
    assert problems(proof, Trust(OTHER.public)) == {"wrong_origin", "not_signed"}
    assert problems(proof, Trust(SIGNER.public, "other")) == {"wrong_origin"}
    assert problems(replace(proof, header=None)) == {"no_header"}
    assert problems(replace(proof, header={**header, "actor": "eve"})) == {"header_changed"}
    assert problems(replace(proof, header={**header, "x": 1})) == {"header_malformed"}
    assert problems(replace(proof, header={**header, "seq": 5.0})) == {"header_malformed"}
    assert problems(replace(proof, header={**header, "ts": None})) == {"header_malformed"}
    assert problems(replace(proof, body={"note": "y"})) == {"body_changed"}
    assert problems(replace(proof, body={"note": 0.5})) == {"body_changed"}
    assert problems(replace(proof, path=proof.path[:-1])) == {"not_included"}
    assert problems(replace(proof, index=5)) == {"wrong_index", "not_included"}
    other = inclusion(signed, 6)
    assert problems(replace(proof, header=other.header, body=None)) == {"wrong_index", "not_included"}
    forged = replace(proof.checkpoint, text=proof.checkpoint.text.replace("\n7\n", "\n8\n"))
    assert problems(replace(proof, checkpoint=forged)) >= {"not_signed"}
    nothing = replace(proof.checkpoint, text="no checkpoint\n")
    assert problems(replace(proof, checkpoint=nothing)) == {"checkpoint_malformed"}


def test_a_consistency_proof_says_what_does_not_hold(signed: SignedDesk) -> None:
    """Roots, sizes, paths and the bridge to what is signed."""
    proof = consistency(signed, 5, 18)
    assert problems(proof) == set()
    assert problems(replace(proof, first_root=bytes(32))) == {"not_consistent"}
    assert problems(replace(proof, second_root=bytes(32))) == {"not_consistent", "not_signed_root"}
    assert problems(replace(proof, first=6)) == {"not_consistent"}
    assert problems(replace(proof, first=0)) == {"wrong_sizes"}
    assert problems(replace(proof, first=19)) == {"wrong_sizes"}
    assert "wrong_sizes" in problems(replace(proof, second=21))
    assert problems(replace(proof, bridge=())) == {"not_signed_root"}
    assert problems(replace(proof, path=(*proof.path, bytes(32)))) == {"not_consistent"}
    assert problems(proof, Trust(OTHER.public)) == {"wrong_origin", "not_signed"}


def slips(text: str) -> Iterator[str]:
    """Texts that are one character away, all over."""
    for place in range(0, len(text), 7):
        yield text[:place] + text[place + 1 :]
        yield text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        yield text[:place] + "\n" + text[place:]


@pytest.mark.parametrize("form", ["inclusion", "consistency"])
def test_no_slip_of_a_text_is_believed(signed: SignedDesk, form: str) -> None:
    """Any character changed, lost or put in: it does not hold, or it is no proof."""
    proof: Proof = inclusion(signed, 5) if form == "inclusion" else consistency(signed, 5, 18)
    for text in slips(as_text(proof)):
        try:
            found = read_proof(text.encode())
        except ProofMalformed:
            continue
        assert problems(found), text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"{}",
        b"[]",
        b"{" * 100_000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'{"checkpoint": 1}',
        b" " * (PROOF_LIMIT + 1),
        INCLUSION_LINE.encode(),
        INCLUSION_LINE.encode() + b"\n\n",
        CONSISTENCY_LINE.encode() + b"\nfirst 1 AAAA\n\nx",
    ],
    ids=lambda data: f"{data[:12]!r}-{len(data)}",
)
def test_what_is_no_proof_is_told(data: bytes) -> None:
    """Nothing hostile gets further than a refusal."""
    with pytest.raises(ProofMalformed):
        read_proof(data)


NOTE = str(Checkpoint("log", 7, bytes(32)).signed(SIGNER))


@pytest.mark.parametrize(
    "head",
    [
        f"{INCLUSION_LINE}\nindex 07",
        f"{INCLUSION_LINE}\nindex -1",
        f"{INCLUSION_LINE}\nindex 1 2",
        f"{INCLUSION_LINE}\nindex {'9' * 19}",
        f"{INCLUSION_LINE}\nextra ====\nindex 1",
        f"{INCLUSION_LINE}\nextra e30\nindex 1",
        f"{INCLUSION_LINE}\nextra eyAgfQ==\nindex 1",
        f"{INCLUSION_LINE}\nindex 1\nAAAA",
        f"{INCLUSION_LINE}\nindex 1" + f"\n{'A' * 43}=" * 65,
        f"{INCLUSION_LINE}\nindex 1\n{'A' * 42}B=",
        f"{CONSISTENCY_LINE}\nfirst 1 {'A' * 43}=",
        f"{CONSISTENCY_LINE}\nfirst 1\nsecond 2",
        "something else",
    ],
)
def test_lines_that_are_not_the_forms_are_refused(head: str) -> None:
    """Numbers have one spelling, hashes one length and one spelling, lines one order."""
    with pytest.raises(ProofMalformed):
        read_proof(f"{head}\n\n{NOTE}".encode())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
NAMES = ("proof", "index", "header", "body", "path", "checkpoint", "first", "first_root", "second", "bridge")


@settings(max_examples=150)
@given(st.dictionaries(st.sampled_from(NAMES), JSON), st.sampled_from(["inclusion", "consistency"]))
def test_hostile_documents_bring_nothing_down(changes: dict[str, Any], kind: str) -> None:
    """A proof's document with anything in any place is refused or judged not to hold."""
    hashed = base64.b64encode(bytes(32)).decode()
    document = {
        "proof": kind,
        "index": 1,
        "header": None,
        "path": [],
        "bridge": [],
        "checkpoint": NOTE,
        "first": 1,
        "second": 7,
        "first_root": hashed,
        "second_root": hashed,
        **changes,
    }
    _never_believed(json.dumps(document).encode())


@settings(max_examples=150)
@given(st.binary(max_size=200), st.sampled_from([b"", INCLUSION_LINE.encode() + b"\n", b'{"proof":']))
def test_hostile_bytes_bring_nothing_down(data: bytes, begin: bytes) -> None:
    """Any bytes are refused, or judged not to hold."""
    _never_believed(begin + data)


def _never_believed(data: bytes) -> None:
    try:
        proof = read_proof(data)
    except ProofMalformed:
        return
    assert not judge(proof, TRUST).ok
