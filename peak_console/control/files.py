"""The file protocol of stop and enable, as generators of atomic steps (ADR 0003). Standard library only.

A protocol here is a generator that yields one :class:`Action` at a time and is sent its result, or has its
``OSError`` thrown in. :func:`perform` does an action on a real folder; the exhaustive model of the tests does
the same actions on a modelled one, in every order, so that what is proved is the code that runs.

What the names mean:

``ENABLED``
    Permits calls. Made only by an operator's enable (:mod:`peak_console.control.enabling`); names the ledger
    event of that enable.
``ENABLING``
    An enable on its way. Whoever unlinks it ends that enable.
``STOP``
    Forbids calls while it exists, whatever it holds. Names the stop that wrote it.
"""

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

ENABLED: Final = "ENABLED"
ENABLING: Final = "ENABLING"
STOP: Final = "STOP"
LEASE: Final = "lease"
NODE: Final = "node.json"

SIZE_LIMIT: Final = 4096
"""No file of the control folder is larger; a larger one is not read."""


class ControlFolder(Protocol):
    """The few atomic operations the protocol needs; every one may raise ``OSError``."""

    def read(self, name: str) -> bytes | None:
        """The file's bytes, ``None`` when it does not exist."""
        ...

    def unlink(self, name: str) -> bool:
        """Remove the file; whether it existed."""
        ...

    def create(self, name: str, data: bytes) -> None:
        """Make the file with its whole content at once; ``FileExistsError`` when it exists."""
        ...

    def replace(self, name: str, data: bytes) -> None:
        """Make or replace the file with its whole content at once."""
        ...

    def rename(self, source: str, target: str) -> None:
        """Rename over ``target``; ``FileNotFoundError`` when ``source`` does not exist."""
        ...

    def sync(self) -> None:
        """Make the folder's entries durable."""
        ...


@dataclass(frozen=True, slots=True)
class Read:
    """Read a file."""

    name: str


@dataclass(frozen=True, slots=True)
class Unlink:
    """Unlink a file."""

    name: str


@dataclass(frozen=True, slots=True)
class Create:
    """Create a file exclusively."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Replace:
    """Write a file over what stands there."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Rename:
    """Rename a file over another."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Sync:
    """Make the folder's entries durable."""


Action = Read | Unlink | Create | Replace | Rename | Sync
Steps = Generator[Action, Any, Any]


def perform(action: Action, folder: ControlFolder) -> Any:
    """Do one action on ``folder``; gives its result or raises ``OSError``."""
    match action:
        case Read(name):
            return folder.read(name)
        case Unlink(name):
            return folder.unlink(name)
        case Create(name, data):
            return folder.create(name, data)
        case Replace(name, data):
            return folder.replace(name, data)
        case Rename(source, target):
            return folder.rename(source, target)
        case Sync():
            return folder.sync()


def run(steps: Generator[Any, Any, Any], do: Callable[[Any], Any]) -> Any:
    """Drive a protocol to its end, ``do`` doing each action; gives the generator's return value."""
    try:
        action = next(steps)
        while True:
            try:
                result = do(action)
            except Exception as error:  # noqa: BLE001 - the protocol decides what a failed step means
                action = steps.throw(error)
            else:
                action = steps.send(result)
    except StopIteration as done:
        return done.value


# --- what the files hold -------------------------------------------------------------------------------


def encode(fields: Mapping[str, Any]) -> bytes:
    """A control file's bytes: one JSON object, sorted, on one line."""
    return json.dumps(dict(fields), sort_keys=True, separators=(",", ":")).encode() + b"\n"


def decode(data: bytes | None) -> dict[str, Any] | None:
    """A control file's object; ``None`` when it is missing, too large or not one JSON object."""
    if data is None or len(data) > SIZE_LIMIT:
        return None
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def text_field(data: bytes | None, name: str) -> str | None:
    """A text field of a control file, ``None`` when there is none that can be read."""
    fields = decode(data)
    value = fields.get(name) if fields is not None else None
    return value if isinstance(value, str) else None


def identity(data: bytes | None, field: str) -> str | None:
    """A file's identity: its id, or a mark for a file that exists and cannot be read."""
    if data is None:
        return None
    return text_field(data, field) or "unreadable"


# --- stop ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StopStep:
    """What one step of a stop did; ``ok`` false names a step that must be mended by hand."""

    step: str
    ok: bool
    detail: str
    at_us: int


@dataclass(frozen=True, slots=True)
class StopReport:
    """What a stop did. ``effective``: ``ENABLED`` is gone, read back after the last unlink."""

    effective: bool
    written: bool
    enabled_event: str | None
    """The enable that this stop ended, if it read one."""
    steps: tuple[StopStep, ...]


def stop_steps(data: bytes, boot_us: Callable[[], int]) -> Generator[Action, Any, StopReport]:
    """Stop: unlink both, write ``STOP`` (best effort), unlink both again, read back.

    No step's failure ends or undoes another. ``ENABLING`` goes before ``ENABLED`` each time: an enable that
    renames between the two unlinks is then caught by the second. The second pair catches an enable whose
    check of ``STOP`` came before ``STOP`` was written.
    """
    steps: list[StopStep] = []
    ended = yield from _attempt(Read(ENABLED), "look", boot_us, steps)
    for action, name in (
        (Unlink(ENABLING), "unlink ENABLING"),
        (Unlink(ENABLED), "unlink ENABLED"),
        (Replace(STOP, data), "write STOP"),
        (Unlink(ENABLING), "unlink ENABLING again"),
        (Unlink(ENABLED), "unlink ENABLED again"),
        (Sync(), "make durable"),
    ):
        yield from _attempt(action, name, boot_us, steps)
    left = yield from _attempt(Read(ENABLED), "read back", boot_us, steps)
    readable = steps[-1].ok
    return StopReport(
        effective=readable and left is None,
        written=any(one.ok for one in steps if one.step == "write STOP"),
        enabled_event=text_field(ended, "event_id"),
        steps=tuple(steps),
    )


def _attempt(action: Action, name: str, boot_us: Callable[[], int], steps: list[StopStep]) -> Steps:
    try:
        result = yield action
    except OSError as error:
        steps.append(StopStep(name, ok=False, detail=error.strerror or str(error), at_us=boot_us()))
        return None
    detail = {True: "removed", False: "not there"}.get(result, "") if isinstance(result, bool) else ""
    steps.append(StopStep(name, ok=True, detail=detail, at_us=boot_us()))
    return result
