import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.policy.guards import guard

ALLOWED = ("openai", "google", "mistral", "bedrock", "together", "azure")
_NAMES = st.sampled_from([*ALLOWED, "OpenAI", "xai", "gpt-5", "gpt-5-mini", "meta/llama-3", "", "claude-"])


def test_an_empty_allow_list_denies_all() -> None:
    """No list of allowed providers means nobody, never everybody."""
    denial = guard(provider="openai", model_id="gpt-5-mini", allowed_providers=())
    assert denial is not None
    assert denial.rule == "provider_not_allowed"
    assert "the list is empty" in denial.message


def test_allowing_is_exact() -> None:
    """A provider passes only as it is written in the list."""
    assert guard(provider="openai", model_id="gpt-5-mini", allowed_providers=ALLOWED) is None
    for stranger in ("OpenAI", "open-ai", "openai ", "xai", ""):
        assert guard(provider=stranger, model_id="m", allowed_providers=ALLOWED) is not None, stranger


@pytest.mark.parametrize("written", ["openai", "OpenAI", "open-ai", "\uff4fpenai", "open_ai"])
def test_forbidding_a_provider_is_generous_and_beats_allowing(written: str) -> None:
    """A file that forbids a provider in another spelling means it."""
    denial = guard(
        provider="openai", model_id="gpt-5-mini", allowed_providers=ALLOWED, forbidden_providers=[written]
    )
    assert denial is not None
    assert denial.rule == "forbidden_provider"


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("model_id", "gpt-4o"),
        ("model_id", "GPT-4o-mini"),
        ("model_id", "openai/gpt-4"),
        ("family", "gpt-4"),
        ("deployment", "gpt_4_prod"),
    ],
)
def test_a_forbidden_prefix_is_found(field: str, name: str) -> None:
    """At the start of model id, family and deployment, and behind a publisher's path."""
    names = {"model_id": "m", field: name}
    denial = guard(provider="openai", allowed_providers=ALLOWED, forbidden_model_prefixes=["gpt-4"], **names)
    assert denial is not None
    assert (denial.rule, denial.field) == ("forbidden_model", field)


def test_a_prefix_is_no_infix() -> None:
    """A prefix in the middle of a name forbids nothing, and an empty one nothing at all."""
    assert (
        guard(
            provider="openai",
            model_id="my-gpt-4",
            allowed_providers=ALLOWED,
            forbidden_model_prefixes=["gpt-4"],
        )
        is None
    )
    assert (
        guard(
            provider="openai", model_id="gpt-4", allowed_providers=ALLOWED, forbidden_model_prefixes=["", "-"]
        )
        is None
    )


@given(
    provider=_NAMES,
    model_id=_NAMES,
    allowed=st.sets(_NAMES),
    forbidden=st.sets(_NAMES),
    prefixes=st.sets(_NAMES),
    more=st.sets(_NAMES),
)
def test_files_can_only_forbid_more(
    *,
    provider: str,
    model_id: str,
    allowed: set[str],
    forbidden: set[str],
    prefixes: set[str],
    more: set[str],
) -> None:
    """Whatever is added to the forbidding lists, or taken from the allow-list, denies at least as much."""
    before = guard(
        provider=provider,
        model_id=model_id,
        allowed_providers=allowed,
        forbidden_providers=forbidden,
        forbidden_model_prefixes=prefixes,
    )
    after = guard(
        provider=provider,
        model_id=model_id,
        allowed_providers=allowed - more,
        forbidden_providers=forbidden | more,
        forbidden_model_prefixes=prefixes | more,
    )
    assert before is None or after is not None
