"""The console: modes, the feed, what is told to the operator. Screens draw, the feed reads, actions act."""

import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from textual.app import App
from textual.binding import BindingType
from textual.screen import Screen

from peak_console.config.workspace import Workspace
from peak_console.domain.clock import Clock, SystemClock
from peak_console.domain.posture import PostureState
from peak_console.domain.text import one_line, plain
from peak_console.operations.views.bar import BarSnapshot
from peak_console.operations.views.log import LogLine
from peak_console.tui import theme as themes
from peak_console.tui.actions import TOP_SCREENS, ActionState
from peak_console.tui.bar_drawing import BarFlags
from peak_console.tui.clipboard import OSC52_LIMIT, write_copy
from peak_console.tui.feed import Feed
from peak_console.tui.messages import BarTaken, FeedFailed
from peak_console.tui.screens.base import PeakModal, PeakScreen
from peak_console.tui.settings import Settings, read_settings

if TYPE_CHECKING:
    from peak_console.operations.views.source import Source

Says = Literal["information", "warning", "error"]
_LEVEL = {"information": "info", "warning": "warning", "error": "error"}


def _lazy(module: str, name: str) -> Callable[[], Screen[Any]]:
    """A screen whose module is imported when it is first shown."""
    return lambda: cast("Screen[Any]", getattr(import_module(f"peak_console.tui.screens.{module}"), name)())


@dataclass(frozen=True, slots=True)
class Opening:
    """How the console is opened. ``source`` makes the source, in the feed's thread."""

    source: "Callable[[], Source]"
    workspace: Workspace | None = None
    clock: Clock = field(default_factory=SystemClock)
    settings: Settings = field(default_factory=Settings)
    flags: BarFlags = field(default_factory=BarFlags)
    refresh: bool = True
    notice: str = ""
    """Something to tell at the start."""


