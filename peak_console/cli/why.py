"""``peak why``: who selected which model and why, and what came of it, from the ledger; calls nobody."""

import shutil
import textwrap
from collections.abc import Iterator
from typing import Final

import click

from peak_console.cli.options import Invocation, common
from peak_console.cli.output import counted, table
from peak_console.domain.clock import from_iso
from peak_console.domain.events import EventKind
from peak_console.domain.text import one_line, plain
from peak_console.operations.explaining.why import CallExplained, EventShown, Explained, RunExplained, why
from peak_console.operations.explaining.why_gate import GateTold
from peak_console.operations.explaining.why_json import outcome_of, summary_json, totals
from peak_console.operations.explaining.why_words import call_line, call_paragraph
from peak_console.operations.views.breakers import BreakerState, breaker_words
from peak_console.operations.views.call_detail import CallDetail
from peak_console.operations.why_moment import Then, budget_words

_LEAST, _MOST = 80, 160
_WIDE: Final = 100
_LISTED: Final = 200
"""Calls of a run that the text lists; ``--json`` has them all."""
_OUTCOMES: Final = ("answered", "failed", "refused", "open")


@click.command("why", epilog="Example: peak why last")
@click.argument("name", metavar="EVENT|CALL|RUN|#SEQ|last")
@common
def command(invocation: Invocation, name: str) -> int:
    """Explain a call: who selected which model, by which rules, at what price, and what happened hop by hop.

    Posture, phase, matrix, budgets and breakers are told as they stood at that moment. An event of control,
    operators, configs or the ledger is told by who wrote it, why, and what it changed; a decision of the risk
    gate by its reasons and figures.

    Takes the id of an event, a call or a run, a place in the ledger such as '#123', or 'last' for the newest
    call; a critic's own call is passed over unless there is no other. Read from the ledger; what is told
    as it stands now is labelled so. Exit 1 for an unknown id.
    """
    explained = why(invocation.workspace(), name)
    lines = () if invocation.as_json else _lines(explained)
    invocation.reporter.result(explained.as_json(), *lines)
    return 0


def _lines(explained: Explained) -> Iterator[str]:
    width = max(_LEAST, min(_MOST, shutil.get_terminal_size((_LEAST, 24)).columns))
    if isinstance(explained, CallExplained):
        yield from _call(explained, width)
    elif isinstance(explained, RunExplained):
        yield from _run(explained, width)
    else:
        yield from _event(explained, width)


def _call(explained: CallExplained, width: int) -> Iterator[str]:
    """The page that the console shows of the call, without its texts."""
    from peak_console.tui.ink import text_of  # noqa: PLC0415 - the console's drawing, for people only
    from peak_console.tui.screens.call_drawing import call_lines  # noqa: PLC0415 - likewise

    event = explained.event
    if event is not None:
        said = f"#{event.seq:,} {event.kind} {event.event_id} belongs to {explained.call.call_id}:"
        yield from _wrapped(said, width)
    yield from _wrapped(" ".join(call_paragraph(explained.call, explained.then)), width)
    yield from _moment(explained.then, width)
    for line in call_lines(explained.call, width, explained.now.at, keys=False):
        yield text_of(line).rstrip()
    yield ""
    yield f"its events: peak why {explained.call.call_id} --json; its texts: peak console shows them"


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(plain(text), width, break_on_hyphens=False, break_long_words=True)


def _moment(then: Then | None, width: int) -> Iterator[str]:
    """The limits that bound the call, and the breakers that were not closed, as they stood then."""
    if then is None:
        return
    yield ""
    yield f"then, before #{then.seq:,}:"
    for one in then.budgets:
        yield from textwrap.wrap(f"  budget {budget_words(one)}", width, subsequent_indent="    ")
    if then.problem:
        yield from _wrapped(f"  budgets unknown: {one_line(then.problem, 160)}", width)
    at = from_iso(then.at)
    for line in then.breakers:
        if line.state is not BreakerState.CLOSED:
            yield from _wrapped(f"  breaker {line.provider}:{line.model_id} {breaker_words(line, at)}", width)
    if then.pruned:
        yield "  figures of that minute lack events whose details were pruned"


