"""The Matrix screen's ways out of a draft: save, history, and what happens when the file changes outside."""

from hashlib import sha256
from typing import TYPE_CHECKING

from peak_console.domain.text import one_line
from peak_console.operations.workbench.files import Standing
from peak_console.operations.workbench.shapes import Saved
from peak_console.tui.clipboard import write_copy
from peak_console.tui.editing import EditorState
from peak_console.tui.long_work import LongWork, WorkDone
from peak_console.tui.outside import FileMoved, FilesWatch
from peak_console.tui.screens.matrix_drafts import OtherDrafts
from peak_console.tui.workdesk import MATRIX

if TYPE_CHECKING:
    from peak_console.tui.screens.merge import Decision


class Changing(OtherDrafts):
    """The desk, with saves, history and the three-way view."""

    _watch: FilesWatch | None = None
    _comparing: LongWork | None = None
    _own: frozenset[str] = frozenset()
    """Digests of what this console itself asked to be put in place: never told as a change outside."""

    # -- the file changes outside

    async def opened(self, state: EditorState) -> None:
        """Watch what is open."""
        await super().opened(state)
        bench, workspace = self._screen.peak.bench(), self._screen.peak.opening.workspace
        if bench is None or workspace is None or self._screen.peak.replay is not None:
            return
        if self._watch is None:
            self._watch = FilesWatch(self._screen)
        target = state.target
        self._watch.add(target.name, workspace.root / target.path, lambda: bench.standing(target), state.disk)

    def end(self) -> None:
        """Watch no longer."""
        if self._watch is not None:
            self._watch.stop()
        super().end()

    def on_file_moved(self, message: FileMoved) -> None:
        """The file is another: a text without a draft follows it, a draft stays and is told so."""
        message.stop()
        state, name = self.states.get(message.name), one_line(message.name, 40)
        if state is None or message.standing.digest == state.disk:
            return
        if message.standing.digest in self._own:  # seen before the save has told of it
            self._stands_now(state, message.standing.digest)
            return
        state.disk, state.disk_by = message.standing.digest, ""
        screen = self._screen
        if not state.dirty:
            self.reopen(message.name)
            screen.peak.say(f"{name} changed outside; shown as it is now")
            return
        if message.standing.text == state.text:
            self._began_from(state, message.standing)
            screen.peak.say(f"{name} was saved outside, as your draft has it")
            return
        screen.show_note()
        screen.show_tabs()
        screen.peak.say(
            f"{name} changed outside; your draft is kept. o compares the three", severity="warning"
        )

    def own_change(self, name: str, digest: str) -> None:
        """This console is about to put that version of a config in place."""
        if name:
            self._own |= {digest}

    def own_done(self, saved: Saved) -> None:
        """A version was put back: the text follows where no draft stands on it; a draft is kept."""
        state = self.states.get(saved.target.name)
        if state is None:
            return
        self._own |= {saved.new}
        self._stands_now(state, saved.new, f"rolled back to {saved.new[:8]}, #{saved.seq:,}")

    def _stands_now(self, state: EditorState, digest: str | None, by: str = "") -> None:
        """The file is what this console put there."""
        state.disk, state.disk_by = digest, by or state.disk_by or "rolled back"
        if self._watch is not None:
            self._watch.know(state.target.name, digest)
        if state.base == digest:
            return
        if not state.dirty:
            self.reopen(state.target.name)
        self._screen.show_note()
        self._screen.show_tabs()

    def _began_from(self, state: EditorState, disk: Standing) -> None:
        """The draft is one of the file as it stands now."""
        state.base, state.base_text, state.disk = disk.digest, disk.text or "", disk.digest
        state.draft, state.disk_by = None, ""
        if self._watch is not None:
            self._watch.know(state.target.name, disk.digest)
        if self._desk is not None:
            self._desk.keep(state, 0.0)
            self._desk.check(state, 0.0)
        screen = self._screen
        screen.show_tabs()
        screen.show_note()
        screen.refresh_keys()

    def want_config(self, name: str, find: str = "") -> None:
        """Show a config, at once or as soon as it is known which there are; at the line that has ``find``."""
        self._find = find
        if self.targets or not name:
            self.do_matrix_config(name)
        else:
            self._wanted = name

    # -- save

    def do_matrix_save(self) -> None:
        """The save dialogue over the draft; where the file changed outside, the three-way view first."""
        state, screen = self.state, self._screen
        if state is None:
            return
        if state.locked:
            screen.peak.say(f"read-only: {state.locked}", severity="warning")
        elif not state.dirty:
            screen.peak.say(f"nothing to save: {one_line(state.target.name, 40)} is as it is on disk")
        elif state.disk != state.base:
            self.do_matrix_merge()
        else:
            self._ask_save(state)

    def _ask_save(self, state: EditorState) -> None:
        from peak_console.tui.screens.save import Proposal, SaveDialog  # noqa: PLC0415 - loaded when first opened

        text = state.text
        self.own_change(state.target.name, sha256(text.encode("utf-8", "surrogateescape")).hexdigest())

        def saved(done: Saved) -> None:
            self._began_from(state, Standing(text, done.new))

        dialogue = SaveDialog(
            Proposal(state.target, text, state.base),
            saved=saved,
            changed_outside=lambda: self._compare(state),
        )
        self._screen.app.push_screen(dialogue)

    # -- history

    def do_matrix_history(self, name: str = "") -> None:
        """The versions of the open config, or of the one named."""
        from peak_console.tui.screens.history import HistoryScreen  # noqa: PLC0415 - loaded when first opened

        screen = self._screen
        target = self.targets.get(name or self.open_name)
        if target is None:
            said = f"there is no config {one_line(name, 40)}" if name else "no config is open yet"
            screen.peak.say(said, severity="warning")
            return
        screen.app.push_screen(HistoryScreen(target, self.states.get(target.name), self))

    # -- the lock

    def do_matrix_lock(self) -> None:
        """The matrix as it stands in the editor against the lock."""
        from peak_console.tui.screens.lock import LockScreen  # noqa: PLC0415 - loaded when first opened

        screen, state = self._screen, self.states.get(MATRIX)
        if state is None:
            screen.peak.say("the matrix is not read yet", severity="warning")
            return
        side = "the draft" if state.dirty and not state.locked else "the matrix"
        screen.app.push_screen(LockScreen(state.text, side))

    # -- three ways

    def do_matrix_merge(self) -> None:
        """Draft, file and what both came from, where the file changed outside."""
        state = self.state
        if state is None:
            return
        if state.disk == state.base:
            self._screen.peak.say("the file is as it was when this draft began: there is nothing to merge")
            return
        self._compare(state)

    def _compare(self, state: EditorState) -> None:
        """Read the file as it stands now, in a thread."""
        bench, target = self._screen.peak.bench(), state.target
        if bench is None:
            return
        if self._comparing is None:
            self._comparing = LongWork(self._screen)
        self._comparing.begin(f"merge {target.name}", lambda _progress, _cancelled: bench.standing(target))

    def proving(self) -> LongWork:
        """What reads the file: for tests."""
        if self._comparing is None:
            self._comparing = LongWork(self._screen)
        return self._comparing

    def on_work_done(self, message: WorkDone) -> None:
        """The file was read: show the three."""
        from peak_console.tui.screens.merge import MergeScreen  # noqa: PLC0415 - loaded when first opened

        screen = self._screen
        if message.problem:
            screen.peak.say(f"{message.problem}; {message.remedy}", severity="error")
        state = self.states.get(message.topic.removeprefix("merge "))
        if state is None or not isinstance(message.result, Standing):
            return
        found, texts = message.result, (state.base_text, state.text)
        state.disk = found.digest
        if found.digest == state.base:
            screen.peak.say("the file is again as it was when this draft began")
            screen.show_note()
            return
        chosen = state
        screen.app.push_screen(
            MergeScreen(state.target, texts, found, lambda decision: self._decided(chosen, decision))
        )

    def _decided(self, state: EditorState, decision: "Decision") -> None:
        """The draft is one of the file on disk from now on; what is replaced is kept as a copy."""
        peak, name = self._screen.peak, state.target.name
        kept = "" if decision.text == state.text else self._copy_of(state)
        state.text, mine = decision.text, state.text
        self._began_from(state, decision.disk)
        editor = self._editors.get(name)
        if editor is not None and decision.text != mine:
            state.text = mine  # the editor's change is what is checked and kept
            editor.take(decision.text)
        more = (
            f", {decision.open_conflicts} to settle between <<<<<<< and >>>>>>>"
            if decision.open_conflicts
            else ""
        )
        said = {
            "merged": f"merged{more}; ^s saves it",
            "mine": "your draft is kept; a save compares it with the file as it is now",
            "disk": "the file's text is taken; ctrl+z brings your draft back",
        }[decision.choice.value]
        peak.say(said + kept, severity="warning" if more else "information")

    def _copy_of(self, state: EditorState) -> str:
        """Keep the draft in a file of its own, and say where."""
        peak = self._screen.peak
        try:
            path = write_copy(state.text, f"draft-{state.target.name}", peak.now())
        except OSError as error:
            return f"; no copy of the draft could be written: {error.strerror or error}"
        return f"; the draft before is also in {path}"
