"""The program and the machine it runs on: interpreter, packages, SQLite, clocks, terminal."""

import locale
import os
import platform
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from typing import Final

from peak_console.control.boot import boot_id
from peak_console.domain.clock import Clock
from peak_console.domain.text import one_line
from peak_console.ledger.library import has_wal_reset_bug
from peak_console.operations.doctor.shapes import Diagnosis, Health

_LEAST: Final = (3, 11)
_MOST: Final = (3, 13)
_SMALLEST: Final = (80, 24)
_NAME: Final = "peak-console"
_PLATFORMS: Final = ("linux", "darwin")


def program(
    version: Sequence[int] = tuple(sys.version_info[:3]), on: str = sys.platform
) -> Iterator[Diagnosis]:
    """Interpreter, platform and packages."""
    shown = ".".join(str(one) for one in version[:3])
    if _LEAST <= tuple(version[:2]) <= _MOST:
        yield Diagnosis("program", "Python", Health.OK, f"{shown}, {platform.python_implementation()}")
    else:
        remedy = "make the environment anew with Python 3.11, 3.12 or 3.13"
        yield Diagnosis("program", "Python", Health.BAD, f"{shown} is not supported", remedy)
    if on in _PLATFORMS:
        yield Diagnosis("program", "platform", Health.OK, f"{platform.system()} {platform.release()}")
    else:
        yield Diagnosis("program", "platform", Health.BAD, f"{on} is not supported", "on Windows, use WSL")
    yield _packages()


def _packages() -> Diagnosis:
    """What is installed against what the program asks for."""
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - only the doctor needs it

    try:
        wanted = metadata.requires(_NAME) or []
    except metadata.PackageNotFoundError:
        remedy = "install it into its environment: make setup"
        return Diagnosis("program", "packages", Health.BAD, f"{_NAME} is not installed", remedy)
    wrong = []
    for text in wanted:
        try:
            one = Requirement(text)
            if one.marker is not None and not one.marker.evaluate({"extra": ""}):
                continue
            found = metadata.version(one.name)
        except InvalidRequirement:
            continue
        except metadata.PackageNotFoundError:
            wrong.append(f"{one.name} is missing")
        else:
            if not one.specifier.contains(found, prereleases=True):
                wrong.append(f"{one.name} {found}, asked for {one.specifier}")
    shown = f"{_NAME} {metadata.version(_NAME)}, textual {metadata.version('textual')}"
    if wrong:
        return Diagnosis("program", "packages", Health.BAD, "; ".join(wrong), "install anew: make setup")
    return Diagnosis("program", "packages", Health.OK, shown)


def machine(clock: Clock) -> Iterator[Diagnosis]:
    """SQLite and the clocks that a lease needs."""
    version = sqlite3.sqlite_version
    if has_wal_reset_bug(version):
        found = f"{version}: has the WAL-reset fault; it does not bite here, the node alone writes"
        remedy = "never open audits/ledger.db with another program that writes; newer: 3.51.3"
        yield Diagnosis("machine", "SQLite", Health.NOTE, found, remedy)
    else:
        yield Diagnosis("machine", "SQLite", Health.OK, version)
    try:
        boot = boot_id()
    except OSError as error:
        remedy = "without it no lease is believed; check /proc/sys/kernel/random/boot_id"
        yield Diagnosis("machine", "boot id", Health.BAD, one_line(str(error), 200), remedy)
    else:
        hours = clock.boot_us() / 3_600_000_000
        yield Diagnosis("machine", "boot id", Health.OK, f"{boot[:8]}…, up {hours:,.1f} h")


def terminal(environ: Mapping[str, str], size: tuple[int, int] | None) -> Iterator[Diagnosis]:
    """Whether the console can be drawn here; ``size`` is columns and rows, ``None`` without a terminal."""
    if size is None:
        yield Diagnosis("machine", "terminal", Health.NOTE, "none here; the commands need none")
        return
    columns, rows = size
    name = environ.get("TERM", "")
    found = f"{name or 'TERM is not set'}, {columns}x{rows}"
    if name in {"", "dumb"}:
        yield Diagnosis("machine", "terminal", Health.BAD, found, "set TERM, for example xterm-256color")
    elif columns < _SMALLEST[0] or rows < _SMALLEST[1]:
        yield Diagnosis("machine", "terminal", Health.WARN, found, "make it 80x24 or larger for the console")
    else:
        yield Diagnosis("machine", "terminal", Health.OK, found)
    encoding = locale.getpreferredencoding(do_setlocale=False)
    if encoding.replace("-", "").lower() != "utf8":
        yield Diagnosis("machine", "encoding", Health.WARN, encoding, "set LANG to a UTF-8 locale")


def switches(environ: Mapping[str, str]) -> Iterator[Diagnosis]:
    """``AI_ENABLED`` and ``AI_ARMED`` of this shell: they bind its processes and permit nothing."""
    for name in ("AI_ENABLED", "AI_ARMED"):
        value = environ.get(name)
        if value is None:
            continue
        lowered = value.strip().lower() not in {"true", "1", "yes", "on"}
        word = f"{name}={one_line(value, 20)!r}"
        if lowered:
            found = f"{word}: nothing that this shell starts may do it"
            yield Diagnosis("machine", name, Health.WARN, found, f"if that is not meant: unset {name}")
        else:
            yield Diagnosis("machine", name, Health.NOTE, f"{word} permits nothing; it can only forbid")


def terminal_size() -> tuple[int, int] | None:
    """Columns and rows of the terminal this process stands in."""
    for stream in (sys.__stdout__, sys.__stderr__, sys.__stdin__):
        try:
            if stream is not None and stream.isatty():
                found = os.get_terminal_size(stream.fileno())
                return found.columns, found.lines
        except (OSError, ValueError):
            continue
    return None
