"""``peak ledger verify``: whether the ledger is what was written and signed, in a few calm lines."""

import sys
import time
from pathlib import Path

import click

from peak_console.cli.options import Invocation, common
from peak_console.config.workspace import Workspace
from peak_console.domain.text import one_line
from peak_console.operations import ledger

_EVERY_S = 0.2


@click.command("verify", epilog="Example: peak ledger verify --json")
@click.option("--incremental", is_flag=True, help="Begin at the last verified head that is signed.")
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Another ledger file: a copy, a backup, a salvaged one.",
)
@click.option(
    "--witness",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A signed head, or a file of them, that was kept elsewhere.",
)
@click.option("--workers", type=click.IntRange(1, 64), help="Processes to use; as many as pay by default.")
@common
def verify(
    invocation: Invocation, path: Path | None, witness: Path | None, workers: int | None, *, incremental: bool
) -> int:
    """Verify every row, hash, figure and signed head. Exit 1 names what is broken first, and how."""
    shown = _Progress(enabled=not invocation.as_json and sys.stderr.isatty())
    try:
        result = ledger.verify(
            invocation.workspace(),
            shown,
            incremental=incremental,
            file=path,
            witness=witness,
            workers=workers,
        )
    finally:
        shown.clear()
    lines = _good(result) if result.ok else _broken(result, do=_do(result, invocation.workspace(), path))
    invocation.reporter.result(ledger.verified_as_json(result), *lines)
    return 0 if result.ok else 1


def _good(result: ledger.VerifyResult) -> list[str]:
    since = (
        ""
        if result.incremental_from is None
        else f" from event {result.incremental_from + 1:,} on, figures and budgets not counted again"
    )
    events = f"{result.events:,} events{since}"
    return [
        f"{_word(result)}: {events}, head {result.head}, verified in {result.seconds:.1f} s",
        *_goes_on(result),
        _signed(result),
        *_anchors(result),
        *(f"not known: {one_line(one, 300)}" for one in result.cannot_know),
    ]


def _word(result: ledger.VerifyResult) -> str:
    """A successor whose own head nobody signed yet is no plain good: its operator's word is all there is."""
    if result.succeeded is None or result.checkpoints.count:
        return "ok"
    return "NOT SIGNED YET, but whole"


def _goes_on(result: ledger.VerifyResult) -> list[str]:
    old = result.succeeded
    if old is None:
        return []
    by = one_line(old.operator, 40)
    told = (
        f"goes on after the log {one_line(old.origin, 80)} of {old.events:,} events; {old.lost:,} events lost"
    )
    return [f"{told} (recovered by {by})"]


def _do(result: ledger.VerifyResult, ws: Workspace, file: Path | None) -> str:
    """What to do about it: with a node that runs, to stop first; of another file than the ledger little."""
    if file is not None:
        return "this file is not what was written; keep it as it is, and look for an earlier copy"
    known = _REMEDIES.get(result.broken_how or "")
    if known:
        return known
    first = (
        "stop the workspace (peak stop), then end the node (peak node stop); " if ledger.is_served(ws) else ""
    )
    return f"keep the file as it is; {first}{_GO_ON}"


def _broken(result: ledger.VerifyResult, do: str) -> list[str]:
    place = "" if result.broken_seq is None else f" at #{result.broken_seq:,}"
    return [
        f"BROKEN{place}: {result.broken_how}: {one_line(result.detail, 600)}",
        f"{result.events:,} events {'before it verify' if result.broken_seq else 'follow each other'}",
        *_anchors(result),
        f"do: {do}",
    ]


_END_IT = "stop the workspace (peak stop), then end its node (peak node stop); "
_GO_ON = (
    'go on after it: peak ledger recover --reason "..."; where a backup holds more events: '
    'peak ledger recover --from BACKUP --reason "..."'
)
_REMEDIES = {
    "key_changed": "restore configs/keys/workspace.pub, the key that the genesis names",
    "wrong_prune": "put a backup from before the event that is named back: "
    'peak ledger recover --from BACKUP --force --reason "..."; see peak ledger prune',
    "anchor_lags": "see why the anchor takes nothing: peak node status; a running node signs and keeps heads",
    "wrong_schema": "nothing else disagrees, but a file that was opened to change it serves no calls: "
    'go on after it in a new one: peak ledger recover --reason "..."',
    "wrong_budget": "no call may be let through on such money: go on after it in a new ledger, "
    'which carries what the events say: peak ledger recover --reason "..."',
    "checkpoints_missing": "bring the files of audits/checkpoints/ back, from a backup or version control",
}


def _signed(result: ledger.VerifyResult) -> str:
    heads = result.checkpoints
    if not heads.count:
        return "signed: no head yet"
    after = f"{heads.unsigned_events:,} events after it" if heads.unsigned_events else "nothing after it"
    problem = f"; {one_line(heads.problem, 200)}" if heads.problem else ""
    return f"signed: {heads.count:,} heads agree, the last of {heads.size:,} events; {after}{problem}"


def _anchors(result: ledger.VerifyResult) -> list[str]:
    lines = []
    for one in result.anchors:
        held = f"{one.size:,} events" if one.size else "nothing"
        since = f", kept {one.at[:19]}Z" if one.at else ""
        state = "agrees" if one.ok else one_line(one.problem, 200)
        lines.append(f"anchor: {one.kind} {one_line(one.place, 160)}: {held}{since}: {state}")
    return lines or ["anchor: none"]


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
