"""``peak shadow``: run a job now, and what shadow left: cycles and paper books."""

from typing import TYPE_CHECKING

import click

from peak_console.cli.job_words import ago, ended, progress
from peak_console.cli.options import Invocation, common
from peak_console.cli.output import table
from peak_console.domain.clock import SystemClock
from peak_console.domain.errors import NodeUnreachable, PeakError, UsageWrong
from peak_console.domain.jobs import JobKind, RunState
from peak_console.domain.text import one_line, plain
from peak_console.operations.call import slot_named
from peak_console.operations.jobs.asking import follow, run_now
from peak_console.operations.jobs.listing import START_NODE, list_jobs
from peak_console.operations.jobs.record import book_json, cycle_json, shadow_record
from peak_console.operations.jobs.telling import run_json
from peak_console.operations.views.shadow import BookLine, CycleLine, JobState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peak_console.config.workspace import Workspace
    from peak_console.operations.jobs.asking import JobDone
    from peak_console.operations.views.shadow import JobRunLine

_MOST = 1000
_INTERRUPTED = 130
_NOT_RUN = frozenset({JobState.DISABLED, JobState.GONE})
_ABORTED = "aborted"


@click.group("shadow", epilog="Example: peak shadow run --once")
def command() -> None:
    """Shadow: real inputs, real calls, no orders. Run a job now; cycles and paper books."""


@command.command("run", epilog="Example: peak shadow run --job eurusd-hourly --once")
@click.option("--job", help="Which job, of any kind (default: each enabled shadow cycle once).")
@click.option("--slot", help="Of a two-sample test: the slot to test, as L2.primary.")
@click.option("--once", is_flag=True, help="Wait for the end, and exit 1 where it failed or was aborted.")
@click.option("--reason", default="", help="Why now; it is recorded.")
@common
def run_command(invocation: Invocation, job: str | None, slot: str | None, reason: str, *, once: bool) -> int:
    """Ask the node for a run beside the schedule.

    With --once its steps are told on standard error and the end on standard output. Ctrl-C ends the waiting,
    the run goes on.
    """
    ws = invocation.workspace()
    if slot is not None and job is None:
        raise UsageWrong("a slot is tested by a job", remedy="name it too: --job NAME --slot L2.primary")
    asked = _asked(ws, [job] if job is not None else _cycles(ws), reason, _slot(slot))
    if not once:
        lines = [f"{one.key} is asked for; follow it: peak jobs runs {one.job}" for one in asked]
        invocation.reporter.result({"asked": [one.as_json() for one in asked]}, *lines)
        return 0
    keys = [one.key for one in asked]
    try:
        runs = follow(ws, keys, told=_say)
    except KeyboardInterrupt:
        told = f"waits no longer; {_named(keys)} on: peak jobs runs; to end one: peak jobs cancel {keys[0]}"
        click.echo(f"peak: {plain(told)}", err=True)
        raise click.exceptions.Exit(_INTERRUPTED) from None
    now = SystemClock().now()
    invocation.reporter.result({"runs": [run_json(one) for one in runs]}, *(ended(one, now) for one in runs))
    return 0 if all(one.state is RunState.DONE and one.outcome != _ABORTED for one in runs) else 1


@command.command("cycles", epilog="Example: peak shadow cycles --limit 20 --json")
@click.option("--job", help="Only those of this job.")
@click.option("--limit", type=click.IntRange(1, _MOST), default=20, help="How many at most.")
@common
def cycles_command(invocation: Invocation, job: str | None, limit: int) -> int:
    """The newest cycles: what came out, why, on which data, at which cost."""
    record = shadow_record(invocation.workspace())
    found = [one for one in record.cycles if job is None or one.job == job][:limit]
    now = SystemClock().now()
    headers = ["run", "when", "job", "instrument", "outcome", "reasons", "idea", "critic", "€"]
    lines = table(headers, [[one.run_id, ago(one.at, now), *_cycle(one)] for one in found])
    lines += _details(found)
    none = ["no cycle is on record; run one: peak shadow run --once"]
    invocation.reporter.result({"cycles": [cycle_json(one) for one in found]}, *(lines if found else none))
    return 0


