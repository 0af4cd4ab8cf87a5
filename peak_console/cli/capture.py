"""``peak capture``: everything around an incident, in one sealed pack."""

import sys

import click

from peak_console.cli.options import Invocation, common
from peak_console.cli.output import counted
from peak_console.domain.text import one_line
from peak_console.operations.capture import capture
from peak_console.operations.captured import Captured

_SHOWN = 12


@click.command("capture", epilog='Example: peak capture --reason "answers look wrong"')
@click.argument("incident_id", required=False, default="")
@click.option("--reason", default="", help="Why; it stands in the pack and on the ledger.")
@common
def command(invocation: Invocation, incident_id: str, reason: str) -> int:
    """Capture the runs alive since 15 minutes before the trigger, the ledger, logs, figures and configs.

    INCIDENT_ID, or so much of it that only one fits; by default the newest that is open, and where none is,
    one is opened. The pack lies in audits/INCIDENT_ID/capture, a later one in capture-2: nothing is written
    over. Needs no node, and no ledger that can be read: what could not be had is listed with its reason.
    Bounded in bytes and time, with a share for every run. Exit 1 where nobody could sign it, where it had to
    be written outside the workspace, or where it holds nothing of a run that was alive: that one is named.
    Check it with: peak evidence verify INCIDENT_ID
    """
    loud = not invocation.as_json and sys.stderr.isatty()
    done = capture(invocation.workspace(), incident_id, reason=reason, told=_tell if loud else None)
    invocation.reporter.result(done.as_json(), *_lines(done))
    return 0 if done.complete else 1


def _tell(what: str, done: int, total: int) -> None:
    click.echo(f"  {done}/{total} {what}", err=True)


def _lines(done: Captured) -> list[str]:
    opened = f"  ({_opened(done)})" if done.opened else ""
    seal = "sealed" if done.sealed else f"NOT SEALED: {one_line(done.unsealed, 120)}"
    held = [counted(done.files, "file"), f"{done.bytes:,} bytes"]
    held += [counted(done.events, "event"), counted(len(done.runs), "run")]
    lines = [
        f"captured {done.incident_id}{opened}",
        f"  in        {done.path}",
        f"  holds     {', '.join(held)}",
        f"  seal      {seal}, in {done.ms / 1000:.1f} s",
        f"  ledger    {_recorded(done)}",
    ]
    if done.outside:
        lines.append(f"  OUTSIDE THE WORKSPACE: {one_line(done.outside, 160)}")
    if done.without:
        lines.append(f"  NOTHING OF  {done.without}")
    lines += [
        f"  left out  {one_line(one.what, 80)}: {one_line(one.reason, 120)}" for one in done.left_out[:_SHOWN]
    ]
    if len(done.left_out) > _SHOWN:
        lines.append(f"  left out  {len(done.left_out) - _SHOWN} more: see manifest.json")
    return [*lines, f"  do:       {done.remedy}"] if done.remedy else lines


def _opened(done: Captured) -> str:
    """How it stands with an incident that this opened; without a node it is on record later, or never."""
    if not done.unrecorded:
        return "opened now: no incident stood open"
    if done.waits:
        return "a new incident; not on record yet: the next node records it"
    return "NO INCIDENT IS ON RECORD: nothing could be recorded or kept"


def _recorded(done: Captured) -> str:
    if done.seq is not None:
        return f"recorded as #{done.seq:,}"
    later = "; the next node records it: peak node start" if done.waits else ""
    return f"not recorded: {one_line(done.unrecorded or 'there is no seal', 120)}{later}"
