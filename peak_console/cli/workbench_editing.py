"""``edit``: a config in the operator's own editor, linted when it closes; its text is never lost."""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Final

import click

from peak_console.cli.options import Invocation
from peak_console.cli.workbench_saving import told
from peak_console.cli.workbench_target import example, named
from peak_console.cli.workbench_words import moment, preview_lines
from peak_console.config.editing.merging import merge
from peak_console.config.editing.targets import WRITTEN_APART, Target
from peak_console.config.workspace import Workspace
from peak_console.domain.clock import SystemClock
from peak_console.domain.errors import ControlRefused, EnvironmentUnfit, PeakError, UsageWrong
from peak_console.domain.text import plain
from peak_console.node.spawn import ledger_client
from peak_console.operations.workbench.draft_editors import begin_editor, end_editor
from peak_console.operations.workbench.draft_words import said_of
from peak_console.operations.workbench.drafts import DraftStore, drafts_of
from peak_console.operations.workbench.files import bytes_of, read_standing
from peak_console.operations.workbench.saving import CONFIRM_WORD, confirmed_by, preview, save
from peak_console.operations.workbench.shapes import Preview, Saved

EDIT: Final = "e"
SAVE: Final = "s"
KEEP: Final = "k"
DISCARD: Final = "d"
_WORDS: Final = {EDIT: "edit again", SAVE: "save", KEEP: "keep as a draft", DISCARD: "throw away"}

Ask = Callable[[str, str], str]
"""Asks a person: the question, and the answer when they just press enter."""
Say = Callable[[str], object]
Run = Callable[[Path], int]
"""Opens an editor on a file and waits until it is closed; gives its exit code."""


@dataclass
class Text:
    """What is edited, and what it began from."""

    text: str
    base: str | None
    base_text: str


def edit_command(fixed: str | None) -> click.Command:
    """``edit``."""

    @click.command("edit", epilog=example(fixed, "edit" if fixed else "edit budgets"))
    @click.option("--reason", default="", help="Why; asked for when it is not given.")
    @click.option("--operator", help="Whose key signs (default: the only one you hold).")
    @named(fixed)
    def command(
        invocation: Invocation, ws: Workspace, target: Target, *, reason: str, operator: str | None
    ) -> int:
        """Open it in $VISUAL or $EDITOR and lint it when the editor closes.

        What was written is kept as a draft at once, whatever comes after: findings, a refusal, a crash. A
        draft that waits is gone on with. Where the file was changed meanwhile, both changes are merged.
        """
        refuse_where_nobody_edits(target, invocation, os.environ)
        session = Session(ws, target, run=_editor(os.environ), ask=_ask, say=_say, operator=operator)
        done = session.run(reason)
        if done is None:
            return 0
        return told(invocation, ws, done, session.at.text)

    return command


def refuse_where_nobody_edits(target: Target, invocation: Invocation, environ: Mapping[str, str]) -> None:
    """Refuse what no editor can change, and where no terminal or editor is; raises ``PeakError``."""
    if target.kind in WRITTEN_APART:
        raise UsageWrong(
            f"{target.path} is signed as a whole and never edited as text",
            code="written_apart",
            remedy="write it: peak lock write",
        )
    if invocation.as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise EnvironmentUnfit(
            "an editor needs a terminal, and there is none here",
            code="no_terminal",
            remedy="change it by key: peak matrix set, peak config set; save a draft that waits: "
            "peak matrix save, peak config save; or run it in a terminal",
        )
    _editor(environ)


def _editor(environ: Mapping[str, str]) -> Run:
    words = shlex.split(environ.get("VISUAL") or environ.get("EDITOR") or "")
    if not words:
        raise EnvironmentUnfit(
            "no editor is set",
            code="no_editor",
            remedy="set VISUAL or EDITOR, for example: export EDITOR=nano",
        )

    def run(path: Path) -> int:
        try:
            return subprocess.run([*words, os.fspath(path)], check=False).returncode  # noqa: S603 - theirs
        except OSError as error:
            raise EnvironmentUnfit(
                f"{words[0]} could not be started: {error.strerror or error}",
                code="editor_failed",
                remedy="set VISUAL or EDITOR to an editor that is installed",
            ) from error

    return run