@command.command("book", epilog="Example: peak shadow book --json")
@click.argument("name", required=False)
@common
def book_command(invocation: Invocation, name: str | None) -> int:
    """The paper books: equity, positions, day, drawdown, as of each one's last cycle."""
    found = [one for one in shadow_record(invocation.workspace()).books if name in {None, one.name}]
    if name is not None and not found:
        raise UsageWrong(
            f"there is no book {one_line(name, 60)} on record",
            code="book_unknown",
            remedy="see: peak shadow book",
        )
    now = SystemClock().now()
    headers = ["book", "equity €", "day €", "drawdown", "positions", "fees €", "fills", "as of"]
    rows = [[*_book(one), "-" if one.at is None else ago(one.at, now)] for one in found]
    none = ["no book is on record; it begins with the first cycle: peak shadow run --once"]
    document = {"books": [book_json(one) for one in found]}
    invocation.reporter.result(document, *(table(headers, rows) if found else none))
    return 0


def _details(found: "Sequence[CycleLine]") -> list[str]:
    """What stands behind reasons, each said once, with the newest cycle that has it."""
    told: dict[str, str] = {}
    for one in found:
        for words in one.details:
            told.setdefault(words.partition(":")[0], f"{one.run_id}: {words}")
    return list(told.values())


def _cycles(ws: "Workspace") -> list[str]:
    """The shadow cycles that may run."""
    now = list_jobs(ws, runs=1)
    found = [one.name for one in now.jobs if one.kind is JobKind.SHADOW_CYCLE and one.state not in _NOT_RUN]
    if not now.told_by_node:
        raise NodeUnreachable("jobs are run by the node, and none answers", remedy=START_NODE)
    if not found:
        raise UsageWrong(
            "no enabled job is a shadow cycle",
            code="no_cycle",
            remedy="write one: peak config edit jobs; or name a job: --job NAME",
        )
    return found


def _slot(named: str | None) -> dict[str, str]:
    """The slot that a two-sample test is to look at; nothing where none is named."""
    if named is None:
        return {}
    layer, _, role = named.partition(".")
    which, part = slot_named(layer, role or "primary")
    return {"layer": which.value, "role": part.value}


def _asked(ws: "Workspace", jobs: list[str], reason: str, params: dict[str, str]) -> "list[JobDone]":
    """A run of each; where one is refused, those asked for before are told."""
    asked: list[JobDone] = []
    for job in jobs:
        try:
            asked.append(run_now(ws, job, reason=reason, params=params))
        except PeakError:
            for one in asked:
                click.echo(f"peak: {plain(one.key)} is asked for already", err=True)
            raise
    return asked


def _say(run: "JobRunLine") -> None:
    click.echo(f"peak: {plain(progress(run))}", err=True)


def _named(keys: list[str]) -> str:
    return f"{keys[0]} goes" if len(keys) == 1 else f"{len(keys)} runs go"


def _cycle(one: CycleLine) -> list[str]:
    cost = "-" if one.cost_eur is None else f"{one.cost_eur:.4f}"
    reasons = ", ".join(one.reasons) or "-"
    return [
        one.job,
        one.instrument,
        f"{one.outcome} (replay)" if one.replayed else one.outcome,
        one_line(reasons, 80),
        one_line(one.idea, 60) or "-",
        one_line(one.critic, 40) or "-",
        cost,
    ]


def _book(one: BookLine) -> list[str]:
    positions = ", ".join(f"{size:f} {name}" for name, size in one.positions)
    return [
        one.name,
        "-" if one.equity_eur is None else f"{one.equity_eur:,.2f}",
        "-" if one.day_pnl_eur is None else f"{one.day_pnl_eur:+,.2f}",
        "-" if one.drawdown_pct is None else f"{one.drawdown_pct:.2f} %",
        one_line(positions, 120) or "flat",
        f"{one.fees_eur:,.2f}",
        str(one.fills),
    ]
