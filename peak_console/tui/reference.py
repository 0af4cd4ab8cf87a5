"""The page ``docs/reference/keys.md``, generated from the action registry.

``python -m peak_console.tui.reference`` prints it.
"""

import sys
from collections.abc import Iterator

from peak_console.operations.views import call_filter, log_filter, run_filter, shadow_filter
from peak_console.tui.action import SCREENS, Action, Danger
from peak_console.tui.actions import ACTIONS, actions_on

_NAMES = {
    "live": "Live",
    "calls": "Calls",
    "runs": "Runs",
    "matrix": "Matrix",
    "incidents": "Incident",
    "arm": "Arm",
    "shadow": "Shadow",
    "log": "Log",
    "call": "A call's page",
    "run": "A run's page",
    "event": "An event's page",
    "evidence": "The evidence browser",
    "pack": "An evidence pack",
    "packed": "A file of a pack",
    "record": "A log line's page",
    "history": "History of a config",
    "version": "A version",
    "merge": "The three-way view",
    "lock": "The matrix against the lock",
    "model": "A model's page",
    "help": "Help",
    "incident": "The incident panel",
    "act": "A form of the Incident screen",
    "enable": "The enable dialogue",
    "lift": "The dialogue that lifts one stop",
    "save": "The save dialogue",
    "picker": "A list to pick from",
    "shadow-job": "A job's page",
    "shadow-cycle": "A cycle's page",
    "shadow-model": "Drift of a model",
    "shadow-ready": "Readiness",
    "shadow-act": "A form of the Shadow screen",
    "arm-request": "The request to be armed",
    "arm-token": "The token, shown once",
    "arm-confirm": "The token, typed",
    "arm-approve": "The approval of a request",
}
_DANGER = {
    Danger.VIEW: "",
    Danger.CHANGE: "change: asks first, off with `--readonly` and `--replay`",
    Danger.INCIDENT: "incident: at once, never refused",
}
_HEAD = """# Keys and commands of the console

Generated from `peak_console/tui/actions.py`. Arrows and `j k` move; `pgup` and `pgdn` move by a page;
`home`, `g` and `end`, `G` go to the ends; `tab` goes to the next list. `:` takes a command, with completion.
"""

_TABLE = "| Key | Action | What it does | Danger | `:` command | Command line |\n|---|---|---|---|---|---|"


def keys_page() -> str:
    """The whole page."""
    parts = [_HEAD]
    parts.append("\n".join(_replay()))
    for screen in SCREENS:
        parts.append(f"## {_NAMES[screen]}\n")
        parts.append(_TABLE)
        parts.append("\n".join(_row(action) for action in actions_on(screen) if not action.replay) + "\n")
    parts.append("\n".join(_filters()))
    return "\n".join(parts)


def _row(action: Action) -> str:
    command = (
        f"`{' '.join(part for part in (action.command, action.argument) if part)}`" if action.command else ""
    )
    cells = (
        f"`{action.shown}`" if action.shown else "",
        action.title,
        action.help,
        _DANGER[action.danger],
        command.replace("|", "\\|"),
        f"`{action.cli}`" if action.cli else "",
    )
    return f"| {' | '.join(cells)} |"


def _replay() -> Iterator[str]:
    yield "## Moving through the past\n"
    yield "On every screen of `peak console --replay FROM [TO]`. Actions of danger `change` are off there;"
    yield "those of danger `incident` act on the live workspace, now.\n"
    yield _TABLE
    yield from (_row(action) for action in ACTIONS if action.replay)
    yield ""


def _filters() -> Iterator[str]:
    yield "## Filters\n"
    yield "Terms are parted by blanks and must all hold; `a,b` means either; `-` in front means not;"
    yield "`*` and `?` match as in a shell; text with blanks stands in quotes. A word without a key is looked"
    yield "for everywhere.\n"
    yield f"Calls and Live: {_listed(call_filter.KEYS)}."
    yield f"For example {_listed(call_filter.EXAMPLES)}.\n"
    yield f"Runs: {_listed(run_filter.KEYS)}."
    yield "Words are looked for in everything a run's events say but prompts and answers, `lever*` by its"
    yield "beginning; the id of a run, a call or an event, or `#12345`, finds the run it belongs to."
    yield f"For example {_listed(run_filter.EXAMPLES)}.\n"
    yield f"Shadow: {_listed(shadow_filter.KEYS)}; a term narrows the lists that know its key."
    yield f"For example {_listed(shadow_filter.EXAMPLES)}.\n"
    yield f"Log: {_listed(log_filter.KEYS)}, for example {_listed(log_filter.EXAMPLES)}.\n"


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f"`{word}`" for word in words)


if __name__ == "__main__":
    sys.stdout.write(keys_page())