def _event(explained: EventShown, width: int) -> Iterator[str]:
    """Who, when, why; what it changed; what it says."""
    event, change = explained.event, explained.change
    yield f"#{event.seq:,} {event.kind} by {event.actor} at {event.ts}"
    if explained.gate is not None:
        yield from _gate(explained.gate, event.run_id or "", width)
        return
    if change is None:
        return
    if change.cause.operator:
        yield f"operator {change.cause.operator}"
    if change.cause.reason:
        yield from _wrapped(f"reason: {change.cause.reason}", width)
    if change.pruned:
        yield "its details were pruned; its hash and place in the chain stand"
    for what, before, after in change.changed:
        yield from _wrapped(f"{what}: {before or 'none'} → {after or 'none'}", width)
    if not change.changed:
        begins = event.kind == EventKind.WORKSPACE_INITIALISED
        yield "it begins the ledger" if begins else "it changed nothing of posture, phase, operators or node"
    for name, value in change.told:
        yield from textwrap.wrap(f"  {name} {value}", width, subsequent_indent="    ")
    yield f"its whole content: peak why '#{event.seq}' --json"


def _gate(told: GateTold, run_id: str, width: int) -> Iterator[str]:
    """What was asked of the gate, what it said and by which figures, and that it says so again."""
    yield from _wrapped(f"{told.verdict}: {told.order or 'an order whose inputs are gone'}", width)
    for reason, says in told.reasons:
        yield from textwrap.wrap(f"  {reason}: {says}", width, subsequent_indent="    ")
    if told.figures:
        rows = [[one.name, one.found, one.limit, one.reason.value] for one in told.figures]
        yield from table(["figure", "found", "limit", "reason beyond it"], rows)
    if told.agrees is None:
        yield from _wrapped(f"not decidable again: {told.differs}", width)
    elif told.agrees:
        yield "asked again, on the recorded inputs, the gate says the same, byte for byte"
    else:
        yield from _wrapped(f"asked again, the gate says otherwise: {told.differs}", width)
    if run_id:
        yield f"its run: peak runs show {run_id}"


def _run(explained: RunExplained, width: int) -> Iterator[str]:
    started, finished = explained.started, explained.finished
    purpose = one_line(str((started.body or {}).get("purpose", "")), 80) if started else ""
    yield f"run {explained.run_id}{f': {purpose}' if purpose else ''}"
    if started is not None:
        ended = f", finished {finished.ts[:19]}Z" if finished else ", not finished"
        yield f"started {started.ts[:19]}Z by {one_line(started.actor, 60)}{ended}"
    if explained.line is not None:
        yield (
            f"outcome {explained.line.outcome}, critic {explained.line.verdict or 'not asked'}, "
            f"gate {explained.line.gate or 'not asked'}"
        )
    if explained.then is not None and explained.then.posture_by is not None:
        by = explained.then.posture_by
        yield f"posture {explained.then.posture} by {by.who} (#{by.seq}), phase {explained.then.phase}"
    if not explained.calls:
        yield "no call was made in this run"
        return
    yield ""
    shown = explained.calls[-_LISTED:]
    heads = ["call", "slot", "answered by" if width >= _WIDE else "model", "outcome", "hops", "cost €"]
    yield from table(heads, [_row(call, width) for call in shown])
    if len(shown) < len(explained.calls):
        yield f"… and {counted(len(explained.calls) - len(shown), 'earlier call')}: --json lists them all"
    yield ""
    yield from _totals(explained)
    yield ""
    for call in shown:
        yield from textwrap.wrap(f"{call.call_id}: {call_line(call)}", width, subsequent_indent="  ")
    yield ""
    yield f"look closer: peak why {shown[-1].call_id}"


def _row(call: CallDetail, width: int) -> list[str]:
    told = summary_json(call)
    provider, model = one_line(told["provider"], 12), one_line(told["model_id"], 40)
    outcome = outcome_of(call)
    word = outcome if outcome in {"ok", "open"} else one_line(told["reason"] or outcome, 18)
    return [
        call.call_id,
        f"{call.layer} {call.asked_role}",
        f"{provider}:{model}" if width >= _WIDE else one_line(model, 17),
        f"{word}, fallback" if told["fallback"] and width >= _WIDE else word,
        str(told["hops"]),
        told["cost_eur"].rstrip("0").rstrip(".") or "0",
    ]


def _totals(explained: RunExplained) -> Iterator[str]:
    sums = totals(explained.calls)
    counts = ", ".join(
        f"{sums[name]} {name}" for name in ("answered", "failed", "refused", "open") if sums[name]
    )
    yield (
        f"{counted(sums['calls'], 'call')} ({counts}), {counted(sums['hops'], 'hop')} sent, "
        f"{sums['fallbacks']} by a fallback: "
        f"€ {sums['cost_eur']}, {sums['tokens_in']:,} tokens in, {sums['tokens_out']:,} out"
    )
    if explained.cut:
        yield "the run has more events than were read: these totals are of its beginning"
