"""Anchors: heads kept in git or in a folder, never backwards, without touching what is the user's."""

import os
import shutil
import subprocess
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from ledger_court import NOW, SIGNED, Court, new_key

from peak_console.ledger.heads.anchors import Anchor, AnchorFailed, RefusedAnchor, open_anchors, survey
from peak_console.ledger.heads.notes import Checkpoint, SignedNote, origin_of

KEY = new_key()
ORIGIN = origin_of(KEY.public, "ab" * 32)


def head(size: int, fill: int = 1) -> SignedNote:
    """A signed head of so many events."""
    return Checkpoint(ORIGIN, size, bytes([fill]) * 32).signed(KEY)


def rules(*, git: bool = True, folder: str = "") -> SimpleNamespace:
    """What the settings say."""
    return SimpleNamespace(git=git, folder=folder)


def git(root: Path, *words: str) -> str:
    """What git prints, with nobody's settings."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(root), "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *words], cwd=root, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a commit, something staged, something not, and hooks that would tell."""
    root = tmp_path / "repo"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    (root / "a.txt").write_text("one")
    git(root, "add", "a.txt")
    git(root, "-c", "user.name=u", "-c", "user.email=u@x", "commit", "-q", "-m", "first")
    (root / "b.txt").write_text("staged")
    git(root, "add", "b.txt")
    (root / "c.txt").write_text("not staged")
    for name in ("pre-commit", "post-commit", "reference-transaction", "post-checkout"):
        hook = root / ".git" / "hooks" / name
        hook.write_text(f"#!/bin/sh\necho {name} >> {root}/hooked\nexit 1\n")
        hook.chmod(0o755)
    git(root, "config", "commit.gpgSign", "true")
    git(root, "config", "gpg.program", "/nonexistent")
    git(root, "config", "user.useConfigOnly", "true")
    return root


def anchor_of(root: Path, tmp_path: Path) -> Anchor:
    """The first anchor of a workspace."""
    return open_anchors(root, rules(), KEY.public, tmp_path / "state")[0]


