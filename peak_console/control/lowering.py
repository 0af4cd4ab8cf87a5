"""The protocol of lowering without stopping everything: a scope stop, *reduce*, *disarm* (docs/control.md).

Two generators of atomic steps, as :mod:`peak_console.control.files` has them for a stop: what the node does,
and what whoever lowers does. Product and model drive the same ones.

The node changes its memory first, shows it in the lease at once, and records last. What lowers and cannot be
shown or recorded becomes a stop of everything: a scope that only the memory of a process holds would be lost
with it.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from peak_console.control.files import StopStep

READ_BACK_S: Final = 2.0
"""Within so long a lowering must be seen in the lease, or it becomes a global stop."""

CONNECT_S: Final = 1.0
"""Within so long the node must answer."""


class Lower(StrEnum):
    """What is lowered."""

    STOP = "stop"
    """One scope is stopped."""
    REDUCE = "reduce"
    DISARM = "disarm"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of the node. ``scope`` is empty but for a stop."""

    what: Lower
    stop_id: str
    scope: str = ""
    reason: str = ""
    operator: str = ""


# --- actions -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Remember:
    """The node takes it into its memory: from now on its writer refuses, and nothing is armed."""

    wish: Wish


@dataclass(frozen=True, slots=True)
class ShowLease:
    """The node writes the lease anew, or unlinks it where that fails."""


@dataclass(frozen=True, slots=True)
class Record:
    """The node records it durably; raises where it cannot."""

    wish: Wish


@dataclass(frozen=True, slots=True)
class StopAll:
    """Stop everything by the control folder; gives whether ``ENABLED`` was read back as gone."""

    wish: Wish


@dataclass(frozen=True, slots=True)
class AskNode:
    """Ask the node to lower; gives its :class:`NodeAnswer`, raises where none answers in time."""

    wish: Wish


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What the lease says: ``shown``, or ``lapsed`` where none counts; raises while it says neither."""

    wish: Wish


@dataclass(frozen=True, slots=True)
class LooksUnattended:
    """Where no node answered: whether no lease counts and no node lives, so that nobody can be armed.

    A node that hangs may wake, and go on with what its memory holds.
    """

    wish: Wish


@dataclass(frozen=True, slots=True)
class NodeAnswer:
    """What the node did. ``escalated``: it has stopped everything instead."""

    recorded: bool
    shown: bool
    escalated: bool
    stopped: bool = False
    """Whether an escalated stop was read back as done."""
    steps: tuple[StopStep, ...] = ()
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class LowerReport:
    """How a lowering ended. ``effective``: what was asked for, or more than it, holds."""

    effective: bool
    escalated: bool
    steps: tuple[StopStep, ...]
    seq: int | None = None
    """Where it is on record."""


def node_steps(wish: Wish, boot_us: Callable[[], int]) -> Generator[Any, Any, NodeAnswer]:
    """What the node does: memory, lease, record. A scope or *reduce* it cannot record becomes a stop.

    So does what its memory failed to take, whatever it is.
    """
    steps: list[StopStep] = []
    yield from _attempt(Remember(wish), "node's memory", boot_us, steps)
    remembered = steps[-1].ok
    yield from _attempt(ShowLease(), "lease", boot_us, steps)
    shown = steps[-1].ok
    seq = yield from _attempt(Record(wish), "record", boot_us, steps)
    recorded = steps[-1].ok
    escalated = not remembered or (not recorded and wish.what is not Lower.DISARM)
    stopped = False
    if escalated:
        stopped = bool((yield from _attempt(StopAll(wish), "stop everything", boot_us, steps)))
        yield from _attempt(ShowLease(), "lease after the stop", boot_us, steps)
    return NodeAnswer(recorded, shown, escalated, stopped, tuple(steps), seq)


def stop_all_steps(wish: Wish, boot_us: Callable[[], int]) -> Generator[Any, Any, NodeAnswer]:
    """What the node does instead of one more narrow stop: everything is stopped, and the lease says so."""
    steps: list[StopStep] = []
    stopped = yield from _attempt(StopAll(wish), "stop everything", boot_us, steps)
    yield from _attempt(ShowLease(), "lease after the stop", boot_us, steps)
    shown = steps[-1].ok
    return NodeAnswer(
        recorded=False, shown=shown, escalated=True, stopped=bool(stopped), steps=tuple(steps), seq=None
    )


def client_steps(wish: Wish, boot_us: Callable[[], int]) -> Generator[Any, Any, LowerReport]:
    """What whoever lowers does: ask, read back, and stop everything where either fails.

    Where no node answers only disarming may be done already: nobody lives in whom anything could be armed.
    """
    steps: list[StopStep] = []
    answer: NodeAnswer | None = yield from _attempt(AskNode(wish), "ask the node", boot_us, steps)
    if answer is None:
        holds = yield from _held_by_nobody(wish, boot_us, steps)
    else:
        steps[:0] = answer.steps  # they were done before the answer came
        if answer.escalated and answer.stopped:
            return LowerReport(effective=True, escalated=True, steps=tuple(steps), seq=answer.seq)
        seen = yield from _attempt(ReadBack(wish), "read back", boot_us, steps)
        holds = (answer.recorded or wish.what is Lower.DISARM) and seen in {"shown", "lapsed"}
    seq = answer.seq if answer is not None else None
    if holds:
        return LowerReport(effective=True, escalated=False, steps=tuple(steps), seq=seq)
    stopped = yield from _attempt(StopAll(wish), "stop everything", boot_us, steps)
    return LowerReport(effective=bool(stopped), escalated=True, steps=tuple(steps), seq=seq)


def _held_by_nobody(
    wish: Wish, boot_us: Callable[[], int], steps: list[StopStep]
) -> Generator[Any, Any, bool]:
    """Whether a disarm that no node answered is done all the same; nobody would keep a scope or *reduce*."""
    if wish.what is not Lower.DISARM:
        return False
    return (yield from _attempt(LooksUnattended(wish), "no node lives", boot_us, steps)) is True


def _attempt(
    action: Any, name: str, boot_us: Callable[[], int], steps: list[StopStep]
) -> Generator[Any, Any, Any]:
    """One step; what it raises is what it failed of, and ends nothing."""
    try:
        result = yield action
    except Exception as error:  # noqa: BLE001 - no step's failure keeps the next from being done
        detail = getattr(error, "message", "") or getattr(error, "strerror", "") or str(error)
        steps.append(StopStep(name, ok=False, detail=detail, at_us=boot_us()))
        return None
    detail = result if isinstance(result, str) else ""
    steps.append(StopStep(name, ok=result is not False, detail=detail, at_us=boot_us()))
    return result
