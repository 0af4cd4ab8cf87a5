"""``peak ledger``: verify the chain, read its end."""

import asyncio
import contextlib
import json
import sys
import time

import click

from peak_console.cli import ledger_care, ledger_proofs
from peak_console.cli.options import Invocation, common
from peak_console.cli.output import brief_eur, width
from peak_console.domain.events import LedgerEvent
from peak_console.domain.money import nano_from_text
from peak_console.domain.text import one_line
from peak_console.operations import ledger

_EVERY_S = 0.2


@click.group("ledger", epilog="Example: peak ledger verify")
def command() -> None:
    """The hash-chained ledger of everything that happened here."""


command.add_command(ledger_care.backup)
command.add_command(ledger_care.recover)
for one in (
    ledger_proofs.checkpoint,
    ledger_proofs.prove,
    ledger_proofs.consistency,
    ledger_proofs.verify_proof,
):
    command.add_command(one)


@command.command("verify", epilog="Example: peak ledger verify --json")
@common
def verify(invocation: Invocation) -> int:
    """Verify every row and hash. Exit 1 names the first broken row and how it is broken."""
    started = time.monotonic()
    shown = _Progress(enabled=not invocation.as_json and sys.stderr.isatty())
    result = ledger.verify(invocation.workspace(), shown)
    shown.clear()
    seconds = time.monotonic() - started
    if result.ok:
        line = f"ok: {result.events:,} events, head {result.head}, verified in {seconds:.1f} s"
        note = "a chain cannot show that its end was cut off: compare the head with one kept elsewhere"
        invocation.reporter.result(ledger.verified_as_json(result), line, f"note: {note}")
        return 0
    place = "" if result.broken_seq is None else f" at #{result.broken_seq:,}"
    invocation.reporter.result(
        ledger.verified_as_json(result),
        f"BROKEN{place}: {result.broken_how}: {result.detail}",
        f"{result.events:,} events before it verify",
        "do: keep the file as it is, stop the workspace (peak stop), and compare with a backup",
    )
    return 1


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


class _Progress:
    """A line of progress on standard error, for people only."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._next = 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if self._enabled and now >= self._next:
            self._next = now + _EVERY_S
            share = 100 * done // total if total else 100
            sys.stderr.write(f"\r\033[Kverifying {stage}: {done:,} of {total:,} ({share} %)")
            sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._enabled and self._next:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
