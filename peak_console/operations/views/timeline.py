"""A run's events one line each: when, what, how it came out; those of a call beside each other. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.text import one_line
from peak_console.domain.trading import GateVerdict
from peak_console.operations.shadow.words import idea_words, outlook_words, word, words
from peak_console.operations.views.body_fields import Body, listed, mapping, ms, nano, time_of, whole

_WIDTH: Final = 240


class Mark(StrEnum):
    """What kind of thing a line tells; screens draw it as a sign."""

    BEGIN = "begin"
    END = "end"
    ASK = "ask"
    OK = "ok"
    WARN = "warn"
    BAD = "bad"
    TURN = "turn"
    JUDGE = "judge"
    GATE = "gate"
    ORDER = "order"
    SEAL = "seal"
    NOTE = "note"


class Place(StrEnum):
    """Where a line stands among those of its call."""

    ALONE = "alone"
    FIRST = "first"
    WITHIN = "within"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class TimelineLine:
    """One event of a run. ``offset_ms`` counts from the run's first event; cost in nano-EUR."""

    seq: int
    at: datetime
    offset_ms: float
    kind: str
    mark: Mark
    title: str
    """What happened, in few words."""
    words: str = ""
    """To whom, why, with what."""
    call_id: str = ""
    layer: str = ""
    place: Place = Place.ALONE
    latency_ms: float | None = None
    cost: int | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    pruned: bool = False


def timeline(events: Iterable[LedgerEvent], began: datetime | None = None) -> tuple[TimelineLine, ...]:
    """The lines of a run's ``events`` (ascending), a call's own together where the call began."""
    groups: dict[tuple[str, int], list[TimelineLine]] = {}
    for event in events:
        began = began or time_of(event)
        line = line_of_event(event, began)
        key = (line.call_id, 0) if line.call_id else ("", line.seq)
        groups.setdefault(key, []).append(line)
    return tuple(line for lines in groups.values() for line in _placed(lines))


def line_of_event(event: LedgerEvent, began: datetime) -> TimelineLine:
    """One event's line."""
    at, body = time_of(event), event.body or {}
    tell = _TELLERS.get(event.kind) or _FAMILIES.get(event.kind.split(".")[0], _other)
    mark, title, words = tell(event, body)
    usage = mapping(body.get("usage"))
    closed = event.kind in _CLOSED
    return TimelineLine(
        seq=event.seq,
        at=at,
        offset_ms=max(0.0, (at - began).total_seconds() * 1000),
        kind=event.kind,
        mark=mark,
        title=one_line(title, 60),
        words=one_line(words, _WIDTH),
        call_id=event.call_id or "",
        layer=event.layer or "",
        latency_ms=ms(body.get("latency_us")) if closed else None,
        cost=nano(body.get("cost_eur")) if closed else None,
        tokens_in=whole(usage.get("input")) or 0,
        tokens_out=whole(usage.get("output")) or 0,
        pruned=event.body is None,
    )


def _placed(lines: Sequence[TimelineLine]) -> list[TimelineLine]:
    if len(lines) == 1:
        return list(lines)
    last = len(lines) - 1
    return [
        replace(line, place=Place.FIRST if not at else Place.LAST if at == last else Place.WITHIN)
        for at, line in enumerate(lines)
    ]


_CLOSED: Final = frozenset({EventKind.CALL_COMPLETED.value, EventKind.CALL_FAILED.value})
Told = tuple[Mark, str, str]


def _joined(*parts: Any) -> str:
    return " · ".join(text for part in parts if (text := str(part or "").strip()))


def _who(event: LedgerEvent) -> str:
    return " ".join(part for part in (event.provider, event.model_id) if part)


def _began(event: LedgerEvent, body: Body) -> Told:
    return Mark.BEGIN, "run began", _joined(body.get("purpose"), body.get("phase"), event.actor)


def _ended(_: LedgerEvent, body: Body) -> Told:
    outcome = str(body.get("outcome") or "?")
    count = len(listed(body.get("artefacts")))
    written = f"{count} artefact{'s' if count != 1 else ''}" if count else ""
    mark = Mark.END if outcome == "ok" else Mark.BAD
    return mark, f"run ended {outcome}", _joined(written, _calls(body.get("calls")))


def _calls(told: Any) -> str:
    count = whole(told)
    return "" if count is None else f"{count} call{'s' if count != 1 else ''}"


def _asked(event: LedgerEvent, body: Body) -> Told:
    hop = whole(body.get("hop")) or 1
    where = f"{event.layer or '?'} {event.role or ''}".strip()
    again = f"hop {hop}" if hop > 1 else ""
    prompt = f"{body['prompt_name']}@{body.get('prompt_version', '?')}" if body.get("prompt_name") else ""
    return Mark.ASK, f"asked {where}", _joined(_who(event), again, prompt, body.get("purpose"))


def _answered(event: LedgerEvent, body: Body) -> Told:
    served = str(body.get("served_model") or "")
    other = f"served by {served}" if served and served != event.model_id else ""
    return Mark.OK, "answered", _joined(_who(event), other, _finish(body))


def _finish(body: Body) -> str:
    finish = str(body.get("finish") or "")
    return "" if finish in {"", "stop"} else f"finish {finish}"


def _failed(event: LedgerEvent, body: Body) -> Told:
    return Mark.BAD, f"failed {body.get('reason') or ''}", _joined(_who(event), body.get("detail"))


def _refused(event: LedgerEvent, body: Body) -> Told:
    return Mark.BAD, f"refused {body.get('reason') or ''}", _joined(_who(event), body.get("message"))


