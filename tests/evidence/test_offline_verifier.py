"""The verifier that ships with the documentation: it uses nothing of the program, and agrees with it."""

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from evidence_world import RUN, EvidenceWorld, draft

from peak_console.operations.evidence import verify_path
from peak_console.operations.evidence_build import export_pack

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "verify_pack.py"


@pytest.fixture(scope="module")
def offline() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("verify_pack", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_imports_nothing_of_the_program() -> None:
    """Standard library and cryptography are all that an auditor needs."""
    text = SCRIPT.read_text()
    assert "peak_console" not in text.replace("Peak Console", "")
    assert [line for line in text.splitlines() if line.startswith("from cryptography")]


def test_it_runs_by_itself_on_folder_and_archive(world: EvidenceWorld, tmp_path: Path) -> None:
    """From another folder, with the key's file; a changed pack gives exit code 1 and the file's name."""
    folder, key = world.build().path, world.ws.keys / "workspace.pub"
    archive = export_pack(world.ws, RUN, tmp_path / "pack.tar.gz")
    for pack in (folder, archive):
        words = [sys.executable, "-I", str(SCRIPT), str(pack), str(key)]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
    (folder / "critic.json").chmod(0o644)
    (folder / "critic.json").write_text("{}")
    words = [sys.executable, "-I", str(SCRIPT), str(folder), str(key)]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "critic.json: changed" in done.stdout


def _change(name: str, text: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).chmod(0o644)
        (folder / name).write_text(text)

    return change


def _drop_line(name: str) -> Callable[[Path], None]:
    def drop(folder: Path) -> None:
        (folder / name).chmod(0o644)
        (folder / name).write_bytes(b"".join((folder / name).read_bytes().splitlines(keepends=True)[:-1]))

    return drop


def _resigned(folder: Path) -> None:
    envelope = json.loads((folder / "statement.dsse.json").read_text())
    envelope["signatures"][0]["sig"] = "A" * 86 + "=="
    _change("statement.dsse.json", json.dumps(envelope))(folder)


TAMPERINGS: dict[str, Callable[[Path], None]] = {
    "changed artefact": _change("artefacts/outlook/result.md", "Up."),
    "changed event": _change("events.jsonl", "{}\n"),
    "dropped event": _drop_line("events.jsonl"),
    "dropped proof": _drop_line("proofs.jsonl"),
    "other checkpoint": _change("checkpoint.note", "x\n1\nAAAA\n\n\u2014 x AAAA\n"),
    "emptied manifest": _change("manifest.json", '{"files":[]}'),
    "no statement": lambda folder: (folder / "statement.dsse.json").unlink(),
    "no manifest": lambda folder: (folder / "manifest.json").unlink(),
    "no checkpoint": lambda folder: (folder / "checkpoint.note").unlink(),
    "other signature": _resigned,
    "no statement in it": _change("statement.dsse.json", "[]"),
    "planted file": lambda folder: (folder / "configs/planted.toml").touch(),
    "planted folder": lambda folder: (folder / "configs" / "empty" / "inner").mkdir(parents=True),
    "planted link": lambda folder: (folder / "link").symlink_to("/etc/passwd"),
}


def test_both_verifiers_agree_on_every_tampering(
    world: EvidenceWorld, offline: ModuleType, tmp_path: Path
) -> None:
    """What one accepts the other does, and each kind of tampering is found by both."""
    world.write(
        draft("gate.decided", {"verdict": "BLOCK", "note": "caf\u00e9 \u2028 \U0001f600"}, run_id=RUN)
    )
    world.sign()
    sealed = world.build().path
    key = (world.ws.keys / "workspace.pub").read_bytes()
    assert list(offline.problems(sealed, key)) == []
    for name, tamper in TAMPERINGS.items():
        folder = tmp_path / name
        shutil.copytree(sealed, folder)
        tamper(folder)
        assert list(offline.problems(folder, key)), name
        assert not verify_path(folder, world.public).ok, name
