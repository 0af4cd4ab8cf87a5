"""What the command line prints: one JSON document, or plain and coloured text; errors in three lines."""

import json
import shutil
import sys
import textwrap
import traceback
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from peak_console.domain.errors import PeakError, UsageWrong
from peak_console.domain.money import NANO
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
            told = {"code": error.code, "message": error.message, "why": error.why, **error.as_dict()}
            sys.stdout.write(json.dumps({"error": told}, ensure_ascii=True, default=str) + "\n")
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
            what = wrong.format_message()
            error = {"code": "usage", "message": what, "why": UsageWrong.why, "remedy": remedy}
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


def width() -> int:
    """Columns of the terminal (COLUMNS goes first); 0 where there is none, and no line is cut."""
    return shutil.get_terminal_size((0, 0)).columns


def brief_eur(nano: int) -> str:
    """Nano-EUR for people: to the cent, below ten cents to two significant digits: ``3.38``, ``0.0012``."""
    size = abs(nano)
    sign = "-" if nano < 0 else ""
    if not size or size >= NANO // 10:
        return f"{sign}{size / NANO:,.2f}"
    return f"{sign}{size / NANO:.{min(9, 11 - len(str(size)))}f}"


def counted(count: int, one: str, more: str = "") -> str:
    """A number of things in words: ``1 event``, ``1,533 events``; ``more`` where it is not ``one`` + s."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligned columns as lines of text; the last column is not padded.

    Where that is wider than the terminal, each row stands under its first cell, which is never cut. Columns
    without headers are not stacked.
    """
    cells = [[plain(cell) for cell in row] for row in (headers, *rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(headers))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
    most = width()
    if not most or not all(headers) or max(map(len, lines)) <= most:
        return lines
    return [line for row in cells[1:] for line in _stacked(cells[0], row, most)]


def _stacked(headers: Sequence[str], row: Sequence[str], most: int) -> list[str]:
    told = " · ".join(f"{header} {cell}" for header, cell in zip(headers[1:], row[1:], strict=True) if cell)
    below = textwrap.wrap(
        told, max(most, 20), initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
    )
    return [f"{headers[0]} {row[0]}", *below]


def rich_console() -> "Console":
    """A Rich console for human output; imported late, because scripts never need it."""
    from rich.console import Console  # noqa: PLC0415 - only for people

    return Console(highlight=False, soft_wrap=True)