class Session:
    """One edit, from opening to saved, kept or thrown away."""

    def __init__(
        self, ws: Workspace, target: Target, *, run: Run, ask: Ask, say: Say, operator: str | None = None
    ) -> None:
        self._ws, self._target, self._operator = ws, target, operator
        self._run, self._ask, self._say = run, ask, say
        self._editor = begin_editor()
        self._store: DraftStore = drafts_of(ws, editor=self._editor)
        self.at = self._begin()

    def run(self, reason: str) -> Saved | None:
        """Edit until it is saved, kept or thrown away; ``None`` unless it was saved."""
        try:
            return self._rounds(reason)
        finally:
            end_editor(self._editor)

    def _rounds(self, reason: str) -> Saved | None:
        self._edit()
        while True:
            seen = preview(self._ws, self._target, self.at.text, operator=self._operator)
            if not seen.changed:
                self._say(f"nothing was changed in {self._target.path}")
                self._store.drop(self._target.name)
                return None
            for line in preview_lines(seen):
                self._say(line)
            choice = self._choose(seen)
            if choice == SAVE:
                saved = self._save(seen, reason)
                if saved is not None:
                    self._store.drop(self._target.name)
                    return saved
            elif choice == EDIT:
                self._edit()
            else:
                self._leave(choice)
                return None

    def _begin(self) -> Text:
        standing = read_standing(self._ws, self._target)
        parted = self._store.parted(self._target.name)
        offered = [one for one in parted.offered if one.text != standing.text]
        draft = self._store.take(offered[0]) if offered else None
        for one in parted.elsewhere:
            self._say(f"another draft is {said_of(one, living=True)}; it stays there")
        for one in offered[1:]:
            self._say(f"one more draft waits, {said_of(one, living=False)}: {one.id}")
        if draft is not None:
            age = timedelta(seconds=int((SystemClock().now() - draft.at).total_seconds()))
            self._say(f"going on with the draft of {moment(draft.at)} ({age} ago, by {draft.origin})")
            return Text(draft.text, draft.base, draft.base_text)
        return Text(standing.text or "", standing.digest, standing.text or "")

    def _edit(self) -> None:
        """One round in the editor; what comes back is kept as a draft before anything else is done."""
        suffix = PurePosixPath(self._target.path).suffix
        handle, name = tempfile.mkstemp(prefix=f"{self._target.name.replace('/', '-')}-", suffix=suffix)
        path = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(bytes_of(self.at.text))
            code = self._run(path)
            self._take(path)
        finally:
            self._clear(path)
        if code:
            raise EnvironmentUnfit(
                f"the editor ended with code {code}",
                code="editor_failed",
                remedy="the file is as it was; what was written is your draft: peak config edit",
            )

    def _take(self, path: Path) -> None:
        """What the editor left; a file that it took away is one that nobody changed."""
        if not path.exists():
            return
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        if text != self.at.text:
            self._keep(text)

    def _clear(self, path: Path) -> None:
        """Remove the editor's file, unless it holds what is kept nowhere else."""
        if not path.exists():
            return
        if path.read_bytes() in {bytes_of(self.at.text), b""}:
            path.unlink()
        else:
            self._say(f"what was written stands in {path}")

    def _keep(self, text: str) -> None:
        """Keep a text as the draft; it is what is edited from then on."""
        self._store.put(self._target.name, text, base=self.at.base, base_text=self.at.base_text)
        self.at.text = text

    def _choose(self, seen: Preview) -> str:
        choices = [EDIT, KEEP, DISCARD] if seen.checked.errors else [SAVE, EDIT, KEEP, DISCARD]
        question = ", ".join(f"[{one}] {_WORDS[one]}" for one in choices)
        while True:
            answer = self._ask(question, choices[0]).strip().lower()[:1]
            if answer in choices:
                return answer

    def _save(self, seen: Preview, reason: str) -> Saved | None:
        """The save; ``None`` where it was refused and the edit goes on."""
        why = reason or self._ask("why", "")
        word = self._ask(f"type {CONFIRM_WORD} to confirm", "") if seen.concerns else ""
        try:
            with ledger_client(self._ws, name="peak config") as client:
                return save(
                    self._ws,
                    client,
                    self._target,
                    self.at.text,
                    base=self.at.base,
                    reason=why,
                    operator=self._operator,
                    confirmed=confirmed_by(word, seen),
                )
        except ControlRefused as error:
            if error.code == "file_changed":
                self._merge()
            else:
                self._refused(error)
        except UsageWrong as error:
            self._refused(error)
        return None

    def _refused(self, error: PeakError) -> None:
        self._say(f"refused: {error.message}")
        self._say(f"  do: {error.remedy}")

    def _merge(self) -> None:
        """Take in what somebody else changed meanwhile; contradictions stand in the text between marks."""
        standing = read_standing(self._ws, self._target)
        merged = merge(self.at.base_text, self.at.text, standing.text or "")
        self.at = Text(self.at.text, standing.digest, standing.text or "")
        self._keep(merged.text)
        count = len(merged.conflicts)
        self._say("the file was changed meanwhile; both changes are in the text now")
        if count:
            self._say(f"{count} of them contradict each other: they stand between <<<<<<< and >>>>>>>")

    def _leave(self, choice: str) -> None:
        if choice == DISCARD and self._ask("throw it away? type yes", "no").strip().lower() == "yes":
            self._store.drop(self._target.name)
            self._say("thrown away; the file is as it was")
            return
        self._keep(self.at.text)
        self._say(f"kept as a draft: peak config edit {self._target.name} goes on with it")


def _ask(question: str, default: str) -> str:
    return str(click.prompt(question, default=default, show_default=bool(default)))


def _say(line: str) -> None:
    click.echo(plain(line))
