"""What every screen is made of: posture bar, crumbs, body, prompt, key bar."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.events import DescendantFocus
from textual.screen import ModalScreen, Screen
from textual.widget import Widget

from peak_console.operations.views.freshness import Freshness, Health
from peak_console.tui import figures
from peak_console.tui.ink import EMPTY, Line, Span, Tone
from peak_console.tui.screens.performing import LEAST, Performing, TooSmall
from peak_console.tui.spans import SpanCompositor
from peak_console.tui.widgets.crumbs import Crumbs
from peak_console.tui.widgets.key_bar import KeyBar
from peak_console.tui.widgets.posture_bar import PostureBar

if TYPE_CHECKING:
    from peak_console.operations.views.source import Source
    from peak_console.tui.widgets.prompt import Prompt

_WIDE, _HUGE, _TALL = 100, 160, 34
"""From where two plots stand beside each other, four do, and two rows of them."""
_ANSWERED = frozenset({"replay.goto"})
"""Commands whose words are judged by the source: the line stays open until it has answered."""
_LAYOUTS = frozenset({"-too-small", "-wide", "-tall", "-huge"})


class PeakScreen(Performing, Screen[None]):
    """A screen with the bars. A subclass gives ``NAME``, :meth:`body`, and what it reads and shows."""

    def __init__(self) -> None:
        super().__init__()
        self._compositor = SpanCompositor()
        self.paused = False
        self.came_from = ""
        self.lay_out()
        self._focus_before: Widget | None = None

    def compose(self) -> ComposeResult:
        """The frame, with the body in it."""
        yield PostureBar()
        yield KeyBar()
        yield TooSmall()
        if self.peak.replay is not None:
            yield _replay_line()
        yield Crumbs()
        yield from self.body()

    def body(self) -> Iterable[Widget]:
        """The screen's own widgets."""
        raise NotImplementedError

    def can_go_back(self) -> bool:
        """Whether a page lies below, or a filter stands."""
        return len(self.app.screen_stack) > 1 or bool(self.filter_text())

    def subject(self) -> "Callable[[Source], Any] | None":
        """What the feed reads for this screen each refresh."""
        return None

    def trail(self) -> list[str]:
        """The breadcrumbs; the last is here."""
        return [self.NAME.capitalize()]

    def state_line(self) -> Line:
        """The right end of the second line."""
        return EMPTY

    def note_line(self) -> Line:
        """What stands beside the breadcrumbs: a filter, for example."""
        return EMPTY

    def tick(self) -> None:
        """A second has passed: ages and clock move on."""
        self.query_one(PostureBar).redraw()
        self.show_crumbs()

    def bar_taken(self) -> None:
        """The posture bar's facts are new."""
        self.query_one(PostureBar).redraw()
        self.query_one(KeyBar).redraw()
        self.query_one(TooSmall).redraw()

    def show_crumbs(self) -> None:
        """Draw the second line."""
        right = self.state_line()
        if self.paused:
            right = (Span(" ‖ PAUSED ", Tone.CHIP_WARN), Span("  "), *right)
        self.query_one(Crumbs).show(self.trail(), self.note_line(), right)

    def refresh_keys(self) -> None:
        """Draw the key bar again: availability may have changed."""
        self.query_one(KeyBar).redraw()

    def on_mount(self) -> None:
        """Draw the second line at once."""
        self.show_crumbs()

    def on_screen_resume(self) -> None:
        """Be fed."""
        self.peak.feed.watch(self, self.subject())
        self.tick()
        self.bar_taken()

    def on_resize(self) -> None:
        """Choose the lay-out by the size."""
        self.lay_out()

    def lay_out(self) -> None:
        """Take the classes of the size: all at once, since each change styles the whole screen anew."""
        columns, rows = self.app.size
        wanted = (self.classes - _LAYOUTS) | {
            name
            for name, on in (
                ("-too-small", columns < LEAST[0] or rows < LEAST[1]),
                ("-wide", columns >= _WIDE),
                ("-tall", rows >= _TALL),
                ("-huge", columns >= _HUGE and rows >= _TALL),
            )
            if on
        }
        if wanted != self.classes:
            self.set_classes(wanted)

    async def do_command(self) -> None:
        """Open the command line."""
        from peak_console.tui.command_line import complete_command  # noqa: PLC0415 - not before the first paint

        hint = "an action by its name; tab completes, esc leaves"
        await self._open_prompt(":", "", hint, complete_command)

    async def open_command(self, text: str, hint: str) -> None:
        """Open the command line with the beginning of a command."""
        from peak_console.tui.command_line import complete_command  # noqa: PLC0415 - see above

        await self._open_prompt(":", text, hint, complete_command)

    async def do_filter(self) -> None:
        """Open the filter line with the filter that stands."""
        from peak_console.tui.command_line import complete_filter, example  # noqa: PLC0415 - likewise

        keys = self.filter_keys()
        await self._open_prompt(
            "/", self.filter_text(), example(self.NAME), lambda text: complete_filter(text, keys)
        )

    def filter_keys(self) -> Sequence[str]:
        """The filter's keys on this screen."""
        return ()

    def filter_text(self) -> str:
        """The filter that stands."""
        return ""

    def set_filter(self, text: str) -> str:
        """Take the filter; gives what is wrong with it, or an empty text."""
        raise NotImplementedError

    def _prompted(self) -> bool:
        """Whether the line at the bottom is being typed into."""
        return self.focused is not None and self.focused.id == "prompt-input"

    def key_hints(self) -> Sequence[tuple[str, str]]:
        """The keys of the line at the bottom, while it is open."""
        return (("↵", "enter"), ("tab", "complete"), ("esc", "leave")) if self._prompted() else ()

    def keys_hidden(self) -> bool:
        """Whether the line at the bottom has the focus: keys are for it."""
        return self._prompted()

    def on_descendant_focus(self, _: DescendantFocus) -> None:
        """What a key does may depend on where the focus is."""
        self.refresh_keys()

    async def _open_prompt(
        self, kind: str, text: str, hint: str, complete: Callable[[str], str | None]
    ) -> None:
        """Open the line at the bottom; it is made when it is first asked for."""
        from peak_console.tui.widgets.prompt import Prompt  # noqa: PLC0415 - not before the first paint

        if not self.query(Prompt):
            await self.mount(Prompt())
        prompt = self.query_one(Prompt)
        if not prompt.is_open:
            self._focus_before = self.focused
        prompt.open(kind, text, hint, complete)

    def _close_prompt(self, prompt: "Prompt") -> None:
        prompt.close()
        if self._focus_before is not None and self._focus_before.is_mounted:
            self._focus_before.focus()

    def on_prompt_left(self, event: "Prompt.Left") -> None:
        """Give the focus back."""
        event.stop()
        self._close_prompt(event.prompt)

    async def on_prompt_entered(self, event: "Prompt.Entered") -> None:
        """Set the filter, or carry out the command; what cannot be read is said and stays to be mended."""
        from peak_console.tui.command_line import CommandUnknown, read_command  # noqa: PLC0415 - see above

        event.stop()
        if event.kind == "/":
            problem = self.set_filter(event.text.strip())
            if problem:
                event.prompt.say(problem, Tone.BAD)
                return
            self._close_prompt(event.prompt)
            self.show_crumbs()
            return
        try:
            action, argument = read_command(event.text)
        except CommandUnknown as error:
            event.prompt.say(str(error), Tone.BAD)
            return
        if action.id in _ANSWERED and argument:
            reason = action.why_disabled(self.action_state())
            event.prompt.say(reason or "reading …", Tone.BAD if reason else Tone.DIM)
            if not reason:
                await self.perform(action, argument)
            return
        self._close_prompt(event.prompt)
        await self.perform(action, argument)

    def answer_command(self, problem: str) -> bool:
        """What came of a command that the line stays open for; whether it still was."""
        from peak_console.tui.widgets.prompt import Prompt  # noqa: PLC0415 - see above

        prompt = next((one for one in self.query(Prompt) if one.is_open and one.kind == ":"), None)
        if prompt is None:
            return False
        if problem:
            prompt.say(problem, Tone.BAD)
        else:
            self._close_prompt(prompt)
        return True

    def do_pause(self) -> None:
        """Hold the tables, or let them go; in a replay, hold or play it."""
        if self.peak.replay is not None:
            self.peak.do_replay_play()
            return
        self.paused = not self.paused
        self.show_crumbs()
        if not self.paused:
            self.peak.feed.poke()

    def do_read(self) -> None:
        """Read again now."""
        self.peak.feed.poke()

    async def do_back(self) -> None:
        """One step back."""
        await self.peak.go_back(self)


