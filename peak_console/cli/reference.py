"""The generated references under ``docs/reference``: written by ``make docs``, checked in CI.

Run as ``python -m peak_console.cli.reference --write`` or ``--check``.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

from peak_console.cli.program import peak
from peak_console.config import reference as config_keys
from peak_console.config.lint import reference as lint_rules
from peak_console.control import arm_reference
from peak_console.http import reference as metrics
from peak_console.incidents import cards
from peak_console.llm import reference as reason_codes
from peak_console.tui import reference as keys

FOLDER = Path("docs/reference")


def commands() -> str:
    """The command line: every command with its help, as Markdown."""
    lines = [
        "# The command line",
        "",
        "Generated from the code by `make docs`.",
        "",
        "Every command that does something has `--root`, `--json` and `--help`; one that only holds others,",
        "as `peak operator`, has `--help`, and `peak --json operator list` is `peak operator list --json`.",
        "An error is three lines: what happened, why (a",
        "reason code), what to do. Exit codes:",
        "",
        "- 0: done, or it holds",
        "- 1: the check failed, or the action was refused",
        "- 2: wrong usage",
        "- 3: the environment is not fit (no workspace, no node, database locked or corrupt, no provider)",
        "",
    ]
    for path, context in _walk(peak, click.Context(peak, info_name="peak", terminal_width=100)):
        lines += [f"## `{path}`", "", "```text", context.command.get_help(context).rstrip(), "```", ""]
    return "\n".join(lines)


def _walk(command: click.Command, context: click.Context) -> Iterator[tuple[str, click.Context]]:
    yield context.command_path, context
    if isinstance(command, click.Group):
        for name in sorted(command.list_commands(context)):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _walk(inner, click.Context(inner, parent=context, info_name=name))


def pages() -> Mapping[str, Callable[[], str]]:
    """Every generated page: its name and what writes it."""
    return {
        "../arming.md": arm_reference.render,
        "cli.md": commands,
        "config-keys.md": config_keys.render,
        "keys.md": keys.keys_page,
        "lint-rules.md": lint_rules.render,
        "metrics.md": metrics.render,
        "reason-codes.md": reason_codes.render,
        "../oncall.md": cards.render,
    }


def main(words: list[str]) -> int:
    """Write or check every page; gives the exit code."""
    stale = []
    for name, write in pages().items():
        path, text = FOLDER / name, write()
        if words == ["--write"]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(str(path))
    for one in stale:
        sys.stderr.write(f"{one} is not what the code says; run: make docs\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
