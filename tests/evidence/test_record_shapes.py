"""``peak schema`` of runs, packs and proofs: what the commands print has the printed shape."""

import json
from pathlib import Path

import pytest
from evidence_world import RUN, EvidenceWorld

from peak_console.cli.program import run
from peak_console.operations.shapes import SHAPES

Capture = pytest.CaptureFixture[str]


def test_what_is_printed_has_the_shape_of_its_schema(
    world: EvidenceWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Each command of runs, evidence, proofs and exports, on one workspace."""
    monkeypatch.setenv("PEAK_KEYS_DIR", str(world.keys))
    monkeypatch.setenv("PEAK_STATE_DIR", str(tmp_path / "state"))
    export, proof = tmp_path / "run.jsonl", tmp_path / "event.proof"
    commands = {
        "runs-list": ["runs", "list"],
        "runs-show": ["runs", "show", RUN],
        "runs-replay": ["runs", "replay", RUN],
        "evidence-build": ["evidence", "build", RUN],
        "evidence-verify": ["evidence", "verify", RUN],
        "evidence-list": ["evidence", "list"],
        "ledger-checkpoint": ["ledger", "checkpoint"],
        "ledger-prove": ["ledger", "prove", "7"],
        "ledger-consistency": ["ledger", "consistency", "3", "9"],
        "ledger-verify-proof": ["ledger", "verify-proof", str(proof)],
        "ledger-export": ["ledger", "export", "--run", RUN, "--out", str(export)],
        "ledger-import": ["ledger", "import", str(export), "--to", str(tmp_path / "read")],
        "why": ["why", RUN],
    }
    for name, words in commands.items():
        code = run([*words, "--root", str(world.ws.root), "--json"])
        shown = capsys.readouterr().out
        assert code in {0, 1}, (name, shown)
        SHAPES[name].model_validate(json.loads(shown), strict=True)
        if name == "ledger-prove":
            proof.write_text(shown)
        assert run(["schema", name]) == 0
        assert set(json.loads(capsys.readouterr().out)["properties"]) <= set(json.loads(shown)) | {
            one for one, field in SHAPES[name].model_fields.items() if not field.is_required()
        }, name


def test_an_import_of_a_run_says_first_that_no_ledger_was_made(
    world: EvidenceWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Then what was proven, and what cannot be known."""
    monkeypatch.setenv("PEAK_KEYS_DIR", str(world.keys))
    export = tmp_path / "run.jsonl"
    root = ["--root", str(world.ws.root)]
    assert run(["ledger", "export", "--run", RUN, "--out", str(export), *root]) == 0
    capsys.readouterr()
    assert run(["ledger", "import", str(export), "--to", str(tmp_path / "read")]) == 0
    first, *others = capsys.readouterr().out.splitlines()
    assert first.startswith(f"ok: 7 events of run {RUN} verified; no ledger file was made")
    assert any(one.startswith("proven: ") for one in others)
    assert any(one.startswith("cannot know: ") for one in others)
    assert not (tmp_path / "read" / "ledger.db").exists()
