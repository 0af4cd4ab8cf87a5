"""Two operators of one group on one host: each can stop what the other has enabled."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from peak_console.control.files import ENABLED, STOP, encode
from peak_console.control.folder import prepare

_STOP = """
import os, sys
sys.path.insert(0, sys.argv[3])
from peak_console.control.stop import stop_now
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[1]))
from pathlib import Path
outcome = stop_now(Path(sys.argv[4]), reason="another's", operator=sys.argv[1])
print(outcome.effective, outcome.report.written)
"""


def stop_as(uid: int, gid: int, control: Path) -> str:
    """``stop_now`` by a process of this user and group; what it says."""
    source = str(Path(__file__).resolve().parents[2])
    words = [sys.executable, "-c", _STOP, str(uid), str(gid), source, str(control)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A control folder of group 60001, in folders that everybody may pass."""
    if os.geteuid() != 0:
        pytest.skip("becoming two other users needs root")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    root = tmp_path / "w"
    root.mkdir()
    os.chown(root, 60011, 60001)
    control = root / "audits" / "control"
    prepare(control, group_of=root)
    os.chown(control, 60011, 60001)
    control.chmod(0o2770)
    return control


def enable_as(uid: int, control: Path) -> None:
    """``ENABLED`` as this user's enable leaves it: the group may read and write it, and the folder."""
    path = control / ENABLED
    path.write_bytes(encode({"event_id": "ev_1"}))
    os.chown(path, uid, 60001)
    path.chmod(0o660)


def test_both_of_two_users_of_one_group_can_stop(shared: Path) -> None:
    """Whoever enabled, and whoever's STOP stands: the other stops too, and their word is the last."""
    for enabled_by, stopped_by in ((60011, 60012), (60012, 60011), (60011, 60011)):
        enable_as(enabled_by, shared)
        assert stop_as(stopped_by, 60001, shared) == "True True"
        assert not (shared / ENABLED).exists()
        assert json.loads((shared / STOP).read_bytes())["operator"] == str(stopped_by)
        assert (shared / STOP).stat().st_gid == 60001


def test_a_stranger_cannot_and_is_told(shared: Path) -> None:
    """A user of another group reaches nothing, and the stop does not claim that it did."""
    enable_as(60011, shared)
    assert stop_as(60013, 60003, shared) == "False False"
    assert (shared / ENABLED).exists()
