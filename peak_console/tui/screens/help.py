"""Help: what can be done on the screen below, by which key, and why not where it cannot."""

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import Vertical
from textual.widget import Widget

from peak_console.tui.action import Action, ActionState, Danger
from peak_console.tui.actions import actions_for, bindings_for
from peak_console.tui.bar_drawing import url_lines
from peak_console.tui.ink import EMPTY, Line, Span, Tone, cell
from peak_console.tui.screens.base import PeakModal
from peak_console.tui.screens.help_words import WORDS
from peak_console.tui.widgets.document import Document, wrapped

_MOVING = (
    ("↑ ↓ j k", "move"),
    ("pgup pgdn ^b ^f", "move by a page"),
    ("home end g G", "first, last"),
    ("tab", "the next list"),
)
_TITLE = 16
_FEW_SCREENS = 8
"""An action that stands on no more screens than these is a page's own."""
_MARKS = {
    Danger.VIEW: ("", Tone.DIM),
    Danger.CHANGE: (" asks first", Tone.WARN),
    Danger.INCIDENT: (" at once", Tone.BAD),
}


class HelpPanel(PeakModal):
    """The actions of the screen below."""

    NAME = "help"
    AUTO_FOCUS = "#help-text"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("help")]
    DEFAULT_CSS = """
    HelpPanel .panel { height: 90%; min-height: 22; max-height: 44; }
    HelpPanel Document { height: 1fr; }
    """

    def __init__(self, below: ActionState) -> None:
        super().__init__()
        self._below = below

    def panel(self) -> Iterable[Widget]:
        """The list."""
        with_border = Vertical(Document(id="help-text"), classes="panel")
        with_border.styles.width, with_border.styles.max_width = "95%", 116  # over what all panels have
        with_border.border_title = f"keys on {self._below.screen}"
        yield with_border

    def on_mount(self) -> None:
        """Show the list."""
        below = self._below
        self.query_one(Document).show_lines(lambda width: help_lines(below, width))

    def do_help(self) -> None:
        """Close again."""
        self.dismiss()


def help_lines(state: ActionState, width: int) -> list[Line]:
    """The actions that exist on the state's screen, each with its key, its words, and why it is disabled."""
    every = actions_for(state)
    own = [] if state.replay else _own(every, state.screen)
    lines: list[Line] = []
    for action in own:
        lines += _own_lines(action, state, width)
    lines += _word_lines(state.screen, width)
    if own:
        lines += [EMPTY, (Span("everywhere", Tone.DIM),)]
    for action in every:
        if action not in own:
            lines += _action_lines(action, state, width)
    if told := [one for one in own if one.cli]:
        lines += [EMPTY, (Span("the same on the command line", Tone.DIM),)]
        lines += [_cli_line(one) for one in told]
    if urls := url_lines(state.bar, state.bar.taken_at):
        lines += [EMPTY, (Span("addresses that are no provider's own", Tone.WARN),)]
        for provider, url, ago in urls:
            lines += wrapped(f"{provider} → {url}{ago}", width, indent="", tone=Tone.TEXT)
    lines += [EMPTY, (Span("moving", Tone.DIM),)]
    lines += [(cell(keys, 16, Tone.KEY), Span(" "), Span(what)) for keys, what in _MOVING]
    return lines


def _word_lines(screen: str, width: int) -> list[Line]:
    """Words of the page, each explained."""
    words = WORDS.get(screen, ())
    lines: list[Line] = [EMPTY, (Span("words here", Tone.DIM),)] if words else []
    for word, meaning in words:
        first, *more = wrapped(meaning, width, indent=" " * _TITLE, tone=Tone.DIM)
        shown = Span("".join(span.text for span in first).strip(), Tone.DIM)
        lines += [(cell(word, _TITLE, Tone.STRONG), shown), *more]
    return lines


def _own(every: list[Action], screen: str) -> list[Action]:
    """The page's own actions, those of its key bar first; then the way to stop, which is near everywhere."""
    own = [one for one in every if _is_own(one, screen)]
    ranked = sorted((one for one in own if one.rank), key=lambda one: one.rank)
    stops = [one for one in every if one.id == "incident.open"]
    return [*ranked, *(stops if own else []), *(one for one in own if not one.rank)]


def _is_own(action: Action, screen: str) -> bool:
    """Whether the action is one of this page's, and not one that every page has."""
    return screen in action.screens and len(action.screens) <= _FEW_SCREENS


def _own_lines(action: Action, state: ActionState, width: int) -> list[Line]:
    """An action of the page itself, short, so that all of them are seen at once."""
    reason = action.why_disabled(state)
    title = action.title if action.shown else f":{action.command}"  # no key: it is done by its command
    name = cell(title, _TITLE, Tone.FAINT if reason else Tone.STRONG)
    keys = f"{action.shown} ^g" if "ctrl+g" in action.keys.split(",") else action.shown
    head: Line = (cell(keys, 6, Tone.FAINT if reason else Tone.KEY), Span(" "), name, Span(" "))
    indent = 8 + _TITLE
    words = f"not now: {reason}" if reason else action.help
    first, *more = wrapped(words, width, indent=" " * indent, tone=Tone.WARN if reason else Tone.DIM)
    shown = Span("".join(span.text for span in first).strip(), Tone.WARN if reason else Tone.DIM)
    return [(*head, shown), *more]


def _cli_line(action: Action) -> Line:
    return (cell(action.shown, 6, Tone.KEY), Span(" "), Span("$ ", Tone.FAINT), Span(action.cli, Tone.ACCENT))


def _action_lines(action: Action, state: ActionState, width: int) -> list[Line]:
    reason = action.why_disabled(state)
    mark, tone = _MARKS[action.danger]
    key = action.shown or f":{action.command}"
    name = Span(action.title, Tone.FAINT if reason else Tone.STRONG)
    head: Line = (cell(key, 8, Tone.FAINT if reason else Tone.KEY), Span(" "), name, Span(mark, tone))
    if action.command and action.shown:
        argument = f" {action.argument}" if action.argument else ""
        head = (*head, Span(f"  :{action.command}{argument}", Tone.DIM))
    lines = [head, *wrapped(action.help, width, indent=" " * 9, tone=Tone.DIM)]
    if action.cli:
        lines.append((Span(" " * 9), Span("$ ", Tone.FAINT), Span(action.cli, Tone.ACCENT)))
    if reason:
        lines.append((Span(" " * 9), Span(f"not now: {reason}", Tone.WARN)))
    return lines
