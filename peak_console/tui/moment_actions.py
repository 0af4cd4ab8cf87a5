"""Actions of a replay: the moment, its pace, its marks."""

from typing import Final

from peak_console.tui.action import Action

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


REPLAY_ACTIONS: Final = (
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
