"""The Matrix screen's configs: which are open, what was typed, what is kept."""

from typing import TYPE_CHECKING, Any, cast

from textual.containers import Container

from peak_console.domain.text import one_line
from peak_console.tui.editing import EditorState
from peak_console.tui.ink import Span, Tone
from peak_console.tui.latest import Worked
from peak_console.tui.screens.picker import Choice, Picker
from peak_console.tui.screens.question import Question
from peak_console.tui.widgets.editor import ConfigEditor
from peak_console.tui.workdesk import MATRIX, READONLY, Listing, Others, Workdesk

if TYPE_CHECKING:
    from datetime import datetime

    from textual.widgets import TextArea

    from peak_console.config.editing.targets import Target
    from peak_console.tui.screens.matrix import MatrixScreen


class Desk:
    """Opens, switches, discards. Each config has an editor of its own, so each keeps its own undo."""

    _desk: Workdesk | None = None

    def __init__(self) -> None:
        super().__init__()
        self.states: dict[str, EditorState] = {}
        self.targets: dict[str, Target] = {}
        self.stored_drafts: frozenset[str] = frozenset()
        self.open_name = ""
        self.keeping_problem = ""
        self._editors: dict[str, ConfigEditor] = {}
        self._wanted = MATRIX
        self._find = ""
        self._moment: datetime | None = None
        self._judged_by: tuple[Any, ...] = ()

    @property
    def _screen(self) -> "MatrixScreen":
        return cast("MatrixScreen", self)

    @property
    def state(self) -> EditorState | None:
        """The open config."""
        return self.states.get(self.open_name)

    @property
    def editor(self) -> ConfigEditor | None:
        """Its text."""
        return self._editors.get(self.open_name)

    @property
    def settled(self) -> bool:
        """Whether nothing is being read, checked or kept: for tests and pictures."""
        desk = self._desk
        return desk is None or (not desk.busy and bool(self.open_name or self.keeping_problem))

    def begin(self) -> None:
        """Read which configs there are."""
        screen = self._screen
        workspace = screen.peak.opening.workspace
        if workspace is None:
            screen.grid.empty = [(Span("no workspace is open; make one with: peak init DIR", Tone.DIM),)]
            screen.grid.redraw()
            return
        self._desk = Workdesk(
            screen,
            workspace,
            now=screen.peak.now,
            phase=lambda: screen.peak.bar.phase or "",
            readonly=screen.peak.flags.readonly,
            replay=screen.peak.flags.replay,
        )
        self._desk.list()

    def end(self) -> None:
        """Keep what is not kept yet."""
        if self._desk is not None:
            self._desk.close()

    def world_moved(self) -> None:
        """Look again where what judges the texts has changed, and in a replay where the moment has."""
        screen, desk = self._screen, self._desk
        if desk is None or not self.open_name:
            return
        bar, now = screen.peak.bar, screen.peak.now()
        if screen.peak.flags.replay and now != self._moment:
            self._moment = now
            for name in {self.open_name, MATRIX} & set(self.targets):
                desk.open(self.targets[name])
        judged_by = (bar.phase, bar.findings)
        if judged_by != self._judged_by:
            first, self._judged_by = not self._judged_by, judged_by
            if not first:
                self.look_again()

    def listed(self, found: Listing) -> None:
        """Every config; the one that is wanted is opened."""
        self.targets = {one.name: one for one in found.targets}
        self.stored_drafts = frozenset(found.drafts)
        self._screen.show_tabs()
        if not self.open_name:
            self.open_config(self._wanted)

    def open_config(self, name: str) -> None:
        """Show a config; read it where it is not open yet."""
        self._wanted = name
        target = self.targets.get(name)
        if name in self.states:
            self._show(name)
        elif target is not None and self._desk is not None:
            self._desk.open(target)

    async def opened(self, state: EditorState) -> None:
        """A config was read: give it an editor. One that is read again takes the text over."""
        name = state.target.name
        known = self._editors.get(name)
        self.states[name] = state
        if known is None:
            language = "toml" if state.target.path.endswith((".toml", ".lock")) else "markdown"
            editor = ConfigEditor(state.text, language=language, id=f"editor-{len(self._editors)}")
            editor.display = False
            self._editors[name] = editor
            await self._screen.query_one("#editors", Container).mount(editor)
        else:
            began = not known.text
            known.take(state.text)
            if began:
                known.move_cursor((0, 0))
            editor = known
        editor.read_only = bool(state.locked)
        if state.locked and state.base is None:  # nothing is known that could be judged
            self._screen.nothing_known(name)
        elif self._desk is not None:
            self._desk.check(state, 0.0)
        if name == self._wanted:
            self._show(name)
        if state.draft is not None:
            self._screen.show_tabs()

    def _show(self, name: str) -> None:
        screen = self._screen
        had_focus = isinstance(screen.focused, ConfigEditor)
        self.open_name = name
        for one, editor in self._editors.items():
            editor.display = one == name
        screen.set_class(name != MATRIX, "-alone")
        if had_focus or (name != MATRIX and screen.focused is screen.grid):
            screen.focus_pane("editor")
        screen.show_findings()
        screen.show_tabs()
        screen.show_note()
        screen.show_crumbs()
        screen.refresh_keys()
        self._to_what_was_looked_for()

    def _to_what_was_looked_for(self) -> None:
        """The text's cursor to the line that was asked for with the config, once."""
        wanted, self._find = self._find, ""
        state, screen = self.state, self._screen
        if not wanted or state is None:
            return
        lines = state.text.split("\n")
        line = next((at for at, text in enumerate(lines, 1) if text.strip().startswith(wanted)), 0)
        if line:
            screen.call_after_refresh(screen.go_to_text, line)
        else:
            screen.peak.say(f"{one_line(wanted, 80)} does not stand in {one_line(self.open_name, 40)}")

    def text_changed(self, area: "TextArea") -> None:
        """What was typed is checked and kept, each after a pause."""
        name = next((one for one, editor in self._editors.items() if editor is area), "")
        state = self.states.get(name)
        text = area.text
        if state is None or state.text == text:
            return
        state.text = text
        if self._desk is not None:
            self._desk.check(state)
            self._desk.keep(state)
        self._screen.show_tabs()
        self._screen.show_note()

    def change_text(self, text: str, said: str = "") -> None:
        """Put a text in the place of the draft by one edit, which ``ctrl+z`` takes back."""
        if self.editor is not None:
            line = self.editor.take(text)
            if line and not self.editor.in_view(line):
                self.editor.go_to(line, 1)
            if said:
                self._screen.peak.say(said)

    def reopen(self, name: str = "") -> None:
        """Read a config from disk again, with its draft as stored: after a save, or a change outside."""
        target = self.targets.get(name or self.open_name)
        if target is not None and self._desk is not None:
            self._desk.flush()
            self._desk.open(target)

    def look_again(self) -> None:
        """Find the configs anew, and judge the open ones again."""
        if self._desk is not None:
            self._desk.list()
            for state in self.states.values():
                if not (state.locked and state.base is None):
                    self._desk.check(state, 0.0)

    def other_work(self, message: Worked) -> None:
        """A draft was kept, or something failed."""
        if message.key.startswith("keep "):
            problem = message.problem
            if problem and problem != self.keeping_problem:
                self._screen.peak.say(f"the draft is not kept: {problem}", severity="error")
            self.keeping_problem = problem
            if isinstance(message.result, Others):
                self.others_found(message.result)
            self._screen.show_note()
        elif message.error is not None:
            self._screen.peak.say(f"{message.key}: {message.problem}", severity="error")

    def others_found(self, found: Others) -> None:
        """The drafts of a config that other consoles keep, as they stand now."""
        state = self.states.get(found.name)
        if state is not None:
            state.others = found.drafts

    # -- actions

    def do_matrix_config_next(self) -> None:
        """The next tab."""
        self._step(1)

    def do_matrix_config_previous(self) -> None:
        """The tab before."""
        self._step(-1)

    def _step(self, by: int) -> None:
        names = list(self.targets)
        if names:
            here = names.index(self._wanted) if self._wanted in names else 0
            self.open_config(names[(here + by) % len(names)])

    def do_matrix_config(self, name: str = "") -> None:
        """Every config by a list, or the one named."""
        screen = self._screen
        if name in self.targets:
            self.open_config(name)
            return
        if name:
            near = [one for one in self.targets if one.startswith(name)]
            if len(near) == 1:
                self.open_config(near[0])
                return
        choices = [Choice(one.name, one.path) for one in self.targets.values()]
        screen.app.push_screen(Picker("configs", choices, self.open_config, typed=name))

    def do_matrix_discard(self) -> None:
        """Ask before the draft is dropped."""
        state = self.state
        if state is None or not state.dirty:
            self._screen.peak.say("there is no draft: the text is the file's")
            return
        keep = Choice("cancel, keep it", "the draft stays as it is")
        drop = Choice("discard", "show the file's text; ctrl+z brings the draft back while open", Tone.WARN)
        self._screen.app.push_screen(
            Question(f"discard the draft of {state.target.name}?", [keep, drop], self._discard)
        )

    def _discard(self, word: str) -> None:
        state = self.state
        if word != "discard" or state is None or state.locked == READONLY:
            return
        self.change_text(
            state.base_text, f"the draft of {state.target.name} is dropped; ctrl+z brings it back"
        )
        if state.disk != state.base:
            self.reopen()
