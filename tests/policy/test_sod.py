import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.domain.vocabulary import SodRule
from peak_console.policy.sod import ModelIdentity, base_model, sod_conflict

GPT52 = ModelIdentity("openai", "gpt-5.2", "gpt-5")
GPT52_PRO = ModelIdentity("openai", "gpt-5.2-pro", "gpt-5")
O3 = ModelIdentity("openai", "o3", "o3")
GEMINI = ModelIdentity("google", "gemini-2.5-flash", "gemini-2.5")
UNKNOWN = ModelIdentity("", "", "")

_IDENTITIES = st.builds(
    ModelIdentity,
    st.sampled_from(["openai", "google", "azure", ""]),
    st.sampled_from(["gpt-5.2", "gpt-5.2-2025-12-11", "gemini-2.5-pro", "o3", ""]),
    st.sampled_from(["gpt-5", "gemini-2.5", "o3", ""]),
)


@pytest.mark.parametrize(
    ("rule", "critic", "conflicts"),
    [
        (SodRule.MODEL, GPT52, True),
        (SodRule.MODEL, GPT52_PRO, False),
        (SodRule.MODEL, GEMINI, False),
        (SodRule.FAMILY, GPT52_PRO, True),
        (SodRule.FAMILY, O3, False),
        (SodRule.PROVIDER, O3, True),
        (SodRule.PROVIDER, GEMINI, False),
    ],
)
def test_each_rule_asks_for_its_own_difference(
    rule: SodRule, critic: ModelIdentity, *, conflicts: bool
) -> None:
    """Same model, same family, same provider: each is a conflict under its rule and the wider ones."""
    assert (sod_conflict(rule, GPT52, critic) is not None) is conflicts


@pytest.mark.parametrize("rule", list(SodRule))
def test_the_unknown_cannot_be_told_apart(rule: SodRule) -> None:
    """An unknown proposer or critic is a conflict under every rule."""
    assert "proposer" in str(sod_conflict(rule, UNKNOWN, GEMINI))
    assert "critic" in str(sod_conflict(rule, GEMINI, UNKNOWN))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("gpt-5-mini", "gpt-5-mini-2025-08-07"),
        ("mistral-medium-latest", "mistral-medium-2508"),
        ("gemini-2.5-pro", "models/gemini-2.5-pro"),
        ("gemini-2.0-flash-001", "publishers/google/models/gemini-2.0-flash"),
        ("llama-3.3-70b", "llama-3.3-70b@20250101"),
        ("GPT-5.2", "gpt-5.2"),
    ],
)
def test_an_alias_and_its_snapshot_are_one_model(one: str, other: str) -> None:
    """What differs by date, path or case only is the same model."""
    assert base_model(one) == base_model(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("gpt-5.2", "gpt-5.2-pro"), ("gpt-5", "gpt-5-mini"), ("o3", "o4-mini"), ("gpt-4o", "gpt-4")],
)
def test_neighbours_are_different_models(one: str, other: str) -> None:
    """A variant of a model is another model."""
    assert base_model(one) != base_model(other)


def test_the_same_model_at_another_provider_is_the_same_model() -> None:
    """A model does not judge itself from behind another provider's address."""
    azure = ModelIdentity("azure", "gpt-5.2-2025-12-11", "gpt-5")
    assert sod_conflict(SodRule.PROVIDER, GPT52, azure) is not None


@given(_IDENTITIES)
def test_nobody_judges_itself(one: ModelIdentity) -> None:
    """Under every rule a model is in conflict with itself."""
    assert all(sod_conflict(rule, one, one) for rule in SodRule)


@given(st.sampled_from(list(SodRule)), _IDENTITIES, _IDENTITIES)
def test_conflict_is_symmetric(rule: SodRule, one: ModelIdentity, other: ModelIdentity) -> None:
    """Who may judge whom does not depend on the direction."""
    assert (sod_conflict(rule, one, other) is None) == (sod_conflict(rule, other, one) is None)
