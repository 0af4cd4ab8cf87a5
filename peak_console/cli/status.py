"""``peak status``: what the posture bar says, for scripts and prompts."""

from datetime import datetime

import click

from peak_console.cli.job_words import brief
from peak_console.cli.options import Invocation, common
from peak_console.cli.output import brief_eur, table
from peak_console.domain.clock import iso
from peak_console.domain.text import one_line
from peak_console.operations.jobs.listing import list_jobs
from peak_console.operations.jobs.telling import job_json
from peak_console.operations.shadow.drift_now import drift_now, line_json
from peak_console.operations.status import status
from peak_console.operations.views.bar import AnchorLine, Armed, BarSnapshot, BudgetLine
from peak_console.operations.views.breakers import breaker_words, not_closed
from peak_console.operations.views.disk import DiskForecast, DiskState
from peak_console.operations.views.incidents import IncidentLine
from peak_console.operations.views.next_step import next_step, service_missing

_MINUTES_FROM_S = 120.0
_DAYS_SHOWN = 999.0
_THOUSAND = 1000.0
_WHOLE = 100
_MARKS = {"STOPPED": "■", "UNKNOWN": "?", "DISARMED": "●", "REDUCE": "▼", "ARMED": "▲"}


@click.command("status", epilog="Example: peak status --json")
@common
def command(invocation: Invocation) -> int:
    """May anything act right now, why, since when, and how fresh is that. Exit 0 whatever the posture."""
    ws = invocation.workspace()
    snapshot, jobs = status(ws), list_jobs(ws, runs=1)
    drift = drift_now(ws)
    document = {
        **snapshot.as_json(),
        "jobs": [job_json(one) for one in jobs.jobs],
        "drift": [line_json(one) for one in drift.lines],
    }
    invocation.reporter.result(document, *_lines(snapshot, brief(jobs), drift.brief))
    return 0


def _lines(snapshot: BarSnapshot, jobs: str = "", drift: str = "") -> list[str]:
    posture = snapshot.posture
    state = posture.state.value
    since = f" since {iso(posture.since)}" if posture.since else ""
    marks = " SIMULATED" if snapshot.simulated else ""
    rows = [
        ["posture", f"{_MARKS[state]} {state}{since} ({', '.join(posture.reasons) or 'no reason given'})"],
        *([["conflicts", ", ".join(posture.conflicts)]] if posture.conflicts else []),
        ["AI_ENABLED", f"{str(snapshot.ai_enabled).lower()}   AI_ARMED {str(snapshot.ai_armed).lower()}"],
        *_standing(snapshot),
        ["workspace", f"{snapshot.root}{marks}"],
        ["phase", snapshot.phase or "unknown (judged by the rules of live)"],
        ["ledger", _ledger(snapshot)],
        *([["disk", _disk(snapshot.ledger.disk)]] if snapshot.ledger.seq else []),
        ["signed", _signed(snapshot)],
        *(["anchor", _anchor(one)] for one in snapshot.ledger.signed.anchors),
        ["node", f"pid {snapshot.node.pid}" if snapshot.node.running else "none runs"],
        ["metrics", snapshot.node.metrics_url or "—"],
        ["operator", snapshot.operator or "none with a key here"],
    ]
    rows += [[f"budget {one.scope} {one.layer or ''}".strip(), _budget(one)] for one in snapshot.budgets]
    rows += [["breakers", _breakers(snapshot)]]
    rows += [["jobs", jobs]] if jobs else []
    rows += [["drift", drift]] if drift else []
    rows += [["base URL", f"{provider} goes to {url}"] for provider, url in snapshot.foreign_urls]
    rows += [
        [
            "base URL",
            f"{one.provider} went to {one.url} {_ago(one.at, snapshot.taken_at)}, by another process",
        ]
        for one in snapshot.seen_urls
    ]
    rows += [
        [
            "background",
            f"{one.call_id} STILL RUNS, billed, at {one.provider} ({one.model_id}): {one.cancelled_by}",
        ]
        for one in snapshot.background
    ]
    rows += [["finding", f"{one.file}:{one.line} {one.message}"] for one in snapshot.config_errors]
    return [*table(["", ""], rows)[1:], _next(snapshot)]


def _next(snapshot: BarSnapshot) -> str:
    """What to do now."""
    return f"next: {next_step(snapshot).sentence}"


def _standing(snapshot: BarSnapshot) -> list[list[str]]:
    """What stands besides the posture, each where it does."""
    now = snapshot.taken_at
    told = [("armed", _armed(snapshot.armed, now))] if snapshot.armed else []
    told += [("reduce", "only orders that lower a position pass")] if snapshot.reduce else []
    told += [("stopped", ", ".join(snapshot.stopped_scopes))] if snapshot.stopped_scopes else []
    told += [("quarantined", ", ".join(snapshot.quarantined))] if snapshot.quarantined else []
    if snapshot.ramp_pct < _WHOLE:
        told.append(("ramp", f"limits stand at {snapshot.ramp_pct} % after the last enable"))
    told += [("OFF", f"not watched: {', '.join(snapshot.triggers_off)}")] if snapshot.triggers_off else []
    told += [("NOT STOPPED", f"no acknowledgement from {one}") for one in snapshot.workers_missing]
    told += [("incident", _incident(one, now)) for one in snapshot.incidents]
    if service_missing(snapshot):
        told.append(("service", "none installed: nobody starts the node after a reboot (peak node install)"))
    return [[name, one_line(text, 400)] for name, text in told]


