"""The action registry: everything an operator can do here, as data.

The key bar, ``?``, the palette, the ``:`` line, ``--readonly`` and ``docs/reference/keys.md`` all read it. An
action is carried out by the method ``do_<id with underscores>`` of the screen on top, else of the app.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from textual.binding import Binding

from peak_console.domain.posture import PostureReason
from peak_console.operations.views.bar import BarSnapshot

EVERYWHERE: Final = frozenset[str]()
TOP_SCREENS: Final = ("live", "calls", "runs", "log")
_OF_RUNS: Final = ("run", "event", "evidence", "pack", "packed")
SCREENS: Final = (*TOP_SCREENS, "call", *_OF_RUNS, "record", "help", "incident", "enable")
OF_RUNS_PAGES: Final = frozenset({"runs", *_OF_RUNS})
"""The list of runs and the pages below it."""
_LISTS: Final = frozenset({"live", "calls", "runs", "log"})
_TABLES: Final = _LISTS | {"run", "evidence", "pack"}
_PAGES: Final = frozenset({*TOP_SCREENS, *_OF_RUNS, "call", "record"})
_CHAINS: Final = frozenset({"runs", "run", "event"})


class Danger(StrEnum):
    """``view`` changes nothing; ``change`` goes more dangerous; ``incident`` goes safer, never refused."""

    VIEW = "view"
    CHANGE = "change"
    INCIDENT = "incident"


@dataclass(frozen=True, slots=True)
class ActionState:
    """What an action's availability depends on."""

    screen: str
    bar: BarSnapshot
    readonly: bool = False
    replay: bool = False
    has_workspace: bool = True
    has_selection: bool = True
    can_go_back: bool = True
    missing: str = ""
    """What a dialogue still lacks."""
    busy: bool = False
    """Whether something long is being done that can be cancelled."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do. ``keys`` are Textual key names; ``shown`` is how the key is written for people.

    ``command`` is the word of the ``:`` line, ``argument`` what may follow it. ``rank`` orders the key bar; 0
    keeps the action off it. ``disabled`` gives a reason or an empty text.
    """

    id: str
    title: str
    keys: str
    shown: str
    help: str
    screens: frozenset[str] = EVERYWHERE
    danger: Danger = Danger.VIEW
    command: str = ""
    argument: str = ""
    cli: str = ""
    rank: int = 0
    disabled: Callable[[ActionState], str] = lambda _: ""
    replay: bool = False
    """Whether it moves through the past, and so belongs to a console opened with ``--replay`` alone."""

    @property
    def handler(self) -> str:
        """The name of the method that carries it out."""
        return "do_" + self.id.replace(".", "_")

    def stands_on(self, screen: str) -> bool:
        """Whether the action exists on ``screen``."""
        return screen in self.screens if self.screens else screen in _PAGES

    def why_disabled(self, state: ActionState) -> str:
        """Why it cannot be done now; empty when it can. What goes safer is never disabled."""
        if self.danger is Danger.INCIDENT:
            return self.disabled(state)
        if self.replay and not state.replay:
            return "only in a replay: peak console --replay FROM"
        if self.danger is Danger.CHANGE and state.readonly:
            return "this console was opened with --readonly"
        if self.danger is Danger.CHANGE and state.replay:
            return "this is a replay of the past; act in: peak console"
        return self.disabled(state)


def _needs_workspace(state: ActionState) -> str:
    return "" if state.has_workspace else "no workspace is open"


def _needs_selection(state: ActionState) -> str:
    return "" if state.has_selection else "nothing is selected"


def _needs_work(state: ActionState) -> str:
    return "" if state.busy else "nothing is being done that could be cancelled"


def _build_reason(state: ActionState) -> str:
    if not state.has_workspace:
        return "no workspace is open"
    if state.readonly:
        return "a sealed pack is recorded on the ledger, and this console was opened with --readonly"
    if state.replay:
        return "this console shows the past"
    if not state.bar.node.running:
        return "no node runs that could record it (peak node start)"
    return state.missing or _needs_selection(state)


def _needs_way_back(state: ActionState) -> str:
    return "" if state.can_go_back else "this is the first page"


def _confirm_reason(state: ActionState) -> str:
    return state.missing or _enable_reason(state)


