"""The console: modes, the feed, what is told to the operator. Screens draw, the feed reads, actions act."""

import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from pathlib import PurePath
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from textual.app import App
from textual.binding import BindingType
from textual.events import Event, Key, Paste
from textual.screen import Screen

from peak_console.config.workspace import Workspace
from peak_console.domain.clock import Clock, SystemClock
from peak_console.domain.posture import PostureState
from peak_console.domain.text import one_line, plain
from peak_console.operations.views.bar import BarSnapshot
from peak_console.operations.views.log import LogLine
from peak_console.tui import theme as themes
from peak_console.tui.action import ActionState
from peak_console.tui.app_actions import AppActions
from peak_console.tui.bar_drawing import BarFlags
from peak_console.tui.feed import Feed
from peak_console.tui.incident_app import IncidentActions
from peak_console.tui.key_order import KeyOrder
from peak_console.tui.messages import BarTaken, FeedFailed
from peak_console.tui.replay_actions import ReplayActions
from peak_console.tui.screens.base import PeakModal, PeakScreen
from peak_console.tui.settings import Settings, read_settings

if TYPE_CHECKING:
    from peak_console.operations.views.arm_desk import ArmDesk
    from peak_console.operations.views.bench import Bench
    from peak_console.operations.views.incident_desk import IncidentDesk
    from peak_console.operations.views.replay_clock import ReplayClock, ReplaySpan
    from peak_console.operations.views.shadow_desk import ShadowDesk
    from peak_console.operations.views.source import Source
    from peak_console.operations.views.work import Work
    from peak_console.tui.containing import Containment

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
    replay: "ReplayClock | None" = None
    """The clock of a replay, which is then the console's clock too."""
    refresh: bool = True
    work: "Work | None" = None
    """What does long work; without one the workspace's own."""
    bench: "Bench | None" = None
    """The workbench of configs; without one the workspace's own."""
    arm_desk: "ArmDesk | None" = None
    """Arming; without one the workspace's own."""
    containment: "Containment | None" = None
    """What the incident panel's keys do; without one the workspace's own."""
    desk: "IncidentDesk | None" = None
    """What is recorded about incidents; without one the workspace's own."""
    shadow_desk: "ShadowDesk | None" = None
    """What is done about jobs and models; without one the workspace's own."""
    notice: str = ""
    """Something to tell at the start."""


