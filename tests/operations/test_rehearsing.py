"""Rehearsals, signatures and captures on record: on one workspace with one node for all tests here."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from peak_console.config.editing.targets import target_named
from peak_console.config.workspace import Workspace
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.errors import PeakError
from peak_console.domain.events import LedgerEvent
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.node.spawn import begin_ledger, temporary_node
from peak_console.operations.capture import Limits, capture
from peak_console.operations.checklists import checklist, sign
from peak_console.operations.containing import contain
from peak_console.operations.evidence import verify_pack
from peak_console.operations.init import init_workspace
from peak_console.operations.locking.writing import Asked, write
from peak_console.operations.rehearsing import rehearse_lock_rollback, rehearse_rollback
from peak_console.operations.rollback_options import rollback_options
from peak_console.operations.shapes import SHAPES
from peak_console.operations.views.checklists import ChecklistItem, ItemState
from peak_console.operations.workbench.saving import save

MATRIX = target_named("matrix")


@dataclass
class Desk:
    """An operator at a workspace whose node answers."""

    ws: Workspace
    client: BlockingLedgerClient

    def newest(self, kind: str) -> LedgerEvent:
        """The newest event of a kind."""
        with LedgerReader(self.ws.ledger) as reader:
            return reader.find(EventFilter(kinds=(kind,)), None, 1).events[0]

    def item(self, name: str, item: str) -> ChecklistItem:
        """One item of a checklist."""
        return next(one for one in checklist(self.ws, name).items if one.id == item)

    def configs(self) -> dict[str, str]:
        """Every config by its path and hash."""
        files = (one for one in (self.ws.root / "configs").rglob("*") if one.is_file())
        return {str(one): sha256_hex(one.read_bytes()) for one in files}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A matrix that was changed once, and two locks."""
    folder = tmp_path_factory.mktemp("rehearsing")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PEAK_KEYS_DIR", str(folder / "keys"))
        patch.setenv("PEAK_STATE_DIR", str(folder / "state"))
        made = init_workspace(folder / "w", operator="anna")
        begin_ledger(made.ws, operator=made.operator, public_key=made.public_key)
        with (
            temporary_node(made.ws) as socket,
            BlockingLedgerClient.connect(socket, name="test", deadline_s=30) as client,
        ):
            text = made.ws.matrix.read_text()
            base = sha256_hex(made.ws.matrix.read_bytes())
            save(made.ws, client, MATRIX, text + "# looked at\n", base=base, reason="because")
            for number in (1, 2):
                write(made.ws, client, Asked(f"lock {number}", "looked at 40 answers"))
            yield Desk(made.ws, client)


def test_a_rollback_of_the_matrix_is_rehearsed_and_nothing_moves(desk: Desk) -> None:
    """Every step held on a mirror, is recorded with proof and its times, and pre-live reads it."""
    before = desk.configs()
    assert desk.item("pre-live", "rollback_rehearsed").state is ItemState.UNKNOWN
    done = rehearse_rollback(desk.ws, desk.client, MATRIX, "previous")
    assert done.held, done.steps
    assert [one.step for one in done.steps][:2] == ["version", "difference"]
    assert [one.step for one in done.steps][-2:] == ["read back", "load"]
    assert desk.configs() == before
    assert not list(desk.ws.audits.glob("*rehearsal*"))
    SHAPES["matrix-rollback-rehearse"].model_validate(done.as_json())
    event = desk.newest("drill.finished")
    body = event.body or {}
    assert (event.seq, body["drill"], body["held"], body["target"]) == (done.seq, "rollback", True, "matrix")
    assert event.actor.endswith("/operator:anna")
    assert all(one["ms"] >= 0 for one in body["steps"])
    assert desk.item("pre-live", "rollback_rehearsed").state is ItemState.GREEN


def test_a_rehearsal_that_would_be_refused_does_not_hold(desk: Desk) -> None:
    """A link in the file's place: the real one would be refused there, so pre-live turns red."""
    real = desk.ws.matrix.with_name("elsewhere.toml")
    desk.ws.matrix.rename(real)
    desk.ws.matrix.symlink_to(real.name)
    try:
        done = rehearse_rollback(desk.ws, desk.client, MATRIX, "previous")
    finally:
        desk.ws.matrix.unlink()
        real.rename(desk.ws.matrix)
    failed = [one.step for one in done.steps if not one.ok]
    assert failed[0] == "file"
    assert done.steps[-1].detail == "not walked"
    assert not done.held
    assert desk.item("pre-live", "rollback_rehearsed").state is ItemState.RED


