"""Readiness, gathered: the facts that criteria are held against, of ledger, configs and node."""

import contextlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from peak_console.budget.limits import Scope
from peak_console.config.configs import Configs
from peak_console.config.lint import LintFinding, Severity
from peak_console.config.load import load_configs
from peak_console.config.readiness import Criteria
from peak_console.config.verifying import Standing
from peak_console.config.workspace import Workspace
from peak_console.control.files import NODE
from peak_console.control.folder import read_file
from peak_console.domain.clock import Clock, from_iso, from_unix_us
from peak_console.domain.errors import ConfigInvalid
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.vocabulary import Phase, PhaseLevel
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.incidents.reading import read_incidents
from peak_console.operations.lint import lint
from peak_console.operations.locking.checking import check
from peak_console.operations.readiness_judging import Drill, LockFacts, ReadinessFacts, VerifiedFacts
from peak_console.operations.readiness_shadow import ShadowEvidence, span, stale_words
from peak_console.operations.readiness_shadow_facts import gather_shadow, models_of
from peak_console.operations.readiness_tallies import Tallies
from peak_console.stats.sketch import QuantileSketch

CYCLE: Final = EventKind.SHADOW_CYCLE_FINISHED
DRILL: Final = "drill.finished"
"""Its body says which ``drill`` it was and whether it ``held``."""

_HOUR: Final = 3600
_PAGE: Final = 500
_MOST: Final = 100_000
"""How many events of a kind are counted at most."""


def gather(
    ws: Workspace,
    reader: LedgerReader | None,
    level: PhaseLevel,
    criteria: Criteria,
    *,
    clock: Clock,
    tallies: Tallies,
) -> tuple[ReadinessFacts, ShadowEvidence]:
    """What is known now of what ``criteria`` ask before ``level``. Without a ledger only configs are known.

    Raises ``LedgerUnavailable``.
    """
    now = clock.now()
    findings = lint(ws, phase=level, today=now.date()).findings
    errors = tuple(_named(one) for one in findings if one.severity is Severity.ERROR)
    configs = _configs(ws, now)
    known = ReadinessFacts(PhaseLevel.RESEARCH, lint_errors=errors, verified=_verified(ws))
    parts: dict[str, Any] = {"lock": _lock(ws, clock)}
    if configs is not None:
        parts |= {"without_scope": _without_scope(configs), "limits_open": limits_open(configs)}
    shadow = ShadowEvidence(models=None if configs is None else models_of(configs))
    if reader is not None:
        parts |= _of_ledger(reader, configs, criteria, now)
        since = (parts["level_since"], parts["level_seq"])
        shadow = gather_shadow(reader, configs, criteria, since=since, now=now, tallies=tallies)
        parts |= _cycles(reader, shadow)
    return _with(known, parts), shadow


def limits_open(configs: Configs) -> tuple[str, ...]:
    """The risk limits that are absent or zero, in the file's order."""
    found = []
    for section in ("orders", "losses"):
        table = getattr(configs.limits, section)
        found += [f"{section}.{key}" for key in type(table).model_fields if not getattr(table, key)]
    return tuple(found)


def level_begun(changes: Iterable[LedgerEvent]) -> tuple[PhaseLevel, LedgerEvent | None]:
    """The level that holds after all ``phase.changed``, ascending, and the event by which it began. Pure.

    A step inside research begins no level; a phase that cannot be read is live.
    """
    level, begun = PhaseLevel.RESEARCH, None
    for event in changes:
        try:
            after = Phase(str((event.body or {}).get("to"))).level
        except ValueError:
            after = PhaseLevel.LIVE
        if after is not level:
            level, begun = after, event
    return level, begun


def _named(finding: LintFinding) -> str:
    return f"{finding.file.rpartition('/')[2]}:{finding.line} {finding.rule}"


def _with(known: ReadinessFacts, parts: Mapping[str, Any]) -> ReadinessFacts:
    fields = {name: getattr(known, name) for name in known.__dataclass_fields__}
    return ReadinessFacts(**{**fields, **parts})


def _configs(ws: Workspace, now: datetime) -> Configs | None:
    """The configs as far as they can be used at all; lint tells what is wrong with them."""
    try:
        return load_configs(ws, today=now.date())
    except ConfigInvalid:
        return None


def _lock(ws: Workspace, clock: Clock) -> LockFacts | None:
    """The lock as shadow asks for it; whether every entry stands on an eval is a criterion of its own."""
    try:
        found = check(ws, phase=PhaseLevel.SHADOW, clock=clock)
    except ConfigInvalid:
        return LockFacts("the configs cannot be used under the rules of shadow", None, 0, 0)
    if found.digest is None:
        return None
    fatal = [one for one in found.problems if one.fatal]
    more = f", and {len(fatal) - 1} more" if len(fatal) > 1 else ""
    attested = sum(one.standing is Standing.ATTESTED for one in found.slots)
    problem = f"{fatal[0].message}{more}" if fatal else ""
    return LockFacts(problem, found.expires_at, len(found.slots), attested)


