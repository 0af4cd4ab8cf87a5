"""Live, the home screen: is it well, what does it cost, what needs me, what just happened."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget

from peak_console.operations.views.freshness import Health
from peak_console.operations.views.live import Alert, LiveSnapshot, Window
from peak_console.tui import figures as fig
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import EMPTY, Line, Span, Tone
from peak_console.tui.messages import SnapshotTaken
from peak_console.tui.screens import live_drawing as look
from peak_console.tui.screens import provider_drawing as providers_look
from peak_console.tui.screens.base import PeakScreen, age_line
from peak_console.tui.screens.live_panels import AlertTable, FiguresStrip, VolumePanel
from peak_console.tui.screens.looking_back import LookingBack
from peak_console.tui.widgets.rule_line import RuleLine
from peak_console.tui.widgets.table import ListRows, Table, TableHead
from peak_console.tui.widgets.time_series import TimeSeries

if TYPE_CHECKING:
    from peak_console.operations.views.breakers import BreakerLine
    from peak_console.operations.views.call_filter import CallFilter
    from peak_console.operations.views.shadow_bar import DriftTrouble
    from peak_console.operations.views.source import Source


class LiveScreen(LookingBack, PeakScreen):
    """Key figures, plots, slots, alerts, the tail of calls."""

    NAME = "live"
    AUTO_FOCUS = "#slots"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("live")]

    def __init__(self) -> None:
        super().__init__()
        self.window = Window.H1
        self._chosen = False  # by the operator; until then the window follows the ledger's age
        self.snapshot: LiveSnapshot | None = None
        self._sort, self._turned = 0, False
        self._filter: CallFilter | None = None
        self._breakers_shown = False
        self._marked: Sequence[DriftTrouble] = ()

    def body(self) -> Iterable[Widget]:
        """Figures, plots, slots, alerts, tail."""
        alphabet = self.peak.opening.settings.alphabet
        cost = TimeSeries(
            "cost",
            "€/h",
            fig.axis,
            tone=Tone.L0,
            limit_name="budget",
            floor_top=0.01,
            id="cost",
        )
        p95 = TimeSeries("p95 latency", "", fig.latency, tone=Tone.L2, filled=False, floor_top=100, id="p95")
        critic = TimeSeries(
            "critic fails", "per step", lambda value: f"{value:.0f}", tone=Tone.L4, floor_top=4, id="critic"
        )
        for plot in (cost, p95, critic):
            plot.alphabet = alphabet
        yield FiguresStrip(id="figures")
        yield Container(VolumePanel(id="volume"), cost, p95, critic, id="plots")
        yield TableHead()
        yield Table(look.slot_columns(self._breakers, self._drift), id="slots")
        yield Table(providers_look.PROVIDER_COLUMNS, id="providers")
        yield RuleLine("alerts", id="alerts-head")
        yield AlertTable(look.ALERT_COLUMNS, id="alerts")
        yield RuleLine("latest calls", id="tail-head")
        yield Table(look.CALL_COLUMNS, id="tail")

    def on_mount(self) -> None:
        """Say that nothing has been read yet."""
        super().on_mount()
        reading = [(Span("reading the ledger …", Tone.DIM),)]
        self.slots.empty = self.tail.empty = self.providers.empty = reading
        self.alerts.empty = [(Span("…", Tone.DIM),)]
        self.query_one(TableHead).line = self._head

    @property
    def slots(self) -> Table[Any]:
        """The table by slot."""
        return self.query_one("#slots", Table)

    @property
    def providers(self) -> Table[Any]:
        """The breakers and rate limits, in the slots' place while they are shown."""
        return self.query_one("#providers", Table)

    @property
    def alerts(self) -> AlertTable:
        """The alerts."""
        return self.query_one(AlertTable)

    @property
    def tail(self) -> Table[Any]:
        """The latest calls."""
        return self.query_one("#tail", Table)

    def on_screen_resume(self) -> None:
        """Be fed; figures and alerts of long ago are not shown as those of now until they are read again."""
        known = self.snapshot
        if known is not None and not self.paused:
            age = known.freshness.age_s(self.peak.now())
            if age is not None and age > self.stale_s and not known.freshness.why:
                self._forget(known)
        super().on_screen_resume()

    def _forget(self, known: LiveSnapshot) -> None:
        """Show that everything is being read."""
        self.snapshot = None
        for panel in (self.query_one(FiguresStrip), self.query_one(VolumePanel)):
            panel.snapshot = None
            panel.redraw()
        for plot in self.query(TimeSeries):
            plot.show_points((), seconds=known.window.seconds)
        head = self.query_one("#alerts-head", RuleLine)
        head.title, head.right = (Span("alerts"),), EMPTY
        head.redraw()
        for table in (self.slots, self.tail, self.providers, self.alerts):
            table.empty = [(Span("reading …", Tone.DIM),)]
            table.show_rows(ListRows(()))

    def subject(self) -> "Callable[[Source], Any]":
        """Live, over the window."""
        window = self.window if self._chosen else None
        return lambda source: source.live(window)

    def trail(self) -> list[str]:
        """Live, and how far back."""
        return ["Live"]

    def note_line(self) -> Line:
        """The window, and the filter if there is one."""
        windows: list[Span] = []
        for one in Window:
            here = one is self.window
            windows += [Span(f" {one.label} ", Tone.CHIP_INFO if here else Tone.DIM)]
        if self._filter is not None:
            windows += [Span("  / ", Tone.KEY), Span(self._filter.text, Tone.ACCENT)]
        return tuple(windows)

    def state_line(self) -> Line:
        """How old the figures are."""
        if self.snapshot is None:
            return (Span("reading …", Tone.UNKNOWN),)
        return age_line(self.snapshot.freshness, self.peak.now(), self.stale_s)

    def on_snapshot_taken(self, message: SnapshotTaken) -> None:
        """Draw the snapshot; while paused only its alerts."""
        snapshot: LiveSnapshot = message.snapshot
        if self._chosen and snapshot.window is not self.window:
            return
        self.window = snapshot.window
        with self.app.batch_update():
            self._show_alerts(snapshot)
            if not self.paused or self.snapshot is None:
                self.snapshot = snapshot
                self._show(snapshot)
            self.show_crumbs()
            self.refresh_keys()

    def tick(self) -> None:
        """A second has passed: figures may have become stale."""
        super().tick()
        self.query_one(FiguresStrip).redraw()
        self._show_breakers()

    def _show(self, snapshot: LiveSnapshot) -> None:
        for panel in (self.query_one(FiguresStrip), self.query_one(VolumePanel)):
            panel.snapshot = snapshot
            panel.redraw()
        series, seconds = snapshot.series, snapshot.window.seconds
        plots = {plot.id: plot for plot in self.query(TimeSeries)}
        plots["cost"].show_points(series.cost_eur_per_h, seconds=seconds, limit=series.cost_limit_eur_per_h)
        plots["p95"].show_points(series.p95_ms, seconds=seconds, limit=series.p95_limit_ms)
        plots["critic"].show_points(series.critic_fails, seconds=seconds)
        self._show_tables(snapshot)

    def _show_tables(self, snapshot: LiveSnapshot) -> None:
        wanted = self._filter
        kept = snapshot.rows if wanted is None else look.filtered_rows(snapshot, wanted)
        rows = look.sorted_rows(kept, self._sort, turned=self._turned)
        tail = [line for line in snapshot.tail if wanted is None or wanted.matches(line)]
        self.slots.empty, self.tail.empty = self._why_empty(snapshot)
        self.slots.styles.max_height = max(2, len(rows))
        self.slots.show_rows(ListRows(rows))
        self.tail.show_rows(ListRows(tail))
        self._show_breakers()
        self.query_one(TableHead).redraw()

    def _breakers(self) -> "Sequence[BreakerLine]":
        return (self.snapshot.breakers if self.snapshot else None) or ()

    def _drift(self) -> "Sequence[DriftTrouble]":
        shadow = self.peak.bar.shadow
        return shadow.drift if shadow is not None else ()

    def bar_taken(self) -> None:
        """The posture bar's facts are new: models that drift are marked."""
        super().bar_taken()
        if self.is_mounted and self._drift() != self._marked:
            self._marked = self._drift()
            self.slots.redraw()

    def do_drift_show(self) -> None:
        """The drift page of the slot's model; without a slot under the cursor, of every model."""
        row = self.slots.selected if self.focused is self.slots else None
        if row is None:
            self.peak.go("shadow")
            return
        from peak_console.tui.screens.shadow_model import ShadowModelScreen  # noqa: PLC0415 - when it is opened

        self.app.push_screen(ShadowModelScreen(f"{row.slot.provider}:{row.slot.model_id}"))

    def _show_breakers(self) -> None:
        """The line that sums the breakers up, and their table while it is shown: countdowns go on."""
        snapshot, now = self.snapshot, self.peak.now()
        if snapshot is None:
            return
        stale = snapshot.freshness.health(now, self.stale_s) is not Health.FRESH
        head = self.query_one("#alerts-head", RuleLine)
        head.right = providers_look.summary(
            snapshot.breakers, now, max(20, head.size.width - 22), stale=stale
        )
        head.redraw()
        if not self._breakers_shown:
            return
        kept = look.filtered_breakers(self._breakers(), snapshot, self._filter)
        rows = providers_look.provider_rows(kept, snapshot.rows, now, stale=stale)
        unknown = snapshot.breakers is None
        self.providers.empty = [providers_look.UNKNOWN if unknown else providers_look.NOTHING]
        self.providers.styles.max_height = max(2, len(rows))
        self.providers.show_rows(ListRows(rows))

    def _why_empty(self, snapshot: LiveSnapshot) -> tuple[Sequence[Line], Sequence[Line]]:
        if self._filter is not None and snapshot.rows:
            text = f"no slot or recent call matches  / {self._filter.text}   esc clears the filter"
            return [(Span(text, Tone.DIM),)], [(Span("nothing matches", Tone.DIM),)]
        if snapshot.workspace_new and self.peak.replay is not None:
            return [(Span("no call up to this moment", Tone.DIM),)], [(Span("no call yet", Tone.DIM),)]
        if snapshot.workspace_new:
            lines = [
                (Span("No call has ever been made in this workspace.", Tone.DIM),),
                (
                    Span("e", Tone.KEY),
                    Span(" enables calls; then for example:  ", Tone.DIM),
                    Span("peak call L0 primary --prompt hello", Tone.ACCENT),
                ),
            ]
            return lines, [(Span("the calls will run past here", Tone.DIM),)]
        longer = "; w looks further back" if snapshot.window is not Window.D7 else ""
        return [(Span(f"no call in the last {snapshot.window.label}{longer}", Tone.DIM),)], [
            (Span("no recent call", Tone.DIM),)
        ]

    def _show_alerts(self, snapshot: LiveSnapshot) -> None:
        wanted = max(1, min(len(snapshot.alerts), 4 if self.has_class("-tall") else 2))
        if self.alerts.styles.height is None or self.alerts.size.height != wanted:
            self.alerts.styles.height = wanted
        head = self.query_one("#alerts-head", RuleLine)
        grave = [alert for alert in snapshot.alerts if alert.severity != "info"]
        head.title = (Span("alerts"), Span(f" {len(grave)}", Tone.WARN)) if grave else (Span("alerts"),)
        head.redraw()
        self.alerts.empty = [(Span("✓ ", Tone.OK), Span("nothing needs you", Tone.DIM))]
        self.alerts.show_rows(ListRows(snapshot.alerts))

    def _head(self, width: int) -> Line:
        if self._breakers_shown:
            return self.providers.head(width)
        title, _, down = look.SORTS[self._sort]
        return self.slots.head(width, title, down=down != self._turned)

    def do_open(self) -> None:
        """Open what the focused list's cursor is on."""
        focused = self.focused
        if isinstance(focused, Table):
            focused.open_selected()

    def on_table_opened(self, message: Table.Opened) -> None:
        """A slot leads to its calls, an alert to its evidence, a call to its page."""
        if message.table is self.tail:
            from peak_console.tui.screens.call import CallScreen  # noqa: PLC0415 - not before the first paint

            self.app.push_screen(CallScreen(message.row.call_id))
        elif message.table is self.providers and self.snapshot is not None:
            one = message.row.breaker
            window = self.snapshot.window.value
            self.peak.go("calls", f"provider:{one.provider} model:{one.model_id} since:{window}")
        elif message.table is self.slots and self.snapshot is not None:
            self.peak.go("calls", look.slot_filter(message.row, self.snapshot))
        elif isinstance(message.row, Alert):
            self._open_alert(message.row)

    def _open_alert(self, alert: Alert) -> None:
        if alert.filter:
            self.peak.go("calls", alert.filter)
        else:
            remedy = " — ".join(part for part in (alert.title, alert.detail, alert.action) if part)
            self.peak.say(f"{remedy}{f'; $ {alert.cli}' if alert.cli else ''}", timeout=10)

    def look_back(self, window: Window) -> None:
        """Show what lies within ``window``."""
        if window is not self.window or not self._chosen:
            self.window, self._chosen = window, True
            self.paused = False
            self.show_crumbs()
            self.peak.feed.watch(self, self.subject())

    def do_breakers_show(self) -> None:
        """Breakers and rate limits in the slots' place, and back."""
        self._breakers_shown = not self._breakers_shown
        shown, hidden = (self.providers, self.slots) if self._breakers_shown else (self.slots, self.providers)
        focused = self.focused is hidden
        self.set_class(self._breakers_shown, "-providers")
        if focused:
            self.set_focus(shown)
        self._sorted()

    def do_sort_next(self) -> None:
        """Sort by the next column."""
        if self._breakers_shown:
            self.peak.say("breakers stand by state; b shows the slots, which can be sorted")
            return
        self._sort, self._turned = (self._sort + 1) % len(look.SORTS), False
        self._sorted()

    def do_sort_reverse(self) -> None:
        """Turn the order round."""
        self._turned = not self._turned
        self._sorted()

    def _sorted(self) -> None:
        if self.snapshot is not None:
            self._show_tables(self.snapshot)

    def do_plots_next(self) -> None:
        """Show the other two plots, where only two fit."""
        self.toggle_class("-second-plots")

    def filter_keys(self) -> Sequence[str]:
        """The keys of calls."""
        from peak_console.operations.views.call_filter import KEYS  # noqa: PLC0415 - not before the first paint

        return KEYS

    def filter_text(self) -> str:
        """The filter over slots and tail."""
        return "" if self._filter is None else self._filter.text

    def set_filter(self, text: str) -> str:
        """Filter slots and tail."""
        from peak_console.operations.views.call_filter import read_call_filter  # noqa: PLC0415 - see above
        from peak_console.operations.views.terms import FilterInvalid  # noqa: PLC0415 - see above

        try:
            wanted = read_call_filter(text, self.peak.now())
        except FilterInvalid as error:
            return f"{error.message}; {error.remedy}"
        self._filter = None if wanted.everything else wanted
        self._sorted()
        return ""

    def has_selection(self) -> bool:
        """Whether the focused list has a row."""
        focused = self.focused
        return isinstance(focused, Table) and focused.selected is not None

    def do_copy(self) -> None:
        """Copy the row under the cursor."""
        focused = self.focused
        if isinstance(focused, Table) and focused.selected is not None:
            line, _ = focused.draw_row(focused.cursor, focused.size.width)
            self.peak.copy("".join(span.text for span in line).strip(), f"live-{focused.id}")
