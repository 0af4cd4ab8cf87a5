from typing import Any, cast

from risk.gate_cases import CASES, document

from peak_console.domain.events import EventDraft, EventKind
from peak_console.node.writer_rules import WriterRules
from peak_console.risk.gate import decide
from peak_console.risk.recorded import decided_body


def test_the_writers_condition_asks_the_gate() -> None:
    """A decision of the gate's own is taken; with another verdict, or as another run's, it is refused."""
    rules = WriterRules(cast("Any", None))
    inputs = document(CASES["no calls permitted"][0])
    body = decided_body(inputs, decide(inputs))
    run_id = inputs["intent"]["run_id"]
    assert rules.condition(EventDraft("ev_1", EventKind.GATE_DECIDED, body, run_id=run_id)) is None
    for another in (None, "", f"{run_id}x"):
        refused = rules.condition(EventDraft("ev_1", EventKind.GATE_DECIDED, body, run_id=another))
        assert refused is not None
        assert refused.code == "gate_of_another_run"
    refused = rules.condition(
        EventDraft(
            "ev_1", EventKind.GATE_DECIDED, body | {"verdict": "ALLOW", "reasons": [], "would": "allow"}
        )
    )
    assert refused is not None
    assert refused.code == "gate_disagrees"
