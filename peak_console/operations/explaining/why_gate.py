"""A decision of the risk gate explained: what was asked, every reason, figures against limits. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.text import one_line
from peak_console.domain.trading import GateReason
from peak_console.operations.gate_replay import PRUNED, why_undecidable
from peak_console.operations.shadow.gate_figures import GateFigure, gate_figures
from peak_console.operations.views.body_fields import listed, mapping, text_of
from peak_console.risk.recorded import disagreement
from peak_console.risk.words import REASON_WORDS


@dataclass(frozen=True, slots=True)
class GateTold:
    """A recorded decision; ``differs`` says where the gate itself says otherwise, or why nobody can say."""

    verdict: str
    order: str
    """The intent in a line: side, quantity, instrument, price, venue."""
    reasons: tuple[tuple[str, str], ...]
    """Each reason with what it says, in the gate's order."""
    figures: tuple[GateFigure, ...] = ()
    agrees: bool | None = None
    """Whether the gate, asked again, says the same; ``None`` where the inputs are gone."""
    differs: str = ""

    def as_json(self) -> dict[str, Any]:
        """As documents show it."""
        return {
            "verdict": self.verdict,
            "order": self.order,
            "reasons": [{"reason": reason, "says": says} for reason, says in self.reasons],
            "figures": [
                {"reason": one.reason.value, "name": one.name, "found": one.found, "limit": one.limit}
                for one in self.figures
            ],
            "agrees": self.agrees,
            "differs": self.differs,
        }


def gate_told(event: LedgerEvent) -> GateTold | None:
    """What a ``gate.decided`` says; ``None`` for any other event."""
    if event.kind != EventKind.GATE_DECIDED:
        return None
    body = event.body
    why = why_undecidable(body)
    if body is None or why is not None:
        return GateTold(_text(mapping(body).get("verdict")) or "unknown", "", (), differs=why or PRUNED)
    inputs = mapping(body.get("inputs"))
    differs = disagreement(body)
    return GateTold(
        verdict=_text(body.get("verdict")) or "unknown",
        order=_order(mapping(inputs.get("intent"))),
        reasons=tuple((_text(one), _says(one)) for one in listed(body.get("reasons"))),
        figures=gate_figures(inputs),
        agrees=differs is None,
        differs=one_line(differs or "", 300),
    )


def _order(intent: Mapping[str, Any]) -> str:
    side, quantity, name = (_text(intent.get(key)) or "?" for key in ("side", "quantity", "instrument"))
    price = text_of(intent.get("limit_price"))
    words = [side, quantity, name, f"at {one_line(price, 40)} or better" if price else "at the market"]
    if intent.get("reduce_only") is True:
        words.append("reducing only")
    kind, venue = _text(intent.get("venue_kind")), _text(intent.get("venue"))
    words.append("for no venue" if kind == "none" else f"for {venue or '?'} ({kind or '?'})")
    return " ".join(words)


def _says(reason: Any) -> str:
    known = isinstance(reason, str) and reason in set(GateReason)
    return REASON_WORDS[GateReason(reason)] if known else "a word that the gate does not have"


def _text(value: Any) -> str:
    return one_line(text_of(value) or "", 60)
