"""An anchor that is a git repository: commits on ``refs/peak/checkpoints``, made with plumbing alone.

The tree of a commit holds ``checkpoint``, the note last kept, and ``<key>.checkpoint`` for each workspace
that shares the repository. Work tree, index and ``HEAD`` are not touched; hooks, signing and the user's
configs have no part in it. A ref that was pushed and fetched again is a witness against the machine's owner.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from peak_console.ledger.heads.anchor_heads import (
    AnchorFailed,
    AnchorHead,
    key_name,
    read_head,
    refuse_backwards,
)
from peak_console.ledger.heads.notes import NOTE_LIMIT, Checkpoint, SignedNote

REF: Final = "refs/peak/checkpoints"
WITNESS_REFS: Final = ("refs/peak/witness/", "refs/remotes/**/peak/checkpoints")
"""Where a fetched copy of the ref is looked for."""

_TIMEOUT_S: Final = 10.0
_TRIES: Final = 8
_NEWEST: Final = "checkpoint"
_TREE_LIMIT: Final = 256 * 1024
_REMEDY: Final = "look at the repository (git fsck), or name a folder in configs/ledger.toml, [anchors]"
_SETTINGS: Final = (
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false", "-c", "safe.directory=*", "-c", "commit.gpgSign=false"),
    *("-c", "core.fsync=all", "-c", "core.fsyncObjectFiles=true", "-c", "protocol.allow=never"),
)
_ENVIRONMENT: Final = {
    "LC_ALL": "C",
    "HOME": "/nonexistent",
    "XDG_CONFIG_HOME": "/nonexistent",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_AUTHOR_NAME": "Peak Console",
    "GIT_AUTHOR_EMAIL": "ledger@peak-console.invalid",
    "GIT_COMMITTER_NAME": "Peak Console",
    "GIT_COMMITTER_EMAIL": "ledger@peak-console.invalid",
}


class GitUnfit(Exception):
    """Why git cannot be the anchor here."""


class GitAnchor:
    """The repository around ``root``; raises :class:`GitUnfit` where there is none that can be used."""

    kind = "git"

    def __init__(self, root: Path, key: bytes, *, git: str | None = None) -> None:
        found = git or shutil.which("git")
        if found is None:
            raise GitUnfit("git is not installed")
        self._git, self._root, self._key = found, root, key
        self._entry = f"{key_name(key)}.{_NEWEST}"
        self._folder = self._common_folder()
        self.place = f"{self._folder} {REF}"

    def keep(self, note: SignedNote, now: datetime) -> None:
        """Commit a note on the ref; raises :class:`AnchorFailed`.

        Another writer that was faster is built upon, so that neither is lost.
        """
        wanted = Checkpoint.of_text(note.text)
        for _ in range(_TRIES):
            before = self._ask("rev-parse", "--quiet", "--verify", f"{REF}^{{commit}}", fails=True) or ""
            if before and refuse_backwards(self._head_at(before), wanted, self.place):
                return
            if self._commit(note, wanted, before, now):
                return
        raise AnchorFailed(
            f"{REF} is being written by others all the time",
            code="anchor_busy",
            remedy="see who commits to it: git log refs/peak/checkpoints",
        )

    def newest(self) -> AnchorHead:
        """The newest note of this workspace's key on the ref."""
        return self._read(REF)

    def witnesses(self) -> Iterator[tuple[str, AnchorHead]]:
        """Fetched copies of the ref, by name, that hold a head of this workspace's key."""
        try:
            names = self._ask("for-each-ref", "--format=%(refname)", *WITNESS_REFS)
        except AnchorFailed:
            return
        for name in names.splitlines():
            found = self._read(name)
            if found.checkpoint is not None or found.problem:
                yield name, found

    def other_keys(self, genesis_hash: str) -> list[str]:
        """Origins of heads on the ref that are of the log with this genesis, under other keys; 20 at most."""
        try:
            names = self._ask("ls-tree", "--full-tree", "--name-only", REF, fails=True).splitlines()
            texts = [self._blob(f"{REF}:{name}") or "" for name in names if name != self._entry][:100]
        except AnchorFailed:
            return []
        origins = {text.partition("\n")[0] for text in texts}
        own = self._entry.partition(".")[0]
        wanted = f"/{genesis_hash[:16]}"
        return sorted(
            one
            for one in origins
            if one.startswith("peak-console/") and one.endswith(wanted) and f"/{own}/" not in one
        )[:20]

    # -- reading

    def _read(self, name: str) -> AnchorHead:
        try:
            commit = self._ask("rev-parse", "--quiet", "--verify", f"{name}^{{commit}}", fails=True)
            if commit:
                return self._head_at(commit)
            there = self._ask("for-each-ref", "--format=%(refname)", name)
        except AnchorFailed as error:
            return AnchorHead(problem=error.message)
        return AnchorHead(problem=f"{name} is no commit") if there else AnchorHead()

    def _head_at(self, commit: str) -> AnchorHead:
        """The head of this workspace's key in a commit; empty where only others' are there."""
        at = self._time_of(commit)
        text = self._blob(f"{commit}:{self._entry}")
        if text is not None:
            return read_head(text, self._key, at)
        text = self._blob(f"{commit}:{_NEWEST}")
        found = AnchorHead() if text is None else read_head(text, self._key, at)
        if found.checkpoint is None and text is not None and not _is_foreign(text, self._key):
            return found
        return found if found.checkpoint is not None else AnchorHead()

    def _blob(self, name: str) -> str | None:
        size = self._ask("cat-file", "-s", name, fails=True)
        if not size:
            return None
        if int(size) > NOTE_LIMIT:
            return ""
        return self._ask("cat-file", "blob", name, strip=False)

    def _time_of(self, commit: str) -> datetime | None:
        size = self._ask("cat-file", "-s", commit)
        if int(size) > NOTE_LIMIT:
            return None
        for line in self._ask("cat-file", "commit", commit).splitlines():
            if line.startswith("committer "):
                seconds = line.split()[-2]
                plain = seconds.isascii() and seconds.isdigit() and len(seconds) <= 11  # noqa: PLR2004 - year 5138
                return datetime.fromtimestamp(int(seconds), UTC) if plain else None
        return None

    # -- writing

    def _commit(self, note: SignedNote, wanted: Checkpoint, before: str, now: datetime) -> bool:
        """Put a commit after ``before``; false where the ref moved meanwhile."""
        blob = self._ask("hash-object", "-w", "--stdin", given=str(note))
        others = self._others(before) if before else ""
        own = f"100644 blob {blob}\t{_NEWEST}\n100644 blob {blob}\t{self._entry}\n"
        tree = self._ask("mktree", given=others + own)
        parents = ("-p", before) if before else ()
        message = f"checkpoint {wanted.size}\n\n{wanted.origin}\n"
        date = f"{int(now.timestamp())} +0000"
        commit = self._ask("commit-tree", "--no-gpg-sign", tree, *parents, given=message, date=date)
        done = self._run("update-ref", "--no-deref", "-m", f"checkpoint {wanted.size}", REF, commit, before)
        if done.returncode == 0:
            return True
        after = self._ask("rev-parse", "--quiet", "--verify", f"{REF}^{{commit}}", fails=True) or ""
        locked = b"Unable to create" in done.stderr and b".lock" in done.stderr
        if after == before and not locked:
            raise _failed("update-ref", done.stderr)
        return False

    def _others(self, before: str) -> str:
        """The entries of the other workspaces that share the repository, as ``mktree`` reads them."""
        size = self._ask("cat-file", "-s", f"{before}^{{tree}}")
        if int(size) > _TREE_LIMIT:
            return ""
        lines = self._ask("ls-tree", "--full-tree", before).splitlines()
        suffix = f".{_NEWEST}"
        kept = [one for one in lines if one.startswith("100644 blob ") and one.endswith(suffix)]
        return "".join(f"{one}\n" for one in kept if one.partition("\t")[2] != self._entry)

    # -- git itself

    def _common_folder(self) -> Path:
        try:
            said = self._run("rev-parse", "--is-inside-work-tree", "--git-common-dir")
        except AnchorFailed as error:
            raise GitUnfit(error.message) from error
        words = said.stdout.decode(errors="replace").splitlines()
        if said.returncode:
            reason = said.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
            raise GitUnfit(NO_REPOSITORY if "not a git repository" in reason else reason[:200])
        if words[:1] != ["true"]:
            raise GitUnfit("the repository around it is bare or has no work tree there")
        return (self._root / words[1]).resolve()

    def _ask(
        self,
        *words: str,
        given: str = "",
        date: str = "",
        fails: bool = False,
        strip: bool = True,
    ) -> str:
        """What git prints; empty where it fails and may; raises :class:`AnchorFailed`."""
        done = self._run(*words, given=given, date=date)
        if done.returncode:
            if fails:
                return ""
            raise _failed(words[0], done.stderr)
        text = done.stdout.decode("utf-8", "replace")
        return text.strip() if strip else text

    def _run(self, *words: str, given: str = "", date: str = "") -> subprocess.CompletedProcess[bytes]:
        environment = {**_ENVIRONMENT, "PATH": os.environ.get("PATH", os.defpath)}
        if date:
            environment |= {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        try:
            return subprocess.run(  # noqa: S603 - git with words of our own, no shell
                (self._git, *_SETTINGS, *words),
                cwd=self._root,
                env=environment,
                input=given.encode(),
                capture_output=True,
                timeout=_TIMEOUT_S,
                check=False,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired as error:
            raise AnchorFailed(
                f"git {words[0]} took longer than {_TIMEOUT_S:g} s", code="anchor_slow", remedy=_REMEDY
            ) from error
        except OSError as error:
            raise AnchorFailed(f"git cannot be run: {error.strerror or error}", remedy=_REMEDY) from error


NO_REPOSITORY: Final = "the workspace lies in no git repository"


def _is_foreign(text: str, key: bytes) -> bool:
    """Whether a note names a log of another workspace."""
    return not text.startswith(f"peak-console/{key_name(key)}/") and text.startswith("peak-console/")


def _failed(word: str, said: bytes) -> AnchorFailed:
    reason = " ".join(said.decode(errors="replace").split())[:300]
    return AnchorFailed(f"git {word} failed: {reason}", remedy=_REMEDY)
