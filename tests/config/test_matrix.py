"""The matrix: what a chain holds, what is refused whatever the file says, and rules by phase."""

from typing import Any

import pytest

from peak_console.config.document import parse_document
from peak_console.config.matrix import Matrix, MatrixFile, default_critic_policy
from peak_console.domain.calls import CallReason
from peak_console.domain.errors import CallRefused
from peak_console.domain.vocabulary import Layer, OnExhausted, PhaseLevel, Role, SodRule


def matrix(text: str) -> Matrix:
    """A matrix from its text."""
    document = parse_document(text.encode(), "m.toml")
    assert document.data is not None, document.trouble
    return Matrix.of(MatrixFile.model_validate({"global": {}, **document.data}), document.sha256)


def slot(name: str, model: str, extra: str = "") -> str:
    """The text of a slot."""
    return f'{name}\nprovider = "openai"\nmodel_id = "{model}"\n{extra}\n'


def models(chain: Any) -> list[str]:
    """The model ids of a chain."""
    return [entry.model_id for entry in chain]


def test_one_fallback_or_many() -> None:
    """A table is a list of one, an array of tables a list in order (decision 3)."""
    one = matrix(slot("[L0.primary]", "a") + slot("[L0.fallback]", "b"))
    many = matrix(slot("[L0.primary]", "a") + slot("[[L0.fallback]]", "b") + slot("[[L0.fallback]]", "c"))
    assert models(one.chain(Layer.L0, Role.PRIMARY)) == ["a", "b"]
    assert models(many.chain(Layer.L0, Role.PRIMARY)) == ["a", "b", "c"]
    assert models(many.chain(Layer.L0, Role.FALLBACK)) == ["b", "c"]


def test_a_chain_says_where_each_candidate_stands() -> None:
    """Layer, slot and position of each entry; a slot's own settings travel with it."""
    text = slot("[L0.primary]", "a", "timeout_s = 7\nmax_output_tokens = 9") + slot(
        "[L0.fallback]", "b", "degraded = true"
    )
    first, second = matrix(text).chain(Layer.L0, Role.PRIMARY)
    assert (first.layer, first.role, first.position, first.timeout_s, first.max_output_tokens) == (
        "L0",
        "primary",
        0,
        7,
        9,
    )
    assert (second.layer, second.role, second.position, second.degraded) == ("L0", "fallback", 1, True)
    assert second.max_output_tokens is None


def test_a_service_is_the_other_layers_chain() -> None:
    """L3's critic is L4.primary with L4's fallbacks, in L4's places."""
    text = (
        slot("[L3.primary]", "a")
        + '[L3.critic]\nservice = "L4"\n'
        + slot("[L4.primary]", "p")
        + slot("[L4.fallback]", "q")
    )
    entries = matrix(text).chain(Layer.L3, Role.CRITIC)
    assert [(one.layer, one.role, one.model_id) for one in entries] == [
        ("L4", "primary", "p"),
        ("L4", "fallback", "q"),
    ]


@pytest.mark.parametrize("service", ["L3", "L5", "L9", "x"])
def test_a_service_that_leads_nowhere_is_an_empty_slot(service: str) -> None:
    """Should such a matrix ever be in force, the call is refused."""
    text = slot("[L3.primary]", "a") + f'[L3.critic]\nservice = "{service}"\n'
    with pytest.raises(CallRefused) as refused:
        matrix(text).chain(Layer.L3, Role.CRITIC)
    assert refused.value.code == CallReason.SLOT_EMPTY


@pytest.mark.parametrize("layer", [Layer.L5, Layer.L6])
@pytest.mark.parametrize("role", list(Role))
def test_l5_and_l6_are_refused_whatever_the_file_says(layer: Layer, role: Role) -> None:
    """Even a matrix object that holds a model there, built past lint, gives no chain."""
    honest = matrix(slot("[L0.primary]", "a"))
    forged = Matrix(honest.global_, {layer: honest.layers[Layer.L0]}, "forged")
    for one in (honest, forged):
        with pytest.raises(CallRefused) as refused:
            one.chain(layer, role)
        assert refused.value.code == CallReason.LAYER_HAS_NO_MODELS


@pytest.mark.parametrize("role", list(Role))
def test_an_empty_slot_is_refused_with_its_remedy(role: Role) -> None:
    """A layer without the slot, and a layer that is not there."""
    held = matrix(slot("[L0.critic]", "a"))
    for layer in (Layer.L1, *([Layer.L0] if role is not Role.CRITIC else [])):
        with pytest.raises(CallRefused) as refused:
            held.chain(layer, role)
        assert refused.value.code == CallReason.SLOT_EMPTY
        assert f"{layer}.{role}" in refused.value.remedy


def test_a_fallback_without_primary_is_no_chain() -> None:
    """The fallback stands in for the primary; it is none."""
    with pytest.raises(CallRefused):
        matrix(slot("[L0.fallback]", "b")).chain(Layer.L0, Role.PRIMARY)


def test_settings_follow_the_phase() -> None:
    """An override holds from its phase on until a later one; what it leaves out stays."""
    text = (
        '[L2]\ncritic_policy = "sampled:0.25"\nsod = "model"\n'
        '[L2.phases.shadow]\ncritic_policy = "always"\n'
        '[L2.phases.live]\nsod = "provider"\non_exhausted = "review_required"\n'
    )
    held = matrix(text)
    by_phase = [held.settings(Layer.L2, phase) for phase in PhaseLevel]
    assert [one.critic_policy for one in by_phase] == ["sampled:0.25", "always", "always", "always"]
    assert [one.sod for one in by_phase] == [SodRule.MODEL] * 3 + [SodRule.PROVIDER]
    assert by_phase[3].on_exhausted is OnExhausted.REVIEW_REQUIRED


def test_critic_policy_defaults_to_decision_8() -> None:
    """L3 always; L2 always from shadow on; the others on escalation."""
    table = {layer: [default_critic_policy(layer, phase) for phase in PhaseLevel] for layer in Layer}
    assert table[Layer.L3] == ["always"] * 4
    assert table[Layer.L2] == ["on_escalation", "always", "always", "always"]
    assert table[Layer.L0] == table[Layer.L1] == table[Layer.L4] == ["on_escalation"] * 4


@pytest.mark.parametrize(
    ("policy", "good"),
    [
        ("always", True),
        ("on_escalation", True),
        ("sampled:0.1", True),
        ("sampled:1", True),
        ("sampled:1.0", True),
        ("never", False),
        ("sampled:0", False),
        ("sampled:0.0", False),
        ("sampled:1.5", False),
        ("sampled:", False),
        ("sampled:10%", False),
        ("Always", False),
    ],
)
def test_the_words_of_critic_policy(policy: str, good: bool) -> None:  # noqa: FBT001 - a table of cases
    """Nothing can switch the critic off by a word."""
    text = f'[L0]\ncritic_policy = "{policy}"\n'
    if good:
        assert matrix(text).layers[Layer.L0].critic_policy == policy
    else:
        with pytest.raises(ValueError, match="critic_policy"):
            matrix(text)


def test_the_digest_is_that_of_the_content() -> None:
    """Same bytes, same digest; other bytes, another."""
    text = slot("[L0.primary]", "a")
    assert matrix(text).digest == matrix(text).digest
    assert matrix(text).digest != matrix(text + "# x\n").digest
