"""The stop path: never refused, fast, and truthful about what failed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from control_folder import Folder

from peak_console.cli.stop import stop as stop_command
from peak_console.control.files import ENABLED, ENABLING, STOP, decode
from peak_console.control.stop import stop_now

HEAVY = ("pydantic", "orjson", "textual", "httpx", "rich", "click", "sqlite3", "asyncio", "cryptography")


def test_a_stop_removes_both_files_and_leaves_its_mark(folder: Folder) -> None:
    """ENABLED and ENABLING gone, STOP names the stop, who, when and why."""
    (folder.path / ENABLING).write_bytes(b"{}")
    outcome = stop_now(folder.path, reason="error rate", operator="anna")
    assert outcome.effective
    assert outcome.failed == ()
    assert outcome.report.enabled_event == "ev_1"
    assert not (folder.path / ENABLED).exists()
    assert not (folder.path / ENABLING).exists()
    fields = decode((folder.path / STOP).read_bytes())
    assert fields is not None
    assert fields["stop_id"] == outcome.stop_id
    assert (fields["reason"], fields["operator"]) == ("error rate", "anna")
    assert not folder.gate().posture().calls


def test_the_unlinks_come_before_the_mark(folder: Folder) -> None:
    """The order of the protocol, as the outcome tells it."""
    steps = [one.step for one in stop_now(folder.path).report.steps]
    assert steps == [
        "look",
        "unlink ENABLING",
        "unlink ENABLED",
        "write STOP",
        "unlink ENABLING again",
        "unlink ENABLED again",
        "make durable",
        "read back",
    ]


def test_every_stop_has_an_id_of_its_own(folder: Folder) -> None:
    """A second stop replaces the mark: an enable that saw the first must not lift the second."""
    first, second = stop_now(folder.path), stop_now(folder.path)
    assert first.stop_id != second.stop_id
    fields = decode((folder.path / STOP).read_bytes())
    assert fields is not None
    assert fields["stop_id"] == second.stop_id


def test_a_folder_that_does_not_exist_is_stopped(tmp_path: Path) -> None:
    """Nothing permits there; what could not be written is told."""
    outcome = stop_now(tmp_path / "none")
    assert outcome.effective
    assert "write STOP" in {step.step for step, _ in outcome.failed}


@pytest.mark.parametrize("content", [b"", b"\xff\xff", b"x" * 100_000])
def test_files_that_do_not_parse_do_not_keep_it_from_stopping(folder: Folder, content: bytes) -> None:
    """No file has to parse."""
    for name in (ENABLED, ENABLING, STOP):
        (folder.path / name).write_bytes(content)
    assert stop_now(folder.path).effective


def test_an_enabled_that_cannot_be_removed_is_told_with_a_remedy(folder: Folder) -> None:
    """A directory in its place: the other steps are done, the outcome says not effective."""
    (folder.path / ENABLED).unlink()
    (folder.path / ENABLED).mkdir()
    outcome = stop_now(folder.path)
    assert not outcome.effective
    failed = {step.step: remedy for step, remedy in outcome.failed}
    assert "rm audits/control/ENABLED" in failed["unlink ENABLED"]
    assert (folder.path / STOP).exists()
    assert not folder.gate().posture().calls


def test_a_full_disk_does_not_keep_it_from_stopping(tmp_path: Path) -> None:
    """On a full file system STOP cannot be written; the unlinks suffice."""
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("mounting a small file system needs root on Linux")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let tests mount")
    try:
        for name in (ENABLED, ENABLING):
            (disk / name).write_bytes(b'{"event_id":"ev_1"}')
        with pytest.raises(OSError, match="space"):
            (disk / "filler").write_bytes(b"x" * 100_000)
        outcome = stop_now(disk)
        assert outcome.effective
        assert not (disk / ENABLED).exists()
        assert not (disk / ENABLING).exists()
        assert outcome.report.enabled_event == "ev_1"
        if not outcome.report.written:  # the unlinked files may have given the block back
            assert [step.step for step, _ in outcome.failed] == ["write STOP"]
    finally:
        subprocess.run(["umount", str(disk)], check=False)


def test_it_loads_nothing_heavy() -> None:
    """In a fresh interpreter it loads the standard library's light part and three files of this room."""
    code = "import sys, json, peak_console.control.stop; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert not loaded & set(HEAVY)
    ours = {name for name in loaded if name.startswith("peak_console.")}
    assert ours == {
        "peak_console.control",
        "peak_console.control.files",
        "peak_console.control.folder",
        "peak_console.control.stop",
    }


def test_the_asked_scope_is_noted_where_it_is_another(folder: Folder) -> None:
    """A stop of one layer stops everything, and says what was asked."""
    narrow = stop_now(folder.path, asked_scope="L2")
    assert (narrow.scope, narrow.asked_scope) == ("global", "L2")
    fields = decode((folder.path / STOP).read_bytes())
    assert fields is not None
    assert (fields["scope"], fields["asked_scope"]) == ("global", "L2")
    assert stop_now(folder.path, asked_scope="global").asked_scope == ""
    fields = decode((folder.path / STOP).read_bytes())
    assert fields is not None
    assert "asked_scope" not in fields


@pytest.mark.parametrize(
    ("words", "reason"),
    [(["--all"], "peak stop --all"), (["--all", "--reason", "fire"], "fire"), ([], "")],
)
def test_a_stop_of_all_says_where_it_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], reason: str
) -> None:
    """The owner of a workspace reads it in the reason, unless one was given."""
    (tmp_path / "audits" / "control").mkdir(parents=True)
    monkeypatch.setattr("peak_console.control.running.running_nodes", list)
    assert stop_command(["stop", "--root", str(tmp_path), "--json", *words]) == 0
    fields = decode((tmp_path / "audits" / "control" / STOP).read_bytes())
    assert fields is not None
    assert fields["reason"] == reason


def test_a_reader_that_goes_away_keeps_no_step_from_being_done(tmp_path: Path) -> None:
    """``peak stop | head -1``: stopped, no traceback, and the steps behind the first line are done."""
    control = tmp_path / "audits" / "control"
    control.mkdir(parents=True)
    (control / "ENABLED").write_text('{"event_id": "ev_1"}')
    program = (
        "import sys\n"
        "from peak_console.cli import stop\n"
        "import peak_console.operations.stop_background as background\n"
        "cancel = background.cancel_background\n"
        "def told(*args, **named):\n"
        "    sys.stderr.write('background')\n"
        "    return cancel(*args, **named)\n"
        "background.cancel_background = told\n"
        "sys.exit(stop.stop(['stop', '--root', sys.argv[1]]))\n"
    )
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(writing)
    assert done.stderr == "background"
    assert done.returncode == 0
    assert not (control / "ENABLED").exists()
