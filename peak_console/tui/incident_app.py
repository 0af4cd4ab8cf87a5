"""The app's part of incidents: the panel's keys, what they came to, the Incident screen, and alerts.

What a key did is kept here and not in the panel: closing the panel loses nothing of it.
"""

import threading
from itertools import takewhile
from typing import TYPE_CHECKING, Final, cast

from textual.events import Key

from peak_console.operations.views.bar import BarSnapshot
from peak_console.tui.actions import BY_ID

if TYPE_CHECKING:
    from peak_console.operations.views.incident_desk import IncidentDesk
    from peak_console.operations.views.incidents import IncidentLine
    from peak_console.tui.app import PeakApp
    from peak_console.tui.containing import Containment, KeysDone, Part, PartTold
    from peak_console.tui.notifying import Notifier
    from peak_console.tui.screens.incidents import IncidentsScreen

_BANNER_S: Final = 15.0
_KEPT_S: Final = 300.0
"""How long results stand in a panel that is opened again."""


class IncidentActions:
    """Part of the app. ``contained`` are the parts of the keys pressed last, in their order."""

    contained: "dict[str, Part]"
    _pressed_us: int = 0
    _notifier: "Notifier | None" = None

    @property
    def _desk_app(self) -> "PeakApp":
        return cast("PeakApp", self)

    # -- the keys of the panel

    def containment(self) -> "Containment | None":
        """What disarms, stops and captures here; ``None`` without a workspace."""
        from peak_console.tui.containing import WorkspaceContainment  # noqa: PLC0415 - not before the first paint

        opening = self._desk_app.opening
        if opening.containment is not None:
            return opening.containment
        return None if opening.workspace is None else WorkspaceContainment(opening.workspace)

    def desk(self) -> "IncidentDesk | None":
        """What acknowledges, notes and closes here; ``None`` without a workspace."""
        from peak_console.operations.views.incident_desk import WorkspaceDesk  # noqa: PLC0415 - not before the first paint

        opening = self._desk_app.opening
        if opening.desk is not None:
            return opening.desk
        return None if opening.workspace is None else WorkspaceDesk(opening.workspace)

    def contain(self, names: tuple[str, ...], reason: str, incident_id: str) -> None:
        """Do the parts, but those under way, in a thread of their own: one that hangs holds up no other."""
        from peak_console.tui.containing import PARTS, Asked, Part, boot_us, carry_out  # noqa: PLC0415 - seldom

        containment = self.containment()
        names = tuple(one for one in names if one not in self.contained or self.contained[one].over)
        if containment is None or not names:
            return
        kept = {name: part for name, part in self.contained.items() if not part.over}
        known = {**kept, **{one: Part(one) for one in names}}
        self.contained = {one: known[one] for one in PARTS if one in known}
        self._pressed_us = boot_us()
        asked = Asked(names, reason, self._desk_app.bar.operator or "", incident_id)
        tell = self._desk_app.post_message
        threading.Thread(
            target=lambda: carry_out(containment, asked, tell), name="peak-contain", daemon=True
        ).start()

    def since_the_key_s(self) -> float:
        """Seconds since a key of the panel was pressed last."""
        from peak_console.tui.containing import boot_us  # noqa: PLC0415 - seldom

        return (boot_us() - self._pressed_us) / 1e6

    def forget_old_results(self) -> None:
        """A panel that is opened long after the last key begins with the keys."""
        if self.since_the_key_s() > _KEPT_S and all(part.over for part in self.contained.values()):
            self.contained = {}

    def on_part_told(self, message: "PartTold") -> None:
        """Show it in the panel as it happens; where that is closed, tell how it ended."""
        from peak_console.tui.containing import PartState  # noqa: PLC0415 - seldom
        from peak_console.tui.screens.incident import IncidentPanel  # noqa: PLC0415 - seldom

        part, app = message.part, self._desk_app
        before = self.contained.get(part.name)
        self.contained = {**self.contained, part.name: part}
        if not app.screen_stack:  # the console was just left
            return
        panel = app.screen if isinstance(app.screen, IncidentPanel) else None
        if panel is not None:
            panel.draw()
        if part.over and (before is None or not before.over):
            held = part.state is PartState.HELD
            said = f"{part.name}: {part.summary}"
            app.say(said, severity="warning" if held else "error", quiet=panel is not None)
            app.feed.poke()

    def on_keys_done(self, _: "KeysDone") -> None:
        """Read everything back."""
        self._desk_app.feed.poke()

    async def _panel_does(self, name: str, reason: str) -> None:
        from peak_console.tui.screens.incident import IncidentPanel  # noqa: PLC0415 - not before the first paint

        panel = IncidentPanel()
        await self._desk_app.push_screen(panel)
        getattr(panel, f"do_incident_{name}")(reason)

    def do_incident_open(self) -> None:
        """Open the incident panel, unless it stands there already; under Help it is gone back to.

        Over anything else, a form for example, one more opens: what is typed there is kept below it.
        """
        from peak_console.tui.screens.help import HelpPanel  # noqa: PLC0415 - not before the first paint
        from peak_console.tui.screens.incident import IncidentPanel  # noqa: PLC0415 - likewise

        app = self._desk_app
        pages = list(takewhile(lambda one: isinstance(one, HelpPanel), reversed(app.screen_stack)))
        if not isinstance(app.screen_stack[-1 - len(pages)], IncidentPanel):
            app.push_screen(IncidentPanel())
            return
        for _ in pages:
            app.pop_screen()

    def take_unanswered(self, key: Key) -> None:
        """Open the panel although the screen that was to do it hangs: everything can be stopped there."""
        if key.key in BY_ID["incident.open"].keys.split(","):
            self.do_incident_open()

    async def do_incident_disarm(self, reason: str = "") -> None:
        """Open the panel and disarm at once: what ``:disarm`` means."""
        await self._panel_does("disarm", reason)

    async def do_incident_stop(self, reason: str = "") -> None:
        """Open the panel and stop at once: what ``:stop`` means."""
        await self._panel_does("stop", reason)

    async def do_incident_capture(self, reason: str = "") -> None:
        """Open the panel and capture at once."""
        await self._panel_does("capture", reason)

    async def do_incident_contain(self, reason: str = "") -> None:
        """Open the panel and do all three at once."""
        await self._panel_does("contain", reason)

    def do_incident_rollback(self) -> None:
        """Choose what to go back to."""
        from peak_console.tui.screens.incident_rollback import RollbackChooser  # noqa: PLC0415 - seldom

        self._desk_app.push_screen(RollbackChooser())

    # -- the screen

    def do_go_incidents(self, incident_id: str = "") -> None:
        """Show the Incident screen, on an incident where one is named."""
        app = self._desk_app
        app.go("incidents")
        if incident_id:
            screen = cast("IncidentsScreen", app.screen_stack[0])
            screen.call_after_refresh(lambda: screen.show_incident(incident_id))

    # -- alerts

    def alert(self, bar: BarSnapshot) -> None:
        """Tell of incidents that are new to this console: once each, on whatever screen."""
        from peak_console.tui.notifying import Notifier  # noqa: PLC0415 - not before the first paint

        app = self._desk_app
        if self._notifier is None:
            self._notifier = Notifier(app.opening.settings.alerts, app.terminal_write)
        shown = getattr(app.screen, "NAME", "") in {"incident", "incidents"}
        for one in self._notifier.take(bar, app.now()):
            app.say(_banner(one), severity="error", timeout=_BANNER_S, quiet=shown)

    def end_alerts(self) -> None:
        """Give the terminal's title back."""
        if self._notifier is not None:
            self._notifier.end()

    def terminal_write(self, text: str) -> None:
        """Write a sequence to the terminal, between two frames."""
        driver = self._desk_app._driver  # noqa: SLF001 - as Textual's own bell and clipboard do
        if driver is not None:
            driver.write(text)
            driver.flush()


def _banner(one: "IncidentLine") -> str:
    what = f"{one.trigger.value}: {one.summary}" if one.summary else one.trigger.value
    return f"INCIDENT {what}\nnext: {one.next_action}\n! panel   6 screen"
