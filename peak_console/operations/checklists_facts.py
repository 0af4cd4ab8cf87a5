"""Checklists, gathered: what is known of each item, from configs, ledger, log and the node's figures."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from peak_console.config.console import ConsoleConfig
from peak_console.config.incidents import IncidentsConfig
from peak_console.config.readiness import Criteria, ReadinessConfig
from peak_console.config.sources import MAIN_FILES, read_either
from peak_console.config.workspace import Workspace
from peak_console.control.breakers import ORDER_BREAKERS, BreakerSays
from peak_console.control.gate import CallGate
from peak_console.control.sockets import find_socket
from peak_console.domain.clock import Clock
from peak_console.domain.errors import ConfigInvalid, LedgerUnavailable, PeakError
from peak_console.domain.events import EventKind
from peak_console.domain.text import one_line
from peak_console.domain.vocabulary import Phase, PhaseLevel
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.checklists_deny import try_deny
from peak_console.operations.checklists_judging import (
    FIGURES_S,
    NOTE_LIMIT,
    ChecklistFacts,
    ListName,
    Shown,
    Signature,
    bad,
    good,
    unknown,
)
from peak_console.operations.criterion import CriterionResult
from peak_console.operations.lint import lint
from peak_console.operations.locking.checking import check
from peak_console.operations.logs import read_log
from peak_console.operations.readiness import readiness
from peak_console.operations.readiness_facts import drills_of
from peak_console.operations.readiness_judging import Drill
from peak_console.operations.scraping import scraped
from peak_console.operations.views.body_fields import text_of, time_of

_PAGE: Final = 200
_LINES: Final = 200
_STATUS_S: Final = 1.0
_EVAL: Final = "eval.finished"
_LOGGED: Final = ("run_id", "provider", "model_id")
_COVERED: Final = frozenset({"drill:arm", "drill:rollback", "drill:stop", "drill:disarm"})
"""Criteria of readiness that are items of the list already."""


def gather(ws: Workspace, name: ListName, clock: Clock) -> ChecklistFacts:
    """What is known now of the items of ``name``. Raises ``LedgerUnavailable`` where readiness needs it."""
    now = clock.now()
    record, matrix = _on_record(ws, name), matrix_digest(ws)
    facts = ChecklistFacts(
        drills=record.drills, drill_days=_drill_days(ws), signatures=record.signatures, matrix=matrix
    )
    match name:
        case ListName.PRE_MERGE:
            tried = try_deny(ws, now.date())
            deny = Shown(tried.held, tried.evidence, now)
            return replace(facts, deny=deny, lint=_lint(ws, now), log=_log(ws, now), evals=_evals(ws))
        case ListName.PRE_SHADOW:
            return replace(facts, lock=_lock(ws, clock), dashboards=_dashboards(ws, clock))
        case ListName.PRE_LIVE:
            return replace(
                facts,
                contacts=_contacts(ws, now),
                order_breakers=_order_breakers(ws, now),
                triggers=_triggers(ws, now),
                readiness=_live(ws, clock),
            )


def matrix_digest(ws: Workspace) -> str:
    """The SHA-256 of the matrix as it lies there; empty where there is none."""
    document, _ = read_either(ws.root, MAIN_FILES["matrix"])
    return document.sha256 if document.text else ""


@dataclass(frozen=True, slots=True)
class _OnRecord:
    """What the ledger says; nothing where it cannot be read."""

    drills: Mapping[str, Drill] = field(default_factory=dict)
    signatures: Mapping[str, Signature] = field(default_factory=dict)


def _on_record(ws: Workspace, name: ListName) -> _OnRecord:
    if not ws.ledger.exists():
        return _OnRecord()
    try:
        with LedgerReader(ws.ledger) as reader:
            return _OnRecord(drills_of(reader), _signatures(reader, name))
    except LedgerUnavailable:
        return _OnRecord()


def _signatures(reader: LedgerReader, name: ListName) -> dict[str, Signature]:
    """The newest word on each item of a list."""
    found: dict[str, Signature] = {}
    page = reader.find(EventFilter(kinds=(EventKind.CHECKLIST_SIGNED.value,)), None, _PAGE)
    for event in page.events:
        body = event.body or {}
        item, evidence = text_of(body.get("item")), body.get("evidence")
        if body.get("checklist") != name.value or item is None or item in found:
            continue
        under = evidence.get("matrix") if isinstance(evidence, Mapping) else None
        found[item] = Signature(
            one_line(str(body.get("operator", "")), 64),
            one_line(str(body.get("note", "")), NOTE_LIMIT),
            time_of(event),
            event.seq,
            text_of(under) or "",
        )
    return found


def _drill_days(ws: Workspace) -> int:
    """How old a drill may be, as readiness asks it before live; its default where the file is wrong."""
    document, _ = read_either(ws.root, MAIN_FILES["readiness"])
    try:
        return ReadinessConfig.model_validate(document.data or {}).live.max_drill_age_days
    except ValidationError:
        return Criteria().max_drill_age_days


def _lint(ws: Workspace, now: datetime) -> Shown:
    report = lint(ws, today=now.date())
    return Shown(
        not report.errors,
        f"{report.errors} errors, {report.warnings} warnings under the rules of {report.phase}",
        now,
    )


def _evals(ws: Workspace) -> Shown:
    """No eval is compared with another yet: an operator's word is all there is."""
    try:
        with LedgerReader(ws.ledger) as reader:
            ran = reader.last(_EVAL)
    except LedgerUnavailable:
        return unknown("the ledger cannot be read")
    if ran is None:
        return unknown("no eval is on record")
    return unknown(f"the last eval is #{ran.seq}; nothing compares it with the one before", time_of(ran))