def test_a_rollback_of_the_lock_is_rehearsed(desk: Desk) -> None:
    """To the one before, judged by today's rules; the lock in force stays."""
    before = desk.configs()
    done = rehearse_lock_rollback(desk.ws, desk.client, "previous")
    assert done.held, done.steps
    assert desk.configs() == before
    assert "entries" in next(one.detail for one in done.steps if one.step == "difference")


def test_the_ways_back_are_shown_with_what_would_change(desk: Desk) -> None:
    """The lock before this one with its difference; why there is no known good matrix yet."""
    found = rollback_options(desk.ws)
    assert found.lock.possible
    assert found.lock.changes
    assert found.lock.cli.startswith("peak lock rollback previous")
    assert not found.matrix.possible
    assert found.matrix.problem
    nowhere = rollback_options(Workspace(desk.ws.root / "nowhere"))
    assert nowhere.matrix.problem
    assert nowhere.lock.problem


def test_a_word_is_on_record_with_its_note(desk: Desk) -> None:
    """Proved by the operator, under this matrix: amber, and gone with another matrix."""
    done = sign(desk.ws, desk.client, "eval_suite", note="40 answers read")
    body: Any = desk.newest("checklist.signed").body
    assert (body["checklist"], body["item"], body["operator"]) == ("pre-merge", "eval_suite", "anna")
    assert body["evidence"]["matrix"] == sha256_hex(desk.ws.matrix.read_bytes())
    assert (done.item.state, done.item.note) == (ItemState.AMBER, "40 answers read")
    text = desk.ws.matrix.read_text()
    try:
        desk.ws.matrix.write_text(f"{text}# another\n")
        assert desk.item("pre-merge", "eval_suite").state is ItemState.UNKNOWN
    finally:
        desk.ws.matrix.write_text(text)


@pytest.mark.parametrize(
    ("item", "note", "code"),
    [
        ("policy_deny", "fine", "not_signable"),
        ("readiness:lint_clean", "fine", "not_signable"),
        ("the_moon", "full", "checklist_item_unknown"),
        ("eval_suite", "  ", "note_missing"),
    ],
)
def test_what_is_computed_is_not_signed(desk: Desk, item: str, note: str, code: str) -> None:
    """Nor what there is not, nor without a note; each refusal says what to do."""
    with pytest.raises(PeakError) as caught:
        sign(desk.ws, desk.client, item, note=note)
    assert (caught.value.code, bool(caught.value.remedy)) == (code, True)


def test_a_capture_is_on_record(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its incident is opened, its seal and the action are recorded; all of it is under a signed head.

    Neither its own bound of time nor those of the node's answers are at stake here: a loaded machine may
    take longer.
    """
    for patience in ("_CONNECT_S", "_SIGN_S", "_RECORD_S"):
        monkeypatch.setattr(f"peak_console.operations.capture.{patience}", 60.0)
    done = capture(desk.ws, reason="looks wrong", limits=Limits(seconds=600.0))
    assert (done.ok, done.opened, done.unrecorded) == (True, True, "")
    opened, action = (
        desk.newest("incident.opened").body or {},
        desk.newest("incident.action_taken").body or {},
    )
    assert (opened["incident_id"], opened["trigger"]) == (done.incident_id, "operator")
    assert (action["action"], action["path"]) == ("capture", f"audits/{done.incident_id}/capture")
    sealed = desk.newest("evidence.sealed")
    assert (sealed.seq, (sealed.body or {})["manifest_sha256"]) == (done.seq, done.manifest_sha256)
    found = verify_pack(desk.ws, done.incident_id)
    assert (found.ok, found.proofs_ok, found.recorded) == (True, True, "yes"), done.left_out


def test_containing_is_on_record(desk: Desk) -> None:
    """One incident for all of it, each action with its time; the stop holds and the node has it."""
    done = contain(desk.ws, reason="on purpose", operator="anna")
    assert (done.ok, done.recorded, done.why) == (True, True, ""), done.steps
    with LedgerReader(desk.ws.ledger) as reader:
        events = reader.find(EventFilter(kinds=("incident.action_taken",)), None, 3).events
    assert {(one.body or {})["action"] for one in events} == {"disarm", "stop", "capture"}
    assert {(one.body or {})["incident_id"] for one in events} == {done.incident_id}
    stopped = desk.newest("control.stopped").body or {}
    assert stopped["reason"] == "on purpose"
    assert Path(done.captured).is_dir()