def _replay_line() -> Widget:
    from peak_console.tui.replay_line import ReplayLine  # noqa: PLC0415 - only in a replay

    return ReplayLine()


class PeakModal(Performing, ModalScreen[None]):
    """A panel over a screen; the posture bar stands on it too."""

    NEEDS_ROOM: ClassVar[bool] = False
    """Whether it asks for something, and so is not shown where its fields may not be."""

    def on_resize(self) -> None:
        """Below the least size say so, and bring nothing that is typed into a field nobody sees."""
        columns, rows = self.app.size
        small = self.NEEDS_ROOM and (columns < LEAST[0] or rows < LEAST[1])
        self.set_class(small, "-too-small")
        if not small and self.focused is None and self.NEEDS_ROOM:
            self.call_after_refresh(self._focus_again)

    def _focus_again(self) -> None:
        found = self.query(str(self.AUTO_FOCUS)) if self.AUTO_FOCUS else ()
        for widget in found:
            widget.focus()

    def on_descendant_focus(self, _: DescendantFocus) -> None:
        """What a key does may depend on where the focus is."""
        self.query_one(KeyBar).redraw()

    def compose(self) -> ComposeResult:
        """The bars, with the panel between them."""
        yield PostureBar()
        yield KeyBar()
        if self.NEEDS_ROOM:
            yield TooSmall()
        yield from self.panel()

    def panel(self) -> Iterable[Widget]:
        """The panel's widgets."""
        raise NotImplementedError

    def subject(self) -> "Callable[[Source], Any] | None":
        """What the feed reads for this panel each refresh, besides the bar."""
        return None

    def on_mount(self) -> None:
        """Draw what depends on the facts of now."""

    def tick(self) -> None:
        """A second has passed."""
        self.query_one(PostureBar).redraw()

    def bar_taken(self) -> None:
        """The posture bar's facts are new."""
        for one in (*self.query(PostureBar), *self.query(KeyBar)):  # none yet, or none any more
            one.redraw()

    def on_screen_resume(self) -> None:
        """Keep the bar fed, and what the panel itself reads; the screen below rests."""
        self.peak.feed.watch(self, self.subject())
        self.bar_taken()

    def do_back(self) -> None:
        """Close the panel."""
        self.dismiss()


def age_line(freshness: Freshness, now: Any, limit_s: float, *, word: str = "data") -> Line:
    """How old what is shown is, in words and colour; why, where it is stale."""
    age = figures.age(freshness.age_s(now))
    health = freshness.health(now, limit_s)
    if health is Health.FRESH:
        return (Span(f"{word} {age}", Tone.DIM),)
    if health is Health.STALE:
        why = f" · {freshness.why}" if freshness.why else ""
        return (Span(f"▲ STALE {word} {age} old{why}", Tone.WARN),)
    why = f": {freshness.why}" if freshness.why else ""
    return (
        Span(
            f"{'✗' if freshness.why else '…'} no {word} yet{why}", Tone.BAD if freshness.why else Tone.UNKNOWN
        ),
    )
