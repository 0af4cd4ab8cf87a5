"""What the command line prints: one JSON document, or plain and coloured text; errors in three lines."""

import json
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from peak_console.domain.errors import PeakError, UsageWrong
from peak_console.domain.text import plain

if TYPE_CHECKING:
    from rich.console import Console

INTERNAL = "internal"


def exit_code_of(result: object) -> int:
    """A command's return value as an exit code: an ``int`` is one, anything else is success."""
    return result if isinstance(result, int) else 0


class Reporter:
    """Prints results and errors the way the caller asked for them."""

    def __init__(self, *, as_json: bool, debug: bool = False) -> None:
        self.as_json = as_json
        self.debug = debug

    def result(self, document: Mapping[str, Any], *lines: str) -> None:
        """Print ``document`` as JSON, or ``lines`` as text. Lines may hold foreign text."""
        if self.as_json:
            sys.stdout.write(json.dumps(document, ensure_ascii=True, default=str) + "\n")
            return
        for line in lines:
            sys.stdout.write(plain(line) + "\n")

    def error(self, error: PeakError) -> int:
        """One line what, one line why, one line what to do; gives the exit code."""
        if self.debug:
            traceback.print_exception(error)
        if self.as_json:
            sys.stdout.write(json.dumps({"error": error.as_dict()}, ensure_ascii=True, default=str) + "\n")
        else:
            sys.stderr.write(f"peak: {plain(error.message)}\n  why: {error.why} ({error.code})\n")
            if error.remedy:
                sys.stderr.write(f"  do:  {plain(error.remedy)}\n")
        return error.exit_code

    def usage(self, wrong: click.ClickException) -> int:
        """A wrong use of the command line; exit code 2."""
        context = getattr(wrong, "ctx", None)
        path = context.command_path if context is not None else "peak"
        remedy = f"see: {path} --help"
        if self.as_json:
            error = {"code": "usage", "message": wrong.format_message(), "remedy": remedy}
            sys.stdout.write(json.dumps({"error": error}, ensure_ascii=True) + "\n")
        else:
            message = plain(wrong.format_message())
            sys.stderr.write(f"peak: {message}\n  why: {UsageWrong.why} (usage)\n  do:  {remedy}\n")
        return 2

    def defect(self, error: BaseException) -> int:
        """Something this program did not foresee; exit code 1."""
        if self.debug:
            traceback.print_exception(error)
        what = PeakError(
            f"the program failed: {type(error).__name__}: {error}",
            code=INTERNAL,
            remedy="run the command again with --debug and report what it prints",
        )
        debug, self.debug = self.debug, False
        code = self.error(what)
        self.debug = debug
        return code


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligned columns as lines of text; the last column is not padded."""
    cells = [[plain(cell) for cell in row] for row in (headers, *rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(headers))]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]


def rich_console() -> "Console":
    """A Rich console for human output; imported late, because scripts never need it."""
    from rich.console import Console  # noqa: PLC0415 - only for people

    return Console(highlight=False, soft_wrap=True)
