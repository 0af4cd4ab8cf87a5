"""``peak ledger``: verify the chain, read its end."""

import asyncio
import contextlib
import json
import sys

import click

from peak_console.cli import ledger_care, ledger_content, ledger_proofs, ledger_verify
from peak_console.cli.options import Invocation, common
from peak_console.cli.output import brief_eur, width
from peak_console.domain.events import LedgerEvent
from peak_console.domain.money import nano_from_text
from peak_console.domain.text import one_line
from peak_console.operations import ledger


@click.group("ledger", epilog="Example: peak ledger verify")
def command() -> None:
    """The hash-chained ledger of everything that happened here."""


command.add_command(ledger_verify.verify)
command.add_command(ledger_care.backup)
command.add_command(ledger_care.recover)
for one in (
    ledger_content.prune,
    ledger_content.export,
    ledger_content.import_,
    ledger_proofs.checkpoint,
    ledger_proofs.prove,
    ledger_proofs.consistency,
    ledger_proofs.verify_proof,
):
    command.add_command(one)


@command.command("tail", epilog="Example: peak ledger tail -n 5 --follow")
@click.option("-n", "count", type=click.IntRange(0, 10_000), default=20, help="How many events.")
@click.option("--follow", "-f", "following", is_flag=True, help="Go on with new events as they come.")
@common
def tail(invocation: Invocation, count: int, *, following: bool) -> int:
    """Print the last events, oldest first. With --json --follow: one JSON document a line."""
    ws = invocation.workspace()
    events = ledger.tail(ws, max(count, 1))[-count:] if count else ledger.tail(ws, 1)
    after = events[-1].seq if events else 0
    events = events if count else []
    if invocation.as_json and not following:
        invocation.reporter.result({"events": [ledger.as_json(event) for event in events]})
        return 0
    for event in events:
        _print(invocation, event)
    if following:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_follow(invocation, after))
    return 0


async def _follow(invocation: Invocation, after: int) -> None:
    async for event in ledger.follow(invocation.workspace(), after):
        _print(invocation, event)
        sys.stdout.flush()


def _print(invocation: Invocation, event: LedgerEvent) -> None:
    if invocation.as_json:
        invocation.reporter.result(ledger.as_json(event))
        return
    who = " ".join(filter(None, (event.layer, event.role, event.provider, event.model_id)))
    body = "(pruned)" if event.body is None else one_line(json.dumps(dict(event.body)), 120)
    line = f"#{event.seq:<8} {event.ts} {event.kind:<22} {event.actor:<12} {who:<36} {body}"
    most = width()
    invocation.reporter.result({}, _short(event, most) if most and len(line) > most else line)


def _short(event: LedgerEvent, most: int) -> str:
    """An event in one line: its place, its time of day, what it is, of which call, what came of it."""
    body = event.body or {}
    model = f"{event.provider}:{event.model_id}" if event.model_id else event.provider
    cost = body.get("cost_eur")
    told = (
        f"…{event.call_id[-8:]}" if event.call_id else event.actor[:12],
        event.layer,
        event.role,
        model,
        "(pruned)" if event.body is None else str(body.get("reason") or body.get("verdict") or ""),
        f"€ {brief_eur(nano_from_text(cost))}" if isinstance(cost, str) else "",
    )
    what = one_line(" ".join(filter(None, told)), 200)
    line = f"#{event.seq:<6} {event.ts[11:19]} {event.kind:<18} {what}"
    return line if len(line) <= most else line[: max(most, 20) - 1] + "…"
