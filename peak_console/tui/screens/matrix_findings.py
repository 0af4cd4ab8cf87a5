"""Going from finding to finding on the Matrix screen, and mending one by a key."""

from typing import TYPE_CHECKING, cast

from peak_console.config.lint.finding import LintFinding
from peak_console.domain.errors import PeakError
from peak_console.domain.text import one_line
from peak_console.tui.widgets.editor import ConfigEditor

if TYPE_CHECKING:
    from peak_console.tui.screens.matrix import MatrixScreen


class FindingMoves:
    """Jump, next, last, fix."""

    @property
    def _here(self) -> "MatrixScreen":
        return cast("MatrixScreen", self)

    def go_to_text(self, line: int, column: int = 1, *, focus: bool = True) -> None:
        """Put the text's cursor there."""
        screen = self._here
        if screen.editor is None:
            return
        screen.editor.go_to(line, column)
        if focus:
            screen.focus_pane("editor")

    def jump(self, finding: LintFinding) -> None:
        """To the finding's line and column; to another config where it stands there."""
        screen = self._here
        state = screen.state
        if state is not None and finding.file == state.target.path:
            self.go_to_text(finding.line, finding.column)
            return
        name = next((one.name for one in screen.targets.values() if one.path == finding.file), "")
        if name:
            screen.open_config(name)
        else:
            screen.peak.say(f"it stands in {one_line(finding.file, 80)}, which is not opened here")

    def do_matrix_finding_next(self) -> None:
        """The next finding."""
        self._step_finding(1)

    def do_matrix_finding_previous(self) -> None:
        """The finding before."""
        self._step_finding(-1)

    def _step_finding(self, by: int) -> None:
        screen = self._here
        state, editor = screen.state, screen.editor
        if state is None or editor is None or not state.findings:
            screen.peak.say("lint finds nothing here")
            return
        table = screen.findings
        found = state.findings
        if isinstance(screen.focused, ConfigEditor):
            row, column = editor.cursor_location
            here = (row + 1, column + 1)
            own = [at for at, one in enumerate(found) if one.file == state.target.path]
            beyond = [at for at in own if by * _compare((found[at].line, found[at].column), here) > 0]
            fallback = own[:1] if by > 0 else own[-1:]
            picked = (beyond[:1] if by > 0 else beyond[-1:]) or fallback
            table.cursor = picked[0] if picked else 0
        else:
            table.cursor = (table.cursor + by) % len(found)
        one = found[table.cursor]
        if one.file == state.target.path:
            editor.go_to(one.line, one.column)
        if not isinstance(screen.focused, ConfigEditor):
            screen.focus_pane("findings")

    def _fixable(self) -> LintFinding | None:
        """The finding that the cursor is on, in the list or in the text; the first of several on a line."""
        screen = self._here
        state, editor = screen.state, screen.editor
        if state is None or editor is None:
            return None
        if isinstance(screen.focused, ConfigEditor):
            line = editor.cursor_location[0] + 1
            found = [one for one in state.findings if one.file == state.target.path and one.line == line]
        elif screen.focused is screen.grid and screen.row is not None:
            place = screen.row.place
            found = [one for one in state.findings if place.line <= one.line <= place.end]
        else:
            found = []
        return next((one for one in found if one.fix), None) or (found[0] if found else screen.finding)

    def do_matrix_fix(self) -> None:
        """Mend the finding in the draft, where its rule knows how."""
        screen = self._here
        state, finding = screen.state, self._fixable()
        if state is None or finding is None:
            screen.peak.say("no finding stands here")
            return
        if finding.fix is None:
            screen.peak.say(f"{finding.rule} has no quick fix: {finding.remedy}", severity="warning")
            return
        if not state.current:
            screen.peak.say("lint is still looking at the last edit; press again")
            return
        if finding.file != state.target.path:
            self.jump(finding)
            return
        from peak_console.config.editing.fixing import fixed  # noqa: PLC0415 - after the first paint

        try:
            text = fixed(state.text, finding.fix)
        except PeakError as error:
            screen.peak.say(f"{error.message}; {error.remedy}", severity="error")
            return
        screen.change_text(text, f"mended: {finding.fix.title}")


def _compare(one: tuple[int, int], other: tuple[int, int]) -> int:
    return (one > other) - (one < other)
