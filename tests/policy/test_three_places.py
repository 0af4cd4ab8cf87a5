from hypothesis import given
from hypothesis import strategies as st
from policy_names import FORBIDDEN_MODELS, FORBIDDEN_URLS, INNOCENT_MODELS, INNOCENT_URLS

from peak_console.policy.deny import deny_echo, deny_redirect, hard_deny

_MODELS = st.sampled_from([*FORBIDDEN_MODELS.values(), *INNOCENT_MODELS])
_URLS = st.sampled_from([*FORBIDDEN_URLS.values(), *INNOCENT_URLS])


@given(_MODELS)
def test_a_model_asked_for_and_a_model_echoed_are_judged_alike(name: str) -> None:
    """The rule before the send and the rule on the answer are one rule."""
    assert (hard_deny(model_id=name) is None) == (deny_echo(name) is None)


@given(_URLS)
def test_an_address_asked_and_an_address_redirected_to_are_judged_alike(url: str) -> None:
    """The rule on a base URL and the rule on a redirect are one rule."""
    assert (hard_deny(base_url=url) is None) == (deny_redirect(url) is None)
