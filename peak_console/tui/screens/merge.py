"""The three-way view: what the draft and the file on disk both made of the text that the draft began from."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from peak_console.config.editing.differing import text_diff
from peak_console.config.editing.merging import Conflict, Merged, Side, merge
from peak_console.config.editing.targets import Target
from peak_console.domain.text import one_line
from peak_console.operations.workbench.files import Standing
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import EMPTY, Line, Span, Tone, fit, rule
from peak_console.tui.screens.base import PeakScreen
from peak_console.tui.screens.diff_drawing import diff_lines, nothing_differs
from peak_console.tui.screens.save_drawing import number
from peak_console.tui.widgets.canvas import clean
from peak_console.tui.widgets.document import Document


class Choice(StrEnum):
    """What becomes of the draft."""

    MERGED = "merged"
    MINE = "mine"
    DISK = "disk"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the editor holds from now on; it began from the file as it stood on disk."""

    choice: Choice
    text: str
    disk: Standing
    open_conflicts: int = 0


class View(StrEnum):
    """What is shown of the three."""

    MERGE = "the merge"
    MINE = "what the draft changed"
    THEIRS = "what changed on disk"


class MergeScreen(PeakScreen):
    """Conflicts to settle, and what the merge makes of the file. Only the draft is changed here."""

    NAME = "merge"
    AUTO_FOCUS = "#merge"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("merge")]
    DEFAULT_CSS = "MergeScreen #merge { height: 1fr; }"

    def __init__(
        self,
        target: Target,
        texts: tuple[str, str],
        disk: Standing,
        decided: Callable[[Decision], None],
        *,
        other: str = "",
    ) -> None:
        """``other`` names a draft that stands in the place of the file on disk."""
        super().__init__()
        self._other = other
        self.target, self.disk = target, disk
        self._base, self._mine = texts
        self._theirs = disk.text or ""
        self._decided = decided
        self._merged: Merged = merge(self._base, self._mine, self._theirs)
        self._sides: list[Side | None] = [None] * len(self._merged.conflicts)
        self._at = 0
        self._view = View.MERGE

    def body(self) -> Iterable[Widget]:
        """The page."""
        yield Document(id="merge")

    def on_mount(self) -> None:
        """Show the merge."""
        super().on_mount()
        self._show(top=True)

    # -- the frame

    def trail(self) -> list[str]:
        """Under the config."""
        return ["Matrix", one_line(self.target.name, 40), "Three-way"]

    def note_line(self) -> Line:
        """Which view."""
        named = self._other and self._view is View.THEIRS
        return (Span("what the other draft changed" if named else self._view.value, Tone.DIM),)

    def state_line(self) -> Line:
        """How much is not settled."""
        conflicts, waiting = len(self._sides), self.open_conflicts
        if not conflicts:
            return (Span("✓ merges clean", Tone.OK),)
        if not waiting:
            return (Span(f"✓ {number(conflicts, 'conflict')} settled", Tone.OK),)
        return (Span(f"▲ {waiting} of {number(conflicts, 'conflict')} open", Tone.WARN),)

    @property
    def open_conflicts(self) -> int:
        """Conflicts that are not settled."""
        return sum(one is None for one in self._sides)

    def has_selection(self) -> bool:
        """Whether there is a conflict to settle."""
        return bool(self._sides) and self._view is View.MERGE

    # -- what is shown

    @property
    def _label(self) -> str:
        """What the lines of the other side are marked with."""
        return one_line(self.disk.digest or "", 16) if self._other else "disk"

    @property
    def _theirs_words(self) -> str:
        return "the other draft" if self._other else "the file on disk"

    def _words(self, side: Side) -> str:
        return "the other draft's" if self._other and side is Side.THEIRS else _SIDES[side]

    def merged_text(self) -> str:
        """The merge with what is settled; open conflicts stand between marks."""
        sides = iter(self._sides)
        settled: list[tuple[str, ...] | Conflict] = []
        for part in self._merged.parts:
            side = next(sides) if isinstance(part, Conflict) else None
            settled.append(part.lines(side) if isinstance(part, Conflict) and side is not None else part)
        return Merged(tuple(settled)).text

    def _show(self, *, top: bool = False) -> None:
        self.query_one(Document).show_lines(self._lines, top=top)
        self.show_crumbs()
        self.refresh_keys()

    def _lines(self, width: int) -> list[Line]:
        path = self.target.path
        if self._view is View.MINE:
            diff = text_diff(self._base, self._mine, path)
            return [
                *self._head(width),
                *(diff_lines(diff, width) or nothing_differs("the draft changes nothing")),
            ]
        if self._view is View.THEIRS:
            diff = text_diff(self._base, self._theirs, path)
            return [
                *self._head(width),
                *(diff_lines(diff, width) or nothing_differs(f"{self._theirs_words} is as it was")),
            ]
        lines = self._head(width)
        for at, conflict in enumerate(self._merged.conflicts):
            lines += [*self._conflict(at, conflict, width), EMPTY]
        side = self._theirs_words
        lines.append(rule([Span(f"what the merge makes of {side}", Tone.DIM)], width))
        diff = text_diff(self._theirs, self.merged_text(), path)
        return [*lines, *(diff_lines(diff, width) or nothing_differs(f"nothing: {side} says it all"))]

    def _head(self, width: int) -> list[Line]:
        if self._other:
            words = "M keeps your text, T takes the other draft's; nothing is saved by either"
            title = (Span(" ▪ ", Tone.WARN), Span(self.target.path, Tone.STRONG))
            named = Span(f" your text and {one_line(self._other, 80)}")
            return [fit((*title, named), width), (Span(f"   {words}", Tone.DIM),), EMPTY]
        now = f"now {self.disk.digest[:8]}" if self.disk.digest else "now gone"
        return [
            fit(
                (
                    Span(" ▲ ", Tone.WARN),
                    Span(self.target.path, Tone.STRONG),
                    Span(f" changed outside; {now}"),
                ),
                width,
            ),
            (Span("   your draft is kept, and nothing was written", Tone.DIM),),
            EMPTY,
        ]

    def _conflict(self, at: int, one: Conflict, width: int) -> list[Line]:
        here, side = at == self._at, self._sides[at]
        title = [Span(f"conflict {at + 1} of {len(self._sides)}", Tone.STRONG if here else Tone.DIM)]
        if here:
            title.insert(0, Span("▸ ", Tone.ACCENT))
        title.append(Span(f"  line {one.base_line}", Tone.DIM))
        told = (Span("open", Tone.WARN),) if side is None else (Span(f"✓ {self._words(side)}", Tone.OK),)
        lines = [rule(title, width, told)]
        room = max(4, len(self._label))
        for name, rows, tone, taken in (
            ("was", one.base, Tone.DIM, False),
            ("mine", one.mine, Tone.ACCENT, side in {Side.MINE, Side.BOTH}),
            (self._label, one.theirs, Tone.L3, side in {Side.THEIRS, Side.BOTH}),
        ):
            mark = "✓" if taken else " "
            for row in rows or ("(nothing)",):
                words = clean(row.rstrip("\n").expandtabs(4))
                lines.append(fit((Span(f" {mark} {name:<{room}} │ ", Tone.FAINT), Span(words, tone)), width))
        return lines

    # -- actions

    def do_merge_next(self) -> None:
        """Go to the next conflict, after the last to the first."""
        self._at = (self._at + 1) % max(1, len(self._sides))
        self._show()
        self._into_view()

    def _into_view(self) -> None:
        page = self.query_one(Document)
        wanted = f"conflict {self._at + 1} of"
        rows = ("".join(span.text for span in line) for line in page.lines)
        place = next((row for row, text in enumerate(rows) if wanted in text), 0)
        page.scroll_to(y=max(0, place - 1), animate=False)

    def _settle(self, side: Side) -> None:
        self._sides[self._at] = None if self._sides[self._at] is side else side
        waiting = [at for at, one in enumerate(self._sides) if one is None]
        if waiting and self._sides[self._at] is not None:
            self._at = next((at for at in waiting if at > self._at), waiting[0])
        self._show()
        self._into_view()

    def do_merge_mine(self) -> None:
        """The draft's lines here; again, and it is open as before."""
        self._settle(Side.MINE)

    def do_merge_theirs(self) -> None:
        """The disk's lines here; again, and it is open as before."""
        self._settle(Side.THEIRS)

    def do_merge_both(self) -> None:
        """Both here; again, and it is open as before."""
        self._settle(Side.BOTH)

    def do_merge_view(self) -> None:
        """The next of the three views."""
        views = list(View)
        self._view = views[(views.index(self._view) + 1) % len(views)]
        self._show(top=True)

    def do_merge_take(self) -> None:
        """The merge becomes the draft."""
        self._decide(Decision(Choice.MERGED, self.merged_text(), self.disk, self.open_conflicts))

    def do_merge_keep(self) -> None:
        """The draft stays as it is."""
        self._decide(Decision(Choice.MINE, self._mine, self.disk))

    def do_merge_drop(self) -> None:
        """The file becomes the draft; the draft is kept as a copy."""
        self._decide(Decision(Choice.DISK, self._theirs, self.disk))

    def _decide(self, decision: Decision) -> None:
        self.dismiss()
        self._decided(decision)

    def do_copy(self) -> None:
        """Copy the merge."""
        self.peak.copy(self.merged_text(), f"{self.target.name}-merged")


_SIDES = {Side.MINE: "mine", Side.THEIRS: "the disk's", Side.BOTH: "both", Side.BASE: "as it was"}
