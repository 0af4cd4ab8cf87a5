"""What shadow shows, gathered for readiness: of ledger and matrix, in as much as is asked."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from peak_console.config.configs import Configs
from peak_console.config.readiness import Criteria
from peak_console.domain.clock import iso
from peak_console.domain.drift import not_answered, was_out_of_use
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.incidents import Trigger
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.incidents.reading import read_incidents
from peak_console.operations.locking.entries import slots_of
from peak_console.operations.readiness_shadow import CanaryMark, CriticTally, ShadowEvidence
from peak_console.operations.readiness_tallies import Tallies
from peak_console.operations.shadow.critics import disagreements
from peak_console.operations.shadow.lost_cycles import lost_cycles
from peak_console.operations.views.body_fields import mapping, time_of

_CHECKS = 2000
"""Checks of drift that are looked at, the newest."""
_CHANGES = 2000
"""Quarantines and releases that are looked at, the newest."""


def gather_shadow(
    reader: LedgerReader,
    configs: Configs | None,
    criteria: Criteria,
    *,
    since: tuple[datetime | None, int],
    now: datetime,
    tallies: Tallies,
) -> ShadowEvidence:
    """What is known of shadow; ``since`` is when the level of now began, and by which event.

    Raises ``LedgerUnavailable``.
    """
    begins = now - timedelta(days=criteria.window_days)
    earliest = min(begins, since[0]) if since[0] else begins
    return ShadowEvidence(
        simulated=_simulated(reader),
        level_since=since[0],
        level_seq=since[1],
        cycles=tallies.cycles(reader, earliest) or None,
        lost=lost_cycles(reader, begins) if criteria.max_aborted_pct is not None else None,
        decisions=tallies.decisions(reader, begins) if _asks_gate(criteria) else None,
        critics=(_critics(reader, begins) if criteria.max_critic_disagreement_pct is not None else None),
        policy_incidents=_policy(reader, begins) if criteria.max_policy_incidents is not None else None,
        models=models_of(configs) if configs is not None else None,
        quarantined=quarantined(reader) if criteria.models_clear else None,
        canaries=canaries(reader) if criteria.max_canary_age_h is not None else {},
    )


def models_of(configs: Configs) -> tuple[str, ...]:
    """Every model of the matrix once, as ``PROVIDER:MODEL``."""
    return tuple(dict.fromkeys(f"{one.provider}:{one.model_id}" for one in slots_of(configs)))


def quarantined(reader: LedgerReader) -> Mapping[str, int]:
    """Models that are out of use, and by which event. Raises ``LedgerUnavailable``."""
    kinds = (EventKind.MODEL_QUARANTINED.value, EventKind.MODEL_RELEASED.value)
    found: dict[str, int] = {}
    for event in reversed(reader.find(EventFilter(kinds=kinds), None, _CHANGES).events):
        name = _model(event)
        found.pop(name, None)
        if event.kind == EventKind.MODEL_QUARANTINED:
            found[name] = event.seq
    return found


def canaries(reader: LedgerReader) -> Mapping[str, CanaryMark]:
    """The newest round of gold cases of every model.

    Over its slots one that failed, else one that is incomplete, else the oldest. What it was asked while
    quarantined is no sign that it is ready.
    Raises ``LedgerUnavailable``.
    """
    found: dict[tuple[str, str], CanaryMark] = {}
    for event in reader.find(EventFilter(kinds=(EventKind.DRIFT_CHECKED.value,)), None, _CHECKS).events:
        body = mapping(event.body)
        if body.get("tier") == "canary" and not was_out_of_use(body):  # the newest of each slot comes first
            slot = f"{body.get('layer', '')}.{body.get('role', '')}"
            found.setdefault((_model(event), slot), _round(event))
    worst: dict[str, CanaryMark] = {}
    for (name, _), mark in found.items():
        known = worst.get(name)
        if known is None or _rank(mark) < _rank(known):
            worst[name] = mark
    return worst


def _round(event: LedgerEvent) -> CanaryMark:
    body = mapping(event.body)
    gone = not_answered(body)
    incomplete = bool(gone) and not body.get("failures") and body.get("cases") == body.get("passed")
    return CanaryMark(time_of(event), body.get("ok") is True and not gone, event.seq, incomplete)


def _rank(mark: CanaryMark) -> tuple[int, int]:
    return (2 if mark.ok else 1 if mark.incomplete else 0, mark.seq)


def _critics(reader: LedgerReader, since: datetime) -> CriticTally | None:
    """Verdicts that were held against each other; ``None`` where none were."""
    pairs = disagreements(reader, iso(since))
    if not pairs:
        return None
    seqs = sorted(seq for one in pairs for seq in one.seqs)
    return CriticTally(
        sum(one.compared for one in pairs),
        sum(one.disagreed for one in pairs),
        seqs[0] if seqs else 0,
        seqs[-1] if seqs else 0,
    )


def _model(event: LedgerEvent) -> str:
    body = mapping(event.body)
    provider, model_id = body.get("provider") or event.provider, body.get("model_id") or event.model_id
    return f"{provider}:{model_id}"


def _asks_gate(criteria: Criteria) -> bool:
    return bool(criteria.min_gate_decisions or criteria.gate_agrees)


def _policy(reader: LedgerReader, since: datetime) -> tuple[int, ...] | None:
    """Those opened since then, tests and drills left out; ``None`` where no node ever watched."""
    real = [one for one in read_incidents(reader).values() if one.counts]
    if not real and not _watched(reader):
        return None
    return tuple(
        one.seq for one in real if one.trigger is Trigger.POLICY_VIOLATION and one.opened_at >= since
    )


def _watched(reader: LedgerReader) -> bool:
    newest = reader.last(EventKind.NODE_STARTED)
    return newest is not None and mapping(newest.body).get("watches") is True


def _simulated(reader: LedgerReader) -> bool:
    """Whether the workspace was made for simulated models."""
    genesis = reader.read(0, 1)
    return bool(genesis) and mapping(genesis[0].body).get("simulated") is True