def test_git_keeps_heads_and_touches_nothing_else(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Index, work tree, HEAD, branches, reflog and hooks are as before; the caller's GIT_* mean nothing."""
    for name, value in (("GIT_DIR", "/x"), ("GIT_INDEX_FILE", "/x"), ("GIT_AUTHOR_NAME", "eve")):
        monkeypatch.setenv(name, value)
    watched = ["HEAD", "index", "refs/heads/main", "logs/HEAD"]
    before = [(repository / ".git" / one).read_bytes() for one in watched]
    status = git(repository, "status", "--porcelain")
    anchor = anchor_of(repository, tmp_path)
    anchor.keep(head(3), NOW)
    anchor.keep(head(5, 2), NOW)
    assert anchor.newest().checkpoint == Checkpoint(ORIGIN, 5, b"\x02" * 32)
    assert anchor.newest().at == NOW
    assert [(repository / ".git" / one).read_bytes() for one in watched] == before
    assert git(repository, "status", "--porcelain") == status
    assert not (repository / "hooked").exists()
    told = git(repository, "log", "--format=%an|%cn|%s", "refs/peak/checkpoints").splitlines()
    assert told == ["Peak Console|Peak Console|checkpoint 5", "Peak Console|Peak Console|checkpoint 3"]
    assert git(repository, "show", "refs/peak/checkpoints:checkpoint").startswith(ORIGIN)
    git(repository, "fsck", "--strict")


@pytest.mark.parametrize("kind", ["git", "folder"])
def test_an_anchor_never_goes_backwards(repository: Path, tmp_path: Path, kind: str) -> None:
    """A smaller head or another root of the same size is refused; the same head again is nothing new."""
    found = open_anchors(repository, rules(git=kind == "git"), KEY.public, tmp_path / "state")
    (anchor,) = found
    assert anchor.kind == kind
    anchor.keep(head(5), NOW)
    anchor.keep(head(5), NOW)
    for wrong in (head(4), head(5, 2)):
        with pytest.raises(AnchorFailed) as caught:
            anchor.keep(wrong, NOW)
        assert (caught.value.code, bool(caught.value.remedy)) == ("anchor_ahead", True)
    newest = anchor.newest().checkpoint
    assert newest is not None
    assert newest.size == 5


def test_two_writers_of_one_repository_lose_nothing(repository: Path, tmp_path: Path) -> None:
    """Each workspace finds its own newest head, and every head is in the history."""
    keys = [new_key(), new_key()]
    failed: list[BaseException] = []

    def write(index: int) -> None:
        try:
            folder = repository / f"ws{index}"
            folder.mkdir()
            anchor = open_anchors(folder, rules(), keys[index].public, tmp_path / "state")[0]
            for size in (1, 2, 3):
                origin = origin_of(keys[index].public, "cd" * 32)
                anchor.keep(Checkpoint(origin, size, bytes([size]) * 32).signed(keys[index]), NOW)
        except BaseException as error:  # noqa: BLE001 - told by the test
            failed.append(error)

    threads = [threading.Thread(target=write, args=(index,)) for index in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not failed
    assert len(git(repository, "rev-list", "refs/peak/checkpoints").splitlines()) == 6
    for index, key in enumerate(keys):
        found = open_anchors(repository / f"ws{index}", rules(), key.public, tmp_path)[0].newest()
        assert not found.problem
        newest = found.checkpoint
        assert newest is not None
        assert newest.size == 3


def test_a_head_that_the_key_did_not_sign_is_forged(repository: Path, tmp_path: Path) -> None:
    """In git as in a folder."""
    other = new_key()
    forged = Checkpoint(ORIGIN, 9, b"\x09" * 32).signed(other)
    for git_on in (True, False):
        (anchor,) = open_anchors(repository, rules(git=git_on), KEY.public, tmp_path / "state")
        anchor.keep(forged, NOW)
        found = anchor.newest()
        assert found.forged
        assert found.checkpoint is None


def test_where_there_is_no_git_a_folder_of_the_user_takes_its_place(tmp_path: Path) -> None:
    """At least one anchor is on by default."""
    (tmp_path / "ws").mkdir()
    found = survey(tmp_path / "ws", rules(), KEY.public, tmp_path / "state")
    assert [one.kind for one in found.anchors] == ["folder"]
    assert "no git repository" in found.remarks[0]
    assert found.anchors[0].newest().checkpoint is None
    assert not found.anchors[0].newest().problem


def test_a_bare_repository_is_told_and_passed_over(tmp_path: Path) -> None:
    """Nothing is written to it."""
    bare = tmp_path / "bare"
    bare.mkdir()
    git(bare, "init", "-q", "--bare")
    found = survey(bare, rules(), KEY.public, tmp_path / "state")
    assert [one.kind for one in found.anchors] == ["folder"]
    assert "work tree" in found.remarks[0]


def test_without_the_program_git_a_repository_is_told(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The anchor that should be is refused by name; the folder takes its place."""
    monkeypatch.setenv("PATH", str(tmp_path))
    refused, folder = open_anchors(repository, rules(), KEY.public, tmp_path / "state")
    assert isinstance(refused, RefusedAnchor)
    assert "not installed" in refused.problem
    assert folder.kind == "folder"
    with pytest.raises(AnchorFailed) as caught:
        refused.keep(head(1), NOW)
    assert caught.value.code == "anchor_refused"


@pytest.mark.parametrize("inside", ["{root}", "{root}/kept", "relative/kept", "{link}"])
def test_a_folder_inside_the_workspace_is_refused(tmp_path: Path, inside: str) -> None:
    """It would share the workspace's fate; the default folder stands in."""
    root, link = tmp_path / "ws", tmp_path / "link"
    (root / "kept").mkdir(parents=True)
    link.symlink_to(root / "kept")
    named = inside.format(root=root, link=link)
    refused, folder = open_anchors(root, rules(folder=named), KEY.public, tmp_path / "state")
    assert isinstance(refused, RefusedAnchor)
    assert str(tmp_path / "state") in folder.place


def test_a_worktree_and_a_submodule_are_repositories(repository: Path, tmp_path: Path) -> None:
    """A worktree shares its repository's ref."""
    other = tmp_path / "tree"
    shutil.rmtree(repository / ".git" / "hooks")
    git(repository, "worktree", "add", "-q", "--detach", str(other))
    anchor_of(other, tmp_path).keep(head(2), NOW)
    newest = anchor_of(repository, tmp_path).newest().checkpoint
    assert newest is not None
    assert newest.size == 2


def test_a_broken_ref_is_a_problem_and_no_error(repository: Path, tmp_path: Path) -> None:
    """What is there cannot be read; that is told."""
    anchor = anchor_of(repository, tmp_path)
    anchor.keep(head(2), NOW)
    objects = repository / ".git" / "objects"
    for path in objects.rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            path.write_bytes(b"x")
    assert anchor.newest().problem


def test_a_folder_that_takes_nothing_is_told(tmp_path: Path) -> None:
    """With what to do."""
    (tmp_path / "ws").mkdir()
    (tmp_path / "state").write_text("a file")
    (anchor,) = open_anchors(tmp_path / "ws", rules(), KEY.public, tmp_path / "state")
    with pytest.raises(AnchorFailed) as caught:
        anchor.keep(head(1), datetime.now(UTC))
    assert caught.value.remedy


# -- anchors as a verification meets them


def test_a_fetched_ref_is_a_witness_against_the_stolen_key(tmp_path: Path) -> None:
    """Pushed, fetched again, and everything local rewritten: the fetched head still tells."""
    court = Court(tmp_path, git=True).fill()
    git(court.root, "update-ref", "refs/peak/witness/origin", "refs/peak/checkpoints")
    result = court.verify()
    assert result.ok
    assert result.anchor_used == "witness refs/peak/witness/origin"
    assert any("witnessed" in one for one in result.cannot_know)
    court.write_notes(court.head(SIGNED[0]), court.head(SIGNED[1], new_key()))
    assert not court.verify().ok


def test_an_anchor_that_lags_fails_and_idle_time_does_not_count(tmp_path: Path) -> None:
    """Time is the ledger's own, from the first event that is not covered."""
    court = Court(tmp_path).fill()
    assert court.verify(max_lag_s=0).ok
    shutil.rmtree(tmp_path / "state")
    (anchor,) = court.anchors().anchors
    anchor.keep(court.head(SIGNED[0]), NOW)
    result = court.verify(max_lag_s=80)
    assert result.broken_how == "checkpoints_missing", "the ledger says it took a later head"
    assert result.anchors[0].lag_s == 90
