"""Whose a draft is: of an editor that lives, of one that has ended, or of nobody yet.

An editor is known by its process: the number alone may be another's by now, so the boot and the moment at
which the process began count as well. What cannot be known (another host, a container) counts as living:
its draft is shown and never taken over.
"""

import os
import secrets
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from peak_console.control.boot import boot_id
from peak_console.domain.clock import SystemClock
from peak_console.operations.workbench.shapes import Draft, Editor

_PROC: Final = Path("/proc")
_STARTED_FIELD: Final = 22 - 3
"""Field 22 of /proc/PID/stat, counted behind the name in brackets, which is field 2 (see proc(5))."""

_open_here = set[str]()
"""The editors of this process that have not ended."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What one process can know of the others."""

    host: str
    space: str
    boot: str
    pid: int
    started: Callable[[int], str | None]
    """When the process of a number began, empty where that is not told; ``None`` where there is none."""


@dataclass(frozen=True, slots=True)
class Parted:
    """The drafts of one config as one editor sees them; each part has the newest first."""

    mine: Draft | None
    offered: tuple[Draft, ...]
    """Of editors that have ended, and proposals: they may be taken up."""
    elsewhere: tuple[Draft, ...]
    """Of editors that are open now."""

    @property
    def others(self) -> tuple[Draft, ...]:
        """Whatever is not this editor's."""
        return (*self.elsewhere, *self.offered)


def part(drafts: Iterable[Draft], mine: str, lives: Callable[[Editor], bool]) -> Parted:
    """Part the drafts of a config; ``mine`` is the id of the editor that looks, empty for none. Pure."""
    found = sorted(drafts, key=lambda one: one.at, reverse=True)
    own = [one for one in found if one.editor is not None and one.editor.id == mine]
    rest = [one for one in found if one not in own]
    living = tuple(one for one in rest if one.editor is not None and lives(one.editor))
    return Parted(next(iter(own), None), tuple(one for one in rest if one not in living), living)


def lives_on(editor: Editor, here: Machine, open_here: Iterable[str]) -> bool:
    """Whether an editor may still be open, as far as the machine ``here`` can know. Pure but for ``here``."""
    if editor.host != here.host:
        return True
    if editor.boot != here.boot:
        return False
    if editor.space != here.space:
        return True
    began = here.started(editor.pid)
    if began is None or (began and editor.started and began != editor.started):
        return False
    return editor.pid != here.pid or editor.id in open_here


def lives(editor: Editor) -> bool:
    """Whether an editor may still be open."""
    return lives_on(editor, this_machine(), _open_here)


def begin_editor(now: datetime | None = None) -> Editor:
    """A new editor of this process; it lives until :func:`end_editor`, or until the process ends."""
    here = this_machine()
    name = f"{here.pid}-{secrets.token_hex(4)}"
    _open_here.add(name)
    since = now or SystemClock().now()
    return Editor(name, here.host, here.space, here.boot, here.pid, here.started(here.pid) or "", since)


def end_editor(editor: Editor) -> None:
    """The editor is closed: what it kept is offered to the next one."""
    _open_here.discard(editor.id)


def this_machine() -> Machine:
    """The machine as this process sees it."""
    boot = space = ""
    with suppress(OSError):
        boot = boot_id()
    with suppress(OSError):
        space = str((_PROC / "self/ns/pid").readlink())
    return Machine(socket.gethostname(), space, boot, os.getpid(), process_started)


def process_started(pid: int) -> str | None:
    """When a process began, in ticks since boot; empty where the system does not tell, ``None`` for none."""
    if (_PROC / "self" / "stat").exists():
        try:
            fields = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        except OSError:
            return ""
        if len(fields) <= _STARTED_FIELD:
            return ""
        return None if fields[0] in {"Z", "X"} else fields[_STARTED_FIELD]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        return ""
    return ""
