"""What a pack tells in short: verdicts, gate decisions, costs and surroundings of a run. Pure.

All of it follows from the events in the pack, and a verifier makes it again and compares. So whoever changes
what is made here gives the pack's format a new number.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.evidence.costs import costs
from peak_console.evidence.event_lines import sorted_json
from peak_console.evidence.gate_report import gate_report
from peak_console.evidence.layout import COSTS, CRITIC, ENVIRONMENT, GATE, REPORT
from peak_console.evidence.report import critic_report

_NODE: Final = ("version", "sqlite_version", "boot_id", "session", "digests")
_JUDGED: Final = (
    "verdict",
    "judged_layer",
    "judged_call_id",
    "judge_layer",
    "findings",
    "sod",
    "capped",
    "degraded",
    "malformed",
    "reason",
    "detail",
    "simulated",
)


def derived_files(
    run_id: str, events: Sequence[LedgerEvent], governing: Sequence[LedgerEvent]
) -> dict[str, bytes]:
    """The short files of a pack, from its events as they stand in it (keys struck out)."""
    verdicts, gate = judgements(run_id, events), gate_decisions(run_id, events)
    return {
        CRITIC: sorted_json(verdicts),
        REPORT: (critic_report(verdicts) + gate_report(gate)).encode(),
        GATE: sorted_json(gate),
        COSTS: sorted_json(costs(run_id, events)),
        ENVIRONMENT: sorted_json(environment(run_id, events, governing)),
    }


def judgements(run_id: str, events: Sequence[LedgerEvent]) -> dict[str, Any]:
    """Every verdict of a critic on the run, in order, with its judge."""
    judged = [_judgement(one) for one in events if one.kind == EventKind.CRITIC_JUDGED]
    counted = Counter(str(one.get("verdict")) for one in judged)
    return {"run_id": run_id, "judgements": judged, "counts": dict(sorted(counted.items()))}


def gate_decisions(run_id: str, events: Sequence[LedgerEvent]) -> dict[str, Any]:
    """Every decision of the risk gate on the run; where there is none, that is said. A shadow run's cycle."""
    decided = [_said(one) for one in events if one.kind == EventKind.GATE_DECIDED]
    cycles = [_said(one) for one in events if one.kind == EventKind.SHADOW_CYCLE_FINISHED]
    said: dict[str, Any] = {"cycles": cycles} if cycles else {}
    if not decided:
        said["note"] = f"the ledger has no {EventKind.GATE_DECIDED} event of this run"
    return {"run_id": run_id, "decisions": decided, **said}


def environment(
    run_id: str, events: Sequence[LedgerEvent], governing: Sequence[LedgerEvent]
) -> dict[str, Any]:
    """In which surroundings the run took place, by the records of that time alone."""
    first = events[0].seq if events else 0
    nodes = [one for one in governing if one.kind == EventKind.NODE_STARTED]
    asked = [one.body or {} for one in events if one.kind == EventKind.CALL_REQUESTED]
    genesis = next((one for one in governing if one.kind == EventKind.WORKSPACE_INITIALISED), None)
    return {
        "run_id": run_id,
        "workspace": None if genesis is None else _said(genesis),
        "nodes": [
            {**_place(one), **{name: one.body[name] for name in _NODE if name in (one.body or {})}}
            for one in nodes
            if one.body is not None
        ],
        "program_version": program_version(governing, first),
        "started": [
            {**_said(one), "actor": one.actor} for one in events if one.kind == EventKind.RUN_STARTED
        ],
        "phases": sorted({str(one["phase"]) for one in asked if "phase" in one}),
        "postures": sorted({str(one["posture"]) for one in asked if "posture" in one}),
        "base_urls": sorted({str(one["base_url"]) for one in asked if "base_url" in one}),
        "simulated": any(one.get("simulated") is True for one in asked),
    }


def program_version(governing: Sequence[LedgerEvent], first: int) -> str:
    """The version of the node in whose time the run began; empty where none is on record."""
    nodes = [one for one in governing if one.kind == EventKind.NODE_STARTED and one.body is not None]
    before = [one for one in nodes if one.seq < first] or nodes[:1]
    return str((before[-1].body or {}).get("version", "")) if before else ""


def _judgement(event: LedgerEvent) -> dict[str, Any]:
    body = event.body
    who = {"provider": event.provider, "model_id": event.model_id, "call_id": event.call_id}
    said = {"pruned": True} if body is None else {name: body[name] for name in _JUDGED if name in body}
    return {**_place(event), **who, **said}


def _said(event: LedgerEvent) -> dict[str, Any]:
    return {**_place(event), "body": None if event.body is None else dict(event.body)}


def _place(event: LedgerEvent) -> dict[str, Any]:
    return {"seq": event.seq, "ts": event.ts}