def _enable_reason(state: ActionState) -> str:
    if not state.has_workspace:
        return "no workspace is open"
    if state.bar.config_errors:
        return "the configs have errors; mend them first (peak lint)"
    reasons = state.bar.posture.reasons
    if state.bar.posture.calls:
        return "calls are already permitted"
    if PostureReason.AI_ENABLED_FALSE in reasons:
        return "AI_ENABLED=false in this environment; no file can raise it"
    return ""


_MARKED: Final = "■ stop, ● enable, ✗ denial, ▲ breaker or budget, ◆ node, ◇ config or phase, ╵ failed call"


def _replayed(
    name: str,
    title: str,
    keys: str,
    shown: str,
    words: str,
    *,
    command: str = "",
    argument: str = "",
    rank: int = 0,
) -> Action:
    """An action of the replay."""
    return Action(
        f"replay.{name}",
        title,
        keys,
        shown,
        words,
        command=command,
        argument=argument,
        rank=rank,
        replay=True,
    )


_VIEW_ACTIONS: Final = (
    Action(
        "go.live",
        "Live",
        "1",
        "1",
        "Key figures, plots, slots, alerts, the tail of calls.",
        rank=10,
        command="live",
    ),
    Action(
        "go.calls",
        "Calls",
        "2",
        "2",
        "Every call, newest first, with filters; Enter opens a call's page.",
        rank=11,
        command="calls",
        argument="[FILTER]",
        cli="peak ledger tail --follow",
    ),
    Action(
        "go.runs",
        "Runs",
        "3",
        "3",
        "Every run, newest first, with filters and a search for words; Enter opens a run's timeline.",
        rank=12,
        command="runs",
        argument="[FILTER]",
        cli="peak runs list",
    ),
    Action(
        "go.log",
        "Log",
        "0",
        "0",
        "The program's log and past messages.",
        rank=13,
        command="log",
        argument="[FILTER]",
        cli="peak logs --follow",
    ),
    Action(
        "open",
        "open",
        "enter",
        "↵",
        "Open what the cursor is on.",
        _TABLES,
        rank=20,
        disabled=_needs_selection,
    ),
    Action(
        "filter", "filter", "slash", "/", "Filter what is shown; an empty filter shows all.", _LISTS, rank=21
    ),
    Action(
        "window.next",
        "window",
        "w",
        "w",
        "Next longer window, after the last the first.",
        frozenset({"live"}),
        rank=22,
    ),
    Action(
        "window.shorter",
        "shorter window",
        "left_square_bracket",
        "[",
        "A shorter window.",
        frozenset({"live"}),
    ),
    Action(
        "window.longer", "longer window", "right_square_bracket", "]", "A longer window.", frozenset({"live"})
    ),
    Action(
        "window.set",
        "set the window",
        "",
        "",
        "Look back 5m, 1h, 24h or 7d.",
        frozenset({"live"}),
        command="window",
        argument="5m|1h|24h|7d",
    ),
    Action(
        "breakers.show",
        "breakers",
        "b",
        "b",
        "The providers' breakers and rate limits in the slots' place, and back.",
        frozenset({"live"}),
        rank=25,
        command="breakers",
        cli="peak status",
    ),
    Action("sort.next", "sort", "o", "o", "Sort the table by the next column.", frozenset({"live"}), rank=23),
    Action("sort.reverse", "reverse sort", "O", "O", "Turn the sort order round.", frozenset({"live"})),
    Action(
        "plots.next",
        "plots",
        "p",
        "p",
        "Show the other plots, where not all four fit.",
        frozenset({"live"}),
        rank=24,
    ),
    Action(
        "follow",
        "follow",
        "f",
        "f",
        "Go to the newest line and stay there.",
        frozenset({"calls", "runs", "log"}),
        rank=22,
    ),
    Action("call.next", "older", "n", "n", "The next older call of the list.", frozenset({"call"}), rank=20),
    Action(
        "call.previous", "newer", "N", "N", "The next newer call of the list.", frozenset({"call"}), rank=21
    ),
    Action(
        "call.events",
        "events",
        "v",
        "v",
        "The call's ledger events as JSON, and back.",
        frozenset({"call"}),
        rank=22,
    ),
    Action(
        "call.run",
        "run's calls",
        "R",
        "R",
        "The list of all calls of this run.",
        frozenset({"call"}),
        rank=23,
    ),
    Action(
        "call.page",
        "run",
        "t",
        "t",
        "The timeline of the call's run.",
        frozenset({"call"}),
        rank=24,
    ),
    Action(
        "chain.verify",
        "verify",
        "v",
        "v",
        "Verify the chain of what is shown; says from which event to which.",
        _CHAINS,
        rank=24,
        command="verify",
        cli="peak ledger verify",
        disabled=_needs_selection,
    ),
    Action(
        "run.why",
        "why",
        "w",
        "w",
        "The call's page: by which route it went, and why; of a run, its first call.",
        frozenset({"runs", "run", "event"}),
        rank=22,
        cli="peak why RUN_ID",
        disabled=_needs_selection,
    ),
    Action(
        "run.calls",
        "calls",
        "c",
        "c",
        "The list of all calls of this run.",
        frozenset({"run"}),
        rank=23,
        disabled=_needs_selection,
    ),
    Action(
        "run.artefacts",
        "artefacts",
        "a",
        "a",
        "The files that the run wrote, with their hashes, in the timeline's place, and back.",
        frozenset({"run"}),
        rank=27,
    ),
    Action(
        "event.next",
        "later",
        "n",
        "n",
        "The next event of the timeline.",
        frozenset({"event"}),
        rank=20,
    ),
    Action(
        "event.previous",
        "earlier",
        "N",
        "N",
        "The event before it in the timeline.",
        frozenset({"event"}),
        rank=21,
    ),
    Action(
        "evidence.show",
        "evidence",
        "e",
        "e",
        "Sealed evidence packs; on a run's page the run's own.",
        frozenset({"runs", "run"}),
        rank=25,
        command="evidence",
        cli="peak evidence list",
    ),
    Action(
        "pack.verify",
        "verify",
        "v",
        "v",
        "Verify every file, the signature and the proofs of the pack again.",
        frozenset({"pack"}),
        rank=22,
        cli="peak evidence verify RUN_ID",
    ),
    Action(
        "pack.report",
        "report",
        "m",
        "m",
        "The critic's report.",
        frozenset({"pack"}),
        rank=23,
        cli="peak evidence show RUN_ID",
    ),
    Action(
        "pack.export",
        "export",
        "E",
        "E",
        "Write the pack into an archive that can be verified anywhere; its path is told and copied.",
        frozenset({"evidence", "pack"}),
        rank=24,
        cli="peak evidence build RUN_ID --export FILE",
        disabled=_needs_selection,
    ),
    Action(
        "pack.build",
        "seal",
        "b",
        "b",
        "Seal everything of the run into an evidence pack, and record that on the ledger.",
        frozenset({"run"}),
        rank=26,
        cli="peak evidence build RUN_ID",
        disabled=_build_reason,
    ),
    Action(
        "work.cancel",
        "cancel",
        "x",
        "x",
        "Give up what takes long: a verification, an export.",
        _CHAINS | {"evidence", "pack"},
        rank=29,
        disabled=_needs_work,
    ),
    Action(
        "pause",
        "pause",
        "space",
        "space",
        "Hold the tables still; clock and alarms go on.",
        _LISTS,
        rank=30,
        command="pause",
    ),
    Action("read", "read again", "r", "r", "Read again now.", _PAGES, command="refresh"),
    Action(
        "copy",
        "copy",
        "y",
        "y",
        "Copy what is selected: to the terminal's clipboard (OSC 52), and into a file that is then named.",
        _PAGES,
        rank=31,
        disabled=_needs_selection,
    ),
    Action("theme.next", "next theme", "", "", "peak, colour-blind, monochrome, ansi.", command="theme"),
    Action("command", "command", "colon", ":", "Type an action by its name, with completion.", rank=40),
    Action("palette", "palette", "ctrl+p", "^p", "Every action, by searching.", rank=41),
    Action("help", "help", "question_mark", "?", "What can be done on this screen.", rank=50, command="help"),
    Action(
        "back",
        "back",
        "escape",
        "esc",
        "One step back.",
        frozenset(_PAGES | {"help", "incident", "enable"}),
        rank=32,
        disabled=_needs_way_back,
    ),
    Action(
        "quit",
        "quit",
        "q,ctrl+q",
        "q",
        "Leave the console; nothing it shows is stopped by that.",
        rank=51,
        command="quit",
    ),
)

