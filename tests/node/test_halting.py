"""What the writer refuses for a stop of a part: by who asked, in which run, and which model would serve."""

from dataclasses import replace

import pytest
from node_calls import requested

from peak_console.config.canaries import CanaryFile, CanaryLibrary
from peak_console.control.scopes import Halts
from peak_console.domain.events import EventDraft
from peak_console.node.halting import refused_by_halts


def asked_by(layer: str) -> EventDraft:
    """A request of L3 that a model of L2 serves."""
    draft = requested("call_1")
    return replace(draft, body={**draft.body, "asked_layer": layer})


@pytest.mark.parametrize(
    ("halts", "code", "passes_over"),
    [
        (Halts(stopped=("layer:L3",)), "scope_stopped", False),
        (Halts(stopped=("run:r1",)), "scope_stopped", False),
        (Halts(stopped=("layer:L2",)), "scope_stopped", True),
        (Halts(stopped=("provider:openai",)), "scope_stopped", True),
        (Halts(stopped=("model:openai:gpt-5",)), "scope_stopped", True),
        (Halts(quarantined=("openai:gpt-5",)), "model_quarantined", True),
        (Halts(stopped=("no scope at all",)), "scope_stopped", False),
    ],
)
def test_a_reservation_that_is_halted_is_refused(halts: Halts, code: str, *, passes_over: bool) -> None:
    """The refusal says what is stopped, what lifts it, and whether another candidate may be asked."""
    refusal = refused_by_halts(asked_by("L3"), halts)
    assert refusal is not None
    assert (refusal.code, refusal.details["passes_over"]) == (code, passes_over)
    assert refusal.remedy


def test_what_is_not_covered_is_reserved() -> None:
    """A stop of a part lets the rest go on; of a body that says nothing, the event's own layer is asked."""
    others = Halts(("layer:L4", "provider:google", "run:r2", "drill:L3"), ("google:gpt-5",))
    assert refused_by_halts(asked_by("L3"), others) is None
    assert refused_by_halts(requested("call_1"), Halts()) is None
    assert refused_by_halts(requested("call_1"), Halts(stopped=("layer:L2",))) is not None


GOLD = CanaryLibrary.of(
    {"gold": CanaryFile.model_validate({"case": [{"id": "two", "prompt": "1+1?", "expect": {"text": "2"}}]})},
    {},
)


def test_a_gold_case_is_reserved_of_a_quarantined_model_and_of_nothing_that_is_stopped() -> None:
    """It stands in a set of the configs, and says so; every stop binds it as any call."""
    (case,), out = GOLD.sets["gold"].case, Halts(quarantined=("openai:gpt-5",))
    draft = requested("call_1")
    body = {**draft.body, "gold_case": True, "prompt_name": "canary-gold"}
    put = replace(draft, body={**body, "prompt_version": case.digest[:12]})
    assert refused_by_halts(put, out, GOLD) is None
    for forged in (
        replace(draft, body={**body, "prompt_version": "0" * 12}),
        replace(put, body={**put.body, "prompt_name": "canary-other"}),
        replace(put, body={**put.body, "gold_case": 1}),
        replace(put, body={**put.body, "prompt_version": None}),
    ):
        refusal = refused_by_halts(forged, out, GOLD)
        assert refusal is not None
        assert refusal.code == "model_quarantined"
    for scope in ("layer:L2", "provider:openai", "model:openai:gpt-5", "global"):
        assert refused_by_halts(put, Halts((scope,), out.quarantined), GOLD) is not None
