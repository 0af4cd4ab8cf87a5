"""How a lowering is told: what holds now, which step did what, and what to do next."""

from typing import TYPE_CHECKING

from peak_console.cli.options import Invocation
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import EnvironmentUnfit
from peak_console.domain.text import one_line
from peak_console.operations.lowering import end_background

if TYPE_CHECKING:
    from collections.abc import Callable

    from peak_console.operations.lowering import LoweredNow


def lower(invocation: Invocation, doing: "Callable[[Workspace], LoweredNow]") -> int:
    """Lower the workspace meant and tell it; 0 once what was asked for, or more, holds, else 1.

    Raises ``EnvironmentUnfit`` where there is no workspace.
    """
    done = doing(ws := _workspace(invocation))
    document, told = {"root": str(ws.root), **done.as_dict()}, lines(done, str(ws.root))
    if (ended := end_background(ws, done)) is not None:
        document["background"] = [one.as_dict() for one in ended.calls]
        if ended.calls or not ended.ok:
            told.append(f"  background work: {one_line(ended.detail)}")
            told += [f"    do: {one_line(one.remedy)}" for one in ended.calls if not one.ok]
    invocation.reporter.result(document, *told)
    return 0 if done.effective else 1


def _workspace(invocation: Invocation) -> Workspace:
    """The workspace meant, whatever became of its configs."""
    try:
        return invocation.workspace()
    except EnvironmentUnfit:
        if invocation.root is not None and Workspace(invocation.root).control.is_dir():
            return Workspace(invocation.root.resolve())
        raise


def lines(done: "LoweredNow", root: str) -> list[str]:
    """The outcome for people; the times are milliseconds since the first step."""
    told = [f"{_word(done)}  {root}", f"  {done.line}"]
    first_us = min((one.at_us for one in done.all_steps), default=0)
    for one in done.all_steps:
        ms = (one.at_us - first_us) / 1000
        detail = f": {one_line(one.detail)}" if one.detail else ""
        told.append(f"  {'done' if one.ok else 'FAILED':<6} {ms:>7.1f} ms  {one.step}{detail}")
    told += [f"    do: {remedy} ({step.step})" for step, remedy in done.failed]
    for venue in done.venues.venues if done.venues is not None else ():
        told.append(f"  orders at {one_line(venue.venue)}: {one_line(venue.detail)}")
        told += [] if venue.ok else [f"    do: {one_line(venue.remedy)}"]
    told.append(f"  {done.recorded.line}")
    return [*told, f"  {done.remedy}"] if done.remedy else told


def _word(done: "LoweredNow") -> str:
    return done.posture.state.value if done.effective else "NOT STOPPED"
