"""``peak runs``: runs as lists, one run's story, and its decisions judged again."""

from collections.abc import Iterator

import click

from peak_console.cli.moments import ago_or_time
from peak_console.cli.options import Invocation, common
from peak_console.cli.output import brief_eur, counted, table, width
from peak_console.domain.events import LedgerEvent
from peak_console.domain.text import one_line
from peak_console.domain.vocabulary import Layer
from peak_console.operations.replaying.replay import replay
from peak_console.operations.replaying.report import ReplayReport
from peak_console.operations.runs import LOOSE, LOST_CALLER, OPEN, OUTCOMES, RunLine
from peak_console.operations.runs_read import (
    LISTED,
    RunsListed,
    RunsWanted,
    RunTold,
    list_runs,
    show_run,
    step_words,
)

_WIDE = 110
_STEPS = 200
"""Steps of a timeline that people are shown."""
_SKIPPED = 10
_STANDS = {
    OPEN: "not finished: it may still be at work, or whoever made it ended without a word",
    LOST_CALLER: "not finished: the connection of whoever made it ended in mid-call",
    LOOSE: "calls under a run id that nobody began as a run",
}


@click.group("runs", epilog="Example: peak runs list --outcome failed")
def command() -> None:
    """Runs: what was done under one id, how it ended, what it cost, and whether its decisions hold."""


@command.command("list", epilog="Example: peak runs list --layer L2 --since 24h")
@click.option("--limit", type=click.IntRange(1, 1000), default=LISTED, help="How many runs.")
@click.option("--before", metavar="RUN_ID", help="Go on behind this run.")
@click.option("--layer", type=click.Choice([layer.value for layer in Layer]), help="Runs that asked it.")
@click.option("--outcome", type=click.Choice(OUTCOMES), help="How the run stands.")
@click.option("--verdict", type=click.Choice(["PASS", "REVIEW", "FAIL"]), help="The critics' strictest word.")
@click.option("--phase", help="The phase in which it began.")
@click.option("--since", metavar="WHEN", help="Begun since: a UTC time, or how long ago (30m, 24h, 7d).")
@click.option("--until", metavar="WHEN", help="Begun before: likewise.")
@common
def list_command(  # noqa: PLR0917 - click names every argument
    invocation: Invocation,
    limit: int,
    before: str | None,
    layer: str | None,
    outcome: str | None,
    verdict: str | None,
    phase: str | None,
    since: str | None,
    until: str | None,
) -> int:
    """The newest runs, read from the ledger; conditions must all hold."""
    wanted = RunsWanted(layer, outcome, verdict, phase, ago_or_time(since), ago_or_time(until))
    listed = list_runs(invocation.workspace(), limit=limit, before=before, wanted=wanted)
    invocation.reporter.result(listed.as_json(), *_list_lines(listed))
    return 0


@command.command("show", epilog="Example: peak runs show 20261122_210645_5ha025")
@click.argument("run_id", metavar="RUN_ID")
@common
def show_command(invocation: Invocation, run_id: str) -> int:
    """One run step by step: calls, critics, gate and orders, its files against their hashes, its costs."""
    told = show_run(invocation.workspace(), run_id)
    invocation.reporter.result(told.as_json(), *_run_lines(told))
    return 0


@command.command("replay", epilog="Example: peak runs replay 20261122_210645_5ha025")
@click.argument("run_id", metavar="RUN_ID")
@common
def replay_command(invocation: Invocation, run_id: str) -> int:
    """Judge every recorded decision of a run again: routes, bounds, costs, policy, budgets, critics.

    Takes the inputs from the ledger, the kept versions of the configs and the run's texts; calls nobody. Exit
    1 where a decision comes out otherwise; what could not be judged again is told with its reason.
    """
    report = replay(invocation.workspace(), run_id)
    invocation.reporter.result(report.as_json(), *_replay_lines(report))
    return 0 if report.holds else 1


def _list_lines(listed: RunsListed) -> Iterator[str]:
    if not listed.lines:
        yield f"no run fits, of {listed.looked_at:,} looked at"
    else:
        wide = not width() or width() >= _WIDE
        heads = ["run", *(["began"] if wide else []), "layers", "outcome", "calls", "critic", "cost €"]
        heads += ["gate", "purpose"] if wide else []
        yield from table(heads, [_row(one, wide=wide) for one in listed.lines])
    if listed.next_before:
        yield f"there are more: peak runs list --before {listed.next_before}"


