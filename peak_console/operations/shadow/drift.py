"""Drift as people see it: what the node's tests say of each model, what was checked, what is out of use.

The node tells its tests (``drift.status``). What is out of use, why and since when, and the newest checks are
on the ledger, so that they can be told without a node, too.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.domain.drift import Tier, not_answered
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.text import one_line
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.shadow.gold_since import gold_since
from peak_console.operations.shadow.newest import NewestEvents
from peak_console.operations.views.body_fields import listed, mapping, moment, text_of, time_of, whole
from peak_console.operations.views.shadow import CheckLine, DriftLine, DriftState, StreamLine

OUT_OF_USE: Final = (EventKind.MODEL_QUARANTINED, EventKind.MODEL_RELEASED)
SEEN: Final = (EventKind.DRIFT_CHECKED, EventKind.DRIFT_DETECTED)

_MOST: Final = 500
_TEXT: Final = 200

ModelKey = tuple[str, str]
"""Provider and model id."""

SlotKey = tuple[str, str, str, str]
"""Layer, role, provider, model id."""


@dataclass(frozen=True, slots=True)
class OutOfUse:
    """A quarantine that stands."""

    reason: str
    since: datetime
    incident_id: str
    by: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the ledger has of drift."""

    out: Mapping[ModelKey, OutOfUse] = field(default_factory=dict)
    checks: tuple[LedgerEvent, ...] = ()
    """The newest first."""
    detected: tuple[LedgerEvent, ...] = ()

    def checks_of(self, model: ModelKey) -> Iterator[LedgerEvent]:
        """The newest checks of a model, in any slot."""
        return (one for one in self.checks if _model(mapping(one.body)) == model)


class DriftBook:
    """What the ledger has of drift, continued from the last look. Used by one thread."""

    def __init__(self) -> None:
        self._use = NewestEvents(OUT_OF_USE, _MOST)
        self._seen = NewestEvents(SEEN, _MOST)

    def read(self, reader: LedgerReader, generation: int = 0) -> Recorded:
        """It, now; ``generation`` is the opened file's. Raises ``LedgerUnavailable``."""
        out: dict[ModelKey, OutOfUse] = {}
        for event in reversed(self._use.read(reader, generation)):
            body = mapping(event.body)
            if event.kind == EventKind.MODEL_RELEASED:
                out.pop(_model(body), None)
            else:
                out[_model(body)] = OutOfUse(
                    _said(body.get("reason")),
                    time_of(event),
                    _said(body.get("incident_id")),
                    _said(body.get("operator")) or event.actor,
                )
        seen = self._seen.read(reader, generation)
        return Recorded(
            out,
            tuple(one for one in seen if one.kind == EventKind.DRIFT_CHECKED),
            tuple(one for one in seen if one.kind == EventKind.DRIFT_DETECTED),
        )


def drift_lines(
    ws: Workspace,  # noqa: ARG001 - what is known of a workspace stands on its ledger
    reader: LedgerReader,
    node_report: Mapping[str, Any] | None,
    now: datetime,  # noqa: ARG001 - ages are the drawing's
    *,
    book: DriftBook | None = None,
    generation: int = 0,
) -> tuple[DriftLine, ...]:
    """Every model in every slot that anything is known of, those first that need somebody.

    ``node_report`` is the reply of ``drift.status``, ``None`` where no node tells; ``book`` spares reading
    again what was read. Raises ``LedgerUnavailable``.
    """
    return lines_of((book or DriftBook()).read(reader, generation), node_report)


def lines_of(record: Recorded, node_report: Mapping[str, Any] | None) -> tuple[DriftLine, ...]:
    """The lines of what is on record and what the node tells. Pure."""
    report = mapping(node_report)
    lines = {
        key: replace(line, why=_why_untested(line.state, mapping(told), bool(text_of(report.get("lock")))))
        for told in listed(report.get("models"))
        for key, line in _told(told)
    }
    for event in (*record.checks, *record.detected):
        key = _slot(mapping(event.body))
        if key[2] and key[3] and key not in lines:
            lines[key] = _unknown(key)
    seen = {key[2:] for key in lines}
    for model in record.out:
        if model not in seen:
            lines["", "", *model] = _unknown(("", "", *model))
    checks, detected = _by_slot(record.checks), _by_slot(record.detected)
    found = (
        _with_record(key, line, record, checks.get(key, []), next(iter(detected.get(key, ())), None))
        for key, line in lines.items()
    )
    return tuple(sorted(found, key=lambda one: (_ORDER[one.state], one.name, one.slots)))


_ORDER: Final = {
    DriftState.QUARANTINED: 0,
    DriftState.DRIFTED: 1,
    DriftState.WATCH: 2,
    DriftState.OK: 3,
    DriftState.NOT_TESTED: 4,
    DriftState.UNKNOWN: 5,
}


NO_LOCK: Final = "no lock counts"


def _why_untested(state: DriftState, told: Mapping[str, Any], locked: bool) -> str:  # noqa: FBT001 - one caller
    """Why a model that the node tells is not tested, or unknown; empty for one that is tested."""
    if state is DriftState.NOT_TESTED:
        return "the lock has no baseline of it to test against: too few calls when it was written"
    if state is not DriftState.UNKNOWN:
        return ""
    if not locked:
        return NO_LOCK
    return "nothing was seen of it yet" if told.get("locked") is True else "the lock does not know it"


