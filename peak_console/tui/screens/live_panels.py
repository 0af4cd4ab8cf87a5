"""The panels of the screen Live: key figures, calls by layer, alerts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from peak_console.operations.views.freshness import Health
from peak_console.operations.views.live import Alert, LiveSnapshot
from peak_console.tui.ink import Line
from peak_console.tui.screens import live_drawing as look
from peak_console.tui.widgets.canvas import Canvas
from peak_console.tui.widgets.table import Table

if TYPE_CHECKING:
    from peak_console.tui.app import PeakApp


class FiguresStrip(Canvas):
    """The key figures."""

    snapshot: LiveSnapshot | None = None

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Names, values, what stands behind them."""
        app = cast("PeakApp", self.app)
        limit = app.opening.settings.stale_s
        stale = (
            self.snapshot is not None and self.snapshot.freshness.health(app.now(), limit) is not Health.FRESH
        )
        return look.figures_lines(self.snapshot, width, height, stale=stale)


class VolumePanel(Canvas):
    """Calls a minute by layer."""

    snapshot: LiveSnapshot | None = None

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """A row a layer."""
        alphabet = cast("PeakApp", self.app).opening.settings.alphabet
        return look.volume_lines(self.snapshot, width, height, alphabet)


class AlertTable(Table[Alert]):
    """Alerts, each over the whole width."""

    def draw_row(self, row: int, width: int) -> tuple[Line, bool]:
        """An alert's line."""
        alert = self._rows.row(row)
        if alert is None:
            return super().draw_row(row, width)
        return look.alert_line(alert, width), row == self.cursor and self.has_focus
