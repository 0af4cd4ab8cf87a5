"""What stood in the workspace when an event was written: posture, phase, node, matrix, budgets, breakers.

Folded from the events before it, in bounded time: the past is told as it was, never as it is now.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from peak_console.budget.limits import BudgetLimits, Scope, scope_keys, with_own
from peak_console.config.workspace import Workspace
from peak_console.control.history import ControlHistory
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.posture import PostureState
from peak_console.domain.text import one_line
from peak_console.domain.vocabulary import Phase
from peak_console.ledger.as_of.reader import AsOfReader
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.folds.run_limits import limit_of
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.replaying.configs import Versions, config_changes
from peak_console.operations.views.body_fields import mapping, text_of, time_of
from peak_console.operations.views.breaker_fold import breaker_lines
from peak_console.operations.views.breakers import BreakerLine
from peak_console.operations.views.config_facts import lines_of
from peak_console.operations.why_moment import BudgetThen, Cause, Then

_CONTROL: Final = (EventKind.CONTROL_ENABLED.value, EventKind.CONTROL_STOPPED.value)
_SAVES: Final = (EventKind.MATRIX_CHANGED.value, EventKind.MATRIX_ROLLED_BACK.value)
_FOLDED: Final = 500
"""Enables and stops that are folded: what holds follows from the last few."""


def before_event(ws: Workspace, event: LedgerEvent, *, money: bool = True) -> Then:
    """What stood when ``event`` was written; ``money`` adds budgets and breakers of its call.

    Raises ``LedgerUnavailable``.
    """
    limits, problem = _limits(ws, event) if money else (None, "")
    zone = limits.timezone if limits else "Europe/Berlin"
    with AsOfReader(ws.ledger, event.seq - 1, timezone=zone) as reader:
        budgets = tuple(_budgets(reader, limits, event)) if limits else ()
        breakers = breaker_lines(reader, time_of(event)) if money else ()
        return standing(reader, event, budgets=budgets, breakers=breakers, problem=problem)


def standing(
    reader: LedgerReader,
    event: LedgerEvent,
    *,
    budgets: tuple[BudgetThen, ...] = (),
    breakers: tuple[BreakerLine, ...] = (),
    problem: str = "",
) -> Then:
    """What holds at a reader's head, told beside ``event``. Raises ``LedgerUnavailable``."""
    history, enabled = _control(reader)
    phase = reader.last(EventKind.PHASE_CHANGED)
    node = reader.last(EventKind.NODE_STARTED)
    digest, matrix = _matrix(reader, event, node)
    begun = _begun(reader, event.run_id)
    return Then(
        seq=event.seq,
        at=event.ts,
        posture=(PostureState.DISARMED if history.in_force else PostureState.STOPPED).value,
        posture_by=enabled,
        phase=_said(phase, "to") or Phase.BOOTSTRAP.value,
        phase_by=cause_of(phase),
        node=cause_of(node),
        session=_said(node, "session"),
        version=_said(node, "version"),
        matrix_digest=digest,
        matrix_by=matrix,
        operators=tuple(_operators(reader)),
        budgets=budgets,
        breakers=breakers,
        run_by=cause_of(begun),
        run_purpose=_said(begun, "purpose"),
        problem=problem,
        pruned=isinstance(reader, AsOfReader) and reader.pruned,
    )


def cause_of(event: LedgerEvent | None) -> Cause | None:
    """An event as the cause of something; every text on one line."""
    if event is None:
        return None
    return Cause(
        event.seq,
        event.event_id,
        event.kind,
        event.ts,
        one_line(event.actor, 100),
        _said(event, "operator") or _said(event, "by"),
        _said(event, "reason"),
    )


# -- within


def _control(reader: LedgerReader) -> tuple[ControlHistory, Cause | None]:
    """The fold of enables and stops, and the event that made what holds."""
    events = reader.find(EventFilter(kinds=_CONTROL), None, _FOLDED).events[::-1]
    history, last = ControlHistory(), None
    for event in events:
        after = history.after(event.kind, event.event_id, event.body or {}, event.ts)
        if after is not history and after.last == event.event_id:
            last = event if after.in_force in {None, event.event_id} else last
        history = after
    return history, cause_of(last)


