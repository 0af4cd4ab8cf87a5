"""``peak evidence`` on the command line."""

import json
import shutil
from pathlib import Path

import pytest
from evidence_world import OTHER, RUN, EvidenceWorld, draft, judged

from peak_console.cli.program import run
from peak_console.domain.errors import UsageWrong
from peak_console.operations.evidence import pack_meant

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def root(world: EvidenceWorld, monkeypatch: pytest.MonkeyPatch) -> str:
    """The workspace's folder, with its keys in the environment."""
    monkeypatch.setenv("PEAK_KEYS_DIR", str(world.keys))
    monkeypatch.setenv("COLUMNS", "80")
    return str(world.ws.root)


def test_building_verifying_and_showing(root: str, world: EvidenceWorld, capsys: Capture) -> None:
    """Sealed and recorded once; a second time it says so; then verified, listed and read."""
    assert run(["evidence", "build", RUN, "--root", root, "--json"]) == 0
    built = json.loads(capsys.readouterr().out)
    assert built["existed"] is False
    assert built["seq"] is not None
    assert run(["evidence", "build", RUN, "--root", root, "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["existed"], again["seq"]) == (True, built["seq"])
    assert run(["evidence", "verify", RUN, "--root", root]) == 0
    assert capsys.readouterr().out.startswith(f"ok: run {RUN}")
    assert run(["evidence", "list", "--root", root]) == 0
    assert RUN in capsys.readouterr().out
    assert run(["evidence", "show", RUN, "--root", root]) == 0
    shown = capsys.readouterr().out
    assert "critic_report.md" in shown
    assert "# Critic report" in shown
    assert run(["evidence", "show", RUN, "gate.json", "--root", root]) == 0
    assert "gate.decided" in capsys.readouterr().out


def test_a_part_of_an_incidents_id_means_it(world: EvidenceWorld) -> None:
    """As ``peak incident show`` takes it; several are refused, and what means none stays."""
    ids = ("inc_20261122_030000_abc123", "inc_20261122_040000_def456")
    for one in ids:
        world.write(draft("incident.opened", {"incident_id": one, "trigger": "operator"}))
    assert pack_meant(world.ws, "def456") == pack_meant(world.ws, ids[1]) == ids[1]
    assert [pack_meant(world.ws, text) for text in ("zzz", RUN, "../x")] == ["zzz", RUN, "../x"]
    with pytest.raises(UsageWrong) as caught:
        pack_meant(world.ws, "inc_2026")
    assert caught.value.code == "incident_ambiguous"


def test_a_run_whose_head_is_not_signed_yet_has_it_signed(
    root: str, world: EvidenceWorld, capsys: Capture
) -> None:
    """The node signs its head when asked, and the pack lies under that checkpoint."""
    world.write(judged("PASS"))
    assert run(["evidence", "build", RUN, "--root", root, "--json"]) == 0, capsys.readouterr().out
    assert json.loads(capsys.readouterr().out)["checkpoint_size"] > 13


def test_an_archive_verifies_outside_any_workspace(
    root: str, world: EvidenceWorld, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the key that is named; without one that is asked for; another key did not sign it."""
    target = tmp_path / "pack.tar.gz"
    assert run(["evidence", "build", RUN, "--root", root, "--export", str(target)]) == 0
    key = shutil.copy(world.ws.keys / "workspace.pub", tmp_path / "given.pub")
    other = world.ws.keys / "anna.pub"
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    assert run(["evidence", "verify", str(target), "--key", str(key)]) == 0
    assert run(["evidence", "verify", str(target)]) == 2
    assert "--key workspace.pub" in capsys.readouterr().err
    assert run(["evidence", "verify", str(target), "--key", str(other)]) == 1
    assert "not signed by this key" in capsys.readouterr().out


def test_a_changed_pack_is_not_shown(root: str, world: EvidenceWorld, capsys: Capture) -> None:
    """It is verified at each opening: exit 1 names what is wrong, and nothing of it is printed."""
    folder = world.build().path
    (folder / "critic_report.md").chmod(0o644)
    (folder / "critic_report.md").write_text("# All passed\n")
    for words in (["verify", RUN], ["show", RUN], ["show", RUN, "critic_report.md"], ["verify", str(folder)]):
        assert run(["evidence", *words, "--root", root]) == 1
        out = capsys.readouterr().out
        assert "critic_report.md: changed" in out
        assert "All passed" not in out


def test_what_cannot_be_sealed_is_refused_with_a_way_on(
    root: str, world: EvidenceWorld, capsys: Capture
) -> None:
    """Hostile and unknown ids, unfinished runs: a code, and what to do."""
    for run_id, code in (("../x", 2), ("20260101_000000_aaaaaa", 1), (OTHER, 1)):
        assert run(["evidence", "build", run_id, "--root", root]) == code
        assert "do:" in capsys.readouterr().err
    assert run(["evidence", "verify", OTHER, "--root", root]) == 1
    assert f"peak evidence build {OTHER}" in capsys.readouterr().err
    world.write(draft("run.finished", {"outcome": "ok", "artefacts": []}, run_id=OTHER))
    world.sign()
    assert run(["evidence", "build", OTHER, "--root", root]) == 0
