"""The incidents of a workspace, and one of them whole, as screens and commands show them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from peak_console.config.console import ConsoleConfig, Contact
from peak_console.config.sources import MAIN_FILES, read_either
from peak_console.config.workspace import Workspace
from peak_console.domain.clock import Clock, SystemClock, iso
from peak_console.domain.errors import LedgerUnavailable, UsageWrong
from peak_console.domain.text import one_line
from peak_console.incidents.cards import card, filled
from peak_console.incidents.fold import Incident
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.incidents.reading import line_of, lines_of, one_incident, read_incidents
from peak_console.operations.incidents.surroundings import (
    BEFORE,
    affected,
    events_around,
    runs_alive,
    timeline,
)
from peak_console.operations.views.freshness import Freshness
from peak_console.operations.views.incidents import ContactLine, IncidentDetail, IncidentsFacts

NOBODY = "nobody is named in configs/console.toml: add [[contacts]]"


def incidents_facts(ws: Workspace, clock: Clock | None = None) -> IncidentsFacts:
    """Every incident, open ones first, and whom to call. Never raises: ``freshness`` says why not."""
    now = (clock or SystemClock()).now()
    try:
        with LedgerReader(ws.ledger) as reader:
            return facts_of(ws, read_incidents(reader), now)
    except LedgerUnavailable as error:
        return facts_without(ws, error, now)


def incident_detail(
    ws: Workspace, incident_id: str, clock: Clock | None = None, *, stopped: Sequence[str] = ()
) -> IncidentDetail:
    """One incident with timeline, card, affected scopes and runs; ``stopped`` are scopes stopped now.

    Never raises: an incident that is not there has no ``line``, and ``freshness`` says why.
    """
    now = (clock or SystemClock()).now()
    try:
        with LedgerReader(ws.ledger) as reader:
            return detail_of(reader, read_incidents(reader), incident_id, now, stopped=stopped)
    except LedgerUnavailable as error:
        return detail_without(error, now)


def detail_as_json(detail: IncidentDetail, contacts: Sequence[ContactLine] = ()) -> dict[str, Any]:
    """A page as ``peak incident show --json`` prints it."""
    return {
        "incident": None if detail.line is None else detail.line.as_json(),
        "timeline": [
            {
                "at": iso(one.at),
                "what": one.what,
                "detail": one.detail,
                "actor": one.actor,
                "seq": one.seq,
                "tone": one.tone or None,
            }
            for one in detail.timeline
        ],
        "affected": list(detail.affected),
        "runs": list(detail.runs),
        "contacts": [
            {"name": one.name, "role": one.role, "reach": one.reach, "note": one.note} for one in contacts
        ],
        "card": detail.card,
    }


def facts_of(ws: Workspace, known: Mapping[str, Incident], now: datetime) -> IncidentsFacts:
    """The facts from incidents that were read."""
    contacts, problem = contacts_of(ws)
    return IncidentsFacts(now, lines_of(known.values()), contacts, problem, Freshness(now))


def facts_without(ws: Workspace, error: LedgerUnavailable, now: datetime) -> IncidentsFacts:
    """The facts where the ledger cannot be read; one that was never made holds no incident."""
    contacts, problem = contacts_of(ws)
    return IncidentsFacts(now, (), contacts, problem, freshness_of(error, now))


def detail_of(
    reader: LedgerReader,
    known: Mapping[str, Incident],
    incident_id: str,
    now: datetime,
    *,
    stopped: Sequence[str] = (),
) -> IncidentDetail:
    """One incident from those that were read. Raises ``LedgerUnavailable``."""
    try:
        one = one_incident(known, incident_id)
    except UsageWrong as error:
        return IncidentDetail(now, None, freshness=Freshness(now, error.message, error.remedy))
    events = events_around(reader, one)
    return IncidentDetail(
        now,
        line_of(one),
        timeline=timeline(events),
        card=filled(card(one.trigger), one.incident_id, one.scope),
        affected=affected(events, one, stopped if one.is_open else ()),
        runs=runs_alive(reader, one.opened_at - BEFORE, one.closed_at),
        freshness=Freshness(now),
    )


def detail_without(error: LedgerUnavailable, now: datetime) -> IncidentDetail:
    """A page where the ledger cannot be read."""
    return IncidentDetail(now, None, freshness=freshness_of(error, now))


def freshness_of(error: LedgerUnavailable, now: datetime) -> Freshness:
    """What the fault says of the figures; a ledger that was never made is none."""
    if error.code in {"ledger_missing", "ledger_empty"}:
        return Freshness(now)
    return Freshness(None, error.message, error.remedy)


def contacts_of(ws: Workspace) -> tuple[tuple[ContactLine, ...], str]:
    """Whom to call, and in words why there is nobody; no other config's fault stands in the way."""
    document, _ = read_either(ws.root, MAIN_FILES["console"])
    if document.trouble is not None and document.trouble.rule != "file.missing":
        return (), f"configs/console.toml cannot be read: {one_line(document.trouble.message, 160)}"
    try:
        told = ConsoleConfig.model_validate({"contacts": (document.data or {}).get("contacts", ())})
    except ValidationError as error:
        return (
            (),
            f"contacts in configs/console.toml cannot be used: {one_line(error.errors()[0]['msg'], 160)}",
        )
    return _lines(told.contacts)


def _lines(contacts: Sequence[Contact]) -> tuple[tuple[ContactLine, ...], str]:
    found = tuple(
        ContactLine(
            one_line(one.name, 120), one_line(one.role, 120), one_line(one.reach), one_line(one.note, 300)
        )
        for one in contacts
    )
    return found, "" if found else NOBODY
