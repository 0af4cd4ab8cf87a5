"""What is halted while the rest goes on: pure, and closed where it cannot be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.control.scopes import NOTHING, Halts, Subject, ends_calls, stopped_by
from peak_console.domain.calls import CallReason
from peak_console.domain.stopping import parse_scope

CALL = Subject(layer="L2", run_id="run_1", provider="openai", model_id="gpt:5")

_NAMES = st.text("abcL012:_-", min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("scope", "whole"),
    [
        ("global", True),
        ("layer:L2", True),
        ("run:run_1", True),
        ("provider:openai", False),
        ("model:openai:gpt:5", False),
    ],
)
def test_a_scope_that_covers_a_call_halts_it(scope: str, *, whole: bool) -> None:
    """Layer and run end the call; of a provider or model another candidate may be asked."""
    halts = Halts(stopped=("venue:kraken", scope))
    halt = halts.of(CALL)
    assert halt is not None
    assert (halt.scope, halt.whole, halt.reason) == (scope, whole, CallReason.SCOPE_STOPPED)
    assert (halts.of_call(CALL) is not None) == whole == ends_calls(scope)
    assert halts.cutting(CALL) == halt


@pytest.mark.parametrize(
    "scope", ["layer:L3", "run:run_2", "provider:google", "model:openai:gpt", "venue:L2", "drill:L2"]
)
def test_another_scope_halts_nothing(scope: str) -> None:
    """A stop of a part lets the rest go on, and a drill stops nobody."""
    assert Halts(stopped=(scope,)).of(CALL) is None


def test_a_critic_that_is_a_layer_of_its_own_falls_under_both() -> None:
    """Who asked ends the call; the layer that serves it passes the candidate over."""
    call = Subject(layer="L3", run_id="r", provider="openai", model_id="m", served="L4")
    asked, serves = Halts(stopped=("layer:L3",)).of(call), Halts(stopped=("layer:L4",)).of(call)
    assert asked is not None
    assert asked.whole
    assert serves is not None
    assert not serves.whole


def test_a_quarantined_model_is_passed_over_and_never_cut() -> None:
    """Nothing new leaves for it; what is on its way ends by itself."""
    halts = Halts(quarantined=("openai:gpt:5",))
    halt = halts.of(CALL)
    assert halt is not None
    assert (halt.reason, halt.whole) == (CallReason.MODEL_QUARANTINED, False)
    assert halts.cutting(CALL) is None
    assert halts.of(Subject("L2", provider="openai", model_id="gpt")) is None


@given(st.lists(st.text(max_size=12), max_size=4), _NAMES, _NAMES)
def test_a_scope_that_cannot_be_read_covers_everything(scopes: list[str], layer: str, model: str) -> None:
    """Whatever stands among the stopped scopes either names what it covers, or covers all."""
    found = stopped_by(scopes, layer=layer, provider="p", model_id=model, run_id="r")
    covering = []
    for text in scopes:
        try:
            covers = parse_scope(text).covers(layer=layer, provider="p", model_id=model, run_id="r")
        except Exception:  # noqa: BLE001 - whatever keeps it from being read
            covers = True
        covering += [text] if covers else []
    assert found == (covering[0] if covering else None)


def test_nothing_halted_halts_nothing() -> None:
    """The usual case, and false as a condition."""
    assert not NOTHING
    assert NOTHING.of(CALL) is None
    assert NOTHING.cutting(CALL) is None
