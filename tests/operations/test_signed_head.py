"""The newest signed head in the status: what is read, what is reckoned, what is told to be wrong."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeySigner
from peak_console.domain.clock import iso
from peak_console.ledger.heads.checkpoint_files import CheckpointFiles
from peak_console.ledger.heads.notes import Checkpoint
from peak_console.ledger.heads.tree_file import GrowingTree, TreeState
from peak_console.operations.signed_head import SignedHeads

SIGNER = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    """A workspace with its folders."""
    (tmp_path / "audits").mkdir()
    return Workspace(tmp_path)


def keep(ws: Workspace, size: int) -> None:
    """One more note."""
    CheckpointFiles(ws.checkpoints).append(Checkpoint("log", size, bytes(32)).signed(SIGNER), NOW)


def test_without_checkpoints_it_says_so(ws: Workspace) -> None:
    """Of a ledger that has begun; before that there is nothing to sign."""
    heads = SignedHeads(ws)
    assert heads.read(0, {}).problem == ""
    found = heads.read(5, {})
    assert found.problem
    assert found.as_json(5, NOW) == {
        "size": 0,
        "root": "",
        "at": None,
        "age_s": None,
        "unsigned_events": 5,
        "problem": found.problem,
        "anchors": [],
    }


def test_the_newest_head_is_read_again_when_it_changed(ws: Workspace) -> None:
    """With how many events came since, and when the notary says that it signed."""
    heads = SignedHeads(ws)
    keep(ws, 3)
    assert heads.read(5, {}).size == 3
    keep(ws, 4)
    tree = GrowingTree()
    tree.extend([bytes(32)] * 6)
    TreeState.of(tree, iso(NOW)).write(ws.audits / "tree.json")
    keep(ws, 6)
    found = heads.read(8, {})
    assert (found.size, found.at, found.problem) == (6, NOW, "")
    told = found.as_json(8, NOW + timedelta(seconds=90))
    assert (told["unsigned_events"], told["age_s"], told["problem"]) == (2, 90.0, None)


def test_what_is_wrong_is_told(ws: Workspace) -> None:
    """A ledger shorter than its signed head, and what the node's notary says; whatever node.json holds."""
    keep(ws, 6)
    heads = SignedHeads(ws)
    assert "ends before" in heads.read(5, {}).problem
    assert heads.read(6, {"notary": {"problem": "no key"}}).problem == "no key"
    for told in ({"notary": 1}, {"notary": None}, {"notary": {"problem": None}}):
        assert heads.read(6, told).problem == ""


def test_an_anchor_that_fails_is_told(ws: Workspace) -> None:
    """What the notary says of each anchor stands in the status; what is no anchor is passed over."""
    keep(ws, 5)
    told = [{"kind": "git", "place": "refs/x", "size": 3, "problem": "locked"}, "nonsense", {"size": "x"}]
    found = SignedHeads(ws).read(5, {"notary": {"anchors": told}})
    assert found.as_json(5, NOW)["anchors"] == [
        {"kind": "git", "place": "refs/x", "size": 3, "problem": "locked"},
        {"kind": "", "place": "", "size": 0, "problem": ""},
    ]