def _told(told: object) -> Iterator[tuple[SlotKey, DriftLine]]:
    """A model as the node tells it; of one that says not enough nothing."""
    fields = mapping(told)
    key = _slot(fields)
    if not key[2] or not key[3]:
        return
    state = text_of(fields.get("state"))
    checks = mapping(fields.get("checks"))
    yield (
        key,
        replace(
            _unknown(key),
            state=DriftState(state) if state in set(DriftState) else DriftState.UNKNOWN,
            served=_names(fields.get("served")),
            fingerprints=whole(fields.get("fingerprints")) or 0,
            unexpected=_names(fields.get("unexpected")),
            streams=tuple(_stream(one) for one in listed(fields.get("streams"))),
            canary=_check_told(checks.get(Tier.CANARY.value)),
            two_sample=_check_told(checks.get(Tier.TWO_SAMPLE.value)),
            last_answer_at=moment(fields.get("last_answer_at")),
        ),
    )


def _by_slot(events: Sequence[LedgerEvent]) -> dict[SlotKey, list[LedgerEvent]]:
    """Events by the slot that they name, in their order."""
    found: dict[SlotKey, list[LedgerEvent]] = {}
    for event in events:
        found.setdefault(_slot(mapping(event.body)), []).append(event)
    return found


def _with_record(
    key: SlotKey, line: DriftLine, record: Recorded, own: Sequence[LedgerEvent], found: LedgerEvent | None
) -> DriftLine:
    """A line with what the ledger has of its model: its ``own`` checks, and the drift ``found`` last."""
    line = replace(
        line,
        canary=line.canary or _newest(own, Tier.CANARY),
        two_sample=line.two_sample or _newest(own, Tier.TWO_SAMPLE),
    )
    line = replace(line, last_answer_at=_answered_at(line))
    out = record.out.get(key[2:])
    if out is not None:
        return replace(
            line,
            state=DriftState.QUARANTINED,
            why=out.reason,
            since=out.since,
            incident_id=out.incident_id,
            gold_since=gold_since(record.checks_of(key[2:]), out.since),
        )
    if found is None or line.state is not DriftState.DRIFTED:
        return line
    body = mapping(found.body)
    return replace(
        line,
        why=_said(body.get("summary")),
        since=time_of(found),
        incident_id=_said(body.get("incident_id")),
    )


def _answered_at(line: DriftLine) -> datetime | None:
    """When it answered last: what the node counted, or a check that was recorded."""
    known = (line.last_answer_at, *(one.at for one in (line.canary, line.two_sample) if one is not None))
    return max((at for at in known if at is not None), default=None)


def check_line(event: LedgerEvent) -> CheckLine:
    """A round of canaries or a two-sample test, in words."""
    body = mapping(event.body)
    cases, passed = whole(body.get("cases")), whole(body.get("passed"))
    failed = [_said(mapping(one).get("id")) for one in listed(body.get("failures"))[:3]]
    if body.get("tier") != Tier.CANARY.value:
        p_value = _said(body.get("p_value"))
        detail = f"p = {p_value}" if p_value else "no p-value"
        return CheckLine(time_of(event), body.get("ok") is True, detail, event.seq)
    gone = not_answered(body)
    detail = f"{passed} of {cases} gold cases passed" + (f", {gone} not answered" if gone else "")
    detail += f": {', '.join(failed)}" if failed else ""
    incomplete = bool(gone) and not failed and passed == cases
    return CheckLine(time_of(event), body.get("ok") is True and not gone, detail, event.seq, incomplete)


def _newest(checks: Sequence[LedgerEvent], tier: Tier) -> CheckLine | None:
    return next((check_line(one) for one in checks if mapping(one.body).get("tier") == tier.value), None)


def _check_told(told: object) -> CheckLine | None:
    fields = mapping(told)
    at = moment(fields.get("at"))
    if at is None:
        return None
    return CheckLine(
        at,
        fields.get("ok") is True,
        _said(fields.get("detail")),
        whole(fields.get("seq")) or 0,
        incomplete=fields.get("incomplete") is True,
    )


def _stream(told: object) -> StreamLine:
    fields = mapping(told)
    return StreamLine(
        name=_said(fields.get("name")),
        seen=whole(fields.get("seen")) or 0,
        hits=whole(fields.get("hits")) or 0,
        usual_pct=_number(fields.get("usual_pct")),
        evidence=_number(fields.get("evidence")) or 0.0,
        alarm_at=_number(fields.get("alarm_at")) or 1.0,
        alarmed=fields.get("alarmed") is True,
    )


def _unknown(key: SlotKey) -> DriftLine:
    layer, role, provider, model_id = key
    return DriftLine(provider, model_id, (f"{layer}.{role}",) if layer else (), DriftState.UNKNOWN)


def _slot(fields: Mapping[str, Any]) -> SlotKey:
    layer, role, *model = (_said(fields.get(name)) for name in ("layer", "role", "provider", "model_id"))
    return layer, role, model[0], model[1]


def _model(fields: Mapping[str, Any]) -> ModelKey:
    return _said(fields.get("provider")), _said(fields.get("model_id"))


def _names(values: object) -> tuple[str, ...]:
    return tuple(_said(one) for one in listed(values))


def _said(value: object) -> str:
    return one_line(value, _TEXT) if isinstance(value, str) else ""


def _number(value: object) -> float | None:
    """A decimal text of the node's as a number to draw."""
    try:
        number = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None
