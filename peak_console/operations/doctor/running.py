"""What runs and what was recorded: posture, node, service, ledger, incidents, provider keys."""

import contextlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.control.sockets import find_socket
from peak_console.domain.errors import PeakError
from peak_console.domain.text import one_line
from peak_console.domain.vocabulary import Phase, PhaseLevel
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.llm.credentials import Credentials
from peak_console.operations.doctor.shapes import Diagnosis, Health
from peak_console.operations.service import ServiceState, plan, service_state
from peak_console.operations.views.bar import BarSnapshot

_PATIENCE_S: Final = 1.0
_AHEAD_S: Final = 5.0
_LATE_S: Final = 5


def running(ws: Workspace, bar: BarSnapshot, environ: Mapping[str, str]) -> Iterator[Diagnosis]:
    """Posture, node and service."""
    posture = bar.posture
    reasons = ", ".join(one_line(one, 40) for one in posture.reasons)
    health = Health.BAD if posture.conflicts else Health.NOTE
    shown = f"{posture.state.value} ({reasons})" + "".join(f"; {one}" for one in posture.conflicts)
    yield Diagnosis("node", "posture", health, shown, "look at: peak status" if posture.conflicts else "")
    told = node_told(ws)
    yield from _node(bar, told)
    yield _service(bar, service_state(plan(ws, environ)))
    yield from _environment_file(told)


def node_told(ws: Workspace) -> Mapping[str, Any] | None:
    """The node's own report, ``None`` when none answers."""
    with contextlib.suppress(PeakError, OSError):
        path = find_socket(ws.control)
        with BlockingLedgerClient.connect(path, name="doctor", deadline_s=_PATIENCE_S) as client:
            return client.request("status")
    return None


def _node(bar: BarSnapshot, told: Mapping[str, Any] | None) -> Iterator[Diagnosis]:
    if told is None:
        health = Health.BAD if bar.node.running else Health.WARN
        found = "its process lives and does not answer" if bar.node.running else "no node runs"
        remedy = "peak node stop --force, then peak node start" if bar.node.running else "peak node start"
        yield Diagnosis("node", "node", health, found, remedy)
        return
    yield Diagnosis("node", "node", Health.OK, f"pid {bar.node.pid}, version {told.get('version')}")
    for name in ("ledger_fault", "lease_error"):
        if told.get(name):
            found = one_line(str(told[name]), 200)
            yield Diagnosis("node", name.replace("_", " "), Health.BAD, found, "look at: peak node status")
    ill = [one for one in told.get("children", ()) if not one.get("running")]
    if ill:
        names = ", ".join(f"{one['name']} ({one_line(str(one.get('last_words')), 80)})" for one in ill)
        yield Diagnosis("node", "children", Health.WARN, f"not running: {names}", "peak logs")


def _service(bar: BarSnapshot, found: ServiceState) -> Diagnosis:
    demanded = _level(bar.phase) is not PhaseLevel.RESEARCH and not bar.simulated
    install = "peak node install --start"
    if not found.installed:
        if demanded:
            why = f"none; from shadow on the node is a service's work (phase {bar.phase})"
            return Diagnosis("node", "service", Health.BAD, why, install)
        return Diagnosis("node", "service", Health.NOTE, "none; asked for from phase shadow on", install)
    name = f"{found.service.manager.value} {found.service.name}"
    if not found.current:
        return Diagnosis("node", "service", Health.WARN, f"{name} is not what would be written now", install)
    if found.active is None:
        return Diagnosis("node", "service", Health.UNKNOWN, f"{name}: {found.detail or 'nobody tells'}")
    if not found.active or not found.enabled:
        state = "not running" if not found.active else "does not start with the machine"
        return Diagnosis(
            "node", "service", Health.BAD if demanded else Health.WARN, f"{name}: {state}", install
        )
    return Diagnosis("node", "service", Health.OK, f"{name}, started with the machine")