_REPLAY_ACTIONS: Final = (
    _replayed(
        "play", "play/pause", "space", "space", "Let the replay run, or hold it.", command="play", rank=14
    ),
    _replayed(
        "mark.next", "next mark", "apostrophe", "'", f"Go to the next marked event: {_MARKED}.", rank=15
    ),
    _replayed(
        "mark.previous", "last mark", "quotation_mark", '"', "Go back to the marked event before this moment."
    ),
    _replayed(
        "goto",
        "go to",
        "at",
        "@",
        "Go to a moment: 03:12, 03:12:44, 2026-11-22T03:12Z, -5m, #184220, a run's id. Times are UTC.",
        command="goto",
        argument="MOMENT",
        rank=16,
    ),
    _replayed("back.second", "1 s back", "comma", ",", "A second back.", rank=17),
    _replayed("on.second", "1 s on", "full_stop", ".", "A second on.", rank=18),
    _replayed("back.seconds", "10 s back", "less_than_sign", "<", "Ten seconds back."),
    _replayed("on.seconds", "10 s on", "greater_than_sign", ">", "Ten seconds on."),
    _replayed("back.minute", "1 min back", "left_curly_bracket", "{", "A minute back."),
    _replayed("on.minute", "1 min on", "right_curly_bracket", "}", "A minute on."),
    _replayed("back.minutes", "10 min back", "left_parenthesis", "(", "Ten minutes back."),
    _replayed("on.minutes", "10 min on", "right_parenthesis", ")", "Ten minutes on."),
    _replayed(
        "faster",
        "faster",
        "plus,equals_sign",
        "+",
        "As fast as it was, then 10, 60 and 600 times as fast.",
        rank=19,
    ),
    _replayed("slower", "slower", "minus", "-", "Slower again.", rank=20),
    _replayed("start", "start", "A", "A", "Go to where the replay begins.", command="start"),
    _replayed("end", "end", "Z", "Z", "Go to where the replay ends.", command="end"),
)
"""What moves through the past; the marks are those of the scrub line."""

