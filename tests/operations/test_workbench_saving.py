"""Saving a config, its history, and going back: on one workspace with one node for all tests here."""

import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from peak_console.config.editing.targets import target_named
from peak_console.config.versions import find_version
from peak_console.config.workspace import Workspace
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.errors import PeakError
from peak_console.domain.events import LedgerEvent
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.node.spawn import begin_ledger, temporary_node
from peak_console.operations.init import init_workspace
from peak_console.operations.workbench.drafts import drafts_of
from peak_console.operations.workbench.history import (
    at,
    diff_between,
    history,
    resolve,
    version_text,
)
from peak_console.operations.workbench.rolling_back import roll_back
from peak_console.operations.workbench.saving import CONFIRM_WORD, Stage, confirmed_by, preview, save
from peak_console.operations.workbench.shapes import Saved


@dataclass
class Desk:
    """An operator at a workspace whose node answers."""

    ws: Workspace
    client: BlockingLedgerClient

    def text(self, name: str) -> str:
        """A config as it stands."""
        return (self.ws.root / target_named(name).path).read_bytes().decode()

    def save(self, name: str, text: str, **changes: Any) -> Saved:
        """Save what was edited from the file as it stands."""
        target = target_named(name)
        path = self.ws.root / target.path
        base = sha256_hex(path.read_bytes()) if path.exists() else None
        asked = {"base": base, "reason": "because", **changes}
        return save(self.ws, self.client, target, text, **asked)

    def last(self) -> LedgerEvent:
        """The newest event."""
        with LedgerReader(self.ws.ledger) as reader:
            return reader.latest(1)[0]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One workspace and one node; each test leaves configs that pass lint."""
    folder = tmp_path_factory.mktemp("desk")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PEAK_KEYS_DIR", str(folder / "keys"))
        patch.setenv("PEAK_STATE_DIR", str(folder / "state"))
        made = init_workspace(folder / "w", operator="anna")
        begin_ledger(made.ws, operator=made.operator, public_key=made.public_key)
        with (
            temporary_node(made.ws) as socket,
            BlockingLedgerClient.connect(socket, name="test", deadline_s=30) as client,
        ):
            yield Desk(made.ws, client)


def refused(code: str, work: Callable[[], object]) -> PeakError:
    """The error of this code that ``work`` raises."""
    with pytest.raises(PeakError) as caught:
        work()
    assert caught.value.code == code
    assert caught.value.remedy
    return caught.value


def test_a_save_is_proved_recorded_kept_and_in_its_place(desk: Desk) -> None:
    """The event holds both digests, the difference and the reason; mode and text are as they were meant."""
    path = desk.ws.prices
    path.chmod(0o640)
    before = desk.text("prices")
    text = before.replace("\n", "\r\n", 1) + "# looked at\n"
    saved = desk.save("prices", text)
    event = desk.last()
    body = event.body or {}
    assert (event.kind, event.seq) == ("prices.changed", saved.seq)
    assert event.actor.endswith("/operator:anna")
    assert (body["old"], body["new"]) == (sha256_hex(before.encode()), sha256_hex(path.read_bytes()))
    assert "+# looked at" in body["diff"]
    assert (body["reason"], body["operator"]) == ("because", "anna")
    assert path.read_bytes().decode() == text
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert find_version(desk.ws, "prices", saved.new)
    assert find_version(desk.ws, "prices", body["old"])
    assert not list(path.parent.glob(".*.new"))


def test_keys_that_changed_are_told(desk: Desk) -> None:
    """By name, with what they were and are; a config without a kind of its own has config.changed."""
    text = desk.text("control").replace("cost_rise_pct = 20.0", "cost_rise_pct = 15.0")
    saved = desk.save("control", text)
    assert [(one.key, one.old, one.new) for one in saved.keys] == [("changes.cost_rise_pct", "20.0", "15.0")]
    assert desk.last().kind == "config.changed"
    assert "file" not in (desk.last().body or {})


def test_what_stands_against_a_save_leaves_everything_as_it_was(desk: Desk) -> None:
    """Nothing changed, no reason, another base, errors of lint, no key: the file stays, no event."""
    before, seq = desk.text("matrix"), desk.last().seq
    refused("nothing_changed", lambda: desk.save("matrix", before))
    refused("reason_missing", lambda: desk.save("matrix", before + "\n", reason=" \n"))
    error = refused("file_changed", lambda: desk.save("matrix", before + "\n", base="0" * 64))
    assert error.details == {"base": "0" * 64, "disk": sha256_hex(before.encode())}
    error = refused("lint_failed", lambda: desk.save("matrix", before + "\n[L5.primary]\n"))
    assert error.details["findings"]
    refused("lint_failed", lambda: desk.save("models", "[[model]]\n"))
    refused("key_unusable", lambda: desk.save("matrix", before + "\n", operator="eve"))
    refused("written_apart", lambda: desk.save("lock", "x"))
    refused("text_not_utf8", lambda: desk.save("matrix", "\ud800"))
    assert desk.text("matrix") == before
    assert desk.last().seq == seq


def test_a_change_that_weakens_is_saved_once_it_is_confirmed(desk: Desk) -> None:
    """What concerns is told by code and in figures; with these codes confirmed it is saved, and on record."""
    before = desk.text("control")
    weaker = before.replace("cooldown_s = 300", "cooldown_s = 1")
    error = refused("confirmation_needed", lambda: desk.save("control", weaker, confirmed=["another"]))
    assert any("300" in figure for one in error.details["concerns"] for figure in one["figures"].values())
    seen = preview(desk.ws, target_named("control"), weaker)
    assert not confirmed_by("YES", seen)
    codes = confirmed_by(CONFIRM_WORD, seen)
    assert codes == {one["code"] for one in error.details["concerns"]}
    desk.save("control", weaker, confirmed=codes)
    assert (desk.last().body or {})["confirmed"] == sorted(codes)
    assert desk.text("control") == weaker


def test_a_matrix_put_back_is_recorded_as_rolled_back(desk: Desk) -> None:
    """The file has the very bytes it had before."""
    before = desk.text("matrix")
    saved = desk.save("matrix", before + "# tried\n")
    assert desk.last().kind == "matrix.changed"
    back = roll_back(desk.ws, desk.client, target_named("matrix"), "previous", reason="no good")
    assert (desk.last().kind, back.old, back.new) == ("matrix.rolled_back", saved.new, saved.old)
    assert desk.text("matrix") == before


def test_history_names_versions_and_goes_back_to_any(desk: Desk) -> None:
    """Digest, previous and disk name versions; their difference is told; a rollback is a save of its own."""
    target, before = target_named("budgets"), desk.text("budgets")
    first = desk.save("budgets", before + "# one\n")
    second = desk.save("budgets", before + "# two\n")
    versions = history(desk.ws, target)
    assert [one.digest for one in versions] == [second.new, first.new, first.old]
    assert [one.how for one in versions] == ["saved", "saved", "first"]
    assert all(one.kept for one in versions)
    assert at(desk.ws, target, versions[1].since) == versions[1]
    assert resolve(desk.ws, target, "previous") == resolve(desk.ws, target, first.new[:6]) == first.new
    assert version_text(desk.ws, target, first.new) == before + "# one\n"
    shown = diff_between(desk.ws, target, "previous", "disk")
    assert "-# one\n+# two\n" in shown.diff
    for word in ("zz", "abc", "known-good", "0" * 64):
        refused("no_such_version", lambda word=word: resolve(desk.ws, target, word))  # type: ignore[misc]
    roll_back(desk.ws, desk.client, target, str(first.old)[:8], reason="enough")
    assert desk.text("budgets") == before
    assert history(desk.ws, target)[0].how == "rolled_back"


def test_a_rollback_is_linted_under_todays_rules(desk: Desk) -> None:
    """A version that would not pass today is not put back."""
    target = target_named("console")
    bad = "refresh_per_second = 3\nno_such_key = 1\n"
    folder = desk.ws.versions / "console"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{sha256_hex(bad.encode())}.toml").write_text(bad)
    refused(
        "lint_failed",
        lambda: roll_back(desk.ws, desk.client, target, sha256_hex(bad.encode())[:10], reason="back"),
    )


def test_a_prompt_that_is_not_there_yet_is_made(desk: Desk) -> None:
    """A new file in a new folder; its base is that there is none."""
    saved = desk.save("prompts/second-look@1", "# Second look\n\nLook again.\n")
    assert saved.old is None
    assert desk.text("prompts/second-look@1").startswith("# Second look")
    refused("file_changed", lambda: desk.save("prompts/second-look@1", "other", base=None))


def test_links_and_files_that_may_not_be_written_are_refused(desk: Desk, tmp_path: Path) -> None:
    """A link is never replaced by a file in silence; a read-only file stays."""
    path = desk.ws.console_config
    kept = path.read_bytes()
    elsewhere = tmp_path / "console.toml"
    elsewhere.write_bytes(kept)
    path.unlink()
    path.symlink_to(elsewhere)
    try:
        refused("config_is_link", lambda: desk.save("console", kept.decode() + "\n"))
        assert path.is_symlink()
    finally:
        path.unlink()
        path.write_bytes(kept)
    if os.geteuid():
        path.chmod(0o444)
        refused("config_read_only", lambda: desk.save("console", kept.decode() + "\n"))
        path.chmod(0o644)


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "disk_full"), (errno.EROFS, "config_read_only"), (errno.EIO, "config_unwritable")],
)
def test_a_disk_that_does_not_take_it_leaves_the_old_file_and_no_event(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    """The new file is written before anything is recorded; what was begun of it is removed."""
    before, seq = desk.text("console"), desk.last().seq

    def fails(*_: int) -> None:
        raise OSError(number, os.strerror(number))

    def asked() -> None:
        with monkeypatch.context() as patch:
            patch.setattr("peak_console.operations.workbench.files.os.fchmod", fails)
            desk.save("console", before + "\n# more\n")

    error = refused(code, asked)
    assert "draft is kept" in error.remedy
    assert (desk.text("console"), desk.last().seq) == (before, seq)
    assert not list(desk.ws.console_config.parent.glob(".*.new"))


def test_of_two_who_save_at_the_same_moment_one_is_told_that_the_file_changed(desk: Desk) -> None:
    """Both began from the same file: one save stands, the other keeps its draft and merges."""
    before = desk.text("console")
    outcomes: list[str] = []
    base = sha256_hex(before.encode())
    gate = threading.Barrier(2)
    path = desk.client

    def saves(word: str) -> None:
        with BlockingLedgerClient.connect(path._path, name=word, deadline_s=30) as client:
            gate.wait()
            try:
                save(desk.ws, client, target_named("console"), f"{before}# {word}\n", base=base, reason=word)
            except PeakError as error:
                outcomes.append(error.code)
            else:
                outcomes.append("saved")

    threads = [threading.Thread(target=saves, args=(word,)) for word in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["file_changed", "saved"]
    assert desk.text("console").count("# one") + desk.text("console").count("# two") == 1


def test_an_edit_outside_in_the_middle_of_a_save_is_not_lost(desk: Desk) -> None:
    """Changed between the record and the rename: the edit stands, the save was never in force."""
    target, before = target_named("readiness"), desk.text("readiness")
    path = desk.ws.root / target.path

    def edit(stage: Stage) -> None:
        if stage is Stage.RECORDED:
            path.write_text(before + "# by hand\n")

    refused("file_changed", lambda: desk.save("readiness", before + "# saved\n", told=edit))
    assert path.read_text() == before + "# by hand\n"
    assert history(desk.ws, target)[0].how == "never_in_force"
    path.write_text(before)


def test_a_save_ends_the_draft_it_came_from_and_no_newer_one(desk: Desk) -> None:
    """A draft that was edited further while it was saved stays."""
    drafts, before = drafts_of(desk.ws), desk.text("console")
    text = before + "# from a draft\n"
    drafts.put("console", text, base=sha256_hex(before.encode()), base_text=before)
    desk.save("console", text)
    assert drafts.get("console") is None
    further = text + "# and more\n"
    drafts.put("console", further + "# typed on\n", base=sha256_hex(text.encode()), base_text=text)
    desk.save("console", further)
    kept = drafts.get("console")
    assert kept is not None
    assert kept.text.endswith("# typed on\n")
    drafts.drop("console")
    assert drafts.all() == ()
