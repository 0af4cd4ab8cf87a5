"""``peak drift``: whether models are what was verified; let one back that was taken out of use."""

from datetime import datetime

import click

from peak_console.cli.options import Invocation, common
from peak_console.cli.output import table
from peak_console.domain.clock import iso
from peak_console.domain.text import one_line
from peak_console.node.spawn import ledger_client
from peak_console.operations.shadow.drift import NO_LOCK
from peak_console.operations.shadow.drift_now import DriftNow, drift_now
from peak_console.operations.shadow.releasing import Released, release_model
from peak_console.operations.views.shadow import CheckLine, DriftLine, DriftState, GoldSince
from peak_console.stats.sprt import Side

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_SHOWN = 3

NO_EVIDENCE = "NO EVIDENCE: no gold case was answered, nothing says that it is sound"


@click.group("drift", epilog="Example: peak drift status")
def command() -> None:
    """Drift: whether a provider silently changed a model, and what became of it."""


@command.command("status", epilog="Example: peak drift status --json")
@common
def status_command(invocation: Invocation) -> int:
    """Every model in its slot: names, live rates, gold cases, two-sample tests, and what is out of use.

    Evidence is the natural logarithm that its strongest stream has reached, of that at which it alarms.
    """
    now = drift_now(invocation.workspace())
    invocation.reporter.result(now.as_json(), *_lines(now))
    return 0


@command.command(
    "release", epilog='Example: peak drift release openai:gpt-5 --reason "its provider rolled back"'
)
@click.argument("model", metavar="PROVIDER:MODEL")
@click.option("--reason", default="", help="Why it may work again; it is recorded.")
@click.option("--operator", "--by", "by", help="Whose key signs (default: the only one you hold).")
@common
def release_command(invocation: Invocation, model: str, reason: str, by: str | None) -> int:
    """Let a quarantined model back into use, as an operator. Its tests begin again from no evidence.

    A name or fingerprint that the lock does not know takes it out of use again with the next answer: write a
    lock that knows it first (peak lock write).
    """
    ws = invocation.workspace()
    with ledger_client(ws, name="peak drift") as client:
        done = release_model(ws, client, model, reason=reason, by=by)
    invocation.reporter.result(done.as_json(), *_released(done))
    return 0


def _lines(now: DriftNow) -> list[str]:
    told = [f"note: {one_line(now.problem, 300)}"] if now.problem else []
    if now.told_by_node and not now.lock:
        told.append("note: no lock counts: names are learnt, rates are not tested (peak lock write)")
    if not now.lines:
        return [*told, "no model answered yet"]
    heads = ["model", "slot", "state", "evidence", "gold cases", "two samples", "answered"]
    return [
        *table(heads, [_row(one, now.taken_at) for one in now.lines]),
        *dict.fromkeys(line for one in now.lines for line in _words(one, now.taken_at)),
        *told,
    ]


def _row(one: DriftLine, now: datetime) -> list[str]:
    return [
        one_line(one.name, 60),
        ", ".join(one.slots) or "—",
        one.state.value.upper()
        if one.state in {DriftState.QUARANTINED, DriftState.DRIFTED}
        else one.state.value.replace("_", " "),
        _gauge(one),
        _check(one.canary, now),
        _check(one.two_sample, now),
        _ago(one.last_answer_at, now),
    ]


def _gauge(one: DriftLine) -> str:
    """The strongest evidence, of what, out of how much."""
    if not one.streams:
        return "not tested"
    strongest = max(one.streams, key=lambda stream: stream.evidence / stream.alarm_at)
    return f"{strongest.evidence:.1f} of {strongest.alarm_at:.1f} {one_line(strongest.name, 20)}"


def _check(one: CheckLine | None, now: datetime) -> str:
    if one is None:
        return "—"
    incomplete = "incomplete: " if one.incomplete else ""
    return f"{incomplete}{one_line(one.detail, 60)}, {_ago(one.at, now)}"


def _words(one: DriftLine, now: datetime) -> list[str]:
    """What an operator should know of a model that is not simply well."""
    told = []
    if one.why and one.why != NO_LOCK:  # which is noted once for all
        since = f", since {_ago(one.since, now)} ({iso(one.since)})" if one.since else ""
        told.append(f"{one_line(one.name, 60)}: {one_line(one.why, 240)}{since}")
    if one.unexpected:
        more = len(one.unexpected) - _SHOWN
        names = ", ".join(one_line(name, 60) for name in one.unexpected[:_SHOWN])
        told.append(
            f"{one_line(one.name, 60)}: the lock does not know {names}"
            + (f" and {more} more" if more > 0 else "")
        )
    if one.state is DriftState.QUARANTINED:
        told.append(f"  since then: {_since_words(one.gold_since, now)}")
        incident = f"peak incident show {one.incident_id}; " if one.incident_id else ""
        told.append(f"  {incident}when it may work again: peak drift release {one.name} --reason R")
    return told


def _since_words(gold: GoldSince | None, now: datetime) -> str:
    """What gold cases say since a quarantine."""
    if gold is None or not gold.words:
        return "no gold case was answered, so nothing speaks for it yet (peak shadow run --job NAME)"
    return f"{gold.words}, the newest {_ago(gold.newest_at, now)}"


def _released(done: Released) -> list[str]:
    name, support = one_line(f"{done.provider}:{done.model_id}", 120), done.support
    gold = support.gold
    verdict = {
        Side.GOOD: "as a sound model",
        Side.BAD: "as a changed model at first, not lately" if gold.mends else "AS A CHANGED MODEL",
        Side.OPEN: "too few to say",
    }[support.side]
    said = f"{gold.words}, the newest {iso(gold.newest_at)}: {verdict}" if gold.newest_at else NO_EVIDENCE
    return [
        f"released {name} (event #{done.seq}); it was out of use since {iso(done.out.since)}",
        f"  because: {one_line(done.out.reason, 240)}",
        f"  since then: {said}",
        *(f"    {one_line(line, 200)}" for line in support.lines[-_SHOWN:]),
        "  its tests begin again; see: peak drift status",
    ]


def _ago(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "—"
    seconds = max(0, int((now - at).total_seconds()))
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
