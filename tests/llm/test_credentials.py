import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.llm.credentials import SIMULATED_KEY, Credentials
from peak_console.llm.providers.adapters import ADAPTERS, base_url_variable

OPENAI, GOOGLE = ADAPTERS["openai", "chat"], ADAPTERS["google", "generate_content"]
KEY = "sk-canary-0123456789"


class Unreadable(dict[str, str]):
    """An environment in which no key may be looked up."""

    def get(self, key: str, default: object = None) -> object:  # type: ignore[override]
        """Fail for keys, answer for addresses."""
        assert not key.endswith("_KEY"), key
        return default


def test_each_provider_takes_its_key_its_own_way() -> None:
    """OpenAI as a bearer, Gemini in a header of its own; whoever has none gets none."""
    found = Credentials({"OPENAI_API_KEY": f" {KEY}\n", "GEMINI_API_KEY": "g"})
    assert found.headers(OPENAI, simulated=False) == {"authorization": f"Bearer {KEY}"}
    assert found.headers(GOOGLE, simulated=False) == {"x-goog-api-key": "g"}
    assert found.providers() == {"openai", "google"}
    assert Credentials({}).headers(OPENAI, simulated=False) is None
    assert Credentials({}).providers() == frozenset()


def test_a_simulation_never_reads_a_key() -> None:
    """The environment is not even asked."""
    found = Credentials(Unreadable())
    assert found.headers(OPENAI, simulated=True) == {"authorization": f"Bearer {SIMULATED_KEY}"}
    assert found.base_urls() == {}


@pytest.mark.parametrize("value", ["", "  ", "a b", "a\r\nx: y", "a\x00", "schlüssel", "\x7f"])
def test_what_cannot_stand_in_a_header_is_no_key(value: str) -> None:
    """No header can be smuggled in by way of a variable."""
    assert Credentials({"OPENAI_API_KEY": value}).headers(OPENAI, simulated=False) is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_quoted_key_is_struck_out(before: str, after: str) -> None:
    """Whatever stands around it, a key in a foreign text is struck out; ``repr`` shows none."""
    found = Credentials({"OPENAI_API_KEY": KEY})
    headers = found.headers(OPENAI, simulated=False)
    assert headers is not None
    assert KEY not in found.struck(f"{before}{KEY}{after}", headers, OPENAI)
    assert KEY not in repr(found)


def test_what_is_real_is_told_by_provider_only() -> None:
    """Whatever is no placeholder counts, also what could not stand in a header; no value comes out."""
    found = Credentials({"OPENAI_API_KEY": f"{KEY} x", "GEMINI_API_KEY": SIMULATED_KEY})
    assert found.real() == {"openai"}
    assert Credentials({"OPENAI_API_KEY": " "}).real() == frozenset()


def test_addresses_are_named_by_provider() -> None:
    """One variable a provider, its name in capitals, anything else an underscore."""
    assert base_url_variable("openai") == "PEAK_PROVIDER_OPENAI_BASE_URL"
    assert base_url_variable("my-house.ai") == "PEAK_PROVIDER_MY_HOUSE_AI_BASE_URL"
    assert Credentials({"PEAK_PROVIDER_GOOGLE_BASE_URL": "http://127.0.0.1:1"}).base_urls() == {
        "google": "http://127.0.0.1:1"
    }
