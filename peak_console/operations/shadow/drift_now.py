"""Drift at one moment, for the command line: the lines, and who told them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peak_console.config.workspace import Workspace
from peak_console.domain.clock import Clock, SystemClock, iso
from peak_console.domain.errors import LedgerUnavailable, NodeUnreachable, PeakError
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.jobs.listing import PATIENCE_S, START_NODE, node_client
from peak_console.operations.shadow.drift import drift_lines
from peak_console.operations.views.body_fields import mapping, text_of
from peak_console.operations.views.shadow import CheckLine, DriftLine, DriftState, GoldSince, StreamLine


@dataclass(frozen=True, slots=True)
class DriftNow:
    """All models in their slots."""

    taken_at: datetime
    lines: tuple[DriftLine, ...] = ()
    told_by_node: bool = False
    lock: str = ""
    """The lock that the tests are held against; empty where none counts."""
    problem: str = ""
    """What cannot be told, and why, with what to do."""

    def of_state(self, state: DriftState) -> tuple[DriftLine, ...]:
        """Those in one state."""
        return tuple(one for one in self.lines if one.state is state)

    @property
    def brief(self) -> str:
        """Models that somebody should look at, counted, in a line; empty where there are none."""
        states = (DriftState.QUARANTINED, DriftState.DRIFTED, DriftState.WATCH)
        counts = [(len({line.name for line in self.of_state(one)}), one.value) for one in states]
        told = ", ".join(f"{count} {word}" for count, word in counts if count)
        return f"{told} of {len({line.name for line in self.lines})} (peak drift status)" if told else ""

    def as_json(self) -> dict[str, Any]:
        """As ``peak drift status --json`` shows it."""
        return {
            "taken_at": iso(self.taken_at),
            "told_by_node": self.told_by_node,
            "lock": self.lock or None,
            "problem": self.problem,
            "models": [line_json(one) for one in self.lines],
        }


def drift_now(ws: Workspace, *, clock: Clock | None = None) -> DriftNow:
    """Drift as it stands. Never raises for what a workspace can come to: what is wrong is told."""
    now = (clock or SystemClock()).now()
    told, problem = _told(ws)
    try:
        with LedgerReader(ws.ledger) as reader:
            lines = drift_lines(ws, reader, told, now)
    except LedgerUnavailable as error:
        if error.code not in {"ledger_missing", "ledger_empty"}:
            problem = "; ".join(one for one in (problem, error.message, error.remedy) if one)
        return DriftNow(now, problem=problem)
    lock = text_of(mapping(told).get("lock")) or ""
    kept = text_of(mapping(told).get("problem")) or ""
    problem = "; ".join(one for one in (problem, kept) if one)
    return DriftNow(now, lines, told_by_node=told is not None, lock=lock, problem=problem)


def line_json(one: DriftLine) -> dict[str, Any]:
    """One model in one slot."""
    evidence, alarm_at = one.gauge
    return {
        "model": one.name,
        "provider": one.provider,
        "model_id": one.model_id,
        "slots": list(one.slots),
        "state": one.state.value,
        "evidence": round(evidence, 2),
        "alarm_at": alarm_at,
        "served": list(one.served),
        "fingerprints": one.fingerprints,
        "unexpected": list(one.unexpected),
        "streams": [_stream_json(stream) for stream in one.streams],
        "canary": _check_json(one.canary),
        "two_sample": _check_json(one.two_sample),
        "why": one.why,
        "since": None if one.since is None else iso(one.since),
        "incident_id": one.incident_id or None,
        "gold_since": _gold_json(one.gold_since),
        "last_answer_at": None if one.last_answer_at is None else iso(one.last_answer_at),
    }


def _stream_json(one: StreamLine) -> dict[str, Any]:
    return {
        "name": one.name,
        "seen": one.seen,
        "hits": one.hits,
        "usual_pct": one.usual_pct,
        "evidence": one.evidence,
        "alarm_at": one.alarm_at,
        "alarmed": one.alarmed,
    }


def _check_json(one: CheckLine | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "at": iso(one.at),
        "ok": one.ok,
        "incomplete": one.incomplete,
        "detail": one.detail,
        "seq": one.seq,
    }


def _gold_json(one: GoldSince | None) -> dict[str, Any] | None:
    if one is None:
        return None
    newest_at = None if one.newest_at is None else iso(one.newest_at)
    counts = {"rounds": one.rounds, "clean": one.clean, "cases": one.cases, "passed": one.passed}
    return {**counts, "newest_at": newest_at}


def _told(ws: Workspace) -> tuple[Mapping[str, Any] | None, str]:
    """The node's word; ``None`` and why where there is none."""
    try:
        with node_client(ws) as client:
            return client.request("drift.status", deadline_s=PATIENCE_S), ""
    except PeakError as error:
        remedy = START_NODE if isinstance(error, NodeUnreachable) else error.remedy
        return None, f"no node tells its tests ({error.message}); {remedy}"