class PeakApp(AppActions, IncidentActions, ReplayActions, App[int]):
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
        "runs": _lazy("runs", "RunsScreen"),
        "matrix": _lazy("matrix", "MatrixScreen"),
        "incidents": _lazy("incidents", "IncidentsScreen"),
        "shadow": _lazy("shadow", "ShadowScreen"),
        "arm": _lazy("arm", "ArmScreen"),
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
        self.replay = opening.replay
        self.replay_marks: dict[int, tuple[str, ...]] = {}
        self.came_from: list[str] = []
        self.contained = {}
        self._keys = KeyOrder(self, self.take_unanswered)
        self._last_failure = ""
        self._warned_until = 0.0
        for one in themes.THEMES:
            self.register_theme(one)
        self.theme = themes.theme_name(self._setting())

    def _setting(self) -> str:
        """The theme set; where NO_COLOR is, and the terminal's own are not asked for, the one of greys."""
        set_in_file = self.opening.settings.theme
        return "monochrome" if self.no_color and set_in_file != "ansi" else set_in_file

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
            if self.replay is not None:
                self.set_interval(0.25, self.redraw_replay)

    def on_unmount(self) -> None:
        """End the feed."""
        self._keys.end()
        self.end_alerts()
        self.feed.close()

    async def on_event(self, event: Event) -> None:
        """Hand on keys and pastes one after the other: none before the one that came first was handled."""
        if not isinstance(event, Key | Paste) or event.is_forwarded:
            await super().on_event(event)
        elif not self._keys.holds(event):
            target = self.focused or self.screen
            await super().on_event(event)
            self._keys.sent(event, target)

    def _tick(self) -> None:
        with self.batch_update():
            screen = self._drawn_screen()
            if screen is not None:
                screen.tick()

    def _drawn_screen(self) -> "PeakScreen | PeakModal | None":
        """The screen on top once it is composed: before that there is nothing to draw on."""
        screen = self.screen_stack[-1] if self.screen_stack else None
        return screen if isinstance(screen, PeakScreen | PeakModal) and screen.is_mounted else None

    def _fatal_error(self) -> None:
        """Textual's word for a defect shows every local, a token among them: ours shows none."""
        from rich.text import Text  # noqa: PLC0415 - only when it fails

        from peak_console.control.keys import state_folder  # noqa: PLC0415 - only when it fails
        from peak_console.tui.failing import told  # noqa: PLC0415 - only when it fails

        error = self._exception or RuntimeError("unknown")
        self._exit_renderables.append(Text(told(error, state_folder()), no_wrap=True, overflow="ignore"))
        self._close_messages_no_wait()

    def on_bar_taken(self, message: BarTaken) -> None:
        """Show the new facts; say it when the posture has changed."""
        before, self.bar = self.bar, message.bar
        if not self.screen_stack:
            return  # the console ends: there is nobody to tell
        with self.batch_update():
            screen = self._drawn_screen()
            if screen is not None:
                screen.bar_taken()
        if self.replay is not None:
            self.replay_taken(before)
            return
        self.alert(self.bar)
        state, was = self.bar.posture.state, before.posture.state
        if state is not was and before.complete and "reading" not in before.posture.reasons:
            grave = state in {PostureState.STOPPED, PostureState.UNKNOWN}
            why = ", ".join(self.bar.posture.reasons)
            self.say(
                f"posture {was.value} → {state.value} ({why})",
                severity="warning" if grave else "information",
                quiet=screen.NAME == "incident" if isinstance(screen, PeakModal) else False,
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
            replay=self.flags.replay,
            has_workspace=self.opening.workspace is not None,
            has_selection=has_selection,
            can_go_back=can_go_back,
        )

    def say(
        self,
        text: str,
        *,
        severity: Says = "information",
        timeout: float | None = None,
        whole: str = "",
        quiet: bool = False,
    ) -> None:
        """Tell the operator: as a toast, and as a line of the Log screen (``whole``, if given).

        Of plain words the newest replaces those before it, as long as no warning stands among them.
        ``quiet`` is for what stands on the screen already: the Log alone has it.
        """
        safe = plain(text)
        logged = one_line(whole or safe, 500)
        line = LogLine(len(self.notices), self.clock.now(), _LEVEL[severity], "console", logged)
        self.notices.appendleft(line)
        if quiet:
            return
        if severity == "information" and monotonic() > self._warned_until:
            self.clear_notifications()
        elif severity != "information":
            self._warned_until = monotonic() + (timeout or 8)
        for one in [one for one in self._notifications if one.message == safe]:
            self._unnotify(one, refresh=False)  # said again: once on the screen, and for as long as anew
        self.notify(
            safe, severity=severity, timeout=timeout or (4 if severity == "information" else 8), markup=False
        )

    def work(self) -> "Work | None":
        """What does long work here; ``None`` without a workspace."""
        from peak_console.operations.views.work import WorkspaceWork  # noqa: PLC0415 - not before the first paint

        workspace = self.opening.workspace
        return self.opening.work or (None if workspace is None else WorkspaceWork(workspace))

    def bench(self) -> "Bench | None":
        """The workbench of configs; ``None`` without a workspace."""
        from peak_console.operations.views.bench import WorkspaceBench  # noqa: PLC0415 - not before the first paint

        workspace = self.opening.workspace
        return self.opening.bench or (None if workspace is None else WorkspaceBench(workspace))

    def arm_desk(self) -> "ArmDesk | None":
        """Arming here; ``None`` without a workspace."""
        from peak_console.operations.views.arm_desk import WorkspaceArmDesk  # noqa: PLC0415 - not before the first paint

        workspace = self.opening.workspace
        return self.opening.arm_desk or (None if workspace is None else WorkspaceArmDesk(workspace))

    def shadow_desk(self) -> "ShadowDesk | None":
        """What is done about jobs and models here; ``None`` without a workspace."""
        from peak_console.operations.views.shadow_desk import WorkspaceShadowDesk  # noqa: PLC0415 - not before the first paint

        workspace = self.opening.workspace
        return self.opening.shadow_desk or (None if workspace is None else WorkspaceShadowDesk(workspace))

    def now(self) -> datetime:
        """The clock's time."""
        return self.clock.now()


def run_console(
    workspace: Workspace | None,
    *,
    source: "Callable[[], Source] | None" = None,
    readonly: bool = False,
    problem: str = "",
    replay: "ReplaySpan | None" = None,
) -> int:
    """Run the console on ``workspace`` until it is left; gives the exit code.

    ``source`` overrides where snapshots come from; ``replay`` shows that part of the past. Without a
    workspace the console opens all the same and shows ``problem``, with posture UNKNOWN, which acts as
    stopped.
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
        flags=BarFlags(readonly=readonly, stale_s=settings.stale_s),
        notice=problem if workspace else "",
    )
    if replay is not None and workspace is not None:
        from peak_console.tui.replay_opening import replayed  # noqa: PLC0415 - only in a replay

        opening = replayed(opening, workspace, replay)
    app = PeakApp(opening)
    app.run()
    return app.return_code or 0
