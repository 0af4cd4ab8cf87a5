"""A test alert: an incident that means nothing, told to every hook, and what each of them reports."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.control.stop import login
from peak_console.domain.clock import Clock, SystemClock
from peak_console.domain.errors import ConfigInvalid, PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id, new_incident_id
from peak_console.domain.incidents import Auto, Trigger
from peak_console.domain.text import one_line
from peak_console.incidents.fold import OPENING, Incident
from peak_console.incidents.guidance import GUIDANCE
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.incidents.reading import IncidentBook
from peak_console.operations.settings import hook_settings

WAIT_S: Final = 15.0
"""How long hooks have to report."""

SHOWN_S: Final = 2.0
"""How long a test stands at least, so that every console shows it."""

_POLL_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class HookReport:
    """What became of telling one hook; ``ok`` is ``None`` where it has not reported."""

    hook: str
    ok: bool | None
    tries: int
    detail: str
    ms: int

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {
            "hook": self.hook,
            "ok": self.ok,
            "tries": self.tries,
            "detail": self.detail,
            "ms": self.ms,
        }


@dataclass(frozen=True, slots=True)
class AlertTested:
    """A test alert that was sent, and what came of it."""

    incident_id: str
    seq: int
    reports: tuple[HookReport, ...]
    closed: bool

    @property
    def ok(self) -> bool:
        """Whether there is a hook, and every one was told."""
        return bool(self.reports) and all(one.ok is True for one in self.reports)

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {
            "incident_id": self.incident_id,
            "seq": self.seq,
            "ok": self.ok,
            "hooks": [one.as_json() for one in self.reports],
            "closed": self.closed,
        }


def send_test_alert(
    ws: Workspace,
    client: BlockingLedgerClient,
    *,
    note: str = "",
    told: Callable[[HookReport], object] | None = None,
    wait_s: float = WAIT_S,
    shown_s: float = SHOWN_S,
    clock: Clock | None = None,
) -> AlertTested:
    """Open a test incident and wait until each hook has reported, or ``wait_s``; it closes itself then.

    Needs a running node: its child does the telling. ``told`` gets each report as it comes. Raises
    ``ConfigInvalid`` (``hooks_unusable``) where the hooks cannot be read, and as the node refuses.
    """
    hooks = hook_settings(ws)
    if hooks is None:
        raise ConfigInvalid(
            "the hooks in configs/incidents.toml cannot be read",
            code="hooks_unusable",
            remedy="see: peak lint",
        )
    now = (clock or SystemClock()).now()
    incident_id = new_incident_id(now, secrets.token_bytes)
    seq = client.append([_opening(incident_id, note)])[0].seq
    reports = _awaited(
        ws, incident_id, [one.name for one in hooks], told=told, wait_s=wait_s, shown_s=shown_s
    )
    return AlertTested(incident_id, seq, reports, _close(client, incident_id))


def _opening(incident_id: str, note: str) -> EventDraft:
    who = login()
    said = one_line(note, 300).strip()
    body = {
        "incident_id": incident_id,
        "trigger": Trigger.TEST.value,
        "cause": incident_id,
        "scope": "",
        "summary": f"test alert by {who}" + (f": {said}" if said else ""),
        "figures": {},
        "auto": Auto.NONE.value,
        "next_action": GUIDANCE[Trigger.TEST].next,
    }
    return EventDraft(new_event_id(secrets.token_bytes), EventKind.INCIDENT_OPENED.value, body)


def _awaited(
    ws: Workspace,
    incident_id: str,
    names: list[str],
    *,
    told: Callable[[HookReport], object] | None,
    wait_s: float,
    shown_s: float,
) -> tuple[HookReport, ...]:
    """What every hook reported, in the order of the config; the time counts from here."""
    began = time.monotonic()
    found: dict[str, HookReport] = {}
    book = IncidentBook()
    with LedgerReader(ws.ledger) as reader:
        while True:
            passed = time.monotonic() - began
            one = book.read(reader).get(incident_id)
            for report in _reports(one, int(passed * 1000)):
                if report.hook in names and report.hook not in found:
                    found[report.hook] = report
                    if told is not None:
                        told(report)
            if passed >= wait_s or (len(found) == len(names) and passed >= shown_s):
                break
            time.sleep(_POLL_S)
    silent = f"nothing was reported within {wait_s:g} s; is its child running? peak node status"
    missing = HookReport("", None, 0, silent, int(wait_s * 1000))
    return tuple(
        found.get(name) or HookReport(name, None, missing.tries, missing.detail, missing.ms) for name in names
    )


def _reports(one: Incident | None, ms: int) -> list[HookReport]:
    if one is None:
        return []
    return [
        HookReport(each.hook, each.ok, each.tries, each.detail, ms)
        for each in one.told
        if each.about == OPENING
    ]


def _close(client: BlockingLedgerClient, incident_id: str) -> bool:
    """The end of the test; whether it is on record."""
    try:
        client.request("incident.test_over", incident_id=incident_id)
    except PeakError:
        return False
    return True
