"""A pack against the seal that the ledger recorded: who stole the key still cannot change what was sealed."""

import json
import shutil
from pathlib import Path

import pytest
from evidence_world import RUN, EvidenceWorld, completed, draft

from peak_console.cli.program import run
from peak_console.operations.evidence import verify_pack
from peak_console.operations.evidence_build import PackBuilt

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def sealed(world: EvidenceWorld) -> PackBuilt:
    """A pack whose seal stands on the ledger."""
    built = world.build()
    _record(world, built)
    return built


def test_a_pack_made_anew_with_the_stolen_key_is_named(world: EvidenceWorld, sealed: PackBuilt) -> None:
    """Everything in it is signed and proved, but the ledger recorded another manifest."""
    _forged(world, sealed)
    found = verify_pack(world.ws, RUN)
    assert not found.ok
    assert found.recorded == "differs"
    assert sealed.manifest_sha256[:16] in found.problems[0]
    assert found.proofs_ok, "nothing else is wrong with it"
    assert len(found.problems) == 1


def test_recording_the_forged_pack_afterwards_helps_nobody(world: EvidenceWorld, sealed: PackBuilt) -> None:
    """The first seal of an edition is the one that counts."""
    _record(world, _forged(world, sealed))
    assert verify_pack(world.ws, RUN).recorded == "differs"


def test_an_edition_that_nobody_recorded_beside_one_on_record_is_named(
    world: EvidenceWorld, sealed: PackBuilt
) -> None:
    """A forger's new edition is not taken for the newest; the recorded one verifies still."""
    (world.ws.runs / RUN / "outlook/more.md").write_text("put there later")
    forged = world.build()
    assert forged.edition == 2
    found = verify_pack(world.ws, RUN)
    assert (found.ok, found.recorded) == (False, "no")
    assert "edition 2" in found.problems[0]
    assert verify_pack(world.ws, RUN, edition=1).recorded == "yes"


def test_a_run_never_sealed_on_the_ledger_is_told_of(world: EvidenceWorld) -> None:
    """Only the key speaks for such a pack, and the reader is told so."""
    world.build()
    found = verify_pack(world.ws, RUN)
    assert (found.ok, found.recorded, found.recorded_seq) == (True, "no", None)
    assert "only the key" in found.notes[0]


def test_a_pack_that_was_lost_gets_its_edition_back_and_another_one_does_not(
    world: EvidenceWorld, sealed: PackBuilt
) -> None:
    """The number of a recorded edition is never given to other contents."""
    shutil.rmtree(sealed.path.parent)
    assert world.build().edition == 1
    shutil.rmtree(sealed.path.parent)
    world.write(completed("call_b", "0.010000000"))
    world.sign()
    changed = world.build()
    assert changed.edition == 2
    _record(world, changed)
    assert verify_pack(world.ws, RUN).recorded == "yes"


def test_a_pack_named_by_its_folder_is_held_against_the_ledger_too(
    world: EvidenceWorld,
    sealed: PackBuilt,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    """A copy elsewhere is one of the recorded editions; a forged one is none of them."""
    monkeypatch.setenv("PEAK_KEYS_DIR", str(world.keys))
    copy = tmp_path / "copy"
    shutil.copytree(sealed.path, copy)
    words = ["evidence", "verify", str(copy), "--root", str(world.ws.root)]
    assert run([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["recorded"] == "yes"
    shutil.rmtree(copy)
    shutil.copytree(_forged(world, sealed).path, copy)
    assert run(words) == 1
    assert "the ledger knows another pack" in capsys.readouterr().out


def test_without_a_ledger_the_reader_is_told_what_was_not_compared(
    world: EvidenceWorld, sealed: PackBuilt
) -> None:
    """The pack still verifies by its key."""
    world.ws.ledger.unlink()
    found = verify_pack(world.ws, RUN)
    assert (found.ok, found.recorded) == (True, "")
    assert "not compared" in found.notes[0]


# -- within


def _record(world: EvidenceWorld, built: PackBuilt) -> None:
    body = {"run_id": RUN, "edition": built.edition, "manifest_sha256": built.manifest_sha256}
    world.write(draft("evidence.sealed", body, run_id=RUN))


def _forged(world: EvidenceWorld, sealed: PackBuilt) -> PackBuilt:
    """Another pack with the workspace's own key, under the name of the sealed edition."""
    artefact = world.ws.runs / RUN / "outlook/result.md"
    artefact.write_text("# Result\n\nUp, and it was always up.\n")
    made = world.build()
    shutil.rmtree(sealed.path)
    made.path.rename(sealed.path)
    return type(made)(
        **{name: getattr(made, name) for name in made.__dataclass_fields__}
        | {
            "path": sealed.path,
            "edition": 1,
        }
    )
