"""``peak runs replay``: every pure decision that a run recorded, judged again with the recorded inputs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from peak_console.config.workspace import Workspace
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.ledger import existing
from peak_console.operations.replaying.budget import RunCounters, replay_admission
from peak_console.operations.replaying.configs import Known, Versions, config_changes
from peak_console.operations.replaying.critic import replay_judgement
from peak_console.operations.replaying.gate import replay_gate_decision
from peak_console.operations.replaying.money import replay_bound, replay_cost
from peak_console.operations.replaying.policy import (
    replay_denial,
    replay_echo,
    replay_following,
    replay_names,
)
from peak_console.operations.replaying.record import PRUNED, CallRecord, calls_of, rows_of
from peak_console.operations.replaying.report import Decision, Findings, ReplayReport
from peak_console.operations.replaying.routing import replay_choices, replay_route
from peak_console.operations.replaying.texts import replay_request, texts_of
from peak_console.operations.runs_read import events_of

_ADMITTED: Final = frozenset({EventKind.CALL_REQUESTED.value, EventKind.CALL_REFUSED.value})

Judge = Callable[[Known, Findings], None]


def replay(ws: Workspace, run_id: str) -> ReplayReport:
    """Judge the decisions of a run again; calls nobody and writes nothing.

    Raises ``UsageWrong`` for what is no run id, ``NoSuchRun``, ``LedgerUnavailable``.
    """
    with LedgerReader(existing(ws).ledger) as reader:
        events, cut = events_of(reader, run_id)
        changes = config_changes(reader)
    return replayed(run_id, events, Versions(ws, changes), texts_of(ws.runs / run_id), cut=cut)


def replayed(
    run_id: str,
    events: Sequence[LedgerEvent],
    versions: Versions,
    texts: Mapping[str, str],
    *,
    cut: bool = False,
) -> ReplayReport:
    """The report on a run's events, ascending, by these configs and texts."""
    found = Findings()
    calls = calls_of(events)
    _replay_budgets(run_id, events, versions, found)
    for event in events:
        for judge in _judges_of(event, calls, texts):
            found.take(_best(judge, versions.at(event)))
    for call in calls.values():
        _replay_call(call, versions, found)
    return ReplayReport(
        run_id,
        len(events),
        dict(sorted(found.checked.items())),
        tuple(sorted(found.differs, key=lambda one: one.seq)),
        tuple(sorted(found.skipped, key=lambda one: one.seq)),
        cut,
    )


def _judges_of(event: LedgerEvent, calls: Mapping[str, CallRecord], texts: Mapping[str, str]) -> list[Judge]:
    """What is to be judged again of one event alone."""
    kind = event.kind
    if kind in _ADMITTED and event.body is None:
        return [lambda _, found: found.skip(Decision.ROUTING, event, PRUNED)]
    judges: list[Judge] = []
    if rows_of(event):
        judges.append(lambda known, found: replay_route(event, known, found))
    if kind == EventKind.CALL_REQUESTED:
        judges += [
            lambda known, found: replay_bound(event, known, found),
            lambda known, found: replay_names(event, known, found),
            lambda known, found: replay_request(event, texts, known, found),
        ]
    elif kind in {EventKind.CALL_COMPLETED, EventKind.CALL_FAILED}:
        judges.append(lambda known, found: replay_echo(event, known, found))
    elif kind == EventKind.POLICY_DENIED:
        judges.append(lambda known, found: replay_denial(event, known, found))
    elif kind == EventKind.CRITIC_JUDGED:
        judges.append(lambda known, found: replay_judgement(event, calls, texts, known, found))
    elif kind == EventKind.GATE_DECIDED:
        judges.append(lambda _, found: replay_gate_decision(event, found))
    return judges


def _replay_call(call: CallRecord, versions: Versions, found: Findings) -> None:
    """What is judged over a whole call: who was asked in turn, what each hop cost, how it ended."""
    replay_choices(call, found)
    opening = next((one for one in call.events if one.kind in _ADMITTED), None)
    if opening is None:
        return
    found.take(_best(lambda known, one: replay_following(call, known, one), versions.at(opening)))
    for hop in call.hops.values():
        at = hop.requested or opening
        found.take(_best(lambda known, one, hop=hop: replay_cost(hop, known, one), versions.at(at)))  # type: ignore[misc]


def _replay_budgets(run_id: str, events: Sequence[LedgerEvent], versions: Versions, found: Findings) -> None:
    counters = RunCounters(run_id)
    for event in events:
        if event.kind in _ADMITTED:
            judged = _best(
                lambda known, one, event=event: replay_admission(event, counters, known, one),  # type: ignore[misc]
                versions.at(event),
            )
            found.take(judged)
        counters.take(event)


def _best(judge: Judge, moments: Sequence[Known]) -> Findings:
    """What was found by the configs that fit best, where a change stood close to the event."""
    tried: list[Findings] = []
    for known in moments:
        found = Findings()
        judge(known, found)
        if not found.differs and (found.checked or not found.skipped):
            return found
        tried.append(found)
    return min(tried, key=lambda one: len(one.differs))