def _level(phase: str | None) -> PhaseLevel:
    """The level of a phase; one that cannot be read is the strictest, none at all is research."""
    if phase is None:
        return PhaseLevel.RESEARCH
    with contextlib.suppress(ValueError):
        return Phase(phase).level
    return PhaseLevel.LIVE


def _environment_file(told: Mapping[str, Any] | None) -> Iterator[Diagnosis]:
    found = (told or {}).get("environment_file") or {}
    if found.get("problem"):
        shown = f"{found.get('path')}: {found['problem']}; jobs get no keys"
        yield Diagnosis("node", "environment file", Health.BAD, shown, "ls -l it; chmod 600 it")
    elif found.get("path"):
        names = ", ".join(found.get("names", ())) or "no keys in it"
        yield Diagnosis("node", "environment file", Health.OK, names)


def ledger(bar: BarSnapshot, now: datetime) -> Iterator[Diagnosis]:
    """Whether it can be read, was verified, is signed, and is not of the future."""
    head = bar.ledger
    if head.freshness.why:
        yield Diagnosis("ledger", "ledger", Health.BAD, head.freshness.why, head.freshness.remedy)
        return
    size = f"{head.seq:,} events, {head.size / 1024**2:,.0f} MB"
    if head.verified is False:
        remedy = 'see which row: peak ledger verify; go on: peak ledger recover --from BACKUP --reason "..."'
        yield Diagnosis("ledger", "chain", Health.BAD, f"{size}: does not verify", remedy)
    elif head.verified is None:
        yield Diagnosis("ledger", "chain", Health.UNKNOWN, f"{size}: not verified", "peak ledger verify")
    else:
        yield Diagnosis("ledger", "chain", Health.OK, f"{size}, verified up to #{head.verified_upto:,}")
    if head.signed.problem:
        health = Health.BAD if head.signed.size else Health.WARN
        yield Diagnosis("ledger", "signed head", health, head.signed.problem, "peak ledger checkpoint")
    ahead = (head.last_event_at - now).total_seconds() if head.last_event_at is not None else 0.0
    if ahead > _AHEAD_S:
        found = f"the last event is {ahead:,.0f} s in the future: the machine's time was set back"
        yield Diagnosis("ledger", "time", Health.WARN, found, "set the time; see: timedatectl")


def incidents(bar: BarSnapshot) -> Iterator[Diagnosis]:
    """Incidents that are open, and triggers that would open none."""
    if bar.triggers_off:
        words = ", ".join(bar.triggers_off)
        remedy = "set enabled = true in configs/incidents.toml"
        yield Diagnosis("node", "triggers", Health.WARN, f"switched off: {words}", remedy)
    waiting = [one for one in bar.incidents if one.is_open and not one.test]
    if waiting:
        words = ", ".join(one.trigger.value for one in waiting[:3])
        remedy = "look at: peak incident list"
        yield Diagnosis("node", "incidents", Health.WARN, f"{len(waiting)} open: {words}", remedy)


def providers(environ: Mapping[str, str], bar: BarSnapshot) -> Iterator[Diagnosis]:
    """For which providers this shell has keys, by name; and where it points them elsewhere."""
    try:
        held = sorted(Credentials(environ).providers())
    except PeakError as error:
        yield Diagnosis("providers", "keys", Health.BAD, error.message, error.remedy)
        return
    if held:
        yield Diagnosis("providers", "keys", Health.OK, f"in this shell for {', '.join(held)}")
    else:
        remedy = "export them in the shell that calls, never in a file of the workspace"
        health = Health.OK if bar.simulated else Health.NOTE
        yield Diagnosis("providers", "keys", health, "none in this shell", "" if bar.simulated else remedy)
    for provider, url in bar.foreign_urls:
        found = f"{provider} goes to {one_line(url, 100)}"
        yield Diagnosis("providers", "address", Health.WARN, found, "unset PEAK_PROVIDER_…_BASE_URL")
