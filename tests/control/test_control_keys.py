"""Keys: private halves are private, two workspaces never share one, and a proof proves one event."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from peak_console.control.keys import (
    KeyStore,
    KeyUnusable,
    canonical_public,
    check_name,
    keys_folder,
    verify_proof,
)
from peak_console.domain.errors import UsageWrong
from peak_console.domain.events import EventDraft
from peak_console.ledger.service.privileges import Proof, challenge_message

DRAFT = EventDraft("ev_1", "control.enabled", {"reason": "go"})


def store(root: Path, keys: Path) -> KeyStore:
    """A workspace's keys with an operator."""
    made = KeyStore(root / "configs" / "keys", {"PEAK_KEYS_DIR": str(keys)})
    made.create("workspace")
    made.create("anna")
    return made


@pytest.fixture
def anna(tmp_path: Path) -> KeyStore:
    """A workspace whose operator is anna."""
    return store(tmp_path / "one", tmp_path / "keys")


def test_private_halves_are_closed_to_others(anna: KeyStore) -> None:
    """0600 in a folder 0700, outside the workspace."""
    path = anna.private_path("anna")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert anna.public_dir not in path.parents
    assert b"PRIVATE" not in (anna.public_dir / "anna.pub").read_bytes()


def test_two_workspaces_have_keys_of_their_own(tmp_path: Path, anna: KeyStore) -> None:
    """The same operator's name in two workspaces: two keys, none overwritten."""
    other = store(tmp_path / "two", tmp_path / "keys")
    assert other.private_path("anna") != anna.private_path("anna")
    assert other.public("anna") != anna.public("anna")
    proof = anna.prove("anna", "n", DRAFT)
    assert not verify_proof(other.public("anna") or "", proof, challenge_message("n", DRAFT))


def test_making_a_key_again_keeps_it(anna: KeyStore) -> None:
    """Overwrites nothing."""
    assert anna.create("anna") == anna.public("anna")


def test_the_workspaces_own_key_is_no_operator(anna: KeyStore) -> None:
    """It signs checkpoints, and can never enable."""
    assert anna.names() == ["anna"]
    assert anna.mine() == ["anna"]


def test_a_proof_holds_for_its_event_and_nonce_only(anna: KeyStore) -> None:
    """Another nonce, event, kind, body or key: no."""
    public = anna.public("anna") or ""
    proof = anna.prove("anna", "nonce", DRAFT)
    assert verify_proof(public, proof, challenge_message("nonce", DRAFT))
    others = [
        challenge_message("other", DRAFT),
        challenge_message("nonce", EventDraft("ev_2", DRAFT.kind, DRAFT.body)),
        challenge_message("nonce", EventDraft("ev_1", "operator.removed", DRAFT.body)),
        challenge_message("nonce", EventDraft("ev_1", DRAFT.kind, {"reason": "other"})),
    ]
    assert not any(verify_proof(public, proof, message) for message in others)
    assert not verify_proof(anna.public("workspace") or "", proof, challenge_message("nonce", DRAFT))


@pytest.mark.parametrize("signature", ["", "zz", "00" * 64, "é", "00"])
def test_a_malformed_proof_is_no_proof(anna: KeyStore, signature: str) -> None:
    """Nothing raises: it does not prove."""
    proof = Proof("anna", "n", signature)
    assert not verify_proof(anna.public("anna") or "", proof, challenge_message("n", DRAFT))
    assert not verify_proof("no key", proof, b"")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_open_to_others_is_not_used(anna: KeyStore, mode: int) -> None:
    """As ssh does; the remedy is the chmod."""
    path = anna.private_path("anna")
    path.chmod(mode)
    with pytest.raises(KeyUnusable, match="open to others") as caught:
        anna.prove("anna", "n", DRAFT)
    assert "chmod 600" in caught.value.remedy


def test_a_key_that_is_corrupt_missing_or_anothers_is_told(anna: KeyStore, tmp_path: Path) -> None:
    """Each with what to do."""
    path = anna.private_path("anna")
    good = path.read_bytes()
    path.write_bytes(good[:40])
    with pytest.raises(KeyUnusable, match="corrupt"):
        anna.prove("anna", "n", DRAFT)
    path.write_bytes(store(tmp_path / "two", tmp_path / "keys2").private_path("anna").read_bytes())
    with pytest.raises(KeyUnusable, match="does not fit"):
        anna.prove("anna", "n", DRAFT)
    path.unlink()
    with pytest.raises(KeyUnusable, match="missing"):
        anna.prove("anna", "n", DRAFT)
    path.symlink_to(anna.private_path("workspace"))
    with pytest.raises(KeyUnusable, match="open to others"):
        anna.prove("anna", "n", DRAFT)


def test_public_files_that_are_no_ed25519_key_are_refused(anna: KeyStore) -> None:
    """Foreign text and other kinds of key."""
    (anna.public_dir / "bob.pub").write_text("hello")
    with pytest.raises(KeyUnusable, match="not an OpenSSH"):
        anna.public("bob")
    rsa = generate_private_key(65537, 2048).public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    with pytest.raises(KeyUnusable, match="not an Ed25519"):
        canonical_public(rsa.decode(), Path("bob.pub"))


def test_a_public_key_that_is_there_is_not_replaced(anna: KeyStore, tmp_path: Path) -> None:
    """A name belongs to one key until it is removed."""
    other = store(tmp_path / "two", tmp_path / "keys2").public("anna") or ""
    with pytest.raises(UsageWrong, match="another key"):
        anna.write_public("anna", other)
    anna.write_public("anna", f"{anna.public('anna')} some comment")


@pytest.mark.parametrize("name", ["", "Anna", "../anna", "a/b", "a b", ".hidden", "x" * 33, "ä"])
def test_names_that_could_leave_the_folder_are_refused(name: str) -> None:
    """A name is a file's name."""
    with pytest.raises(UsageWrong):
        check_name(name)


def test_without_a_workspace_key_no_operator_key_is_made(tmp_path: Path) -> None:
    """The remedy is peak init."""
    bare = KeyStore(tmp_path / "configs" / "keys", {"PEAK_KEYS_DIR": str(tmp_path / "keys")})
    with pytest.raises(KeyUnusable) as caught:
        bare.create("anna")
    assert "peak init" in caught.value.remedy


def test_the_folder_of_private_keys_is_the_users(tmp_path: Path) -> None:
    """PEAK_KEYS_DIR, else the config folder of the platform."""
    assert keys_folder({"PEAK_KEYS_DIR": str(tmp_path)}) == tmp_path
    assert keys_folder({}).parts[-2:] == ("peak-console", "keys")
