"""What the registry's actions do where the screen on top has no way of its own: going, panels, copies."""

from typing import TYPE_CHECKING, cast

from peak_console.domain.text import plain
from peak_console.tui import theme as themes
from peak_console.tui.action import TOP_SCREENS
from peak_console.tui.clipboard import OSC52_LIMIT, write_copy
from peak_console.tui.screens.base import PeakModal, PeakScreen

if TYPE_CHECKING:
    from peak_console.tui.app import PeakApp
    from peak_console.tui.screens.matrix import MatrixScreen


class AppActions:
    """The app's part of the registry: a method ``do_<id>`` for each action that works everywhere."""

    @property
    def _app(self) -> "PeakApp":
        return cast("PeakApp", self)

    def do_go_live(self) -> None:
        """Show Live."""
        self.go("live")

    def do_go_calls(self, text: str | None = None) -> None:
        """Show Calls, under a filter if one is given."""
        self.go("calls", text)

    def do_go_runs(self, text: str | None = None) -> None:
        """Show Runs, under a filter if one is given."""
        self.go("runs", text)

    def do_go_matrix(self) -> None:
        """Show Matrix."""
        self.go("matrix")

    def do_go_arm(self) -> None:
        """Show Arm."""
        self.go("arm")

    def do_go_shadow(self, text: str | None = None) -> None:
        """Show Shadow, under a filter if one is given."""
        self.go("shadow", text)

    def do_matrix_config(self, name: str = "") -> None:
        """A config in the Matrix screen: ``:config budgets``."""
        self.go("matrix")
        screen = cast("MatrixScreen", self._app.screen_stack[0])
        screen.call_after_refresh(lambda: screen.want_config(name))

    def do_matrix_history(self, name: str = "") -> None:
        """The history of a config: ``:history budgets``."""
        from peak_console.config.editing.targets import target_named  # noqa: PLC0415 - loads the config room
        from peak_console.domain.errors import UsageWrong  # noqa: PLC0415 - seldom
        from peak_console.tui.screens.history import HistoryScreen  # noqa: PLC0415 - seldom

        try:
            target = target_named(name or "matrix")
        except UsageWrong as error:
            self._app.say(f"{error.message}; {error.remedy}", severity="warning")
            return
        try:
            matrix = cast("MatrixScreen", self._app.get_screen_stack("matrix")[0])
        except (KeyError, IndexError):  # it was not opened yet
            matrix = None
        self._app.push_screen(HistoryScreen(target, changes=matrix))

    async def do_model_show(self, name: str = "") -> None:
        """What is known of a model: ``:about openai:gpt-5.2``."""
        import asyncio  # noqa: PLC0415 - seldom

        from peak_console.domain.errors import PeakError  # noqa: PLC0415 - seldom
        from peak_console.operations.catalogue import catalogue, find_model  # noqa: PLC0415 - loads the configs
        from peak_console.tui.screens.model import ModelScreen  # noqa: PLC0415 - seldom

        workspace = self._app.opening.workspace
        if workspace is None or not name:
            said = "name a model: about PROVIDER:MODEL" if workspace else "no workspace is open"
            self._app.say(said, severity="warning")
            return
        now = self._app.now()
        try:
            facts = await asyncio.to_thread(lambda: find_model(catalogue(workspace, now), name))
        except PeakError as error:
            self._app.say(f"{error.message}; {error.remedy}", severity="warning")
            return
        await self._app.push_screen(ModelScreen(facts))

    def do_evidence_show(self) -> None:
        """The evidence browser, over Runs."""
        from peak_console.tui.screens.evidence import EvidenceScreen  # noqa: PLC0415 - not before the first paint

        self._app.switch_mode("runs")
        self._app.push_screen(EvidenceScreen())

    def do_go_log(self, text: str | None = None) -> None:
        """Show the Log, under a filter if one is given."""
        self.go("log", text)

    def go(self, mode: str, text: str | None = None) -> None:
        """Show a top screen; with ``text``, under that filter, and ``esc`` leads back here."""
        origin = self._app.current_mode
        self._app.switch_mode(mode)
        screen = self._app.screen_stack[0]
        if text is None or not isinstance(screen, PeakScreen):
            return
        while len(self._app.screen_stack) > 1:
            self._app.pop_screen()
        screen.came_from = origin if origin != mode else screen.came_from

        def set_filter() -> None:
            problem = screen.set_filter(text)
            if problem:
                self._app.say(problem, severity="error")
            screen.show_crumbs()

        screen.call_after_refresh(set_filter)

    async def go_back(self, screen: PeakScreen) -> None:
        """One step back from ``screen``: its page, its filter, or the screen that led here."""
        if len(self._app.screen_stack) > 1:
            await self._app.pop_screen()
        elif screen.filter_text():
            screen.set_filter("")
            origin, screen.came_from = screen.came_from, ""
            screen.show_crumbs()
            if origin in TOP_SCREENS:
                self._app.switch_mode(origin)

    def do_palette(self) -> None:
        """Open the palette."""
        from peak_console.tui.palette import Palette  # noqa: PLC0415 - not before the first paint

        if not isinstance(self._app.screen, Palette):
            self._app.push_screen(Palette())

    def do_help(self) -> None:
        """Open the help of the screen on top."""
        from peak_console.tui.screens.help import HelpPanel  # noqa: PLC0415 - not before the first paint

        screen = self._app.screen
        if isinstance(screen, PeakScreen | PeakModal):
            self._app.push_screen(HelpPanel(screen.action_state()))

    def do_control_enable(self) -> None:
        """Open the enable dialogue."""
        from peak_console.tui.screens.enable import EnableDialog  # noqa: PLC0415 - not before the first paint

        self._app.push_screen(EnableDialog())

    def do_control_lift(self, scope: str = "") -> None:
        """Open the dialogue for a stop that stands alone; a list to pick from where there are several."""
        from peak_console.tui.lifting import Lowered, lowered_of, unnamed  # noqa: PLC0415 - not before the first paint
        from peak_console.tui.screens.lift import LiftDialog  # noqa: PLC0415 - likewise
        from peak_console.tui.screens.picker import Choice, Picker  # noqa: PLC0415 - likewise

        bar = self._app.bar
        known = {one.scope: one for one in lowered_of(bar)}

        def ask(chosen: str) -> None:
            self._app.push_screen(LiftDialog(known.get(chosen) or Lowered(chosen)))

        if scope or len(known) == 1:
            ask(scope or next(iter(known)))
            return
        choices = [Choice(one.scope, one.what) for one in known.values()]
        hint = "or type a scope, as layer:L2" if unnamed(bar) else ""
        self._app.push_screen(Picker("lift which stop", choices, ask, free=unnamed(bar), hint=hint))

    def do_theme_next(self, name: str = "") -> None:
        """The next theme, or the one named."""
        settings = list(themes.SETTINGS)
        if name and name not in settings:
            self._app.say(
                f"there is no theme {plain(name)[:40]}; themes: {', '.join(settings)}", severity="warning"
            )
            return
        here = settings.index(themes.setting_of(self._app.theme))
        chosen = name or settings[(here + 1) % len(settings)]
        self._app.theme = themes.theme_name(chosen)
        self._app.say(f"theme {chosen}, here and now; to keep it: theme in configs/console.toml")

    def do_quit(self) -> None:
        """Leave."""
        self._app.exit(0)

    def action_help_quit(self) -> None:
        """Say how to leave: what ``ctrl+c`` does where nothing is selected."""
        inside = "esc closes this, then " if isinstance(self._app.screen, PeakModal) else ""
        self._app.say(f"{inside}q quits the console; nothing it shows is stopped by that")

    def copy(self, text: str, name: str, said: str = "") -> None:
        """Copy by OSC 52 and into a file, and say where that is; ``said`` is told in its place."""
        safe = plain(text)
        size = len(safe.encode())
        if size <= OSC52_LIMIT:
            self._app.copy_to_clipboard(safe)
        try:
            path = write_copy(safe, name, self._app.now())
        except OSError as error:
            self._app.say(f"copied to the terminal only; no file: {error}", severity="warning")
            return
        if said:
            self._app.say(said, whole=f"{said}: {safe}")
            return
        way = "copied" if size <= OSC52_LIMIT else "too long for the terminal's clipboard"
        self._app.say(f"{way}; also in {path}", timeout=8)
