"""Signed notes and checkpoints: the bytes of other implementations, and nothing that only looks like them."""

import base64
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from peak_console.ledger.heads.notes import (
    NOTE_LIMIT,
    Checkpoint,
    NoteKey,
    NoteMalformed,
    SignedNote,
    origin_of,
    read_note,
    split_notes,
)

VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
LINE = (
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6K"
    "E6RyyBwJnAM="
)
NOTE = f"{TEXT}\n{LINE}\n"


@dataclass(frozen=True)
class SeedSigner:
    """A key from its seed."""

    seed: bytes

    @property
    def public(self) -> bytes:
        """The public half."""
        key = Ed25519PrivateKey.from_private_bytes(self.seed).public_key()
        return key.public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, message: bytes) -> bytes:
        """The signature."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(message)


SIGNER = SeedSigner(SEED)
OTHER = SeedSigner(b"\x07" * 32)


def test_gos_key_signs_gos_note_byte_for_byte() -> None:
    """The vector of golang.org/x/mod/sumdb/note: same key id, same signature line, same note."""
    key = NoteKey("PeterNeumann", SIGNER.public)
    assert key.vkey() == VKEY
    assert NoteKey.of_vkey(VKEY) == key
    note = SignedNote(TEXT, ((key.name, key.key_id, SIGNER.sign(TEXT.encode())),))
    assert str(note) == NOTE
    assert read_note(NOTE) == note
    assert note.signed_by(key)


def test_another_key_name_or_text_is_not_what_was_signed() -> None:
    """A signature holds for its key, its name and its text only."""
    note = read_note(NOTE)
    assert not note.signed_by(NoteKey("PeterNeumann", OTHER.public))
    assert not note.signed_by(NoteKey("Peter", SIGNER.public))
    assert not SignedNote(TEXT + "!\n", note.signatures).signed_by(NoteKey.of_vkey(VKEY))
    name, key_id, signature = note.signatures[0]
    cut = SignedNote(TEXT, ((name, key_id, signature[:-1]),))
    assert not cut.signed_by(NoteKey.of_vkey(VKEY))


def test_a_true_signature_counts_among_others() -> None:
    """Witnesses add lines; ours is found among them, whatever theirs are."""
    foreign = ("witness.example", b"\1\2\3\4", b"\0" * 64)
    note = SignedNote(TEXT, (foreign, *read_note(NOTE).signatures, foreign))
    assert read_note(str(note)) == note
    assert note.signed_by(NoteKey.of_vkey(VKEY))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        TEXT,
        TEXT + "\n",
        LINE + "\n",
        f"{TEXT}{LINE}\n",
        f"{TEXT}\n{LINE}",
        f"{TEXT}\n{LINE}\n\n",
        f"{TEXT}\n{LINE}\nmore\n",
        f"{TEXT}\n{LINE} \n",
        f"{TEXT}\n{LINE[:-4]}!===\n",
        f"{TEXT}\n\u2014 PeterNeumann\n",
        f"{TEXT}\n\u2014  x08go/ZJkuBS9UG/Sfc=\n",
        f"{TEXT}\n\u2014 Peter+Neumann x08go/ZJkuBS9UG/Sfc=\n",
        f"{TEXT}\n\u2014 PeterNeumann x08goQ==\n",
        f"{TEXT}\n- PeterNeumann x08go/ZJkuBS9UG/Sfc=\n",
        "x" * NOTE_LIMIT + NOTE,
        "\udcff" + NOTE,
    ],
    ids=lambda text: f"{len(text)}",
)
def test_a_malformed_note_is_none(text: str) -> None:
    """No empty line, no signature, no end, a wrong dash, bad base64, too long: refused, by name."""
    with pytest.raises(NoteMalformed):
        read_note(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+c74f20a3",
        "name+c74f20a3+AAAA",
        VKEY.replace("c74f20a3", "c74f20a4"),
        VKEY.replace("PeterNeumann", "Peter"),
        VKEY.replace("+ARpc", "+AhpC"),
        VKEY[:-4],
        VKEY + "AAAA",
        "+" + VKEY.partition("+")[2],
    ],
)
def test_a_verifier_key_with_another_id_or_kind_is_none(text: str) -> None:
    """The id binds name and key: whoever mistypes one is told."""
    with pytest.raises(NoteMalformed):
        NoteKey.of_vkey(text)


def test_a_checkpoint_is_its_text() -> None:
    """Origin, size in decimals, root in base64, a line each; other lines after them are let be."""
    head = Checkpoint("log.example/1", 15, bytes(range(32)))
    assert head.text() == "log.example/1\n15\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    assert Checkpoint.of_text(head.text()) == head
    assert Checkpoint.of_text(head.text() + "extension\n") == head
    note = head.signed(SIGNER)
    assert note.signed_by(NoteKey("log.example/1", SIGNER.public))
    assert Checkpoint.of_text(read_note(str(note)).text) == head


ROOT = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


@pytest.mark.parametrize(
    "text",
    [
        "",
        "log\n",
        f"log\n15\n{ROOT}",
        f"\n15\n{ROOT}\n",
        f"log\n\n{ROOT}\n",
        f"log\n-1\n{ROOT}\n",
        f"log\n+1\n{ROOT}\n",
        f"log\n015\n{ROOT}\n",
        f"log\n1 5\n{ROOT}\n",
        f"log\n1_5\n{ROOT}\n",
        f"log\n\u0661\n{ROOT}\n",
        f"log\n{'9' * 19}\n{ROOT}\n",
        f"log\n15\n{ROOT[:-4]}\n",
        f"log\n15\n{ROOT}{ROOT}\n",
        "log\n15\n!\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    """A size has one spelling, a root one length."""
    with pytest.raises(NoteMalformed):
        Checkpoint.of_text(text)


@given(st.text(max_size=300))
def test_no_text_brings_the_readers_down(text: str) -> None:
    """Whatever it is, it is a note or it is refused."""
    for read in (read_note, Checkpoint.of_text, NoteKey.of_vkey):
        try:
            read(text)
        except NoteMalformed:
            continue


@given(st.lists(st.integers(1, 10**9), max_size=6), st.text(alphabet="\u2014 abc\n", max_size=40))
def test_notes_that_follow_each_other_come_apart_again(sizes: list[int], rest: str) -> None:
    """Every whole note is given as it was written, and what follows the last one is not lost."""
    notes = [str(Checkpoint("log", size, bytes(32)).signed(SIGNER)) for size in sizes]
    assert list(split_notes("".join(notes))) == notes
    torn = "".join(notes) + "torn" + rest
    parts = list(split_notes(torn))
    assert parts[: len(notes)] == notes
    assert "".join(parts) == torn


def test_an_origin_names_key_and_genesis() -> None:
    """Another key or another genesis is another log."""
    assert origin_of(b"\1" * 32, "ab" * 32) == "peak-console/72cd6e8422c407fb/abababababababab"
    assert origin_of(b"\2" * 32, "ab" * 32) != origin_of(b"\1" * 32, "ab" * 32)
