"""Finished shadow cycles, read from their events: lines, and figures over a window. Pure."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.operations.shadow.words import amount, idea_words, instant, outlook_words, word, words
from peak_console.operations.views.body_fields import listed, mapping, time_of, whole
from peak_console.operations.views.shadow import CycleFigures, CycleLine

OUTCOMES: Final = ("would_allow", "would_block", "no_trade", "aborted", "review_required")
"""How a cycle can end."""

WINDOW: Final = timedelta(days=7)
"""The window of the figures that screens show."""


def cycle_line(event: LedgerEvent) -> CycleLine | None:
    """The cycle of a ``shadow.cycle.finished``; ``None`` for another event. A broken body says so."""
    if event.kind != EventKind.SHADOW_CYCLE_FINISHED.value:
        return None
    body = mapping(event.body)
    duration = whole(body.get("duration_ms"))
    return CycleLine(
        run_id=event.run_id or "",
        seq=event.seq,
        at=time_of(event),
        job=word(body.get("job")),
        instrument=word(body.get("instrument")),
        outcome=_outcome(event, body.get("outcome")),
        reasons=words(body.get("reasons")),
        details=tuple(word(one, 240) for one in listed(body.get("details"))[:8]),
        as_of=instant(body.get("as_of")),
        idea=idea_words(body.get("intent")),
        outlook=outlook_words(body.get("outlook"), body.get("hypothesis")),
        critic=_critic(body.get("critic")),
        cost_eur=amount(body.get("cost_eur")),
        duration_s=None if duration is None else duration / 1000,
        models=_models(body.get("models")),
        replayed=body.get("replayed") is True,
    )


def cycle_lines(events: Sequence[LedgerEvent]) -> tuple[CycleLine, ...]:
    """The cycles of events, in their order."""
    return tuple(line for one in events if (line := cycle_line(one)) is not None)


def figures_of(lines: Sequence[CycleLine], now: datetime, *, whole_record: bool = True) -> CycleFigures:
    """Cycles of the last seven days counted; of as many as are kept where ``whole_record`` is false."""
    since = now - WINDOW
    within = [one for one in lines if one.at >= since]
    if not whole_record and len(within) == len(lines) and lines:
        since = lines[-1].at
    outcomes = Counter(one.outcome for one in within)
    reasons = Counter(reason for one in within if one.outcome == "would_block" for reason in one.reasons)
    return CycleFigures(
        cycles=len(within),
        would_allow=outcomes["would_allow"],
        would_block=outcomes["would_block"],
        no_trade=outcomes["no_trade"],
        aborted=outcomes["aborted"],
        review_required=outcomes["review_required"],
        reasons=tuple(sorted(reasons.items(), key=lambda one: (-one[1], one[0]))),
        since=since,
        first_seq=within[-1].seq if within else 0,
        last_seq=within[0].seq if within else 0,
    )


def _outcome(event: LedgerEvent, value: Any) -> str:
    if event.body is None:
        return "pruned"
    return value if value in OUTCOMES else "unreadable"


def _critic(value: Any) -> str:
    told = mapping(value)
    verdict = word(told.get("verdict"), 12)
    return f"{verdict} degraded" if verdict and told.get("degraded") is True else verdict


def _models(value: Any) -> tuple[str, ...]:
    named = []
    for one in listed(value)[:20]:
        told = mapping(one)
        provider, model_id = word(told.get("provider"), 24), word(told.get("model_id"), 60)
        if provider and model_id:
            named.append(f"{provider}:{model_id}")
    return tuple(dict.fromkeys(named))
