"""Decisions of the risk gate made again from their recorded inputs; no config has a say in them. Pure."""

from peak_console.domain.events import LedgerEvent
from peak_console.operations.gate_replay import PRUNED, why_undecidable
from peak_console.operations.replaying.report import Decision, Findings
from peak_console.risk.recorded import disagreement


def replay_gate_decision(event: LedgerEvent, found: Findings) -> None:
    """Decide a ``gate.decided`` again: verdict, reasons and digest, byte for byte."""
    why = why_undecidable(event.body)
    if why is not None or event.body is None:
        found.skip(Decision.GATE, event, why or PRUNED)
        return
    recorded = " ".join([str(event.body.get("verdict")), *map(str, event.body.get("reasons") or ())])
    differs = disagreement(event.body)
    found.same(Decision.GATE, event, "the gate's word", recorded, recorded if differs is None else differs)
