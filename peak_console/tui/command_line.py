"""What is typed after ``:`` and ``/``: read, and completed. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from peak_console.operations.runs import OUTCOMES
from peak_console.operations.views import call_filter, log_filter, run_filter, shadow_filter
from peak_console.tui.action import Action
from peak_console.tui.actions import BY_COMMAND
from peak_console.tui.theme import SETTINGS

_FILTERS: Final[dict[str, Any]] = {"log": log_filter, "runs": run_filter, "shadow": shadow_filter}
_WINDOWS: Final = ("5m", "1h", "24h", "7d")
_VALUES: Final = {
    "layer": call_filter.LAYERS,
    "critic": run_filter.VERDICTS,
    "role": call_filter.ROLES,
    "outcome": (*call_filter.OUTCOMES, *OUTCOMES[2:]),
    "is": (*call_filter.MARKS, *run_filter.MARKS),
    "provider": ("openai", "google", "mistral", "together", "azure", "bedrock"),
    "since": ("5m", "10m", "1h", "24h"),
    "level": ("info", "warning", "error"),
}
_ORDERED: Final = ("latency", "cost", "tokens", "hop", "calls", "failed")


class CommandUnknown(ValueError):
    """The line names no action; the message says what is near."""


def read_command(text: str) -> tuple[Action, str]:
    """The action that the line names, and what follows it. A unique beginning is enough."""
    word, _, argument = text.strip().partition(" ")
    word = word.lower()
    found = BY_COMMAND.get(word)
    if found is None:
        near = [command for command in BY_COMMAND if command.startswith(word)] if word else []
        if len(near) != 1:
            known = " ".join(near or sorted(BY_COMMAND))
            raise CommandUnknown(f"{word or 'an empty line'} is no command; try: {known}")
        found = BY_COMMAND[near[0]]
    return found, argument.strip()


def complete_command(text: str) -> str | None:
    """The whole line as it would read with its last word completed; ``None`` when nothing fits."""
    word, blank, argument = text.partition(" ")
    if not blank:
        return next(
            (command for command in sorted(BY_COMMAND) if word and command.startswith(word.lower())), None
        )
    if word == "window":
        return _first(f"{word} {one}" for one in _WINDOWS if argument and one.startswith(argument))
    if word == "theme":
        return _first(f"{word} {one}" for one in SETTINGS if argument and one.startswith(argument))
    if word in {"calls", "runs", "shadow", "log"}:
        ended = complete_filter(argument, _keys(word))
        return None if ended is None else f"{word} {ended}"
    return None


def _keys(screen: str) -> Sequence[str]:
    keys: Sequence[str] = _FILTERS.get(screen, call_filter).KEYS
    return keys


def complete_filter(text: str, keys: Sequence[str]) -> str | None:
    """The filter with its last word completed: a key, or a value that is one of few."""
    before, _, last = text.rpartition(" ")
    lead = f"{before} " if before else ""
    if not last:
        return None
    sign, word = ("-", last[1:]) if last.startswith("-") else ("", last)
    if ":" in word:
        key, _, value = word.partition(":")
        done, comma, part = value.rpartition(",")
        return _first(
            f"{lead}{sign}{key}:{done}{comma}{one}"
            for one in _VALUES.get(key, ())
            if one.lower().startswith(part.lower())
        )
    ends = ((key, ">" if key in _ORDERED else ":") for key in keys)
    return _first(f"{lead}{sign}{key}{op}" for key, op in ends if word and key.startswith(word.lower()))


def _first(found: Iterator[str]) -> str | None:
    return next(found, None)


def example(screen: str) -> str:
    """What may be typed as a filter on ``screen``."""
    return "   ".join(_FILTERS.get(screen, call_filter).EXAMPLES)
