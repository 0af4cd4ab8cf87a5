"""Captures of an incident: sealed and verified by both verifiers, whatever state the workspace is in."""

import importlib.util
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from evidence_world import RUN, EvidenceWorld, draft, new_world, with_run
from hypothesis import given
from hypothesis import strategies as st

from peak_console.cli.evidence import _verified
from peak_console.domain.clock import iso
from peak_console.domain.errors import UsageWrong
from peak_console.evidence.manifest import MANIFEST, STATEMENT
from peak_console.operations.capture import Limits, capture
from peak_console.operations.capture_ledger import AFTER_TRIGGER, NEWEST, UP_TO_TRIGGER, Around
from peak_console.operations.captured import Captured
from peak_console.operations.evidence import PackVerified, list_packs, verify_pack, verify_path

INCIDENT = "inc_20261122_140500_abc123"
SECRET = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"
_SCRIPT = Path(__file__).parents[2] / "docs" / "verify_pack.py"


@pytest.fixture(scope="module")
def offline() -> ModuleType:
    """The verifier that is written apart from the program."""
    spec = importlib.util.spec_from_file_location("verify_pack_of_captures", _SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def at_work(tmp_path_factory: pytest.TempPathFactory) -> EvidenceWorld:
    """A workspace with a run, whose ledger is whole; tests here only read it and capture it."""
    return with_run(new_world(tmp_path_factory.mktemp("captured")))


def taken(world: EvidenceWorld, incident_id: str = INCIDENT, **options: Any) -> Captured:
    """A capture without a node."""
    environ = {**world.environ, "PEAK_STATE_DIR": str(world.keys / "state")}
    return capture(world.ws, incident_id, **{"environ": environ, "clock": world.clock, **options})


def both(world: EvidenceWorld, offline: ModuleType, path: Path) -> PackVerified:
    """What the program finds of a capture; the verifier apart must agree."""
    found = verify_path(path, world.public)
    apart = list(offline.problems(path, (world.ws.keys / "workspace.pub").read_bytes()))
    assert found.ok is not bool(apart), (found.problems, apart)
    return found


def test_a_capture_is_sealed_and_both_verifiers_agree(at_work: EvidenceWorld, offline: ModuleType) -> None:
    """The run's folder, the ledger with proofs, the configs by digest, the incident itself."""
    told: list[str] = []
    done = taken(at_work, told=lambda what, _done, _total: told.append(what))
    found = both(at_work, offline, done.path)
    assert (found.ok, found.proofs_ok, found.run_id) == (True, True, INCIDENT)
    assert _verified(found)[0].startswith(f"ok: incident {INCIDENT}, ")
    assert (done.sealed, done.number, done.path.name) == (True, 1, "capture")
    held = {one.path for one in found.files}
    assert f"runs/{RUN}/outlook/result.md" in held
    assert {"incident.json", "status.json", "events.jsonl", "proofs.jsonl", MANIFEST, STATEMENT} <= held
    assert any(one.startswith("configs/matrix@") for one in held)
    assert RUN in done.runs
    assert found.events == done.events
    assert told[-1] == "seal"
    assert "the node" not in {one.what for one in done.left_out}
    assert done.unrecorded, "no node recorded it, and that is said"


def test_a_second_one_lies_beside_the_first(at_work: EvidenceWorld) -> None:
    """Nothing is written over; both are listed and found by the incident."""
    incident = "inc_20261122_140600_abc123"
    first, second = taken(at_work, incident), taken(at_work, incident)
    assert [first.path.name, second.path.name] == ["capture", "capture-2"]
    assert not list((at_work.ws.audits / incident).glob(".*"))
    listed = [one.edition for one in list_packs(at_work.ws) if one.run_id == incident]
    assert sorted(listed) == [1, 2]
    assert verify_pack(at_work.ws, incident, public=at_work.public).ok


@pytest.mark.parametrize(
    "name", ["incident.json", "events.jsonl", "governing.jsonl", "status.json", MANIFEST]
)
def test_whatever_is_changed_is_found(at_work: EvidenceWorld, offline: ModuleType, name: str) -> None:
    """By both verifiers, in any file."""
    path = taken(at_work, f"inc_20261122_140700_abcde{len(name) % 10}").path
    file = path / name
    file.chmod(0o600)
    file.write_bytes(file.read_bytes() + b"\n")
    assert not both(at_work, offline, path).ok


def test_keys_are_struck_out(world: EvidenceWorld, offline: ModuleType) -> None:
    """Out of what runs wrote, of logs, of configs and of the reason that somebody gave."""
    world.artefact("outlook/notes.md", f"the key is {SECRET}")
    world.ws.log.parent.mkdir(parents=True, exist_ok=True)
    world.ws.log.write_text(f'{{"level":"info","note":"{SECRET}"}}\n')
    console = world.ws.console_config
    console.write_text(f"# {SECRET}\n{console.read_text()}")
    done = taken(world, reason=f"saw {SECRET}")
    assert both(world, offline, done.path).ok
    for path in done.path.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path.name


def test_no_ledger_is_a_gap_and_no_failure(world: EvidenceWorld, offline: ModuleType) -> None:
    """Gone, no database, or a database that nobody can read: sealed without a slice, and it says so."""
    for trouble in (b"", b"not a database at all" * 100, None):
        for suffix in ("", "-wal", "-shm"):
            world.ws.ledger.with_name(f"ledger.db{suffix}").unlink(missing_ok=True)
        if trouble is not None:
            world.ws.ledger.write_bytes(trouble)
        done = taken(world)
        found = both(world, offline, done.path)
        assert (found.ok, found.proofs_ok, done.events) == (True, False, 0)
        assert "ledger" in {one.what for one in done.left_out}
        assert any("no slice of the ledger" in one for one in found.notes)


def test_a_locked_ledger_is_a_gap(world: EvidenceWorld) -> None:
    """Another process holds it for itself: the rest is captured."""
    with closing(sqlite3.connect(world.ws.ledger)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        done = taken(world)
    assert done.sealed
    assert "ledger" in {one.what for one in done.left_out}
    assert f"runs/{RUN}/outlook/result.md" in {one.path for one in verify_path(done.path, world.public).files}


def test_a_forged_event_is_left_out_by_name(world: EvidenceWorld, offline: ModuleType) -> None:
    """A body that was edited in the file does not give its hash: it is named, and nothing is proved by it."""
    with closing(sqlite3.connect(world.ws.ledger)) as db:
        db.executescript("DROP TRIGGER IF EXISTS body_no_update; DROP TRIGGER IF EXISTS ledger_no_update;")
        db.execute("UPDATE body SET bytes = CAST('{}' AS BLOB) WHERE seq = 5")
        db.commit()
    done = taken(world)
    assert both(world, offline, done.path).ok
    assert "ledger event 5" in {one.what for one in done.left_out}


def test_what_is_newer_than_the_signed_head_is_told_apart(world: EvidenceWorld, offline: ModuleType) -> None:
    """It lies in a file of its own, each event by its own hash, and the note says how many."""
    world.write(draft("run.started", {"purpose": "more", "phase": "bootstrap"}, run_id=RUN))
    done = taken(world)
    found = both(world, offline, done.path)
    assert found.proofs_ok
    assert any("1 events are under no signed head" in one for one in found.notes)
    assert (done.path / "unproved.jsonl").read_text().count("\n") == 1


def test_a_folder_that_takes_nothing_sends_it_to_the_users_own(
    world: EvidenceWorld, offline: ModuleType
) -> None:
    """Said plainly, with what to do; sealed all the same."""
    (world.ws.audits / INCIDENT).write_text("in the way")
    done = taken(world)
    assert both(world, offline, done.path).ok
    assert (done.ok, bool(done.outside)) == (False, True)
    assert done.path.is_relative_to(world.keys / "state")
    assert "OUTSIDE" in done.line
    assert "peak capture" in done.remedy


def test_without_the_key_it_is_kept_unsealed_and_says_so(at_work: EvidenceWorld) -> None:
    """Nobody's word, but what was found is there; the remedy names who can seal."""
    done = taken(at_work, "inc_20261122_140800_abc123", environ={"PEAK_KEYS_DIR": "nowhere"})
    assert (done.sealed, done.ok, STATEMENT in {one.name for one in done.path.iterdir()}) == (
        False,
        False,
        False,
    )
    assert (done.path / MANIFEST).exists()
    assert "NOT SEALED" in done.line


def test_large_runs_are_bounded_and_it_says_what_is_missing(world: EvidenceWorld) -> None:
    """Of a long file of lines the end is taken, another one is named; files, bytes and time have an end."""
    world.artefact("large.bin", b"x" * 3000)
    world.artefact("texts.jsonl", "".join(f'{{"line":{number}}}\n' for number in range(400)))
    for number in range(20):
        world.artefact(f"many/{number:02}.md", "y" * 100)
    limits = Limits(files=12, size=4000, largest=1000, log=1000)
    done = taken(world, limits=limits)
    reasons = {one.what.rpartition("/")[2]: one.reason for one in done.left_out}
    assert reasons["large.bin"] == "too_large"
    assert "bytes are left out" in reasons["texts.jsonl"]
    assert "no_room_left" in reasons.values()
    texts = (done.path / "runs" / RUN / "texts.jsonl").read_text()
    assert texts.endswith('{"line":399}\n')
    assert texts.startswith('{"line":')
    late = taken(world, "inc_20261122_140900_abc123", limits=replace(limits, seconds=-1.0))
    assert {one.reason for one in late.left_out if one.what.startswith(f"runs/{RUN}/")} >= {"out_of_time"}
    assert late.sealed


def test_no_run_takes_the_room_of_another(world: EvidenceWorld) -> None:
    """Very many files in a newer run's folder leave the other whole, and its own telling files are taken."""
    world.artefact("texts.jsonl", "{}\n")
    newer = world.ws.runs / "zz_newer"
    (newer / "a").mkdir(parents=True)
    for number in range(60):
        (newer / f"{number:02}").touch()
    (newer / "a" / "result.md").write_text("ours")
    limits = Limits(files=20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("peak_console.operations.capture_gathering.is_run_id", lambda _: True)
        done = taken(world, limits=limits)
    assert {RUN, "zz_newer"} <= set(done.runs)
    assert done.complete
    held = done.path / "runs"
    assert (held / RUN / "texts.jsonl").exists()
    assert (held / "zz_newer" / "a" / "result.md").read_text() == "ours"
    assert len([one for one in held.rglob("*") if one.is_file()]) <= 20


def test_a_run_of_which_nothing_is_taken_is_named(world: EvidenceWorld) -> None:
    """There is no room at all: sealed, but not complete, and the outcome names the run."""
    world.artefact("notes.md", "x")
    done = taken(world, limits=Limits(files=0))
    assert (done.ok, done.complete, done.runs_left_out) == (True, False, (RUN,))
    assert f"NOTHING OF {RUN}" in done.line
    assert RUN in done.remedy
    assert done.as_json()["runs_left_out"] == [RUN]


def test_a_link_out_of_the_run_is_not_followed(world: EvidenceWorld, tmp_path: Path) -> None:
    """It is named, and what it points to is nowhere in the capture."""
    outside = tmp_path / "outside.txt"
    outside.write_text("somebody else's")
    (world.ws.runs / RUN / "link.md").symlink_to(outside)
    done = taken(world)
    assert {"symbolic_link"} <= {one.reason for one in done.left_out}
    assert not any(b"somebody else" in one.read_bytes() for one in done.path.rglob("*") if one.is_file())


def test_an_incident_is_named_by_its_id_and_never_by_a_path(at_work: EvidenceWorld) -> None:
    """Anything else is refused before a folder is made."""
    for word in ("../../etc", "inc_20261122", "inc_20261122_140500_abc123/.."):
        with pytest.raises(UsageWrong):
            taken(at_work, word)


def test_without_an_incident_one_is_made_here(at_work: EvidenceWorld) -> None:
    """Its id needs no node: a dead one does not keep a capture from having a name."""
    done = taken(at_work, "")
    assert done.opened
    assert done.incident_id.startswith("inc_")


def test_an_opened_incident_says_when_it_began(world: EvidenceWorld) -> None:
    """Its own time on the ledger counts, and the newest that stands open is meant without a name."""
    body = {"incident_id": INCIDENT, "trigger": "operator", "cause": "x", "summary": "s"}
    opened_at = world.clock.now()
    world.write(draft("incident.opened", body))
    done = taken(world, "")
    assert (done.incident_id, done.opened) == (INCIDENT, False)
    said = (done.path / "incident.json").read_text()
    assert iso(opened_at)[:19] in said


@given(st.integers(0, 5000), st.integers(0, 5000), st.integers(0, 5000))
def test_ranges_and_gaps_are_the_whole_window(start: int, to_trigger: int, after: int) -> None:
    """Each place since the start is taken or named as left out, once; those by the trigger are taken."""
    around = Around(start, start + to_trigger, start + to_trigger + after)
    taken_places = [seq for low, high in around.ranges() for seq in range(low + 1, high + 1)]
    left = [seq for low, high in around.gaps() for seq in range(low, high + 1)]
    assert sorted(taken_places + left) == list(range(start + 1, around.head + 1))
    assert len(taken_places) <= UP_TO_TRIGGER + AFTER_TRIGGER + NEWEST
    near = range(max(start, around.trigger - 100) + 1, min(around.trigger + 100, around.head) + 1)
    assert set(near) <= set(taken_places)


def test_proofs_that_would_take_too_long_are_left_out(world: EvidenceWorld, offline: ModuleType) -> None:
    """The events are there, each by its own hash, and the reason that none of them is proved."""
    done = taken(world, limits=Limits(seconds=-1.0))
    found = both(world, offline, done.path)
    assert (found.ok, found.proofs_ok) == (True, False)
    assert any(one.what == "proofs" and "out_of_time" in one.reason for one in done.left_out)
    assert (done.path / "unproved.jsonl").exists()
