"""``peak incident``: contain, look, take, write down, hand over, close; drills and the test alert."""

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from peak_console.cli.incident_words import (
    InOrder,
    contained,
    drill_line,
    drills_listed,
    listed,
    missing,
    newest,
    readable,
    shown,
    step_line,
)
from peak_console.cli.options import Invocation, common
from peak_console.cli.output import counted
from peak_console.domain.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from peak_console.config.workspace import Workspace
    from peak_console.operations.containing import Contained, StepDone
    from peak_console.operations.incidents.acting import Acted, Hand
    from peak_console.operations.incidents.alerting import HookReport

_INCIDENT = "[INCIDENT]"
_by = click.option("--operator", "by", help="Whose key signs (default: the only one you hold).")


@click.group("incident", epilog="Example: peak incident now")
def command() -> None:
    """Incidents: contain one at once, see what stands, take it, write down, hand over, close; rehearse."""


@command.command("now", epilog='Example: peak incident now --reason "orders look wrong"')
@click.option("--disarm", "disarm", is_flag=True, help="End arming.")
@click.option("--stop", "stop", is_flag=True, help="Stop every call and order.")
@click.option("--capture", "capture", is_flag=True, help="Seal what happened.")
@click.option("--reason", default="", help="What you see; it is recorded.")
@click.option(
    "--incident", "incident_id", default="", help="Which one (default: the newest open, else a new one)."
)
@common
def now_command(
    invocation: Invocation, *, disarm: bool, stop: bool, capture: bool, reason: str, incident_id: str
) -> int:
    """Disarm, stop and capture, in this order, now; with options only those named.

    Opens an incident where none is open. It needs no key, no node and no disk, and is never refused; each
    step is shown with its time as it happens, and a step that fails keeps none from happening.
    """
    from peak_console.operations.containing import ALL, contain  # noqa: PLC0415 - a stop imports little

    chosen = {"disarm": disarm, "stop": stop, "capture": capture}
    do = tuple(name for name in ALL if chosen[name]) or ALL
    shown = InOrder(_print_step, do)
    done = contain(
        invocation.workspace(),
        do=do,
        reason=reason,
        told=None if invocation.as_json else shown,
        incident_id=incident_id,
    )
    shown.rest()
    if not done.recorded:
        done = _recorded_later(invocation.workspace(), done)
    invocation.reporter.result(done.as_json(), *contained(done))
    return 0 if done.ok else 1


def _recorded_later(ws: "Workspace", done: "Contained") -> "Contained":
    """Where no node answered: this process records it as the node, if it can be; all is done before."""
    from peak_console.domain.errors import PeakError  # noqa: PLC0415 - only where it is needed
    from peak_console.node.spawn import ledger_client  # noqa: PLC0415 - likewise
    from peak_console.operations.incidents.recording import record_contained  # noqa: PLC0415 - likewise

    try:
        with ledger_client(ws, name="peak incident now") as client:
            return record_contained(ws, client, done)
    except (PeakError, OSError) as error:
        why = getattr(error, "message", "") or str(error)
        return replace(done, why=f"{done.why}; {why}" if done.why else why)


