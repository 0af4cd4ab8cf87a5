"""Packs: what is in one, that it can be made again, and what verifying it finds."""

import json
import shutil
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest
from evidence_world import OTHER, RUN, EvidenceWorld, completed, draft, judged, new_world, requested, with_run

from peak_console.domain.canonical import sha256_hex
from peak_console.domain.errors import LedgerBroken, UsageWrong
from peak_console.ledger.heads.proving import NotSigned
from peak_console.operations.evidence import (
    EvidenceUnusable,
    State,
    VerificationCancelled,
    critic_report,
    list_packs,
    read_pack_file,
    verify_pack,
    verify_path,
)
from peak_console.operations.evidence_build import PackIncomplete, RunUnfinished, build_pack, export_pack


def _files(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def test_a_pack_holds_everything_of_a_run_and_verifies(world: EvidenceWorld) -> None:
    """Artefacts, events, governing events, proofs, checkpoint, configs and reports, each as sealed."""
    built = world.build()
    found = verify_pack(world.ws, RUN)
    assert found.ok, found.problems
    assert found.proofs_ok
    assert found.run_id == RUN
    assert {one.state for one in found.files} == {State.OK}
    names = {one.path for one in found.files}
    assert {
        "manifest.json",
        "statement.dsse.json",
        "events.jsonl",
        "governing.jsonl",
        "proofs.jsonl",
    } <= names
    assert {"checkpoint.note", "critic.json", "gate.json", "costs.json", "environment.json"} <= names
    assert "artefacts/outlook/result.md" in names
    for config in ("matrix", "models", "prices", "budgets", "control", "prompts", "prompt.market-outlook.1"):
        assert any(one.startswith(f"configs/{config}@") for one in names), config
    assert built.events == found.events == 7 + 4
    assert built.left_out == ()
    assert (world.ws.audits / RUN / "critic_report.md").read_text() == critic_report(world.ws, RUN)


def test_only_the_runs_own_events_and_those_that_governed_it_are_in_it(world: EvidenceWorld) -> None:
    """Another run's events stay out; of nodes only the one of that time is told, with its version."""
    world.build()
    lines = read_pack_file(world.ws, RUN, "events.jsonl").splitlines()
    assert {json.loads(one)["header"]["run_id"] for one in lines} == {RUN}
    governing = [json.loads(one) for one in read_pack_file(world.ws, RUN, "governing.jsonl").splitlines()]
    kinds = [one["header"]["kind"] for one in governing]
    assert kinds == ["workspace.initialised", "operator.enrolled", "node.started", "control.enabled"]
    around = json.loads(read_pack_file(world.ws, RUN, "environment.json"))
    assert around["program_version"] == "0.1.0"
    assert around["nodes"][0]["sqlite_version"] == "3.46.0"


def test_costs_say_what_stands_at_its_bound(world: EvidenceWorld) -> None:
    """Per model and in sum, decimals as text; a late bill and a settlement correct what stood before."""
    world.build()
    costs = json.loads(read_pack_file(world.ws, RUN, "costs.json"))
    assert costs["sum"]["cost_eur"] == "0.350000000"
    assert costs["sum"]["at_bound_eur"] == "0.250000000"
    assert costs["models"][0]["model_id"] == "gpt-5.2"
    world.write(
        draft(
            "budget.settled",
            {
                "hop": 1,
                "cost_eur": "0.040000000",
                "was_eur": "0.250000000",
                "operator": "anna",
                "reason": "bill",
            },
            run_id=RUN,
            call_id="call_b",
        )
    )
    world.sign()
    again = world.build()
    assert again.edition == 2
    settled = json.loads(read_pack_file(world.ws, RUN, "costs.json"))
    assert settled["sum"]["cost_eur"] == "0.140000000"
    assert settled["sum"]["at_bound_eur"] == "0.000000000"
    assert settled["settled"][0]["operator"] == "anna"


def test_no_gate_decision_is_said_as_such(world: EvidenceWorld) -> None:
    """An empty list says that it is one; a decision is listed in full."""
    world.build()
    assert "no gate.decided" in json.loads(read_pack_file(world.ws, RUN, "gate.json"))["note"]
    world.write(draft("gate.decided", {"verdict": "BLOCK", "reasons": ["not_armed"]}, run_id=RUN))
    world.sign()
    world.build()
    decided = json.loads(read_pack_file(world.ws, RUN, "gate.json"))["decisions"]
    assert decided[0]["body"] == {"verdict": "BLOCK", "reasons": ["not_armed"]}


def test_a_shadow_runs_pack_tells_its_decision_and_its_cycle(world: EvidenceWorld) -> None:
    """In gate.json whole, and in the report in words in which nothing is markup; it verifies."""
    intent = {"side": "buy", "quantity": "800.00", "instrument": "EUR/USD"}
    body = {"verdict": "BLOCK", "reasons": ["stale_data"], "intent_id": "i_1", "inputs": {"intent": intent}}
    cycle = {
        "outcome": "would_block",
        "instrument": "<b>EUR</b>",
        "reasons": ["stale_data"],
        "replayed": True,
    }
    world.write(draft("gate.decided", body, run_id=RUN), draft("shadow.cycle.finished", cycle, run_id=RUN))
    world.sign()
    world.build()
    gate = json.loads(read_pack_file(world.ws, RUN, "gate.json"))
    assert [one["body"]["outcome"] for one in gate["cycles"]] == ["would_block"]
    report = read_pack_file(world.ws, RUN, "critic_report.md").decode()
    for said in (
        "# Risk gate",
        "## 1. BLOCK",
        "reasons: stale_data",
        "Cycle: would_block",
        "history replayed",
    ):
        assert said in report
    assert "<b>" not in report
    assert verify_pack(world.ws, RUN).ok


def test_the_same_run_gives_the_same_bytes(world: EvidenceWorld, tmp_path: Path) -> None:
    """On another day, on another machine, after more events, checkpoints, editions and changed configs."""
    first = world.build()
    before = _files(first.path)
    elsewhere = tmp_path / "elsewhere" / "w"
    shutil.copytree(world.ws.root, elsewhere)
    world.clock.advance(86_400)
    world.ws.matrix.write_text(world.ws.matrix.read_text() + "\n# changed\n")
    world.write(
        draft("config.changed", {"file": "matrix", "old": "a" * 64, "new": "b" * 64}),
        draft("run.started", {"purpose": "later", "phase": "bootstrap"}, run_id=OTHER),
        draft("evidence.sealed", {"run_id": RUN, "edition": 1}, run_id=RUN),
    )
    world.sign()
    again = world.build()
    assert again.existed
    assert again.edition == 1
    for root in (world.ws.root, elsewhere):
        other = EvidenceWorld(type(world.ws)(root), world.keys)
        shutil.rmtree(root / "audits" / RUN)
        assert _files(other.build().path) == before


def test_a_run_that_went_on_gives_an_edition_beside_the_sealed_one(world: EvidenceWorld) -> None:
    """A sealed pack is never written over; both verify."""
    first = _files(world.build().path)
    world.write(completed("call_b", "0.010000000"))
    world.sign()
    second = world.build()
    assert second.path.name == "evidence.2"
    assert _files(world.ws.audits / RUN / "evidence") == first
    assert verify_pack(world.ws, RUN, edition=1).ok
    assert verify_pack(world.ws, RUN).ok
    assert [(one.edition, one.state) for one in list_packs(world.ws)] == [(2, "ok"), (1, "ok")]


def test_a_poorer_edition_is_sealed_on_purpose_only(world: EvidenceWorld) -> None:
    """Where an earlier edition holds a file of the run that is gone, sealing again says so."""
    extra = world.ws.runs / RUN / "outlook/notes.md"
    extra.write_text("unrecorded")
    world.build()
    extra.unlink()
    with pytest.raises(PackIncomplete, match="edition 1 holds 1 file more"):
        world.build()
    assert len(list_packs(world.ws)) == 1
    assert world.build(incomplete=True).edition == 2


def test_a_damaged_pack_is_not_taken_for_the_same(world: EvidenceWorld) -> None:
    """Building again beside a damaged pack seals anew, and leaves the damage to be seen."""
    built = world.build()
    report = built.path / "critic.json"
    report.chmod(0o644)
    report.write_text("{}")
    assert world.build().edition == 2
    assert not verify_pack(world.ws, RUN, edition=1).ok
    assert {(one.edition, one.state) for one in list_packs(world.ws)} == {(1, "broken"), (2, "unverified")}


def test_missing_extra_and_changed_files_are_named(world: EvidenceWorld) -> None:
    """Each with its state; nothing else is accused."""
    folder = world.build().path
    changed, missing = folder / "artefacts/outlook/result.md", folder / "costs.json"
    changed.chmod(0o644)
    changed.write_text("# Result\n\nUp.\n")
    missing.unlink()
    (folder / "artefacts/planted.md").write_text("x")
    (folder / "link.md").symlink_to(changed)
    found = verify_pack(world.ws, RUN)
    assert not found.ok
    states = {one.path: one.state for one in found.files if one.state is not State.OK}
    assert states == {
        "artefacts/outlook/result.md": State.CHANGED,
        "artefacts/planted.md": State.EXTRA,
        "costs.json": State.MISSING,
        "link.md": State.EXTRA,
    }
    assert any("link.md" in one for one in found.problems)
    assert found.proofs_ok


def test_an_empty_folder_in_a_pack_is_extra(world: EvidenceWorld, tmp_path: Path) -> None:
    """In a folder and in an archive alike, also one in another; the folders of its files are not."""
    folder = world.build().path
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "notes" / "inner").mkdir(parents=True)
    with tarfile.open(tmp_path / "whole.tar.gz", "w:gz") as archive:
        archive.add(folder, "pack")
    with tarfile.open(tmp_path / "copy.tar.gz", "w:gz") as archive:
        archive.add(copy, "pack")
    assert verify_path(tmp_path / "whole.tar.gz", world.public).ok
    for place in (copy, tmp_path / "copy.tar.gz"):
        found = verify_path(place, world.public)
        assert not found.ok
        assert {one.path: one.state for one in found.files if one.state is not State.OK} == {
            "notes/inner/": State.EXTRA
        }
        assert found.problems == ("notes/inner/: extra: an empty folder",)