class PeakApp(App[int]):
    """The console over one workspace."""

    TITLE = "Peak Console"
    CSS_PATH: ClassVar[list[str | PurePath]] = [
        "peak.tcss",
        "screens/live.tcss",
    ]  # home's too: read once, not twice
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "f24"  # the registry binds ctrl+p
    BINDINGS: ClassVar[list[BindingType]] = []
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        "live": _lazy("live", "LiveScreen"),
        "calls": _lazy("calls", "CallsScreen"),
        "log": _lazy("log", "LogScreen"),
    }
    DEFAULT_MODE = "live"

    def __init__(self, opening: Opening) -> None:
        super().__init__()
        self.opening = opening
        self.clock, self.flags, self.zone = opening.clock, opening.flags, opening.settings.zone
        workspace = opening.workspace
        name = workspace.name if workspace else ""
        self.bar = BarSnapshot(opening.clock.now(), workspace=name)
        self.notices: deque[LogLine] = deque(maxlen=500)
        self.feed = Feed(opening.source, self, opening.settings.refresh_s if opening.refresh else None)
        self.came_from: list[str] = []
        self._last_failure = ""
        for one in themes.THEMES:
            self.register_theme(one)
        self.theme = themes.theme_name(opening.settings.theme)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The tones' colours where a theme has none."""
        return themes.variable_defaults()

    def on_mount(self) -> None:
        """Start reading once the first frame stands."""
        self.call_after_refresh(self.feed.start)
        if self.opening.notice:
            self.say(self.opening.notice, severity="warning")
        if self.opening.refresh:
            self.set_interval(1.0, self._tick)

    def on_unmount(self) -> None:
        """End the feed."""
        self.feed.close()

    def _tick(self) -> None:
        with self.batch_update():
            screen = self.screen
            if isinstance(screen, PeakScreen | PeakModal):
                screen.tick()

    def on_bar_taken(self, message: BarTaken) -> None:
        """Show the new facts; say it when the posture has changed."""
        before, self.bar = self.bar, message.bar
        with self.batch_update():
            screen = self.screen
            if isinstance(screen, PeakScreen | PeakModal):
                screen.bar_taken()
        state, was = self.bar.posture.state, before.posture.state
        if state is not was and before.complete and "reading" not in before.posture.reasons:
            grave = state in {PostureState.STOPPED, PostureState.UNKNOWN}
            why = ", ".join(self.bar.posture.reasons)
            self.say(
                f"posture {was.value} → {state.value} ({why})", severity="warning" if grave else "information"
            )

    def on_feed_failed(self, message: FeedFailed) -> None:
        """Tell a defect of a source once."""
        text = f"{type(message.error).__name__}: {message.error}"
        if text != self._last_failure:
            self._last_failure = text
            self.say(f"cannot read: {text}", severity="error")

    def action_state(self, screen: str, *, has_selection: bool, can_go_back: bool) -> ActionState:
        """What the availability of actions depends on."""
        return ActionState(
            screen=screen,
            bar=self.bar,
            readonly=self.flags.readonly,
            replay=bool(self.flags.replay),
            has_workspace=self.opening.workspace is not None,
            has_selection=has_selection,
            can_go_back=can_go_back,
        )

    def say(self, text: str, *, severity: Says = "information", timeout: float | None = None) -> None:
        """Tell the operator: as a toast, and as a line of the Log screen."""
        safe = plain(text)
        line = LogLine(len(self.notices), self.clock.now(), _LEVEL[severity], "console", one_line(safe, 500))
        self.notices.appendleft(line)
        self.notify(
            safe, severity=severity, timeout=timeout or (4 if severity == "information" else 8), markup=False
        )

    def do_go_live(self) -> None:
        """Show Live."""
        self.go("live")

    def do_go_calls(self, text: str | None = None) -> None:
        """Show Calls, under a filter if one is given."""
        self.go("calls", text)

    def do_go_log(self, text: str | None = None) -> None:
        """Show the Log, under a filter if one is given."""
        self.go("log", text)

    def go(self, mode: str, text: str | None = None) -> None:
        """Show a top screen; with ``text``, under that filter, and ``esc`` leads back here."""
        origin = self.current_mode
        self.switch_mode(mode)
        screen = self.screen_stack[0]
        if text is None or not isinstance(screen, PeakScreen):
            return
        while len(self.screen_stack) > 1:
            self.pop_screen()
        screen.came_from = origin if origin != mode else screen.came_from

        def set_filter() -> None:
            problem = screen.set_filter(text)
            if problem:
                self.say(problem, severity="error")
            screen.show_crumbs()

        screen.call_after_refresh(set_filter)

    async def go_back(self, screen: PeakScreen) -> None:
        """One step back from ``screen``: its page, its filter, or the screen that led here."""
        if len(self.screen_stack) > 1:
            await self.pop_screen()
        elif screen.filter_text():
            screen.set_filter("")
            origin, screen.came_from = screen.came_from, ""
            screen.show_crumbs()
            if origin in TOP_SCREENS:
                self.switch_mode(origin)

    def do_palette(self) -> None:
        """Open the palette."""
        from peak_console.tui.palette import Palette  # noqa: PLC0415 - not before the first paint

        if not isinstance(self.screen, Palette):
            self.push_screen(Palette())

    def do_help(self) -> None:
        """Open the help of the screen on top."""
        from peak_console.tui.screens.help import HelpPanel  # noqa: PLC0415 - not before the first paint

        screen = self.screen
        if isinstance(screen, PeakScreen | PeakModal):
            self.push_screen(HelpPanel(screen.action_state()))

    def do_incident_open(self) -> None:
        """Open the incident panel."""
        from peak_console.tui.screens.incident import IncidentPanel  # noqa: PLC0415 - not before the first paint

        self.push_screen(IncidentPanel())

    async def do_incident_stop(self, reason: str = "") -> None:
        """Open the panel and stop at once: what ``:stop`` means."""
        from peak_console.tui.screens.incident import IncidentPanel  # noqa: PLC0415 - not before the first paint

        panel = IncidentPanel()
        await self.push_screen(panel)
        panel.do_incident_stop(reason)

    def do_control_enable(self) -> None:
        """Open the enable dialogue."""
        from peak_console.tui.screens.enable import EnableDialog  # noqa: PLC0415 - not before the first paint

        self.push_screen(EnableDialog())

    def do_theme_next(self, name: str = "") -> None:
        """The next theme, or the one named."""
        names = [one.name for one in themes.THEMES]
        self.theme = themes.theme_name(name) if name else names[(names.index(self.theme) + 1) % len(names)]
        self.say(f"theme {self.theme.removeprefix('peak-')}")

    def do_quit(self) -> None:
        """Leave."""
        self.exit(0)

    def copy(self, text: str, name: str) -> None:
        """Copy by OSC 52 and into a file, and say where that is."""
        safe = plain(text)
        size = len(safe.encode())
        if size <= OSC52_LIMIT:
            self.copy_to_clipboard(safe)
        try:
            path = write_copy(safe, name, self.now())
        except OSError as error:
            self.say(f"copied to the terminal only; no file: {error}", severity="warning")
            return
        way = "copied" if size <= OSC52_LIMIT else "too long for the terminal's clipboard"
        self.say(f"{way}; also in {path}", timeout=8)

    def now(self) -> datetime:
        """The clock's time."""
        return self.clock.now()


def run_console(
    workspace: Workspace | None,
    *,
    source: "Callable[[], Source] | None" = None,
    readonly: bool = False,
    problem: str = "",
) -> int:
    """Run the console on ``workspace`` until it is left; gives the exit code.

    ``source`` overrides where snapshots come from. Without a workspace the console opens all the same and
    shows ``problem``, with posture UNKNOWN, which acts as stopped.
    """
    if sys.__stderr__ is None or not sys.__stderr__.isatty():
        print("peak console needs a terminal; for scripts: peak status --json", file=sys.stderr)  # noqa: T201 - the last word
        return 2

    def live() -> "Source":
        from peak_console.operations.views.live_source import open_source  # noqa: PLC0415 - after the first paint

        return open_source(workspace, problem=problem)

    settings = read_settings(workspace.console_config if workspace else None)
    opening = Opening(
        source or live,
        workspace,
        settings=settings,
        flags=BarFlags(readonly=readonly),
        notice=problem if workspace else "",
    )
    return PeakApp(opening).run() or 0
