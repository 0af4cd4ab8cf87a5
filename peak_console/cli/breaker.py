"""``peak breaker``: which models are left alone, and closing a breaker by hand."""

from typing import Any

import click

from peak_console.cli.options import Invocation, common
from peak_console.cli.output import table
from peak_console.domain.text import one_line
from peak_console.node.spawn import ledger_client
from peak_console.operations.breakers import KINDS, BreakerReport, list_breakers, reset_breaker


@click.group("breaker", epilog="Example: peak breaker list")
def command() -> None:
    """Breakers: which models are left alone, after failures or after a bill above its bound."""


@command.command("list", epilog="Example: peak breaker list --json")
@common
def list_command(invocation: Invocation) -> int:
    """Every breaker of a model that was ever asked: state, until when, why, and how often it tripped."""
    report = list_breakers(invocation.workspace())
    invocation.reporter.result(report.as_json(), *_lines(report))
    return 0


@command.command("reset", epilog='Example: peak breaker reset budget openai:gpt-5 --reason "price corrected"')
@click.argument("breaker", type=click.Choice(KINDS))
@click.argument("model", metavar="PROVIDER:MODEL|SCOPE")
@click.option("--reason", default="", help="Why calls may go there again; it is recorded.")
@click.option("--by", help="Whose key signs (default: the only one you hold).")
@common
def reset_command(invocation: Invocation, breaker: str, model: str, reason: str, by: str | None) -> int:
    """Close the breaker of PROVIDER:MODEL, or of a SCOPE as layer:L2, as an operator.

    The budget breaker is latched by a bill above its bound and never closes by itself. The provider breaker
    opens after failures and closes by itself; resetting it spares the wait. The others are of a scope, are
    tripped by what was spent, judged, lost or ordered, and never close by themselves.
    """
    ws = invocation.workspace()
    with ledger_client(ws, name="peak breaker") as client:
        done = reset_breaker(ws, client, breaker, model, reason=reason, by=by)
    invocation.reporter.result(
        done.as_json(),
        f"reset the {done.breaker} breaker of {model} (event #{done.seq})",
    )
    return 0


def _lines(report: BreakerReport) -> list[str]:
    shown, scopes = report.as_json()["breakers"], report.as_json()["latches"]
    if not shown and not scopes:
        return ["no breaker is kept yet: no model was asked"]
    rows = [*(_cells(one) for one in shown), *(_scope_cells(one) for one in scopes)]
    lines = table(["breaker", "model or scope", "state", "until", "why", "trips"], rows)
    latched = [f"{one['provider']}:{one['model_id']}" for one in shown if one["latched"]]
    return [
        *lines,
        *(f"when its cause is mended: peak breaker reset budget {one} --reason R" for one in latched),
        *(
            f"when its cause is mended: peak breaker reset {one['breaker']} {one_line(one['scope'], 80)} "
            "--reason R"
            for one in scopes
            if one["latched"]
        ),
    ]


def _scope_cells(one: dict[str, Any]) -> list[str]:
    until = "an operator resets it" if one["latched"] else ""
    scope, why = one_line(one["scope"], 80), one_line(one["reason"], 120)
    return [one["breaker"], scope, one["state"], until, why, str(one["trips"])]


def _cells(one: dict[str, Any]) -> list[str]:
    state = "latched" if one["latched"] else one["state"]
    until = "an operator resets it" if one["latched"] else one["until"] or ""
    name = f"{one['provider']}:{one['model_id']}"
    return [one["breaker"], name, state, until, _why(one), str(one["trips"])]


def _why(one: dict[str, Any]) -> str:
    bill = one["bill"]
    if bill is None:
        return one_line(one["reason"], 40)
    return one_line(
        f"{bill['call_id']}: {bill['cost_eur']} EUR, {bill['tokens']} tokens; "
        f"bound {bill['bound_eur']} EUR, {bill['bound_tokens']} tokens",
        200,
    )