@pytest.mark.parametrize(
    "path",
    [
        "manifest.json",
        "statement.dsse.json",
        "events.jsonl",
        "proofs.jsonl",
        "checkpoint.note",
        "critic.json",
    ],
)
def test_any_changed_byte_is_found(world: EvidenceWorld, path: str) -> None:
    """Wherever it stands in the files that carry the proof."""
    file = world.build().path / path
    whole = file.read_bytes()
    file.chmod(0o644)
    for place in range(0, len(whole), max(len(whole) // 40, 1)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert not verify_pack(world.ws, RUN).ok, place
    file.write_bytes(whole)
    assert verify_pack(world.ws, RUN).ok


def test_another_key_did_not_seal_it(world: EvidenceWorld, tmp_path: Path) -> None:
    """A pack of another workspace's key, and one moved to another run's folder, are refused."""
    built = world.build()
    stranger = new_world(tmp_path / "stranger")
    assert not verify_path(built.path, stranger.public).ok
    moved = world.ws.audits / OTHER / "evidence"
    shutil.copytree(built.path, moved)
    assert verify_path(moved, world.public).ok
    assert not verify_pack(world.ws, OTHER).ok


def test_an_unfinished_or_unknown_run_is_refused(begun: EvidenceWorld) -> None:
    """Unless it is asked for as it stands; hostile ids never become paths."""
    begun.write(draft("run.started", {"purpose": "x", "phase": "bootstrap"}, run_id=RUN), requested("call_a"))
    begun.sign()
    with pytest.raises(RunUnfinished):
        begun.build()
    begun.build(unfinished=True)
    assert json.loads(read_pack_file(begun.ws, RUN, "costs.json"))["open"][0]["call_id"] == "call_a"
    for hostile in ("../x", "..", "", "/etc", f"{RUN}/..", "20261122_140000_ABC123"):
        with pytest.raises(UsageWrong):
            verify_pack(begun.ws, hostile)
        with pytest.raises(UsageWrong):
            export_pack(begun.ws, hostile, begun.ws.root / "x.tar.gz")


def test_a_run_that_no_checkpoint_covers_is_not_sealed(world: EvidenceWorld) -> None:
    """Without a node to sign the head, that is said, and nothing is written."""
    world.write(judged("PASS"))
    with pytest.raises(NotSigned):
        world.build()
    assert not (world.ws.audits / RUN).exists()


def test_files_of_a_pack_are_read_by_their_own_names_only(world: EvidenceWorld) -> None:
    """No way out of the folder, and no link within it, is followed."""
    built = world.build()
    (built.path / "inner").symlink_to(world.ws.keys)
    (built.path / "secret.txt").symlink_to(world.ws.matrix)
    for hostile in (
        "../../../configs/ai/models.toml",
        "/etc/passwd",
        "secret.txt",
        "inner/workspace.pub",
        "",
        ".",
    ):
        with pytest.raises(EvidenceUnusable):
            read_pack_file(world.ws, RUN, hostile)
    assert read_pack_file(world.ws, RUN, "manifest.json").startswith(b"{")


def test_an_exported_pack_verifies_anywhere_and_is_the_same_each_time(
    world: EvidenceWorld, tmp_path: Path
) -> None:
    """The archive needs the public key alone; an existing file is never written over."""
    world.build()
    first = export_pack(world.ws, RUN, tmp_path / "one.tar.gz")
    second = export_pack(world.ws, RUN, tmp_path / "two.tar.gz")
    assert first.read_bytes() == second.read_bytes()
    found = verify_path(first, world.public)
    assert found.ok, found.problems
    with pytest.raises(UsageWrong):
        export_pack(world.ws, RUN, first)
    first.write_bytes(first.read_bytes()[:-200])
    with pytest.raises(EvidenceUnusable, match="no archive"):
        verify_path(first, world.public)


def test_configs_without_a_copy_and_artefacts_that_are_gone_are_listed(begun: EvidenceWorld) -> None:
    """The manifest says honestly what it does not have."""
    gone = begun.artefact("outlook/gone.md", "here once")
    (begun.ws.runs / RUN / "outlook/gone.md").unlink()
    (begun.ws.runs / RUN / "pipe").symlink_to("/etc/passwd")
    begun.write(draft("config.changed", {"file": "lock", "old": None, "new": "c" * 64}))
    with_run(begun, artefacts=[gone])
    built = begun.build(incomplete=True)
    assert [(one.what, one.reason) for one in built.left_out] == [
        ("artefacts/outlook/gone.md", "recorded_and_not_there"),
        ("artefacts/pipe", "symbolic_link"),
        ("config lock", "no_copy_kept"),
    ]
    assert verify_pack(begun.ws, RUN).ok


def test_an_artefact_changed_after_the_run_is_told(begun: EvidenceWorld) -> None:
    """Its hash on the ledger stands beside that of what lies there."""
    listed = begun.artefact("outlook/result.md", "as it was")
    begun.artefact("outlook/result.md", "as it was made to look")
    with_run(begun, artefacts=[listed])
    begun.build()
    found = verify_pack(begun.ws, RUN)
    assert found.ok
    assert "artefacts/outlook/result.md was changed after the run recorded it" in found.notes
    manifest = json.loads(read_pack_file(begun.ws, RUN, "manifest.json"))
    (entry,) = [one for one in manifest["files"] if one["path"] == "artefacts/outlook/result.md"]
    assert entry["recorded_sha256"] == sha256_hex(b"as it was")


def test_verifying_tells_how_far_it_is_and_can_be_ended(world: EvidenceWorld) -> None:
    """Progress names what is looked at; whoever has seen enough ends it, and gets no half result."""
    world.build()
    told: list[tuple[str, int, int]] = []
    assert verify_pack(world.ws, RUN, lambda *step: told.append(step)).ok
    assert {"signature", "files", "events"} <= {what for what, _, _ in told}
    assert all(0 <= done <= total for _, done, total in told)
    with pytest.raises(VerificationCancelled):
        verify_pack(world.ws, RUN, cancelled=lambda: True)


@pytest.mark.parametrize("run_id", ["0b8e7a4e-6f0d-4b7e-9a51-2f6c1d3e4a5b", RUN])
def test_a_uuid_is_a_run_id_too(begun: EvidenceWorld, run_id: str) -> None:
    """Decision 2: wherever an id is read."""
    begun.write(
        draft("run.started", {"purpose": "x", "phase": "bootstrap"}, run_id=run_id),
        draft("run.finished", {"outcome": "ok", "artefacts": []}, run_id=run_id),
    )
    begun.sign()
    built = build_pack(begun.ws, run_id, environ=begun.environ)
    assert built.path == begun.ws.audits / run_id / "evidence"
    assert verify_pack(begun.ws, run_id).ok


def test_a_call_of_no_run_is_sealed_when_it_has_ended(begun: EvidenceWorld) -> None:
    """A single call has an id of a run and no run.started: it has ended with its last hop."""
    begun.write(requested("call_a"))
    begun.sign()
    with pytest.raises(RunUnfinished):
        begun.build()
    begun.write(completed("call_a", "0.100000000"))
    begun.sign()
    assert begun.build().edition == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE body SET bytes = CAST(replace(CAST(bytes AS TEXT), 'look', 'LOOK') AS BLOB) WHERE seq = 6",
        "UPDATE ledger SET hash = replace(hash, substr(hash, 1, 8), '00000000') WHERE seq = 8",
    ],
)
def test_a_ledger_that_was_rewritten_is_not_sealed(world: EvidenceWorld, statement: str) -> None:
    """An edited body of the run, and another event than was signed, stop the build."""
    with closing(sqlite3.connect(world.ws.ledger)) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f'DROP TRIGGER "{name}"')
        assert db.execute(statement).rowcount == 1
        db.commit()
    with pytest.raises(LedgerBroken):
        world.build()
    assert not (world.ws.audits / RUN).exists()
