"""The whole examination, in the order in which one would mend."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping

from peak_console.config.workspace import Workspace
from peak_console.domain.clock import Clock, SystemClock
from peak_console.domain.errors import PeakError
from peak_console.domain.text import one_line
from peak_console.operations.doctor import jobs, place, program, running
from peak_console.operations.doctor.shapes import Diagnosis, Examined, Health
from peak_console.operations.status import status

_Look = Callable[[], Iterable[Diagnosis]]


def examine(
    ws: Workspace | None,
    *,
    problem: str = "",
    clock: Clock | None = None,
    environ: Mapping[str, str] | None = None,
) -> Examined:
    """Look at everything; ``ws`` is ``None`` where there is no workspace, and ``problem`` says why.

    Never raises: what cannot be looked at is ``unknown``, with the reason.
    """
    clock, environ = clock or SystemClock(), os.environ if environ is None else environ
    found = list(_program(clock, environ))
    if ws is None:
        remedy = "make one with peak init, or name one with --root"
        found.append(Diagnosis("workspace", "workspace", Health.NOTE, problem or "none is open here", remedy))
    else:
        found += _workspace(ws, clock, environ)
    return Examined(clock.now(), tuple(found))


def _program(clock: Clock, environ: Mapping[str, str]) -> Iterator[Diagnosis]:
    yield from _looked("program", "program", program.program)
    yield from _looked("machine", "machine", lambda: program.machine(clock))
    yield from _looked("machine", "terminal", lambda: program.terminal(environ, program.terminal_size()))
    yield from _looked("machine", "environment", lambda: program.switches(environ))


def _workspace(ws: Workspace, clock: Clock, environ: Mapping[str, str]) -> Iterator[Diagnosis]:
    now = clock.now()
    bar = status(ws, clock=clock, environ=environ)
    yield Diagnosis("workspace", "workspace", Health.OK, f"{ws.root}, phase {bar.phase or 'not known'}")
    yield from _looked("workspace", "place", lambda: place.place(ws))
    yield from _looked("configs", "configs", lambda: place.configs(ws, now.date()))
    yield from _looked("people", "keys", lambda: place.people(ws, environ))
    yield from _looked("ledger", "ledger", lambda: running.ledger(bar, now))
    yield from _looked("node", "node", lambda: running.running(ws, bar, environ))
    yield from _looked("node", "incidents", lambda: running.incidents(bar))
    yield from _looked("jobs", "jobs", lambda: jobs.jobs(ws, now, simulated=bar.simulated))
    yield from _looked("providers", "providers", lambda: running.providers(environ, bar))


def _looked(area: str, title: str, look: _Look) -> Iterator[Diagnosis]:
    """What ``look`` finds; one that fails is a finding itself, and keeps nobody else from looking."""
    try:
        yield from look()
    except PeakError as error:
        yield Diagnosis(area, title, Health.UNKNOWN, error.message, error.remedy)
    except (OSError, ValueError, KeyError, TypeError) as error:
        shown = one_line(f"{type(error).__name__}: {error}", 200)
        yield Diagnosis(area, title, Health.UNKNOWN, f"it could not be looked at: {shown}")
