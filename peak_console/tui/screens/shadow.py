"""Shadow (7): jobs, cycles with what the gate said, drift of each model, the way to the next phase."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from textual.binding import BindingType
from textual.events import DescendantFocus
from textual.widget import Widget

from peak_console.operations.views.freshness import Health
from peak_console.operations.views.live import Window
from peak_console.operations.views.shadow import CycleLine, DriftLine, JobLine, ShadowFacts
from peak_console.operations.views.shadow_filter import KEYS, Row, ShadowFilter, read_shadow_filter
from peak_console.operations.views.terms import FilterInvalid
from peak_console.tui.action import ActionState, ShadowChosen
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import EMPTY, Line, Span, Tone, fit, width_of
from peak_console.tui.messages import SnapshotTaken
from peak_console.tui.screens import shadow_drawing as look
from peak_console.tui.screens import shadow_drift_drawing as drift_look
from peak_console.tui.screens import shadow_ready_drawing as ready_look
from peak_console.tui.screens.base import PeakScreen, age_line
from peak_console.tui.screens.looking_back import LookingBack
from peak_console.tui.screens.shadow_doing import ShadowDoing
from peak_console.tui.screens.shadow_figures import figures_shown, within
from peak_console.tui.screens.shadow_following import Followed, identity
from peak_console.tui.screens.shadow_sorting import SORTS, sorted_rows
from peak_console.tui.widgets.drawn import Drawn
from peak_console.tui.widgets.rule_line import RuleLine
from peak_console.tui.widgets.table import ListRows, Table, TableHead, head_line

if TYPE_CHECKING:
    from peak_console.operations.views.source import Source

_JOBS, _CYCLES, _DRIFT, _READY = "shadow-jobs", "shadow-cycles", "shadow-drift", "shadow-ready"
_BOOKS: Final = 4
_ROWS: Final = {_JOBS: (4, 7, 12), _DRIFT: (3, 7, 12), _READY: (2, 6, 14)}
"""Rows that a list shows at once, at most: in 24 lines, in 34, in a huge terminal."""


class ShadowScreen(ShadowDoing, LookingBack, PeakScreen):
    """Four lists; ``tab`` goes from one to the next, Enter opens what the cursor is on."""

    NAME = "shadow"
    AUTO_FOCUS = f"#{_JOBS}"
    CSS_PATH = "shadow.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("shadow")]

    def __init__(self) -> None:
        super().__init__()
        self.facts: ShadowFacts | None = None
        self.window = Window.D7
        self._filter = ShadowFilter()
        self._sorts: dict[str, tuple[int, bool]] = {}
        self._followed = Followed()
        self._drawn_at: datetime | None = None
        """The second of which ages and countdowns stand there."""

    def body(self) -> Iterable[Widget]:
        """Jobs, cycles and book, drift, readiness."""
        now = self.peak.now()
        yield RuleLine("jobs", id="shadow-jobs-rule")
        yield TableHead()
        yield Table(look.job_columns(now), id=_JOBS)
        yield RuleLine("cycles", id="shadow-cycles-rule")
        yield Drawn("shadow-book", self._draw_book)
        yield Drawn("shadow-cycles-head", lambda width, _: [self._head(_CYCLES, width)])
        yield Table(look.cycle_columns(now), id=_CYCLES)
        yield RuleLine("drift", id="shadow-drift-rule")
        yield Drawn("shadow-drift-head", lambda width, _: [self._head(_DRIFT, width)])
        yield Table(drift_look.drift_columns(now), id=_DRIFT)
        yield RuleLine("readiness", id="shadow-ready-rule")
        yield Table(ready_look.ready_columns(now, None), id=_READY)

    def table(self, name: str) -> Table[Any]:
        """One of the lists."""
        return self.query_one(f"#{name}", Table)

    def _rule(self, name: str) -> RuleLine:
        return self.query_one(f"#{name}-rule", RuleLine)

    @property
    def focused_list(self) -> str:
        """The list that has the focus, by its name; the jobs where none has."""
        return str(self.focused.id) if isinstance(self.focused, Table) else _JOBS

    def on_mount(self) -> None:
        """Say that it is being read."""
        super().on_mount()
        for name in (_JOBS, _CYCLES, _DRIFT, _READY):
            self.table(name).empty = [(Span("reading …", Tone.DIM),)]
        self.query_one(TableHead).line = lambda width: self._head(_JOBS, width)

    # -- reading

    def subject(self) -> "Callable[[Source], Any]":
        """All facts of shadow."""
        return lambda source: source.shadow()

    def on_snapshot_taken(self, message: SnapshotTaken) -> None:
        """Show it; where nothing could be read, what was read last, and why it is old."""
        facts = message.snapshot
        if not isinstance(facts, ShadowFacts) or (self.paused and self.facts is not None):
            return
        before = self.facts
        if before is not None and facts.freshness.as_of is None and before.freshness.as_of is not None:
            kept = replace(before.freshness, why=facts.freshness.why, remedy=facts.freshness.remedy)
            facts = replace(before, freshness=kept)
        self.facts = facts
        with self.app.batch_update():
            self.redraw()
            self.show_crumbs()
            self.refresh_keys()

    @property
    def stale(self) -> bool:
        """Whether what is shown may not be true any more."""
        facts = self.facts
        if facts is None or self.peak.replay is not None:
            return False
        return facts.freshness.health(self.peak.now(), self.stale_s) is not Health.FRESH

    def tick(self) -> None:
        """A second has passed: ages and countdowns move on."""
        super().tick()
        if self.facts is not None and self.is_mounted and self._drawn_at != _second(self.peak.now()):
            self.redraw()

    # -- drawing

    def shown_cycles(self) -> list[CycleLine]:
        """The cycles of the window that the filter lets through."""
        facts = self.facts
        if facts is None:
            return []
        return self._kept(within(facts.cycles, self.peak.now(), self.window.seconds))

    def _kept(self, rows: Sequence[Any]) -> list[Any]:
        return [one for one in rows if self._filter.matches(cast("Row", one))]

    def redraw(self) -> None:
        """Everything, from the facts at hand."""
        facts, now, stale = self.facts, self.peak.now(), self.stale
        if facts is None:
            return
        self._drawn_at = _second(now)
        text, replay = self._filter.text, self.peak.replay is not None
        cycles = self.shown_cycles()
        jobs, drift = self._kept(facts.jobs), self._kept(drift_look.drift_rows(facts.drift))
        criteria = ready_look.criteria_rows(facts.readiness)
        self.table(_JOBS).empty = look.no_jobs(facts, filtered=text, replay=replay)
        self.table(_CYCLES).empty = look.no_cycles(facts, self.window.label, filtered=text)
        self.table(_DRIFT).empty = drift_look.no_drift(facts, filtered=text)
        self.table(_READY).empty = ready_look.no_criteria(facts)
        self._list(_JOBS, look.job_columns(now, stale=stale, replay=replay), jobs)
        self._list(_CYCLES, look.cycle_columns(now, stale=stale), cycles)
        self._list(_DRIFT, drift_look.drift_columns(now, stale=stale), drift)
        taken = facts.readiness.taken_at if facts.readiness else None
        self._list(_READY, ready_look.ready_columns(now, taken, stale=stale), criteria)
        self._rules(facts, cycles)

    def _list(self, name: str, columns: Sequence[Any], rows: Sequence[Any]) -> None:
        table = self.table(name)
        here = table.selected
        at, turned = self._sorts.get(name, (0, False))
        ordered = sorted_rows(name, rows, at, turned=turned, now=self.peak.now())
        table.set_columns(columns)
        if name in _ROWS:
            most = _ROWS[name][2 if self.has_class("-huge") else int(self.has_class("-tall"))]
            table.styles.height = min(most, max(1, len(ordered) or len(table.empty)))
        table.show_rows(ListRows(ordered))
        self._keep_place(table, here, [identity(one) for one in ordered])

    def _keep_place(self, table: Table[Any], here: Any, keys: list[object]) -> None:
        """The cursor stays on its row, or on the newest cycle; a list without the focus shows its top."""
        if table.id == _CYCLES and not table.cursor and _CYCLES not in self._sorts:
            return  # on the newest it stays on the newest
        away = isinstance(self.focused, Table) and self.focused is not table
        if here is None or identity(here) not in keys or (away and not table.cursor):
            return
        top = table.scroll_offset.y
        table.cursor = keys.index(identity(here))
        if away:
            table.scroll_to(y=top, animate=False, immediate=True)

    def do_follow(self) -> None:
        """Go to the newest cycle and stay there."""
        self.paused = False
        self._sorts.pop(_CYCLES, None)
        table = self.table(_CYCLES)
        table.focus()
        table.cursor = 0
        table.scroll_to(y=0, animate=False, immediate=True)
        self.peak.feed.poke()
        self.redraw()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """The list with the focus shows its cursor; the others what is gravest or newest, at their top."""
        super().on_descendant_focus(event)
        if not isinstance(self.focused, Table):
            return
        for name in (_JOBS, _CYCLES, _DRIFT, _READY):
            table = self.table(name)
            if table is self.focused:
                table.reveal()
            else:
                table.scroll_to(y=0, animate=False, immediate=True)

    def _rules(self, facts: ShadowFacts, cycles: Sequence[CycleLine]) -> None:
        now, width = self.peak.now(), self.size.width
        shown = figures_shown(facts, cycles, now, self.window.seconds, filtered=bool(self._filter.text))
        newer = self._followed.newer(cycles)
        for name, (title, right) in (
            (_JOBS, self._jobs_head(facts)),
            (
                _CYCLES,
                look.cycles_head(cycles, self.window.label, width, shown=shown, newer=newer),
            ),
            (_DRIFT, (drift_look.drift_head(facts), EMPTY)),
            (_READY, ready_look.ready_head(facts, now, width, stale=self.stale)),
        ):
            line = self._rule(name)
            line.title, line.right = title, right
            line.redraw()
        most = _BOOKS if self.has_class("-tall") else 1
        self.query_one("#shadow-book", Drawn).styles.height = min(most, max(1, len(facts.books)))
        for one in self.query(Drawn):
            one.redraw()
        self.query_one(TableHead).redraw()

    def _jobs_head(self, facts: ShadowFacts) -> tuple[Line, Line]:
        """What is to be known of the job under the cursor must not push the title away."""
        title, right = look.jobs_head(facts, self.table(_JOBS).selected)
        return title, fit(right, max(20, self.size.width - width_of(title) - 10))

    def _draw_book(self, width: int, height: int) -> list[Line]:
        facts = self.facts
        return look.book_lines(facts.books, self.peak.now(), width, height)[:height] if facts else []

    def _head(self, name: str, width: int) -> Line:
        at, turned = self._sorts.get(name, (0, False))
        title, down = SORTS[name][at][0], SORTS[name][at][1]
        return fit(head_line(self.table(name).layout_columns, title, down=down != turned), width)

    def note_line(self) -> Line:
        """The window of the cycles, and the filter."""
        chips = [Span(f" {one.label} ", Tone.CHIP_INFO if one is self.window else Tone.DIM) for one in Window]
        if self._filter.text:
            chips += [Span("  / ", Tone.KEY), Span(self._filter.text, Tone.ACCENT)]
        return tuple(chips)

    def state_line(self) -> Line:
        """A run that is watched, and how old the facts are."""
        if self.facts is None:
            return (*self.doing_line(), Span("reading …", Tone.UNKNOWN))
        return (*self.doing_line(), *age_line(self.facts.freshness, self.peak.now(), self.stale_s))

    # -- what is chosen

    def chosen(self) -> ShadowChosen:
        """What the cursor is on, in the list that has the focus: in another one it is not seen."""
        here = self.focused_list
        one = self.table(here).selected
        return ShadowChosen(
            one if here == _JOBS else None,
            one if here == _DRIFT else None,
            one.run_id if here == _CYCLES and one is not None else "",
        )

    def action_state(self) -> ActionState:
        """With what is chosen."""
        state = super().action_state()
        return self.with_chosen(state) if self.is_mounted and self.facts is not None else state

    def busy(self) -> bool:
        """Whether a run is being watched."""
        return bool(self._watched_key)

    def has_selection(self) -> bool:
        """Whether the list with the focus has a row."""
        return self.is_mounted and self.table(self.focused_list).selected is not None

    def on_table_moved(self, message: Table.Moved) -> None:
        """What keys do depends on the row, and what is told of a job."""
        message.stop()
        cycles = self.shown_cycles()
        if message.table.id == _CYCLES and self._followed.moved(message.index, cycles) and self.facts:
            self._rules(self.facts, cycles)
        if message.table.id == _JOBS and self.facts is not None:
            line = self._rule(_JOBS)
            line.title, line.right = self._jobs_head(self.facts)
            line.redraw()
        self.refresh_keys()

    def do_open(self) -> None:
        """Open what the cursor is on."""
        self.table(self.focused_list).open_selected()

    def on_table_opened(self, message: Table.Opened) -> None:
        """A job, a cycle, a model or the criteria: each has its page."""
        message.stop()
        row, facts = message.row, self.facts
        if facts is None:
            return
        if isinstance(row, JobLine):
            from peak_console.tui.screens.shadow_job import ShadowJobScreen  # noqa: PLC0415 - when it is opened

            self.app.push_screen(ShadowJobScreen(row.name))
        elif isinstance(row, CycleLine):
            from peak_console.tui.screens.shadow_cycle import ShadowCycleScreen  # noqa: PLC0415 - likewise

            self.app.push_screen(ShadowCycleScreen(row.seq, row.run_id, self.neighbour))
        elif isinstance(row, DriftLine):
            from peak_console.tui.screens.shadow_model import ShadowModelScreen  # noqa: PLC0415 - likewise

            self.app.push_screen(ShadowModelScreen(row.name, row.slots))
        else:
            from peak_console.tui.screens.shadow_ready import ShadowReadyScreen  # noqa: PLC0415 - likewise

            self.app.push_screen(ShadowReadyScreen())

    def neighbour(self, seq: int, by: int) -> CycleLine | None:
        """The cycle ``by`` places further down the list than that of ``seq``."""
        rows = self.shown_cycles()
        at = next((place for place, one in enumerate(rows) if one.seq == seq), None)
        return rows[at + by] if at is not None and 0 <= at + by < len(rows) else None

    # -- filter, sort, window

    def filter_keys(self) -> Sequence[str]:
        """The keys of the filter."""
        return KEYS

    def filter_text(self) -> str:
        """The filter that stands."""
        return self._filter.text

    def set_filter(self, text: str) -> str:
        """Narrow the lists."""
        try:
            self._filter = read_shadow_filter(text)
        except FilterInvalid as error:
            return f"{error.message}; {error.remedy}"
        self.redraw()
        self.refresh_keys()
        return ""

    def do_sort_next(self) -> None:
        """Sort the list with the focus by its next column."""
        name = self.focused_list
        at, _ = self._sorts.get(name, (0, False))
        self._sorts[name] = ((at + 1) % len(SORTS[name]), False)
        self.redraw()
        title = SORTS[name][self._sorts[name][0]][0]
        self.peak.say(f"sorted by {title.lower()}" if title else "in the order of the config")

    def do_sort_reverse(self) -> None:
        """Turn its order round."""
        name = self.focused_list
        at, turned = self._sorts.get(name, (0, False))
        self._sorts[name] = (at, not turned)
        self.redraw()

    def look_back(self, window: Window) -> None:
        """Show what lies within ``window``."""
        self.window = window
        self.redraw()
        self.show_crumbs()

    def do_copy(self) -> None:
        """Copy the row under the cursor."""
        table = self.table(self.focused_list)
        if table.selected is not None:
            line, _ = table.draw_row(table.cursor, 200)
            self.peak.copy("".join(span.text for span in line).strip(), self.focused_list)


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