def _armed(armed: Armed, now: datetime) -> str:
    """What is armed and for how long; of a drill, that no gate accepts it."""
    minutes, seconds = divmod(int(armed.left_s(now)), 60)
    run = f", run {armed.run_id}" if armed.run_id else ""
    word = "DRILL, accepted by no gate: " if armed.drill else "LIVE ORDERS: "
    return f"{word}{armed.scope}{run}, {minutes}:{seconds:02d} left, by {armed.actor or 'nobody named'}"


def _incident(one: IncidentLine, now: datetime) -> str:
    """An open incident: what, since when, who has it, and what to do."""
    who = one.assignee or one.acknowledged_by
    had = f"{one.state.value} by {who}" if who else one.state.value
    mark = "TEST " if one.test else "DRILL " if one.drill else ""
    what = f"{mark}{one.trigger.value}: {one.summary}, {_ago(one.opened_at, now)}, {had}"
    return f"{what}; {one.next_action}" if one.next_action else what


def _budget(one: BudgetLine) -> str:
    """What is spent and reserved of a limit; exact amounts are those of ``--json``."""
    eur = one.unit == "eur"
    spent, reserved, limit = (
        f"€ {brief_eur(figure)}" if eur else f"{figure:,}" for figure in (one.spent, one.reserved, one.limit)
    )
    held = f" + {reserved} reserved" if one.reserved else ""
    unit = "" if eur else f" {one.unit}"
    return f"{spent} spent{held} of {limit}{unit} ({one.used_pct:.0f} %), {one.state}"


def _ago(at: datetime, now: datetime) -> str:
    seconds = max(0.0, (now - at).total_seconds())
    return f"{seconds:.0f} s ago" if seconds < _MINUTES_FROM_S else f"{seconds // 60:.0f} min ago"


def _breakers(snapshot: BarSnapshot) -> str:
    """How many are closed, and each that is not, with why and until when."""
    if snapshot.breakers is None:
        return "not known"
    if not snapshot.breakers:
        return "none: no provider was asked yet"
    away = not_closed(snapshot.breakers)
    told = [
        f"{one.kind + ' breaker of ' if one.latched else ''}{one.name} "
        f"{breaker_words(one, snapshot.taken_at)}"
        for one in away
    ]
    names = {one.name for one in snapshot.breakers}
    closed = f"{len(names - {one.name for one in away})} of {len(names)} closed"
    return "; ".join([closed, *(one_line(one, 240) for one in told)])


def _signed(snapshot: BarSnapshot) -> str:
    """The newest checkpoint, what came after it, and what keeps the head from being signed."""
    signed, seq = snapshot.ledger.signed, snapshot.ledger.seq
    problem = one_line(signed.problem, 300)
    if not signed.size:
        return problem or "nothing to sign yet"
    when = _ago(signed.at, snapshot.taken_at) if signed.at else "at a time not known"
    behind = f", {max(0, seq - signed.size):,} since"
    return f"{signed.size:,} events, {when}{behind}" + (f"; PROBLEM: {problem}" if problem else "")


def _anchor(anchor: AnchorLine) -> str:
    """Where heads are kept outside the database, up to how many events, and what keeps it from more."""
    problem = one_line(anchor.problem, 300)
    kept = f"{one_line(anchor.kind, 20)} {one_line(anchor.place, 200)}: {anchor.size:,} events"
    return kept + (f"; PROBLEM: {problem}" if problem else "")


def _disk(disk: DiskForecast) -> str:
    """What is free, how fast it goes, how long it lasts."""
    free = "not known how much is free" if disk.free is None else f"{_bytes(disk.free)} free"
    told = [free, f"ledger {_bytes(disk.ledger)}"]
    if disk.growth_per_day is not None:
        told.append(f"{_bytes(disk.growth_per_day)} a day")
    if disk.days_left is not None:
        more = disk.days_left > _DAYS_SHOWN
        told.append(f"more than {_DAYS_SHOWN:.0f} days left" if more else f"{disk.days_left:.0f} days left")
    if disk.why:
        told.append(disk.why.upper() if disk.state is DiskState.BAD else disk.why)
    if disk.wal_alarm:
        told.append(f"WRITE-AHEAD LOG {_bytes(disk.wal)}: a reader stays too long")
    return ", ".join(told)


def _bytes(count: int) -> str:
    """A size for people."""
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < _THOUSAND:
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= _THOUSAND
    return f"{size:,.1f} TB"


def _verified(snapshot: BarSnapshot) -> str:
    """What is known of the chain; without a node nobody watches it, whatever an ended one left behind."""
    if snapshot.ledger.verified is not False and not snapshot.node.running:
        return "NOT VERIFIED: no node runs that does (peak ledger verify)"
    return {True: "verified", False: "BROKEN", None: "not verified yet"}[snapshot.ledger.verified]


def _ledger(snapshot: BarSnapshot) -> str:
    ledger = snapshot.ledger
    age = ledger.freshness.age_s(snapshot.taken_at)
    fresh = ledger.freshness
    if fresh.why:
        return f"UNREADABLE: {one_line(fresh.why, 300)}; {fresh.remedy or 'see: peak ledger verify'}"
    if not ledger.seq:
        return "none"
    read = "never read" if age is None else f"read {age:.1f} s ago"
    verified = _verified(snapshot)
    if ledger.verified and ledger.verified_upto and snapshot.node.running:
        verified += f" up to #{ledger.verified_upto:,} at {one_line(ledger.verified_at, 40)[:19]}Z"
    return f"#{ledger.seq:,} {ledger.head[:16]}… {verified}, {read}"
