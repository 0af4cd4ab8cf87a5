"""Lines of the log: what an event, a record of another process, or the log child itself says. Pure.

One line of JSON each. A call's line has every key of the contract "Log line": ``run_id layer role provider
model_id request_hash outcome latency_ms cost_eur``; ``null`` where there is none.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from peak_console.domain.clock import iso
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.redaction import Redact
from peak_console.domain.text import one_line, plain
from peak_console.domain.verdict import Verdict

LINE_LIMIT: Final = 8192
"""Bytes of one line, its end included."""

TEXT_LIMIT: Final = 500
"""Characters of one text in a line."""

FIELDS_LIMIT: Final = 40
LEVELS: Final = ("debug", "info", "warning", "error", "critical")
OWN: Final = "log"
"""The logger of the log child's own lines."""

_LOOKED_AT: Final = 16_384
_NOTHING: Final = "0.000000000"
_QUIET: Final = frozenset({EventKind.CALL_REQUESTED, EventKind.RUN_STARTED, EventKind.RUN_FINISHED})
"""Kinds that are no news: a call is told when it ends."""

_OUTCOMES: Final = {
    EventKind.CALL_COMPLETED.value: "ok",
    EventKind.CALL_FAILED.value: "failed",
    EventKind.CALL_REFUSED.value: "refused",
}
_LEVELS: Final = {
    EventKind.CALL_COMPLETED.value: "info",
    EventKind.CALL_FAILED.value: "warning",
    EventKind.CALL_REFUSED.value: "warning",
    EventKind.FALLBACK_TAKEN.value: "warning",
    EventKind.POLICY_DENIED.value: "error",
    EventKind.BUDGET_WARNED.value: "warning",
    EventKind.BUDGET_EXCEEDED.value: "error",
    EventKind.CRITIC_JUDGED.value: "warning",
    EventKind.CONTROL_STOPPED.value: "warning",
}
_TOLD_OF_CALLS: Final = ("asked_role", "reason", "detail", "message", "cost_basis", "served_model", "finish")
_TOLD_PLAINLY: Final = ("fallback", "simulated")
_HEADER: Final = ("run_id", "call_id", "layer", "role", "provider", "model_id")
_KEPT_WHEN_CUT: Final[tuple[str, ...]] = (
    "ts", "level", "logger", "event", "seq", "event_id", "source", *_HEADER, "hop", "request_hash", "outcome",
    "latency_ms", "cost_eur", "reason", "after_seq", "after_event_id",
)  # fmt: skip

Fields = dict[str, Any]


def event_fields(event: LedgerEvent) -> Fields | None:
    """What an event says in the log; ``None`` when it is no news."""
    body: Mapping[str, Any] = event.body or {}
    if event.kind in _QUIET:
        return None
    if event.kind == EventKind.CRITIC_JUDGED and body.get("verdict") != Verdict.FAIL:
        return None
    room, _, _ = event.kind.partition(".")
    fields: Fields = {
        "ts": event.ts,
        "level": _LEVELS.get(event.kind, "info"),
        "logger": room,
        "event": event.kind,
        "seq": event.seq,
        "event_id": event.event_id,
    }
    if event.body is None:
        fields["pruned"] = True
    if event.kind in _OUTCOMES:
        return fields | _call_fields(event, body)
    fields["actor"] = event.actor
    fields |= {name: getattr(event, name) for name in _HEADER if getattr(event, name) is not None}
    told = [(name, value) for name, value in body.items() if name not in fields and _is_scalar(value)]
    return fields | dict(told[:FIELDS_LIMIT])


def _call_fields(event: LedgerEvent, body: Mapping[str, Any]) -> Fields:
    latency_us, cost = body.get("latency_us"), body.get("cost_eur")
    fields: Fields = {name: getattr(event, name) for name in _HEADER}
    fields |= {
        "hop": body.get("hop"),
        "request_hash": body.get("request_hash"),
        "outcome": _OUTCOMES[event.kind],
        "latency_ms": latency_us / 1000 if isinstance(latency_us, int) else 0,
        "cost_eur": cost if isinstance(cost, str) else _NOTHING,
    }
    told = {name: body[name] for name in _TOLD_OF_CALLS if body.get(name)}
    return fields | told | {name: body[name] for name in _TOLD_PLAINLY if isinstance(body.get(name), bool)}


def record_fields(data: bytes, now: datetime) -> Fields | None:
    """What a record of another process says (``control.logsend``); ``None`` when it cannot be read.

    Of its fields only the known ones are taken, so that no record can pass for an event.
    """
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(found, dict) or not isinstance(found.get("event"), str):
        return None
    level = str(found.get("level", "")).lower()
    return {
        "ts": iso(_moment(found.get("created"), now)),
        "level": level if level in LEVELS else "info",
        "logger": str(found.get("logger", "")),
        "event": found["event"],
        "source": str(found.get("source", "")),
    }


def own_fields(now: datetime, level: str, event: str, **facts: Any) -> Fields:
    """What the log child says itself."""
    return {"ts": iso(now), "level": level, "logger": OWN, "event": event, **facts}


def encode(fields: Fields, redact: Redact) -> bytes:
    """The line: secrets struck out, foreign text made plain and cut, at most :data:`LINE_LIMIT` bytes."""
    line = {name: _told(value, redact) for name, value in fields.items()}
    data = _dumped(line)
    if len(data) > LINE_LIMIT:
        kept = {name: _shortened(line[name]) for name in _KEPT_WHEN_CUT if name in line}
        data = _dumped({**kept, "cut": True})
    return data


def _told(value: Any, redact: Redact) -> Any:
    return one_line(redact(plain(value[:_LOOKED_AT])), TEXT_LIMIT) if isinstance(value, str) else value


def _shortened(value: Any) -> Any:
    return one_line(value, 80) if isinstance(value, str) else value


def _dumped(line: Fields) -> bytes:
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | bool)


def _moment(created: Any, now: datetime) -> datetime:
    """The sender's time where it is one, else ours."""
    if isinstance(created, int | float) and not isinstance(created, bool) and math.isfinite(created):
        try:
            return datetime.fromtimestamp(created, UTC)
        except (OverflowError, ValueError, OSError):
            return now
    return now
