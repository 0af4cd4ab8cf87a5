"""``peak ledger backup`` and ``peak ledger recover`` from the command line, to the end of the way."""

import sqlite3
from pathlib import Path

import pytest
from support.children import eventually
from support.program import Peak


@pytest.fixture
def desk(peak: Peak) -> Path:
    """A workspace whose node ran: its head is signed."""
    root = peak.cwd / "desk"
    assert peak("init", root, "--operator", "anna").code == 0
    control = root / "configs" / "control.toml"
    control.write_text("[enable]\ncooldown_s = 0\n", encoding="utf-8")
    console = root / "configs" / "console.toml"
    text = console.read_text(encoding="utf-8")
    console.write_text(
        text.replace("[exporters.metrics]\nenabled = true", "[exporters.metrics]\nenabled = false")
    )
    assert peak("node", "start", "--root", root).code == 0
    assert peak("enable", "--root", root, "--reason", "test", "--confirm", "ENABLE").code == 0
    eventually(lambda: any((root / "audits/checkpoints").glob("*.notes")), "the head is signed")
    return root


def test_from_a_deleted_ledger_back_to_calls(peak: Peak, desk: Path) -> None:
    """Beside the node refused; a deleted ledger is no new workspace; recovered, enabled, verified."""
    state = {"PEAK_STATE_DIR": str(peak.cwd / "state")}
    made = peak("ledger", "backup", "--root", desk, "--json").document
    assert made["verified"]
    assert made["same_disk"]
    assert Path(made["file"]).parent == desk / "audits" / "backups"
    beside = peak("ledger", "recover", "--root", desk, "--reason", "test", "--force")
    assert beside.code == 3
    assert "peak node stop" in beside.err
    assert peak("node", "stop", "--root", desk).code == 0
    for tail in ("", "-wal", "-shm"):
        (desk / "audits" / f"ledger.db{tail}").unlink(missing_ok=True)
    refused = peak("node", "start", "--root", desk, **state)
    assert refused.code == 3
    assert "ledger_missing" in refused.err
    assert "peak ledger recover" in refused.err
    told = peak("status", "--root", desk)
    assert "peak ledger recover" in told.out
    done = peak("ledger", "recover", "--root", desk, "--reason", "disk died", "--phase", "bootstrap")
    assert done.code == 0, done.err
    for word in ("no event could be proven", "lost:", "operators: anna", "STOPPED", "peak enable"):
        assert word in done.out
    assert peak("node", "start", "--root", desk).code == 0
    try:
        enabled = peak("enable", "--root", desk, "--reason", "found the cause", "--confirm", "ENABLE")
        assert enabled.code == 0, enabled.err
        disk = peak("status", "--root", desk, "--json").document["ledger"]["disk"]
        assert disk["free_bytes"] > 0
    finally:
        peak("node", "stop", "--root", desk)
    assert peak("ledger", "verify", "--root", desk, "--json").document["events"] >= 4


def test_unreadable_pages_from_the_command_line(peak: Peak, desk: Path) -> None:
    """Named with the anchors and what to do, no stop asked for without a node; the status says what is known.

    Saved up to the damage by ``recover``, and more of it from a backup.
    """
    for number in range(3):
        assert peak("enable", "--root", desk, "--reason", f"r{number}", "--confirm", "ENABLE").code == 0
    kept = peak.cwd / "kept.db"
    assert peak("ledger", "backup", kept, "--root", desk).code == 0
    assert (peak.cwd / "kept.db.checkpoints").is_dir()
    assert peak("node", "stop", "--root", desk).code == 0
    path = desk / "audits" / "ledger.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'body'").fetchone()
    db.close()
    assert "NOT VERIFIED" in peak("status", "--root", desk).out
    with path.open("r+b") as file:
        file.seek(4096 * (page - 1))
        file.write(bytes(range(256)) * 16)
    found = peak("ledger", "verify", "--root", desk)
    assert found.code == 1
    assert "unreadable" in found.out
    assert "not compared" in found.out
    assert "peak stop" not in found.out
    assert "peak ledger recover --from BACKUP" in found.out
    told = peak("status", "--root", desk)
    assert told.code == 0
    assert "UNREADABLE" in told.out or "NOT VERIFIED" in told.out
    done = peak("ledger", "recover", "--root", desk, "--from", kept, "--reason", "disk died")
    assert done.code == 0, done.err
    assert "of kept.db, proven" in done.out
    assert peak("ledger", "verify", "--root", desk).code == 0