def _log(ws: Workspace, now: datetime) -> Shown:
    """Whether the newest lines of calls hold what the contract of the log line names."""
    page = read_log(ws.log, "", now=now, limit=_LINES)
    if page.freshness.why or page.problem:
        return unknown(page.freshness.why or page.problem)
    calls = [one for one in page.lines if one.fields.get("outcome") in {"ok", "failed"}]
    if not calls:
        return unknown(f"no call among the newest {len(page.lines)} lines")
    lacking = sorted({name for one in calls for name in _LOGGED if not one.fields.get(name)})
    if lacking:
        return bad(f"missing in some of {len(calls)} lines: {', '.join(lacking)}", calls[0].ts)
    return good(f"all there in {len(calls)} lines of calls", calls[0].ts)


def _lock(ws: Workspace, clock: Clock) -> Shown:
    """The lock as shadow asks for it."""
    now = clock.now()
    try:
        found = check(ws, phase=PhaseLevel.SHADOW, clock=clock)
    except ConfigInvalid:
        return bad("the configs cannot be used under the rules of shadow", now)
    except LedgerUnavailable as error:
        return unknown(error.message)
    if found.digest is None:
        return bad("there is no lock", now)
    fatal = [one.message for one in found.problems if one.fatal]
    if fatal:
        return bad(one_line(fatal[0], 200), now)
    return good(f"{found.digest[:12]} covers {len(found.slots)} candidates", now)


def _dashboards(ws: Workspace, clock: Clock) -> Shown:
    """Whether /metrics answers, and the figures of Live are of now."""
    now = clock.now()
    lease = CallGate(ws.control, clock, {}).lease()
    if lease is None:
        return bad("no node runs, so nothing serves figures", now)
    if lease.metrics_url is None:
        return bad("/metrics is not served: see [exporters.metrics] of configs/console.toml", now)
    if problem := scraped(lease.metrics_url).problem:
        return bad(f"{lease.metrics_url} {problem}", now)
    from peak_console.operations.views.live_source import LiveSource  # noqa: PLC0415 - for this list alone

    source = LiveSource(ws, clock=clock)
    try:
        live = source.live(None)
    finally:
        source.close()
    as_of = live.freshness.as_of
    if as_of is None or (clock.now() - as_of).total_seconds() > FIGURES_S:
        return bad(f"/metrics answers; Live shows old figures: {live.freshness.why or 'stale'}", now)
    return good("/metrics answers, Live's figures are of now", now)


def _contacts(ws: Workspace, now: datetime) -> Shown:
    """Whom to call, from ``configs/console.toml``; a file that is wrong names nobody."""
    document, _ = read_either(ws.root, MAIN_FILES["console"])
    try:
        contacts = ConsoleConfig.model_validate(document.data or {}).contacts
    except ValidationError:
        return bad(f"{document.name} is wrong: see peak lint", now)
    if not contacts:
        return unknown(f"no [[contacts]] in {document.name}", now)
    first = one_line(contacts[0].name, 60)
    return good(f"{len(contacts)} named in {document.name}, first {first}", now)


def _triggers(ws: Workspace, now: datetime) -> Shown:
    """Whether every trigger is watched, by ``configs/incidents.toml``."""
    document, _ = read_either(ws.root, MAIN_FILES["incidents"])
    try:
        off = IncidentsConfig.model_validate(document.data or {}).off
    except ValidationError:
        return bad(f"{document.name} is wrong: see peak lint", now)
    if document.trouble is not None and document.trouble.rule != "file.missing":
        return bad(f"{document.name} is wrong: see peak lint", now)
    return bad(f"switched off: {', '.join(off)}", now) if off else good("all are watched", now)


def _order_breakers(ws: Workspace, now: datetime) -> Shown:
    """What the node says of each breaker of orders; one whose figure nobody knows is not clear."""
    try:
        path = find_socket(ws.control)
        with BlockingLedgerClient.connect(path, name="checklist", deadline_s=_STATUS_S) as client:
            told = client.request("status")["order_breakers"]
        return judged_breakers({str(one["breaker"]): str(one["says"]) for one in told}, now)
    except PeakError as error:
        return unknown(error.message)
    except (KeyError, TypeError):
        return unknown("the node does not tell of breakers of orders")


def judged_breakers(says: Mapping[str, str], now: datetime) -> Shown:
    """Breakers of orders by what they say: all of them must, and clear. Pure."""
    said = {one.value: says.get(one.value, BreakerSays.UNKNOWN.value) for one in ORDER_BREAKERS}
    tripped = [name for name, word in said.items() if word == BreakerSays.TRIPPED]
    if tripped:
        return bad(f"tripped, or without figures in live: {', '.join(tripped)}", now)
    blind = [name for name, word in said.items() if word != BreakerSays.CLEAR]
    if blind:
        return unknown(f"no figures for: {', '.join(blind)}", now)
    return good(f"clear: {', '.join(said)}", now)


def _live(ws: Workspace, clock: Clock) -> tuple[CriterionResult, ...]:
    """What readiness asks before live, without what the list has of its own."""
    found = readiness(ws, Phase.LIVE, clock=clock)
    return tuple(one for one in found.criteria if one.id not in _COVERED)
