"""What happened around an incident, one line an event, in words with a tone. Pure."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.stopping import GLOBAL, REDUCE
from peak_console.domain.text import one_line
from peak_console.incidents.fold import shown_actor
from peak_console.operations.views.body_fields import listed, mapping, moment, time_of, whole
from peak_console.operations.views.incidents import TimelineEntry

OK: Final = "ok"
WARN: Final = "warn"
BAD: Final = "bad"

LATE: Final = timedelta(seconds=2)
"""What was recorded so much later than it happened is told with both."""

_WORDS: Final = 240

Body = Mapping[str, Any]
Told = tuple[str, str, str]
"""What, in detail, and its tone."""

KINDS: Final = tuple(
    one.value
    for one in EventKind
    if one.value.startswith(
        ("control.", "incident.", "breaker.", "node.", "matrix.", "lock.", "model.", "phase.", "drill.")
    )
    or one
    in {
        EventKind.CONFIG_CHANGED,
        EventKind.PRICES_CHANGED,
        EventKind.POLICY_DENIED,
        EventKind.OPERATOR_ENROLLED,
        EventKind.OPERATOR_REMOVED,
        EventKind.EVIDENCE_SEALED,
        EventKind.LEDGER_RECOVERED,
        EventKind.CHECKLIST_SIGNED,
    }
)
"""The kinds that a timeline tells; all of them are on the index of rare kinds."""


def entry_of(event: LedgerEvent) -> TimelineEntry:
    """One event as a line of a timeline; whatever its body holds."""
    body = event.body if isinstance(event.body, Mapping) else {}
    what, detail, tone = _TELLERS.get(event.kind, _other)(event, body)
    who = body.get("operator") if isinstance(body.get("operator"), str) else body.get("by")
    said = who if isinstance(who, str) else ""
    at, late = _when(event, body)
    return TimelineEntry(
        at=at,
        what=one_line(what, 80),
        detail=one_line(" · ".join(one for one in (late, detail) if one), _WORDS),
        actor=one_line(shown_actor(event.kind, event.actor, said), 180),
        seq=event.seq,
        tone=tone,
    )


def _when(event: LedgerEvent, body: Body) -> tuple[datetime, str]:
    """When it happened, and in words how much later it was recorded; what was not late happened then."""
    recorded, at = time_of(event), moment(body.get("at"))
    if at is None or at.tzinfo is None or recorded - at < LATE:
        return recorded, ""
    return at, f"recorded {int((recorded - at).total_seconds())} s later"


def _joined(*parts: Any) -> str:
    return " · ".join(text for part in parts if (text := _text(part)))


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return ""
    return str(value).strip() if isinstance(value, (str, int)) else ""


def _model(event: LedgerEvent, body: Body) -> str:
    provider = event.provider or _text(body.get("provider"))
    model = event.model_id or _text(body.get("model_id") or body.get("model"))
    return f"{provider}:{model}" if provider and model else provider or model


def _stopped(_: LedgerEvent, body: Body) -> Told:
    scope = _text(body.get("scope")) or GLOBAL
    what = "everything stopped" if scope == GLOBAL else f"{scope} stopped"
    return what, _joined(body.get("reason")), BAD


def _enabled(_: LedgerEvent, body: Body) -> Told:
    scope = _text(body.get("scope")) or GLOBAL
    what = "calls enabled" if scope == GLOBAL else f"stop of {scope} lifted"
    return ("reduce lifted" if scope == REDUCE else what), _joined(body.get("reason")), OK


def _acknowledged(_: LedgerEvent, body: Body) -> Told:
    workers, missing = listed(body.get("workers")), listed(body.get("missing"))
    named = ", ".join(_text(mapping(one).get("name")) or _text(one) for one in missing)
    if missing:
        return "workers did not answer the stop", _joined(named), BAD
    count = len(workers)
    return f"{count} worker{'' if count == 1 else 's'} acknowledged the stop", "", OK


def _ramped(_: LedgerEvent, body: Body) -> Told:
    return f"ramp at {_text(body.get('pct')) or '?'} %", _joined(body.get("next_at")), ""


def _opened(_: LedgerEvent, body: Body) -> Told:
    auto = _text(body.get("auto"))
    acts = f"by itself: {auto}" if auto not in {"", "none"} else ""
    return f"incident: {_text(body.get('trigger')) or '?'}", _joined(body.get("summary"), acts), BAD


def _action(_: LedgerEvent, body: Body) -> Told:
    action, ok = _text(body.get("action")) or "action", body.get("ok")
    subject = body.get("hook") or body.get("scope") or body.get("path")
    tries = whole(body.get("tries"))
    tried = f"{tries} tries" if tries is not None and tries > 1 else ""
    tone = OK if ok is True else BAD if ok is False else ""
    what = f"{action} failed" if ok is False else action
    return what, _joined(subject, body.get("detail"), tried), tone


def _handed(_: LedgerEvent, body: Body) -> Told:
    return f"handed over to {_text(body.get('to')) or '?'}", _joined(body.get("note")), WARN


def _silenced(_: LedgerEvent, body: Body) -> Told:
    return "silenced", _joined(body.get("until"), body.get("reason")), WARN


def _drill(_: LedgerEvent, body: Body) -> Told:
    held = body.get("held") is True
    word = "held" if held else "did not hold"
    return f"drill {_text(body.get('drill'))} {word}", _joined(body.get("note")), OK if held else BAD


def _config(_: LedgerEvent, body: Body) -> Told:
    name = body.get("path") or body.get("file") or body.get("config")
    broken = body.get("new") == "invalid"
    return "config changed", _joined(name, body.get("reason")), BAD if broken else WARN


def _denied(event: LedgerEvent, body: Body) -> Told:
    said = _joined(_model(event, body), body.get("field"), body.get("subject"))
    return f"policy denied {_text(body.get('rule'))}".strip(), said, BAD


def _phase(_: LedgerEvent, body: Body) -> Told:
    there = f"{_text(body.get('from')) or '?'} → {_text(body.get('to')) or '?'}"
    return "phase changed", _joined(there, body.get("reason")), WARN


def _said(what: str, tone: str = "", *names: str) -> Callable[[LedgerEvent, Body], Told]:
    """A teller with these words, and the texts of these fields."""

    def tell(event: LedgerEvent, body: Body) -> Told:
        return what, _joined(_model(event, body), *(body.get(name) for name in names)), tone

    return tell


def _other(event: LedgerEvent, body: Body) -> Told:
    return (
        event.kind.replace(".", " "),
        _joined(_model(event, body), body.get("reason"), body.get("note")),
        "",
    )


_ARMED: Final = ("scope", "run_id", "reason", "why")
_TELLERS: Final[dict[str, Callable[[LedgerEvent, Body], Told]]] = {
    EventKind.CONTROL_STOPPED.value: _stopped,
    EventKind.CONTROL_ENABLED.value: _enabled,
    EventKind.CONTROL_REDUCED.value: _said("reduce only", WARN, "reason"),
    EventKind.CONTROL_DISARMED.value: _said("disarmed", OK, "reason"),
    EventKind.CONTROL_RAMPED.value: _ramped,
    EventKind.CONTROL_ACKNOWLEDGED.value: _acknowledged,
    EventKind.ARM_REQUESTED.value: _said("arming requested", WARN, *_ARMED, "purpose"),
    EventKind.ARM_APPROVED.value: _said("arming approved", WARN, *_ARMED),
    EventKind.ARM_GRANTED.value: _said("armed", BAD, *_ARMED),
    EventKind.ARM_REFUSED.value: _said("arming refused", WARN, *_ARMED),
    EventKind.ARM_EXPIRED.value: _said("arming ran out", OK, *_ARMED),
    EventKind.ARM_ENDED.value: _said("arming ended", OK, *_ARMED),
    EventKind.NODE_STARTED.value: _said("node started", "", "version"),
    EventKind.NODE_STOPPED.value: _said("node ended", WARN, "reason"),
    EventKind.PHASE_CHANGED.value: _phase,
    EventKind.CONFIG_CHANGED.value: _config,
    EventKind.PRICES_CHANGED.value: _said("prices changed", WARN, "reason"),
    EventKind.MATRIX_CHANGED.value: _said("matrix changed", WARN, "reason"),
    EventKind.MATRIX_ROLLED_BACK.value: _said("matrix rolled back", WARN, "reason"),
    EventKind.MATRIX_APPROVED.value: _said("matrix approved", "", "reason"),
    EventKind.LOCK_WRITTEN.value: _said("lock written", WARN, "reason"),
    EventKind.LOCK_ROLLED_BACK.value: _said("lock rolled back", WARN, "reason"),
    EventKind.DRIFT_DETECTED.value: _said("drift detected", WARN, "signal", "summary"),
    EventKind.MODEL_QUARANTINED.value: _said("model quarantined", BAD, "reason"),
    EventKind.MODEL_RELEASED.value: _said("model released", WARN, "reason"),
    EventKind.BREAKER_TRIPPED.value: _said("breaker tripped", BAD, "breaker", "reason"),
    EventKind.BREAKER_RESET.value: _said("breaker reset", OK, "breaker", "reason"),
    EventKind.POLICY_DENIED.value: _denied,
    EventKind.DRILL_FINISHED.value: _drill,
    EventKind.EVIDENCE_SEALED.value: _said("evidence sealed", OK, "incident_id"),
    EventKind.INCIDENT_OPENED.value: _opened,
    EventKind.INCIDENT_ACTION_TAKEN.value: _action,
    EventKind.INCIDENT_ACKNOWLEDGED.value: _said("acknowledged", OK, "note"),
    EventKind.INCIDENT_ASSIGNED.value: _said("assigned", "", "to", "note"),
    EventKind.INCIDENT_NOTED.value: _said("note", "", "note"),
    EventKind.INCIDENT_HANDED_OVER.value: _handed,
    EventKind.INCIDENT_SILENCED.value: _silenced,
    EventKind.INCIDENT_CLOSED.value: _said("closed", OK, "note"),
}
