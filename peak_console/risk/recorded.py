"""A decision of the gate as it is recorded in ``gate.decided``, and whether it is the gate's own. Pure.

Nobody's word is taken for a decision: whoever reads one, or is to write it down, decides again from the
recorded inputs.
"""

from collections.abc import Mapping
from typing import Any, Final

from peak_console.domain.trading import GateDecision, GateVerdict
from peak_console.risk.document import FORM
from peak_console.risk.gate import decide

KEYS: Final = frozenset(
    {"gate", "verdict", "reasons", "inputs_digest", "inputs", "intent_id", "venue_kind", "would"}
)


def decided_body(inputs: Mapping[str, Any], decision: GateDecision) -> dict[str, Any]:
    """The body of ``gate.decided``: what was decided, and the document it was decided on."""
    intent = _mapping(inputs.get("intent"))
    return {
        "gate": FORM,
        "verdict": decision.verdict.value,
        "reasons": [one.value for one in decision.reasons],
        "inputs_digest": decision.inputs_digest,
        "inputs": dict(inputs),
        "intent_id": _text(intent.get("intent_id")),
        "venue_kind": _text(intent.get("venue_kind")),
        "would": would(decision.verdict),
    }


def would(verdict: GateVerdict) -> str:
    """What would have become of the order where none is sent: ``allow`` or ``block``."""
    return "allow" if verdict is GateVerdict.ALLOW else "block"


def disagreement(body: Mapping[str, Any]) -> str | None:
    """Where the gate itself says otherwise than a recorded decision; ``None`` where it is the gate's own.

    Never raises; what cannot be decided again is no decision of the gate's.
    """
    if set(body) != KEYS or body["gate"] != FORM:
        return "it is no decision of the gate's form"
    inputs = body["inputs"]
    try:
        again = decided_body(inputs, decide(inputs))
    except (ValueError, AttributeError, TypeError) as error:
        return f"its inputs cannot be decided on: {error}"
    for name in ("verdict", "reasons", "inputs_digest", "intent_id", "venue_kind", "would"):
        given = list(body[name]) if isinstance(body[name], tuple) else body[name]
        if given != again[name]:
            return f"{name}: recorded {_told(given)}, decided {_told(again[name])}"
    return None


def _told(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))[:200] or "none"
    return str(value)[:200]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
