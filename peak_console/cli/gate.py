"""``peak gate``: the recorded decisions of the risk gate, made again."""

from collections.abc import Iterator
from typing import Final

import click

from peak_console.cli.moments import ago_or_time
from peak_console.cli.options import Invocation, common
from peak_console.cli.output import counted, table
from peak_console.operations.gate_replay import GateReplay, replay_gate

_SHOWN: Final = 20


@click.group("gate", epilog="Example: peak gate replay --since 7d")
def command() -> None:
    """The L5 risk gate: what it decided, made again from the recorded inputs."""


@command.command("replay", epilog="Example: peak gate replay --run 20261122_210645_5ha025")
@click.option("--run", "run_id", metavar="RUN_ID", help="Only decisions of this run.")
@click.option("--since", metavar="WHEN", help="Only since: a UTC time, or how long ago (30m, 24h, 7d).")
@common
def replay_command(invocation: Invocation, run_id: str | None, since: str | None) -> int:
    """Decide every recorded gate decision again; verdict, reasons and digest must come out byte for byte.

    Takes the inputs from the ledger, calls nobody and writes nothing. Exit 1 where one comes out otherwise;
    what cannot be decided again, for its body was pruned, is told.
    """
    replayed = replay_gate(invocation.workspace(), run_id=run_id, since=ago_or_time(since))
    invocation.reporter.result(replayed.as_json(), *_lines(replayed, run_id))
    return 0 if replayed.holds else 1


def _lines(replayed: GateReplay, run_id: str | None) -> Iterator[str]:
    recorded = replayed.decided + replayed.undecidable
    if not recorded:
        yield "0 decisions of the gate are recorded" + (f" in run {run_id}" if run_id else " there")
        return
    places = f"#{replayed.first_seq} to #{replayed.last_seq}"
    yield (
        f"{counted(replayed.decided, 'decision')} of the gate made again ({places}): "
        f"{replayed.allowed:,} ALLOW, {replayed.blocked:,} BLOCK"
    )
    if replayed.reasons:
        yield from table(
            ["reason", "times"], [[why, f"{count:,}"] for why, count in replayed.reasons.items()]
        )
    for one in replayed.differences[:_SHOWN]:
        yield f"DIFFERS #{one.seq}{f' of run {one.run_id}' if one.run_id else ''}: {one.why}"
    if replayed.differ > _SHOWN:
        yield f"… {counted(replayed.differ - _SHOWN, 'more difference')}: --json names more of them"
    if replayed.undecidable:
        first = replayed.not_decidable[0]
        yield f"not decidable: {replayed.undecidable:,} (#{first.seq} …): {first.why}"
    yield (
        f"{counted(replayed.differ, 'decision')} {'differs' if replayed.differ == 1 else 'differ'}"
        if replayed.differ
        else "every decision that could be made again came out as recorded"
    )