@command.command("list", epilog="Example: peak incident list --all")
@click.option("--all", "everything", is_flag=True, help="Closed ones too.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, help="How many at most.")
@common
def list_command(invocation: Invocation, *, everything: bool, limit: int) -> int:
    """What stands open, the newest first; with --all what was closed too."""
    from peak_console.operations.incidents.facts import incidents_facts  # noqa: PLC0415 - not for `now`

    facts = readable(incidents_facts(invocation.workspace()))
    found = (facts.incidents if everything else facts.open)[:limit]
    document = {"incidents": [one.as_json() for one in found], "open": len(facts.open)}
    invocation.reporter.result(document, *listed(facts, found, everything=everything))
    return 0


@command.command("show", epilog="Example: peak incident show 7f3k2m")
@click.argument("incident", metavar=_INCIDENT, default="")
@click.option("--card", "card", is_flag=True, help="The on-call card alone.")
@common
def show_command(invocation: Invocation, incident: str, *, card: bool) -> int:
    """One incident: what happened since, what it touches, which runs, whom to call, and its card.

    INCIDENT is its id, or so much of its beginning or end that only one fits; without one, the newest open.
    """
    from peak_console.operations.incidents.facts import (  # noqa: PLC0415 - not for `now`
        detail_as_json,
        incident_detail,
        incidents_facts,
    )

    ws = invocation.workspace()
    facts = readable(incidents_facts(ws))
    detail = incident_detail(ws, incident or newest(facts))
    if detail.line is None:
        raise missing(detail)
    if card:
        invocation.reporter.result({"card": detail.card}, detail.card)
        return 0
    document = detail_as_json(detail, facts.contacts)
    invocation.reporter.result(document, *shown(detail, facts))
    return 0


@command.command("ack", epilog="Example: peak incident ack 7f3k2m")
@click.argument("incident", metavar=_INCIDENT, default="")
@click.option("--note", default="", help="What you see.")
@_by
@common
def ack_command(invocation: Invocation, incident: str, note: str, by: str | None) -> int:
    """Say that you have seen it; it is yours then. Takes over what was handed to you.

    Where exactly one incident is open, this and assign, note, handover, silence and close need no INCIDENT.
    """
    from peak_console.operations.incidents.acting import acknowledge  # noqa: PLC0415 - not for `now`

    return _act(invocation, by, lambda hand: acknowledge(hand, incident, note=note))


@command.command("assign", epilog="Example: peak incident assign 7f3k2m mara")
@click.argument("words", metavar="[INCIDENT] OPERATOR", nargs=-1, required=True)
@click.option("--note", default="", help="Why.")
@_by
@common
def assign_command(invocation: Invocation, words: tuple[str, ...], note: str, by: str | None) -> int:
    """Say who works on it: an enrolled operator."""
    from peak_console.operations.incidents.acting import assign  # noqa: PLC0415 - not for `now`

    incident, name = _named(words, "OPERATOR")
    return _act(invocation, by, lambda hand: assign(hand, incident, name, note=note))


@command.command("note", epilog='Example: peak incident note 7f3k2m "the loop was in task 12; ended"')
@click.argument("words", metavar="[INCIDENT] TEXT", nargs=-1, required=True)
@_by
@common
def note_command(invocation: Invocation, words: tuple[str, ...], by: str | None) -> int:
    """Write down what you found or did; it stands in the timeline, after a close too."""
    from peak_console.operations.incidents.acting import add_note  # noqa: PLC0415 - not for `now`

    incident, text = _named(words, "TEXT")
    return _act(invocation, by, lambda hand: add_note(hand, incident, text))


@command.command(
    "handover", epilog='Example: peak incident handover 7f3k2m mara --note "stopped, cause unknown"'
)
@click.argument("words", metavar="[INCIDENT] OPERATOR", nargs=-1, required=True)
@click.option("--note", default="", help="How it stands; asked for.")
@_by
@common
def handover_command(invocation: Invocation, words: tuple[str, ...], note: str, by: str | None) -> int:
    """Ask another operator to take it. It stays yours until they accept, with peak incident ack."""
    from peak_console.operations.incidents.acting import hand_over  # noqa: PLC0415 - not for `now`

    incident, name = _named(words, "OPERATOR")
    return _act(invocation, by, lambda hand: hand_over(hand, incident, name, note=note))


@command.command(
    "silence", epilog='Example: peak incident silence 7f3k2m --for 2h --reason "provider informed"'
)
@click.argument("incident", metavar=_INCIDENT, default="")
@click.option("--for", "length", default="1h", help="How long, at most 24h: 30m, 2h.")
@click.option("--end", "end", is_flag=True, help="End the silence now.")
@click.option("--reason", default="", help="Why; asked for.")
@_by
@common
def silence_command(
    invocation: Invocation, incident: str, length: str, reason: str, by: str | None, *, end: bool
) -> int:
    """Keep bell and hooks quiet about it for a time, never for ever. It stays on every screen."""
    from datetime import timedelta  # noqa: PLC0415 - not for `now`

    from peak_console.operations.incidents.acting import silence, silence_of  # noqa: PLC0415 - likewise

    how_long = timedelta() if end else silence_of(length)
    return _act(invocation, by, lambda hand: silence(hand, incident, how_long, reason=reason))


@command.command("close", epilog='Example: peak incident close 7f3k2m --note "loop in task 12, ended"')
@click.argument("incident", metavar=_INCIDENT, default="")
@click.option("--note", default="", help="What it was; asked for.")
@click.option("--anyway", "anyway", is_flag=True, help="Although its cause still stands.")
@_by
@common
def close_command(invocation: Invocation, incident: str, note: str, by: str | None, *, anyway: bool) -> int:
    """Close it, saying what it was. Refused while its cause stands, unless --anyway says that you know."""
    from peak_console.operations.incidents.acting import close  # noqa: PLC0415 - not for `now`

    return _act(invocation, by, lambda hand: close(hand, incident, note=note, anyway=anyway))


@command.command("test-alert", epilog='Example: peak incident test-alert --note "new rota"')
@click.option("--note", default="", help="Told with it.")
@common
def test_alert_command(invocation: Invocation, note: str) -> int:
    """Prove the way to a person: a test incident, told to every hook; prints what each reports.

    Exit 1 where no hook is configured, or one was not told. Waits up to 15 seconds. It is marked as a test,
    counts nowhere, and closes itself. Needs a running node.
    """
    from peak_console.node.spawn import connect_node  # noqa: PLC0415 - not for `now`
    from peak_console.operations.incidents.alerting import HookReport, send_test_alert  # noqa: PLC0415 - likewise

    def tell(report: HookReport) -> None:
        if not invocation.as_json:
            sys.stdout.write(plain(_report(report)) + "\n")
            sys.stdout.flush()

    ws = invocation.workspace()
    with connect_node(ws, name="peak incident test-alert") as client:
        done = send_test_alert(ws, client, note=note, told=tell)
    lines = [_report(one) for one in done.reports if one.ok is None]
    if not done.reports:
        lines += [
            "NOBODY was told: no hook is configured, only consoles showed it",
            "  do: add [[hooks]] to configs/incidents.toml, then run this again",
        ]
    over = "closed" if done.closed else f"close it with: peak incident close {done.incident_id} --note test"
    invocation.reporter.result(done.as_json(), *lines, f"{done.incident_id} (event #{done.seq:,}); {over}")
    return 0 if done.ok else 1


def _report(one: "HookReport") -> str:
    word = "told" if one.ok else "NOT TOLD"
    tried = f" ({counted(one.tries, 'try', 'tries')})" if one.tries > 1 else ""
    return f"{one.ms / 1000:6.2f} s  {word}  {one.hook}: {one.detail}{tried}"


def _named(words: tuple[str, ...], last: str) -> tuple[str, str]:
    """The incident, empty where none is named, and what follows it. Raises ``UsageError`` for more."""
    if len(words) > 2:  # noqa: PLR2004 - an incident and one word
        raise click.UsageError(f"it takes an INCIDENT and a {last}; put several words in quotes")
    return (words[0], words[1]) if words[1:] else ("", words[0])


def _act(invocation: Invocation, by: str | None, action: "Callable[[Hand], Acted]") -> int:
    from peak_console.node.spawn import ledger_client  # noqa: PLC0415 - not for `now`
    from peak_console.operations.incidents.acting import Hand  # noqa: PLC0415 - likewise

    ws = invocation.workspace()
    with ledger_client(ws, name="peak incident") as client:
        done = action(Hand(ws, client, by))
    recorded = "" if done.seq is None else f" (event #{done.seq:,})"
    lines = [f"{done.incident_id}: {done.line}{recorded}"]
    if done.warning:
        lines.append(f"  note: {done.warning}")
    invocation.reporter.result(done.as_json(), *lines)
    return 0


def _print_step(step: "StepDone") -> None:
    """A step as it happens."""
    sys.stdout.write(plain(step_line(step)) + "\n")
    sys.stdout.flush()


@command.command("drill", epilog="Example: peak incident drill contain")
@click.argument("kind", default="")
@click.option("--list", "listing", is_flag=True, help="Every drill with the age of the last one.")
@click.option("--note", default="", help="Recorded with it.")
@_by
@common
def drill_command(invocation: Invocation, kind: str, note: str, by: str | None, *, listing: bool) -> int:
    """Rehearse disarm, stop, capture, contain (all three) or alert, and record how long it took.

    It happens on a throw-away workspace with a node and a worker of its own: nothing real is stopped. Stop
    and disarm then lower a drill's scope on this workspace too, which covers nothing: they hold only where
    its own node, lease and workers did their part, and so need a node that runs. --list names the commands
    that drill arming and rolling back.
    """
    from peak_console.operations.drill_here import TRIED_HERE, drill_here  # noqa: PLC0415 - not for `now`
    from peak_console.operations.drills import (  # noqa: PLC0415 - not for `now`
        DrillStep,
        drill_named,
        list_drills,
        record_drill,
        run_drill,
    )

    ws = invocation.workspace()
    if listing or not kind:
        now, lines = list_drills(ws)
        document = {"drills": [one.as_json(now) for one in lines]}
        invocation.reporter.result(document, *drills_listed(lines, now))
        return 0
    wanted = drill_named(kind)

    def tell(step: DrillStep) -> None:
        if not invocation.as_json:
            sys.stdout.write(plain(drill_line(step)) + "\n")
            sys.stdout.flush()

    report = run_drill(wanted, told=tell)
    if wanted in TRIED_HERE:
        report = replace(report, steps=(*report.steps, *drill_here(ws, by=by, told=tell)))
    from peak_console.node.spawn import ledger_client  # noqa: PLC0415 - not for `now`

    with ledger_client(ws, name="peak incident drill") as client:
        seq = record_drill(ws, client, report, note=note, by=by)
    word = "held" if report.held else "DID NOT HOLD"
    invocation.reporter.result({**report.as_json(), "seq": seq}, f"drill {wanted} {word} (event #{seq:,})")
    return 0 if report.held else 1
