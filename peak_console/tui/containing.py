"""What the incident panel's keys do, in a thread of their own, told as it happens: disarm, stop, capture.

The panel shows parts; which step belongs to which part, and how a part stands after it, is decided here.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from textual.message import Message

from peak_console.config.workspace import Workspace
from peak_console.tui.messages import StepShown

if TYPE_CHECKING:
    from peak_console.operations.containing import Contained, StepDone

PARTS: Final = ("disarm", "stop", "capture")
"""The order in which ``a`` does them."""
_BOOT_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_REASON: Final = "from the console's incident panel"


class PartState(StrEnum):
    """How far a part is."""

    WAITING = "waiting"
    DOING = "doing"
    HELD = "held"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Part:
    """One of the panel's actions: what came of it, and the steps beside it; ``at_ms`` since the key."""

    name: str
    state: PartState = PartState.WAITING
    summary: str = ""
    remedy: str = ""
    steps: tuple[StepShown, ...] = ()
    at_ms: float | None = None

    @property
    def over(self) -> bool:
        """Whether it has come to an end."""
        return self.state in {PartState.HELD, PartState.FAILED}


class PartTold(Message):
    """A part has come further."""

    def __init__(self, part: Part) -> None:
        super().__init__()
        self.part = part


class KeysDone(Message):
    """All that a key asked for has ended."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a key asks for: why, by whom, over which incident; an empty one is the newest that is open."""

    names: tuple[str, ...]
    reason: str = ""
    operator: str = ""
    incident_id: str = ""


class Containment(Protocol):
    """What does the parts over one workspace."""

    def contain(self, asked: Asked, told: "Callable[[StepDone], object]") -> "Contained":
        """Do them in their order; ``told`` gets each step as it is over. Never raises."""
        ...


class WorkspaceContainment:
    """The parts over a real workspace."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws

    def contain(self, asked: Asked, told: "Callable[[StepDone], object]") -> "Contained":
        """By the control folder first, and the record last."""
        from peak_console.operations.containing import contain  # noqa: PLC0415 - small, and loaded when needed

        return contain(
            self._ws,
            do=asked.names,
            reason=asked.reason or _REASON,
            operator=asked.operator,
            told=told,
            incident_id=asked.incident_id,
        )


class Course:
    """How the parts of one key stand. Steps may come from several threads; ``tell`` gets each new part."""

    def __init__(self, names: Sequence[str], tell: Callable[[Message], object]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._parts = {one: Part(one) for one in PARTS if one in names}

    def begin(self) -> None:
        """The first part is under way."""
        with self._lock:
            self._next()

    def step(self, done: "StepDone") -> None:
        """A step is over: it ends the part of its name, or stands beside the stop."""
        with self._lock:
            if done.name in self._parts:
                state = PartState.HELD if done.ok else PartState.FAILED
                part = self._parts[done.name]
                self._put(
                    replace(part, state=state, summary=done.detail, remedy=done.remedy, at_ms=done.at_ms)
                )
                self._next()
            else:
                self._beside(StepShown(done.name, done.ok, done.detail, done.remedy, done.at_ms))

    def end(self, why: str) -> None:
        """No step comes any more. ``why`` says what kept it from the record; what never ended has failed."""
        with self._lock:
            for part in list(self._parts.values()):
                if not part.over:
                    remedy = _REMEDIES[part.name]
                    self._put(replace(part, state=PartState.FAILED, summary="no word of it", remedy=remedy))
            if why:
                self._beside(StepShown("record", ok=False, detail=f"not on record: {why}", remedy=_LATER))
        self._tell(KeysDone())

    def _beside(self, step: StepShown) -> None:
        name = "stop" if "stop" in self._parts else next(reversed(self._parts), "")
        if name:
            part = self._parts[name]
            self._put(replace(part, steps=(*part.steps, step)))

    def _next(self) -> None:
        """The next part that waits is under way, once those before it have ended."""
        for part in self._parts.values():
            if part.state is PartState.DOING:
                return
            if part.state is PartState.WAITING:
                self._put(replace(part, state=PartState.DOING))
                return

    def _put(self, part: Part) -> None:
        self._parts[part.name] = part
        self._tell(PartTold(part))


_REMEDIES: Final = {
    "disarm": "stop everything instead: s",
    "stop": "by hand, on this host: rm audits/control/ENABLED",
    "capture": "from a shell: peak capture",
}
"""What to do where a part came to an end that nobody foresaw."""
_LATER: Final = "nothing now: what was done holds; it is recorded when a node is back"


def carry_out(containment: Containment, asked: Asked, tell: Callable[[Message], object]) -> None:
    """Do what is asked for and tell it. Whatever is raised, the end is told."""
    course = Course(asked.names, tell)
    course.begin()
    why = ""
    try:
        why = containment.contain(asked, course.step).why
    except Exception as error:  # noqa: BLE001 - a defect is told; the parts that ended stand as they are
        why = f"{type(error).__name__}: {error}"
    finally:
        course.end(why)


def boot_us() -> int:
    """The boot clock, in microseconds."""
    return time.clock_gettime_ns(_BOOT_CLOCK) // 1000
