"""Judging proofs: by whose key, of which log, and what cannot be judged."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from peak_console.control.keys import KeySigner, openssh
from peak_console.domain.errors import EnvironmentUnfit, UsageWrong
from peak_console.domain.events import header_hash
from peak_console.ledger.heads.merkle import leaf_hash
from peak_console.ledger.heads.notes import Checkpoint, NoteKey, origin_of
from peak_console.ledger.heads.proof_texts import as_text
from peak_console.ledger.heads.proofs import InclusionProof
from peak_console.operations.proofs import read_file, verify_proof, write_file

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = KeySigner(PRIVATE)
ORIGIN = origin_of(SIGNER.public, "0" * 64)


def proof() -> bytes:
    """A log of one event, signed, and the proof of that event."""
    header = {
        "seq": 1,
        "event_id": "ev_1",
        "ts": "2026-11-22T12:00:00.000000Z",
        "boot_us": 1,
        "kind": "workspace.initialised",
        "actor": "node",
        "body_sha256": "0" * 64,
        "prev_hash": "0" * 64,
    }
    header["hash"] = header_hash(header)
    root = leaf_hash(bytes.fromhex(str(header["hash"])))
    return as_text(InclusionProof(0, (), Checkpoint(ORIGIN, 1, root).signed(SIGNER), header)).encode()


def test_a_key_is_named_by_file_or_by_text(tmp_path: Path) -> None:
    """An OpenSSH line, a verifier key in a file, a verifier key as it stands: the same judgement."""
    vkey = NoteKey(ORIGIN, SIGNER.public).vkey()
    (tmp_path / "w.pub").write_text(f"{openssh(PRIVATE.public_key())} workspace\n", encoding="ascii")
    (tmp_path / "vkey").write_text(vkey + "\n", encoding="ascii")
    for key in (str(tmp_path / "w.pub"), str(tmp_path / "vkey"), vkey):
        judged = verify_proof(proof(), key=key)
        assert judged.verdict.ok, judged.verdict.problems
        assert not judged.own_key


def test_another_log_of_the_same_key_is_not_the_one_that_was_meant(tmp_path: Path) -> None:
    """A verifier key names its log, and so does --origin; both must agree."""
    (tmp_path / "w.pub").write_text(openssh(PRIVATE.public_key()), encoding="ascii")
    other = NoteKey("another log", SIGNER.public).vkey()
    assert dict(verify_proof(proof(), key=other).verdict.problems).keys() == {"wrong_origin"}
    named = verify_proof(proof(), key=str(tmp_path / "w.pub"), origin="another log")
    assert dict(named.verdict.problems).keys() == {"wrong_origin"}
    assert verify_proof(proof(), key=str(tmp_path / "w.pub"), origin=ORIGIN).verdict.ok
    with pytest.raises(UsageWrong) as caught:
        verify_proof(proof(), key=other, origin=ORIGIN)
    assert caught.value.code == "origin_differs"


@pytest.mark.parametrize("text", ["", "ssh-ed25519 AAAA", "a+b+c", "\x00", "ssh-rsa AAAAB3NzaC1yc2E= x"])
def test_what_is_no_key_is_told(tmp_path: Path, text: str) -> None:
    """In a file or as it stands."""
    (tmp_path / "key").write_text(text, encoding="utf-8")
    with pytest.raises(UsageWrong) as caught:
        verify_proof(proof(), key=str(tmp_path / "key"))
    assert caught.value.code == "key_malformed"
    with pytest.raises(UsageWrong):
        verify_proof(proof(), key=text)


def test_without_a_key_and_a_workspace_nothing_is_judged(tmp_path: Path) -> None:
    """It asks for the key; what is no proof is judged by any key not to be one."""
    with pytest.raises(UsageWrong) as caught:
        verify_proof(proof(), root=tmp_path / "nowhere")
    assert caught.value.code == "key_unnamed"
    vkey = NoteKey(ORIGIN, SIGNER.public).vkey()
    verdict = verify_proof(b"\xff\xfe", key=vkey).verdict
    assert (verdict.ok, verdict.kind, verdict.problems[0][0]) == (False, "unreadable", "not_a_proof")


def test_files_that_cannot_be_read_or_written_are_told(tmp_path: Path) -> None:
    """A folder, a file that is not there, a name with a null."""
    for path in (tmp_path, tmp_path / "nothing", Path("a\0b")):
        with pytest.raises(UsageWrong):
            read_file(path)
    with pytest.raises(EnvironmentUnfit):
        write_file(tmp_path, "x", replace=True)
    write_file(tmp_path / "p", "x")
    assert read_file(tmp_path / "p") == b"x"