def _matrix(reader: LedgerReader, event: LedgerEvent, node: LedgerEvent | None) -> tuple[str, Cause | None]:
    """The matrix then, and what put it there: an operator's save, a change seen, the node's start."""
    own = text_of((event.body or {}).get("matrix_digest"))
    changed = reader.find(EventFilter(kinds=(EventKind.CONFIG_CHANGED.value,)), None, _FOLDED).events
    found = [one for one in changed if _said(one, "file") == "matrix" and (not node or one.seq > node.seq)]
    seen = found[0] if found else None
    before = found[1].seq if len(found) > 1 else node.seq if seen and node else 0
    started = text_of(mapping((node.body or {}).get("digests")).get("matrix")) if node else None
    digest = own or _said(seen, "new") or started or ""
    saves = reader.find(EventFilter(kinds=_SAVES), None, _FOLDED).events
    save = next((one for one in saves if one.seq > before and digest and _said(one, "new") == digest), None)
    return digest, cause_of(save or seen or node)


def _begun(reader: LedgerReader, run_id: str | None) -> LedgerEvent | None:
    events = reader.by_run(run_id, 0, 50) if run_id else []
    return next((one for one in events if one.kind == EventKind.RUN_STARTED), None)


def _operators(reader: LedgerReader) -> list[str]:
    kinds = (EventKind.OPERATOR_ENROLLED.value, EventKind.OPERATOR_REMOVED.value)
    names: dict[str, None] = {}
    for event in reader.find(EventFilter(kinds=kinds), None, _FOLDED).events[::-1]:
        name = _said(event, "operator")
        if event.kind == EventKind.OPERATOR_ENROLLED:
            names[name] = None
        else:
            names.pop(name, None)
    return list(names)


def _limits(ws: Workspace, event: LedgerEvent) -> tuple[BudgetLimits | None, str]:
    """The limits of that time; or why they are not known."""
    with LedgerReader(ws.ledger) as reader:
        known = Versions(ws, config_changes(reader)).at(event)[0]
    if known.configs is None:
        return None, known.why
    return known.configs.budgets.limits, ""


def _budgets(reader: AsOfReader, limits: BudgetLimits, event: LedgerEvent) -> Iterable[BudgetThen]:
    """Every limit that bound the event's call, with what counted against it before."""
    phase = reader.last(EventKind.PHASE_CHANGED)
    bound = scope_keys(
        limits,
        call_id=event.call_id,
        run_id=event.run_id,
        layer=event.layer,
        at=time_of(event),
        phase_since=phase.ts if phase else "",
    )
    own = mapping((_begun_body(reader, event.run_id)).get("limits"))
    if own and event.run_id:
        bound = with_own(bound, limit_of(own), event.run_id)
    found = reader.counters([key for limit, key in bound if limit.scope is not Scope.CALL])
    recent = None
    for limit, key in bound:
        if limit.scope is Scope.CALL:
            continue
        if limit.max_calls_per_min is not None and recent is None:
            recent = reader.calls_since(time_of(event))
        asked = None
        if recent is not None:
            asked = sum(recent.values()) if limit.layer is None else recent.get(limit.layer, 0)
        lines = lines_of(limit, key, found.rows.get(key), float(limits.warn_pct), asked)
        rough = key in found.money_only
        yield from (BudgetThen(line, rough) for line in lines if not rough or line.unit == "eur")


def _begun_body(reader: LedgerReader, run_id: str | None) -> Mapping[str, Any]:
    begun = _begun(reader, run_id)
    return (begun.body or {}) if begun else {}


def _said(event: LedgerEvent | None, name: str) -> str:
    """A field of an event's body as one harmless line; empty where there is none."""
    value = (event.body or {}).get(name) if event is not None else None
    return one_line(str(value), 200) if value not in {None, ""} and not isinstance(value, dict | list) else ""
