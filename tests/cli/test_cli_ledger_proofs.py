"""``peak ledger checkpoint``, ``prove``, ``consistency`` and ``verify-proof``, as an auditor meets them."""

import json
import shutil
from pathlib import Path

import pytest
from support.program import Peak


@pytest.fixture
def desk(peak: Peak) -> Path:
    """A workspace whose head was signed."""
    assert peak("init", "desk").code == 0
    root = peak.cwd / "desk"
    done = peak("ledger", "checkpoint", "--json", "--root", root)
    assert done.code == 0, done.out + done.err
    assert done.document["moved"]
    (peak.cwd / "vkey").write_text(done.document["vkey"] + "\n", encoding="ascii")
    return root


def test_a_proof_is_verified_elsewhere_with_the_public_key_alone(peak: Peak, desk: Path) -> None:
    """The workspace is gone; file and key, from another place, are enough. A changed one is exit 1."""
    done = peak("ledger", "prove", 2, "--out", "event.proof", "--root", desk)
    assert done.code == 0
    assert "verify-proof" in done.out
    whole = peak("ledger", "prove", 2, "--json", "--root", desk)
    (peak.cwd / "event.json").write_text(whole.out, encoding="utf-8")
    grown = peak("ledger", "consistency", 1, 2, "--root", desk)
    (peak.cwd / "grown.proof").write_text(grown.out, encoding="utf-8")
    refused = peak("ledger", "prove", 3, "--root", desk, "--json")
    assert (refused.code, refused.document["error"]["code"]) == (1, "not_checkpointed")
    assert "own record, which the next head covers" in refused.document["error"]["message"]
    assert peak("ledger", "checkpoint", "--root", desk).code == 0
    assert peak("ledger", "prove", 3, "--root", desk).code == 0
    kept = (peak.cwd / "event.proof").read_bytes()
    refused = peak("ledger", "prove", 3, "--out", "event.proof", "--root", desk, "--json")
    assert (refused.code, refused.document["error"]["code"]) == (2, "file_exists")
    refused = peak("ledger", "consistency", 1, 2, "--out", "event.proof", "--root", desk, "--json")
    assert (refused.code, refused.document["error"]["code"]) == (2, "file_exists")
    assert (peak.cwd / "event.proof").read_bytes() == kept
    assert peak("ledger", "prove", 2, "--out", "event.proof", "--replace", "--root", desk).code == 0
    shutil.copyfile(desk / "configs/keys/workspace.pub", peak.cwd / "auditor.pub")
    shutil.rmtree(desk)
    for name, key in (("event.proof", "auditor.pub"), ("event.json", "vkey"), ("grown.proof", "vkey")):
        done = peak("ledger", "verify-proof", name, "--key", key)
        assert done.code == 0, done.out + done.err
        assert done.out.startswith("ok: ")
    told = peak("ledger", "verify-proof", "event.json", "--key", "vkey", "--json").document
    assert told["ok"]
    assert told["header"]["seq"] == 2
    assert told["body"]["operator"]
    document = json.loads(whole.out)
    document["body"]["operator"] = "eve"
    (peak.cwd / "event.json").write_text(json.dumps(document), encoding="utf-8")
    done = peak("ledger", "verify-proof", "event.json", "--key", "vkey", "--json")
    assert done.code == 1
    assert [one["code"] for one in done.document["problems"]] == ["body_changed"]
    (peak.cwd / "junk").write_bytes(b"\xff{" * 1000)
    done = peak("ledger", "verify-proof", "junk", "--key", "vkey")
    assert done.code == 1
    assert "not_a_proof" in done.out
    assert not done.err
