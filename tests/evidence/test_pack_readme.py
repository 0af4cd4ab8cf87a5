"""What a pack's README tells to do by hand, done."""

import shutil
import subprocess
from pathlib import Path

import pytest
from evidence_world import EvidenceWorld

TOOLS = ("bash", "jq", "openssl", "sha256sum", "base64")


@pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason="needs bash, jq, openssl, sha256sum and base64")
def test_the_commands_in_it_verify_files_and_signature(world: EvidenceWorld, tmp_path: Path) -> None:
    """Word for word as they stand there; a changed payload fails."""
    pack = shutil.copytree(world.build().path, tmp_path / "copy")
    shutil.copy(world.ws.keys / "workspace.pub", pack)
    text = (pack / "README.txt").read_text()
    _, _, by_hand = text.partition("By hand")
    commands = [line.strip() for line in by_hand.splitlines() if line.startswith("       ")]
    assert len(commands) >= 6
    script = "set -e\n" + "\n".join(commands)
    done = subprocess.run(["bash", "-c", script], cwd=pack, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "critic_report.md: OK" in done.stdout
    assert "Signature Verified Successfully" in done.stdout
    sealed = [one for one in world.build().path.rglob("*") if one.is_file()]
    assert done.stdout.count(": OK") == len(sealed) - 2  # all but manifest and statement
    key_id = next(line for line in text.splitlines() if len(line.strip()) == 64).strip()
    assert key_id in done.stdout
    (pack / "signed").write_bytes((pack / "signed").read_bytes()[:-1] + b"!")
    done = subprocess.run(["bash", "-c", commands[-1]], cwd=pack, capture_output=True, text=True, check=False)
    assert done.returncode != 0
