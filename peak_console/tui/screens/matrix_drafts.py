"""The Matrix screen's way to drafts of other consoles: compared with one's own, merged, dropped."""

from peak_console.domain.text import one_line
from peak_console.operations.workbench.draft_words import said_of
from peak_console.operations.workbench.files import Standing
from peak_console.operations.workbench.shapes import Draft
from peak_console.tui.clipboard import write_copy
from peak_console.tui.editing import EditorState, OtherDraft
from peak_console.tui.latest import Worked
from peak_console.tui.screens.matrix_desk import Desk
from peak_console.tui.screens.merge import Decision, MergeScreen
from peak_console.tui.screens.picker import Choice, Picker
from peak_console.tui.workdesk import Others


class OtherDrafts(Desk):
    """The desk, with the drafts that are not its own."""

    def do_matrix_drafts(self) -> None:
        """Look which drafts of the open config others keep, and list them."""
        state = self.state
        if state is not None and self._desk is not None:
            self._desk.look_for_others(state)

    def other_work(self, message: Worked) -> None:
        """Drafts of others were looked for, or something else was done."""
        super().other_work(message)
        if message.key.startswith("others ") and isinstance(message.result, Others):
            self.others_found(message.result)
            self._screen.show_note()
            self._list_others(message.result)

    def _list_others(self, found: Others) -> None:
        state, screen = self.states.get(found.name), self._screen
        if state is None or found.name != self.open_name:
            return
        if not found.drafts:
            screen.peak.say(f"there is no other draft of {one_line(found.name, 40)}")
            return
        choices = [Choice(one.draft.id, _told(one)) for one in found.drafts]
        screen.app.push_screen(
            Picker(f"other drafts of {found.name}", choices, lambda word: self._picked(state, word))
        )

    def _picked(self, state: EditorState, word: str) -> None:
        one = next((one for one in state.others if one.draft.id == word), None)
        if one is None:
            return
        if one.living:
            self._look_at(state, one.draft)
            return
        look = Choice("compare", "draft, text and what it came from; merge it or take it")
        drop = Choice("drop", "forget it; a copy is written to a file first")

        def chosen(what: str) -> None:
            if what == "drop":
                self._drop_other(state, one.draft)
            elif what == "compare":
                self._look_at(state, one.draft)

        self._screen.app.push_screen(Picker(f"the draft {word}", [look, drop], chosen))

    def _look_at(self, state: EditorState, other: Draft) -> None:
        """The three-way view of one's own text and the other draft."""

        def decided(decision: Decision) -> None:
            if decision.text == state.text or self.state is not state:
                return
            said = "taken into your draft; ctrl+z takes it back. The other draft stays where it is"
            self.change_text(decision.text, said)

        other_side = Standing(other.text, other.id)
        said = f"the draft {other.id}"
        self._screen.app.push_screen(
            MergeScreen(state.target, (other.base_text, state.text), other_side, decided, other=said)
        )

    def _drop_other(self, state: EditorState, other: Draft) -> None:
        """Forget it where it is kept; its text is in a file then."""
        peak = self._screen.peak
        try:
            path = write_copy(other.text, f"draft-{state.target.name}", peak.now())
        except OSError as error:
            why = error.strerror or str(error)
            peak.say(f"the draft is not dropped: no copy of it could be written: {why}", severity="error")
            return
        peak.say(f"the draft {other.id} is dropped; a copy is in {path}")
        if self._desk is not None:
            self._desk.look_for_others(state, forget=other)


def _told(one: OtherDraft) -> str:
    return f"{said_of(one.draft, living=one.living)}, kept {one.draft.at:%m-%d %H:%M}Z"
