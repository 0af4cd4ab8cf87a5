"""The risk gate and the shadow cycle of a run in Markdown, under the critics' report. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from peak_console.evidence.report import inert


def gate_report(gate: Mapping[str, Any]) -> str:
    """What :func:`peak_console.evidence.derived.gate_decisions` found; empty where that is nothing."""
    decisions, cycles = gate.get("decisions") or [], gate.get("cycles") or []
    lines: list[str] = []
    for number, one in enumerate(decisions, 1):
        lines += [*_decision(number, one), ""]
    for one in cycles:
        lines += [*_cycle(one), ""]
    return "\n".join(("# Risk gate", "", *lines)) if lines else ""


def _decision(number: int, one: Mapping[str, Any]) -> Iterator[str]:
    body = one.get("body")
    yield f"## {number}. {_word(body, 'verdict')}"
    yield ""
    yield f"- event {one.get('seq')}, {inert(str(one.get('ts')))}"
    if not isinstance(body, Mapping):
        yield "- what was decided is gone: the ledger dropped it by retention"
        return
    yield f"- reasons: {_reasons(body)}"
    yield f"- intent: {_word(body, 'intent_id')}{_intent(_table(body, 'inputs').get('intent'))}"
    yield f"- venue: {_word(body, 'venue_kind')}; inputs {_word(body, 'inputs_digest')}"


def _cycle(one: Mapping[str, Any]) -> Iterator[str]:
    body = one.get("body")
    yield f"## Cycle: {_word(body, 'outcome')}"
    yield ""
    yield f"- event {one.get('seq')}, {inert(str(one.get('ts')))}"
    if not isinstance(body, Mapping):
        yield "- what came out is gone: the ledger dropped it by retention"
        return
    history = ", history replayed" if body.get("replayed") is True else ""
    stale = ", stale" if body.get("stale") is True else ""
    yield f"- {_word(body, 'instrument')}, data of {_word(body, 'as_of')}{history}{stale}"
    yield f"- reasons: {_reasons(body)}"
    yield f"- book: {_word(_table(body, 'book'), 'name')}; cost EUR {_word(body, 'cost_eur')}"


def _intent(told: Any) -> str:
    if not isinstance(told, Mapping):
        return ""
    words = (_word(told, name) for name in ("side", "quantity", "instrument"))
    return f" ({' '.join(words)})"


def _reasons(body: Mapping[str, Any]) -> str:
    told = body.get("reasons")
    named = [inert(str(one), 60) for one in told[:50]] if isinstance(told, list | tuple) else []
    return ", ".join(named) or "none"


def _table(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    told = body.get(name)
    return told if isinstance(told, Mapping) else {}


def _word(body: Any, name: str) -> str:
    told = body.get(name) if isinstance(body, Mapping) else None
    return "unknown" if told is None else inert(str(told), 120)
