"""``peak budget``: what is spent, reserved and left; a bill that was found out afterwards."""

from typing import Final

import click

from peak_console.cli.options import Invocation, common
from peak_console.cli.output import brief_eur, table, width
from peak_console.domain.money import text_from_nano
from peak_console.node.spawn import ledger_client
from peak_console.operations.budget import LISTED, BudgetReport, settle, show
from peak_console.operations.views.bar import BudgetLine
from peak_console.operations.views.budget_left import left_of

_RUN_LINES: Final = 10
"""How many limits of runs people are shown, the newest."""
_WIDE: Final = 96
_UNITS: Final = {"eur": "EUR", "calls_per_min": "per min"}


@click.group("budget", epilog="Example: peak budget show")
def command() -> None:
    """Budgets: limits, what counts against them, and bills that nobody told."""


@command.command("show", epilog="Example: peak budget show --json")
@click.option(
    "--limit", "listed", type=click.IntRange(1, 10_000), default=LISTED, help="How many rows of each list."
)
@common
def show_command(invocation: Invocation, listed: int) -> int:
    """Every limit, calls under way, and spend that stands booked at its bound and may be settled."""
    report = show(invocation.workspace(), listed=listed)
    invocation.reporter.result(report.as_json(), *_lines(report))
    return 0


@command.command("settle", epilog='Example: peak budget settle CALL --cost 0.0123 --reason "invoice 7"')
@click.argument("call_id", metavar="CALL")
@click.option(
    "--hop", type=click.IntRange(1), help="Which send of the call, where several are at their bounds."
)
@click.option("--cost", "cost_eur", required=True, help="The bill in EUR: from 0 to what is booked.")
@click.option("--reason", default="", help="How the bill is known; it is recorded.")
@click.option("--by", help="Whose key signs (default: the only one you hold).")
@common
def settle_command(  # noqa: PLR0917 - click names every argument
    invocation: Invocation, call_id: str, hop: int | None, cost_eur: str, reason: str, by: str | None
) -> int:
    """Book a bill in the place of the bound of CALL, as an operator. It can only lower what is booked."""
    ws = invocation.workspace()
    with ledger_client(ws, name="peak budget") as client:
        done = settle(ws, client, call_id, cost_eur=cost_eur, reason=reason, hop=hop, by=by)
    was, cost, free = (text_from_nano(amount) for amount in (done.was, done.cost, done.was - done.cost))
    invocation.reporter.result(
        done.as_json(),
        f"settled hop {done.place.hop} of {done.place.call_id}: {was} EUR booked, now {cost} EUR",
        f"{free} EUR are free again in the budgets of the call's day and run (event #{done.seq})",
    )
    return 0


def _lines(report: BudgetReport) -> list[str]:
    """What may be settled first: it is what somebody can do something about."""
    lines = [*_bound_lines(report), ""]
    lines += _limit_lines("budget", report.budgets, "no limit is counted by day, month or phase")
    if report.runs:
        lines += ["", *_limit_lines("run", report.runs[-_RUN_LINES:], "")]
        more = len(report.runs) - _RUN_LINES
        lines += [f"{more:,} more limits of earlier runs: peak budget show --json"] if more > 0 else []
    if report.open_calls:
        rows = [
            [
                row.place.call_id,
                str(row.place.hop),
                f"{row.place.provider}:{row.place.model_id}",
                f"€ {brief_eur(row.cost)}",
                row.state,
                f"{report.age_s(row):.0f} s",
            ]
            for row in report.open_calls
        ]
        lines += ["", *table(["call under way", "hop", "model", "reserved", "state", "age"], rows)]
    return lines


def _limit_lines(title: str, budgets: tuple[BudgetLine, ...], none: str) -> list[str]:
    rows = []
    for one in budgets:
        figures = [one.spent, one.reserved, left_of(one), one.limit]
        shown = [brief_eur(figure) if one.unit == "eur" else f"{figure:,}" for figure in figures]
        rows.append([one.key, _UNITS.get(one.unit, one.unit), *shown, f"{one.used_pct:.0f} %", one.state])
    head = [title, "unit", "spent", "reserved", "left", "limit", "used", "state"]
    if width() and width() < _WIDE:  # what is left follows from the others
        head, rows = [*head[:4], *head[5:]], [[*row[:4], *row[5:]] for row in rows]
    return table(head, rows) if rows else [none]


def _bound_lines(report: BudgetReport) -> list[str]:
    if not report.at_bound:
        return ["nothing is booked at its bound"]
    rows = [
        [
            row.place.call_id,
            str(row.place.hop),
            f"{row.place.provider}:{row.place.model_id}",
            f"€ {brief_eur(row.booked.cost)}",
            f"€ {brief_eur(row.booked.bound)}",
            f"{row.ts[:19]}Z",
            row.reason,
            "settled" if row.booked.cost < row.booked.bound else "open",
        ]
        for row in report.at_bound
    ]
    head = ["booked at its bound", "hop", "model", "booked", "bound", "when", "why", "bill"]
    lines = table(head, rows)
    if report.more_at_bound:
        lines.append("there are more: --limit N")
    return [*lines, 'once a bill is known: peak budget settle CALL --cost EUR --reason "..."']
