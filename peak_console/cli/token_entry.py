"""Where a confirm token comes out and goes in: the terminal itself, or a file descriptor that was named.

A token is never an argument, never in the environment, never on standard output unless that was asked for.
"""

import getpass
import os
import sys
import warnings
from pathlib import Path
from typing import Final

from peak_console.domain.errors import UsageWrong

_TERMINAL: Final = Path("/dev/tty")
_READ_AT_MOST: Final = 256


def has_terminal() -> bool:
    """Whether this process has a terminal of its own, wherever its output goes."""
    try:
        os.close(os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def refuse_without_exit(descriptor: int | None) -> None:
    """Before a token is made: refuse where it could not be shown to anybody; raises ``UsageWrong``."""
    if descriptor is not None:
        _check_open(descriptor)
    elif not has_terminal():
        raise UsageWrong(
            "there is no terminal on which the token could be shown",
            code="no_terminal",
            remedy="run it in a terminal, or name an open file descriptor for the token: --token-fd 3",
        )


def show_token(lines: list[str], token: str, descriptor: int | None) -> None:
    """Show a token once: on the terminal, or alone as a line on ``descriptor``."""
    if descriptor is not None:
        _write(descriptor, f"{token}\n")
        return
    handle = os.open(_TERMINAL, os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        _write(handle, "".join(f"{line}\n" for line in lines))
    finally:
        os.close(handle)


def typed_token(*, from_stdin: bool, descriptor: int | None) -> str:
    """A token as somebody gives it: hidden on the terminal, or a line of stdin or of ``descriptor``.

    Raises ``UsageWrong`` (``no_terminal``) where it is to be typed and nobody can.
    """
    if from_stdin:
        return sys.stdin.readline(_READ_AT_MOST).strip()
    if descriptor is not None:
        _check_open(descriptor)
        with os.fdopen(os.dup(descriptor), encoding="ascii", errors="replace") as file:
            return file.readline(_READ_AT_MOST).strip()
    _refuse_without_terminal("--token-stdin, or on a file descriptor: --token-fd 3")
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)  # it would be seen while it is typed
        try:
            return getpass.getpass("token (hidden): ").strip()
        except (getpass.GetPassWarning, EOFError, OSError) as error:
            raise _no_terminal("--token-stdin, or on a file descriptor: --token-fd 3") from error


def typed_phrase(phrase: str) -> str:
    """What somebody types after ``phrase`` was shown; raises ``UsageWrong`` without a terminal."""
    _refuse_without_terminal('the phrase beside it: --phrase "..."')
    with _TERMINAL.open("r+b", buffering=0) as terminal:
        terminal.write(f"type: {phrase}\n> ".encode())
        return terminal.readline(_READ_AT_MOST).decode("utf-8", "replace").strip()


def _refuse_without_terminal(instead: str) -> None:
    if not has_terminal():
        raise _no_terminal(instead)


def _no_terminal(instead: str) -> UsageWrong:
    return UsageWrong(
        "there is no terminal to type on",
        code="no_terminal",
        remedy=f"run it in a terminal, or hand it over by {instead}",
    )


def _check_open(descriptor: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError as error:
        raise UsageWrong(
            f"file descriptor {descriptor} is not open",
            code="descriptor_closed",
            remedy=f"open it in the shell, as {descriptor}<file or {descriptor}>&1",
        ) from error


def _write(handle: int, text: str) -> None:
    data = text.encode()
    while data:
        data = data[os.write(handle, data) :]