def _row(line: RunLine, *, wide: bool) -> list[str]:
    return [
        line.run_id,
        *([f"{line.started:%m-%d %H:%M:%S}"] if wide else []),
        " ".join(line.layers) or line.layer or "-",
        line.outcome,
        f"{line.calls}" + (f" ({line.failed} failed)" if line.failed else ""),
        line.verdict or "-",
        brief_eur(line.cost),
        *([line.gate or "-", line.purpose] if wide else []),
    ]


def _run_lines(told: RunTold) -> Iterator[str]:
    line = told.line
    yield f"run {line.run_id}{f': {line.purpose}' if line.purpose else ''}"
    began = f"began {line.started:%Y-%m-%d %H:%M:%S}Z by {line.actor} in phase {line.phase or 'unknown'}"
    ended = f"finished {line.finished:%H:%M:%S}Z: {line.outcome}" if line.finished else _STANDS[line.outcome]
    yield f"{began}; {ended}"
    yield (
        f"{counted(line.calls, 'call')}, {line.hops} sent, {line.failed} failed, {line.refused} refused, "
        f"{counted(line.fallbacks, 'fallback')}; critic {line.verdict or 'not asked'}, "
        f"gate {line.gate or 'not asked'}, {counted(line.orders, 'order')}"
    )
    bound = f", of which {brief_eur(line.at_bound)} at bounds" if line.at_bound else ""
    yield f"€ {brief_eur(line.cost)}{bound}; {line.tokens_in:,} tokens in, {line.tokens_out:,} out"
    if line.pruned:
        yield f"pruned to hashes: {counted(line.pruned, 'event')}, whose part of these figures is not known"
    yield ""
    yield from table(["#", "time", "what", "who", "said"], [_step(one) for one in told.events[:_STEPS]])
    if len(told.events) > _STEPS or told.cut:
        yield f"… {counted(len(told.events) - _STEPS, 'more step')}: --json has the rest"
    yield ""
    for one in told.artefacts:
        yield f"{one.state:10} {one_line(one.path, 120)}  {one.sha256[:12]}"
    if not told.artefacts:
        yield "no files were written by it"
    yield "its texts are kept" if told.texts else "its texts are gone; their hashes stand"
    yield f"its evidence: {told.evidence}" if told.evidence else "no evidence pack was built of it"
    yield f"judge its decisions again: peak runs replay {line.run_id}"
    if line.gate:
        yield f"have the gate decide again: peak gate replay --run {line.run_id}"


def _step(event: LedgerEvent) -> list[str]:
    who = f"{event.provider}:{event.model_id}" if event.model_id else one_line(event.actor, 40)
    slot = f" {event.layer} {event.role}" if event.layer and event.role else ""
    return [str(event.seq), event.ts[11:23], f"{event.kind}{slot}", one_line(who, 40), step_words(event)]


def _replay_lines(report: ReplayReport) -> Iterator[str]:
    judged = sum(report.checked.values())
    events = counted(report.events, "event")
    yield f"run {report.run_id}: {counted(judged, 'judgement')} of {events} made again"
    yield from table(["decision", "judged"], [[kind, f"{count:,}"] for kind, count in report.checked.items()])
    if report.differs:
        yield ""
        for one in report.differs:
            yield f"DIFFERS #{one.seq} {one.kind}: {one.what}"
            yield f"  recorded {one.recorded}"
            yield f"  replayed {one.replayed}"
    reasons: dict[tuple[str, str], list[int]] = {}
    for left in report.skipped:
        reasons.setdefault((left.kind.value, left.why), []).append(left.seq)
    if reasons:
        yield ""
        for (kind, why), places in list(reasons.items())[:_SKIPPED]:
            yield f"not judged: {len(places)} of {kind} (#{places[0]} …): {why}"
        if len(reasons) > _SKIPPED:
            yield f"… {counted(len(reasons) - _SKIPPED, 'more reason')}: --json has the rest"
    if report.cut:
        yield "the run has more events than were read: this is of its beginning"
    yield ""
    yield (
        f"{counted(len(report.differs), 'decision')} {'differs' if len(report.differs) == 1 else 'differ'}"
        if report.differs
        else "every decision that could be judged again came out as recorded"
    )