_CONTROL_ACTIONS: Final = (
    Action(
        "incident.open",
        "incident",
        "exclamation_mark",
        "!",
        "The incident panel, over any screen: two keys stop everything.",
        frozenset(_PAGES | {"help"}),
        rank=45,
        command="incident",
    ),
    Action(
        "incident.stop",
        "STOP",
        "s",
        "s",
        "Stop every call and order now. No question is asked; the result is read back.",
        frozenset({"incident"}),
        danger=Danger.INCIDENT,
        command="stop",
        cli='peak stop --reason "…"',
        rank=20,
        disabled=_needs_workspace,
    ),
    Action(
        "control.enable",
        "enable",
        "e",
        "e",
        "From STOPPED to DISARMED: calls may be made again. Asks for a reason and the typed word ENABLE.",
        frozenset(_PAGES - {"runs", "run"} | {"incident"}),
        danger=Danger.CHANGE,
        command="enable",
        cli='peak enable --reason "…" --confirm ENABLE',
        disabled=_enable_reason,
    ),
    Action(
        "enable.confirm",
        "enable calls",
        "ctrl+y",
        "^y",
        "In the enable dialogue: enable now, once every field is filled in. Enter confirms nothing.",
        frozenset({"enable"}),
        danger=Danger.CHANGE,
        cli='peak enable --reason "…" --confirm ENABLE',
        rank=20,
        disabled=_confirm_reason,
    ),
)

ACTIONS: Final = (*_VIEW_ACTIONS, *_REPLAY_ACTIONS, *_CONTROL_ACTIONS)
BY_ID: Final = {action.id: action for action in ACTIONS}
BY_COMMAND: Final = {action.command: action for action in ACTIONS if action.command}


def actions_on(screen: str) -> Iterator[Action]:
    """The actions of ``screen``, as the registry orders them."""
    return (action for action in ACTIONS if action.stands_on(screen))


def actions_for(state: ActionState) -> list[Action]:
    """The actions of the state's screen that belong to a console opened like this one, its own first."""
    found = list(actions_on(state.screen))
    if not state.replay:
        return [one for one in found if not one.replay]
    own = [one for one in found if one.replay]
    return [*own, *(one for one in found if not one.replay and one.id != "pause")]


def bindings_for(screen: str) -> list[Binding]:
    """The key bindings of ``screen``. Where ``pause`` has the space bar, it plays and pauses a replay too."""
    return [
        Binding(action.keys, f"perform('{action.id}')", action.title, show=False, id=action.id)
        for action in actions_on(screen)
        if action.keys and not (action.id == "replay.play" and screen in _LISTS)
    ]


def key_bar_actions(state: ActionState) -> list[Action]:
    """What the key bar of the state's screen shows, most important first."""
    return sorted((one for one in actions_for(state) if one.rank), key=lambda one: one.rank)
