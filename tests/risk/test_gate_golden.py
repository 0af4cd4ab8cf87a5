import json
from decimal import ROUND_UP, Decimal, localcontext

import pytest
from risk.gate_cases import CASES, GOLDEN, document, golden_of

from peak_console.domain.canonical import canonical, sha256_hex
from peak_console.risk.document import inputs_from
from peak_console.risk.gate import decide
from peak_console.risk.recorded import decided_body, disagreement

HELD = json.loads(GOLDEN.read_text("utf-8"))


@pytest.mark.parametrize("name", HELD)
def test_what_was_decided_once_comes_out_byte_for_byte(name: str) -> None:
    """The recorded document gives the recorded bytes, for ever; its digest is its own."""
    written, decided = HELD[name]["document"], HELD[name]["decided"]
    body = decided_body(written, decide(written))
    assert canonical(body | {"inputs": None}).decode() == decided
    assert body["inputs_digest"] == sha256_hex(canonical(written))
    assert disagreement(json.loads(canonical(body))) is None
    assert document(inputs_from(written)) == written


def test_every_named_case_is_held() -> None:
    """No case is decided otherwise than the file says, and none is left out of it."""
    assert len(HELD) >= 40
    assert {name: golden_of(inputs) for name, (inputs, _) in CASES.items()} == HELD


def test_whoever_computes_with_another_precision_gets_the_same() -> None:
    """A decimal context of the caller's, and its flags, have no part in a decision."""
    name = "order too large"
    with localcontext() as context:
        context.prec, context.rounding, context.capitals = 2, ROUND_UP, 0
        for trap in context.traps:
            context.traps[trap] = False
        body = golden_of(CASES[name][0])
        assert Decimal(1) / 3 == Decimal("0.34"), "the caller's context stands"
    assert body == HELD[name]