def _accepted(event: LedgerEvent, body: Body) -> Told:
    return Mark.NOTE, "taken on", _joined(_who(event), body.get("response_id"), body.get("status"))


def _turned(_: LedgerEvent, body: Body) -> Told:
    begun, then = mapping(body.get("from")), mapping(body.get("to"))
    models = f"{begun.get('model_id', '?')} → {then.get('model_id', '?')}"
    return Mark.TURN, "fell back", _joined(models, body.get("reason"))


def _denied(event: LedgerEvent, body: Body) -> Told:
    said = f"{body.get('field', '')} {body.get('subject', '')}".strip()
    return Mark.BAD, f"denied {body.get('rule') or ''}", _joined(_who(event), said, body.get("where"))


def _judged(event: LedgerEvent, body: Body) -> Told:
    verdict = str(body.get("verdict") or "?")
    mark = {"PASS": Mark.OK, "REVIEW": Mark.WARN, "FAIL": Mark.BAD}.get(verdict, Mark.WARN)
    found = [one for one in listed(body.get("findings")) if isinstance(one, dict)]
    first = f"{found[0].get('severity', '')}: {found[0].get('rationale', '')}" if found else ""
    more = f"{len(found)} findings" if len(found) > 1 else ""
    reason = "" if body.get("reason") == "answered" else body.get("reason")
    return mark, f"critic {verdict}", _joined(reason, more, first, _who(event))


def _decided(_: LedgerEvent, body: Body) -> Told:
    said = str(body.get("verdict") or "?")
    mark = Mark.GATE if said == GateVerdict.ALLOW else Mark.BAD
    would = "nothing is ordered" if body.get("venue_kind") == "none" else ""
    intent = idea_words(mapping(mapping(body.get("inputs")).get("intent")))
    return mark, f"gate {said}", _joined(", ".join(words(body.get("reasons"))), intent, would)


def _cycled(_: LedgerEvent, body: Body) -> Told:
    outcome = word(body.get("outcome")) or "?"
    mark = {"would_allow": Mark.OK, "no_trade": Mark.END, "aborted": Mark.BAD}.get(outcome, Mark.WARN)
    idea = idea_words(body.get("intent"))
    outlook = outlook_words(body.get("outlook"), body.get("hypothesis"))
    history = "history replayed" if body.get("replayed") is True else ""
    reasons = ", ".join(words(body.get("reasons")))
    return mark, f"cycle {outcome}", _joined(word(body.get("instrument")), idea, reasons, outlook, history)


def _scheduled(event: LedgerEvent, body: Body) -> Told:
    what = event.kind.replace(".", " ")
    state = word(body.get("state"))
    bad = state in {"failed", "timed_out"} or event.kind in {
        EventKind.JOB_INTERRUPTED.value,
        EventKind.JOB_MISSED.value,
    }
    told = (body.get("outcome"), state, body.get("why"), body.get("detail"), body.get("reason"))
    return Mark.WARN if bad else Mark.NOTE, what, _joined(word(body.get("job")), *(word(one) for one in told))


def _ordered(event: LedgerEvent, body: Body) -> Told:
    what = " ".join(str(body[name]) for name in ("side", "quantity", "symbol") if body.get(name))
    return Mark.ORDER, event.kind.replace(".", " "), _joined(what, body.get("venue"), body.get("reason"))


def _sealed(_: LedgerEvent, body: Body) -> Told:
    edition, files = whole(body.get("edition")) or 1, whole(body.get("files"))
    held = "" if files is None else f"{files} files"
    return Mark.SEAL, "evidence sealed", _joined(f"edition {edition}", held, body.get("manifest_sha256"))


def _budget(event: LedgerEvent, body: Body) -> Told:
    what = event.kind.removeprefix("budget.")
    figures = f"{body.get('spent', '?')} of {body.get('limit', '?')}" if body.get("limit") else ""
    booked = f"{body.get('was_eur')} → {body.get('cost_eur')}" if body.get("was_eur") else ""
    return Mark.WARN, f"budget {what}", _joined(body.get("key"), figures, booked, body.get("reason"))


def _tripped(event: LedgerEvent, body: Body) -> Told:
    return Mark.WARN, event.kind.replace(".", " "), _joined(_who(event), body.get("reason"))


def _other(event: LedgerEvent, body: Body) -> Told:
    return Mark.NOTE, event.kind, _joined(_who(event), body.get("reason"), body.get("detail"))


Teller = Callable[[LedgerEvent, Body], Told]

_TELLERS: Final[dict[str, Teller]] = {
    EventKind.RUN_STARTED.value: _began,
    EventKind.RUN_FINISHED.value: _ended,
    EventKind.CALL_REQUESTED.value: _asked,
    EventKind.CALL_ACCEPTED.value: _accepted,
    EventKind.CALL_COMPLETED.value: _answered,
    EventKind.CALL_FAILED.value: _failed,
    EventKind.CALL_REFUSED.value: _refused,
    EventKind.FALLBACK_TAKEN.value: _turned,
    EventKind.POLICY_DENIED.value: _denied,
    EventKind.CRITIC_JUDGED.value: _judged,
    EventKind.SHADOW_CYCLE_FINISHED.value: _cycled,
    EventKind.EVIDENCE_SEALED.value: _sealed,
}
_FAMILIES: Final[dict[str, Teller]] = {
    "gate": _decided,
    "job": _scheduled,
    "order": _ordered,
    "budget": _budget,
    "breaker": _tripped,
}