def _without_scope(configs: Configs) -> tuple[str, ...]:
    return tuple(layer.value for layer in configs.matrix.layers if configs.scopes.find(layer) is None)


def _verified(ws: Workspace) -> VerifiedFacts | None:
    """What the node says in ``node.json``; ``None`` while it has not verified anything."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        told = json.loads(read_file(os.fspath(ws.control / NODE)) or b"{}")["verified"]
        if isinstance(told["ok"], bool):
            return VerifiedFacts(
                told["ok"], told.get("whole") is True, int(told["events"]), from_iso(told["at"])
            )
    return None


def _of_ledger(
    reader: LedgerReader, configs: Configs | None, criteria: Criteria, now: datetime
) -> dict[str, Any]:
    level, begun = level_begun(reversed(_events(reader, EventKind.PHASE_CHANGED.value)))
    first = begun or next(iter(reader.read(0, 1, bodies=False)), None)
    since = from_iso(first.ts) if first else None
    begun_seq = begun.seq if begun else 0
    return {
        "level": level,
        "level_since": since,
        "level_seq": begun_seq,
        **_figures(reader, criteria, now),
        **(_budget(reader, configs, criteria, now) if configs else {}),
        **_incidents(reader),
        "drills": drills_of(reader),
    }


def _figures(reader: LedgerReader, criteria: Criteria, now: datetime) -> dict[str, Any]:
    """Calls, latency and verdicts of the window, by whole hours."""
    since = int((now - timedelta(days=criteria.window_days)).timestamp()) // _HOUR * _HOUR
    latency, last = QuantileSketch(), 0
    for row in reader.rollups(_HOUR, since):
        latency.merge(row.latency)
        if row.calls:
            last = max(last, row.start)
    p95_us = latency.quantile(0.95) if latency.count else None
    verdicts: Counter[str] = Counter()
    for counted in reader.critic(_HOUR, since):
        verdicts[counted.names[1]] += counted.count
    ended = min(from_unix_us((last + _HOUR) * 1_000_000), now) if last else None
    return {
        "calls": latency.count,
        "p95_ms": None if p95_us is None else round(p95_us / 1000),
        "verdicts": dict(verdicts),
        "last_call_at": ended,
    }


def _budget(reader: LedgerReader, configs: Configs, criteria: Criteria, now: datetime) -> dict[str, Any]:
    """The worst day of the window; nothing where no day has a limit in EUR above zero."""
    limits = configs.budgets.limits
    most = next((one.max_cost for one in limits.limits if one.scope is Scope.DAY and not one.layer), None)
    if not most:
        return {}
    zone = ZoneInfo(limits.timezone)
    first = (now - timedelta(days=criteria.window_days)).astimezone(zone).date().isoformat()
    days = {
        row.key.removeprefix("day:"): row.spent_cost
        for row in reader.budgets()
        if row.key.startswith("day:") and row.key.removeprefix("day:") >= first
    }
    if not days:
        return {}
    day = max(days, key=lambda one: (days[one], one))
    return {"budget_used_pct": Decimal(100 * days[day]) / most, "budget_day": day}


def _incidents(reader: LedgerReader) -> dict[str, Any]:
    """Incidents opened and not closed, tests and drills left out, and since when a node watches for them.

    Without either nothing is known: it may be that nobody watched.
    """
    real = [one for one in read_incidents(reader).values() if one.counts]
    starts = _events(reader, EventKind.NODE_STARTED.value)
    first = next((one for one in reversed(starts) if (one.body or {}).get("watches") is True), None)
    return {
        "open_incidents": sum(one.is_open for one in real) if real or first is not None else None,
        "watched_since": from_iso(first.ts) if first else None,
        "watched_seq": first.seq if first else 0,
    }


def _cycles(reader: LedgerReader, shadow: ShadowEvidence) -> dict[str, Any]:
    """Shadow cycles since the level began that show something; ``None`` where none was ever recorded."""
    if reader.last(CYCLE) is None:
        return {}
    since = shadow.level_since
    begun = [one for one in shadow.counted if since is None or one.at >= since]
    ended = [one for one in begun if one.shows]
    return {"cycles": len(ended), "cycles_at": span(ended), "cycles_stale": stale_words(begun)}


def drills_of(reader: LedgerReader) -> dict[str, Drill]:
    """The newest drill of every name; raises ``LedgerUnavailable``."""
    found: dict[str, Drill] = {}
    for event in _events(reader, DRILL):
        body = event.body or {}
        name = str(body.get("drill", ""))
        if name not in found:  # the newest comes first
            found[name] = Drill(from_iso(event.ts), body.get("held") is True, event.seq)
    return found


def _events(reader: LedgerReader, kind: str) -> list[LedgerEvent]:
    """All events of a kind, the newest first."""
    wanted = EventFilter(kinds=(kind,))
    events: list[LedgerEvent] = []
    before: int | None = None
    while len(events) < _MOST:
        page = reader.find(wanted, before, _PAGE)
        events += page.events
        if page.next_before is None:
            break
        before = page.next_before
    return events
