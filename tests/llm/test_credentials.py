from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.llm.credentials import SIMULATED_KEY, Credentials
from peak_console.llm.providers.adapters import ADAPTERS, Adapter, base_url_variable
from peak_console.net.messages import HttpRequest

OPENAI, GOOGLE = ADAPTERS["openai", "chat"], ADAPTERS["google", "generate_content"]
AZURE = replace(
    OPENAI,
    provider="azure",
    base_url="{AZURE_OPENAI_ENDPOINT}",
    key_variable="AZURE_OPENAI_API_KEY",
    key_header="api-key",
    key_prefix="",
)
CONVERSE = replace(
    OPENAI,
    provider="bedrock",
    endpoint="converse",
    base_url="https://bedrock-runtime.{AWS_REGION}.amazonaws.com",
    key_variable="AWS_BEARER_TOKEN_BEDROCK",
    signs=True,
)
ALL = (OPENAI, GOOGLE, AZURE, CONVERSE)
KEY = "sk-canary-0123456789"
ACCESS = {
    "AWS_ACCESS_KEY_ID": "AKIACANARY0123456789",
    "AWS_SECRET_ACCESS_KEY": "canary/secret+0123456789abcdefghij",
    "AWS_SESSION_TOKEN": "canary-session-token-0123456789==",
}
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
REQUEST = HttpRequest("https://bedrock-runtime.eu-central-1.amazonaws.com/model/m/converse", b"{}")


def sent(
    environ: dict[str, str], adapter: Adapter, request: HttpRequest = REQUEST, *, simulated: bool = False
) -> dict[str, str] | None:
    """The headers that carry the proof."""
    found = Credentials(environ, ALL).authorised(adapter, request, simulated=simulated, now=NOW)
    return None if found is None else dict(found.headers)


class Unreadable(dict[str, str]):
    """An environment in which no key may be looked up."""

    def get(self, key: str, default: object = None) -> object:  # type: ignore[override]
        """Fail for keys, answer for addresses."""
        assert not key.endswith("_KEY"), key
        assert "TOKEN" not in key, key
        assert key not in ACCESS, key
        return default


def test_each_provider_takes_its_key_its_own_way() -> None:
    """OpenAI as a bearer, Gemini in a header of its own; whoever has none gets none."""
    found = Credentials({"OPENAI_API_KEY": f" {KEY}\n", "GEMINI_API_KEY": "g"})
    assert sent({"OPENAI_API_KEY": f" {KEY}\n"}, OPENAI) == {"authorization": f"Bearer {KEY}"}
    assert sent({"GEMINI_API_KEY": "g"}, GOOGLE) == {"x-goog-api-key": "g"}
    assert found.providers() == {"openai", "google"}
    assert sent({"AZURE_OPENAI_API_KEY": KEY}, AZURE) == {"api-key": KEY}
    assert sent({}, OPENAI) is None
    assert Credentials({}).providers() == frozenset()


def test_a_simulation_never_reads_a_key() -> None:
    """The environment is not even asked."""
    found = Credentials(Unreadable(), ALL)
    for adapter in (OPENAI, CONVERSE):
        request = found.authorised(adapter, REQUEST, simulated=True, now=NOW)
        assert request is not None
        assert request.headers == {"authorization": f"Bearer {SIMULATED_KEY}"}
        assert found.struck(f"no {SIMULATED_KEY} key", request, adapter) == f"no {SIMULATED_KEY} key"
    assert found.base_urls() == {}


@pytest.mark.parametrize("value", ["", "  ", "a b", "a\r\nx: y", "a\x00", "schlüssel", "\x7f"])
def test_what_cannot_stand_in_a_header_is_no_key(value: str) -> None:
    """No header can be smuggled in by way of a variable."""
    assert sent({"OPENAI_API_KEY": value}, OPENAI) is None
    assert sent({**ACCESS, "AWS_SECRET_ACCESS_KEY": value}, CONVERSE) is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_quoted_key_is_struck_out(before: str, after: str) -> None:
    """Whatever stands around it, a key in a foreign text is struck out; ``repr`` shows none."""
    found = Credentials({"OPENAI_API_KEY": KEY})
    request = found.authorised(OPENAI, REQUEST, simulated=False, now=NOW)
    assert request is not None
    assert KEY not in found.struck(f"{before}{KEY}{after}", request, OPENAI)
    assert KEY not in repr(found)
    assert KEY not in repr(request)


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


def test_bedrock_takes_a_key_or_signs() -> None:
    """Its API key goes before access keys; these sign, and never travel but for their id and token."""
    bearer = {"AWS_BEARER_TOKEN_BEDROCK": KEY}
    assert sent(bearer | ACCESS, CONVERSE) == {"authorization": f"Bearer {KEY}"}
    headers = sent(ACCESS, CONVERSE)
    assert headers is not None
    assert headers["x-amz-security-token"] == ACCESS["AWS_SESSION_TOKEN"]
    assert "/20261122/eu-central-1/bedrock/aws4_request" in headers["authorization"]
    assert ACCESS["AWS_SECRET_ACCESS_KEY"] not in str(headers)
    assert sent(ACCESS, replace(CONVERSE, signs=False)) is None
    assert Credentials(ACCESS, ALL).providers() == Credentials(ACCESS, ALL).signing_only() == {"bedrock"}
    assert Credentials(bearer | ACCESS, ALL).signing_only() == frozenset()


def test_a_signature_is_for_the_region_that_is_addressed() -> None:
    """The address's own region, or that of the environment where the address names none."""
    here = HttpRequest("http://127.0.0.1:4000/model/m/converse", b"{}")
    assert sent(ACCESS, CONVERSE, here) is None
    headers = sent({**ACCESS, "AWS_REGION": "us-west-2"}, CONVERSE, here)
    assert headers is not None
    assert "/us-west-2/bedrock/" in headers["authorization"]
    other = sent({**ACCESS, "AWS_REGION": "us-west-2"}, CONVERSE)
    assert other is not None
    assert "/eu-central-1/bedrock/" in other["authorization"]


def test_every_secret_of_a_signed_request_is_struck_out() -> None:
    """A provider that quotes the canonical request quotes id, token and signature."""
    found = Credentials(ACCESS, ALL)
    request = found.authorised(CONVERSE, REQUEST, simulated=False, now=NOW)
    assert request is not None
    quoted = " ".join([*ACCESS.values(), *request.headers.values()])
    struck = found.struck(quoted, request, CONVERSE)
    assert not any(secret in struck for secret in ACCESS.values())
    assert request.headers["authorization"].rpartition("=")[2] not in struck
    assert not any(secret in f"{request!r} {found!r}" for secret in ACCESS.values())


def test_access_keys_count_as_real_keys() -> None:
    """One of them is enough: a demo workspace does not guess what it is for."""
    for variable, value in ACCESS.items():
        assert Credentials({variable: value}, ALL).real() == {"bedrock"}


@pytest.mark.parametrize(
    ("environ", "adapter", "address"),
    [
        ({}, OPENAI, "https://api.openai.com/v1"),
        ({}, AZURE, None),
        (
            {"AZURE_OPENAI_ENDPOINT": " https://r.openai.azure.com/ "},
            AZURE,
            "https://r.openai.azure.com",
        ),
        ({}, CONVERSE, None),
        ({"AWS_REGION": "eu-west-1"}, CONVERSE, "https://bedrock-runtime.eu-west-1.amazonaws.com"),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, CONVERSE, "https://bedrock-runtime.eu-west-1.amazonaws.com"),
        (
            {"AWS_REGION": "us-gov-west-1", "AWS_DEFAULT_REGION": "x"},
            CONVERSE,
            "https://bedrock-runtime.us-gov-west-1.amazonaws.com",
        ),
        ({"AWS_REGION": "evil.example/"}, CONVERSE, None),
        ({"AWS_REGION": "eu-west-1.evil.example/x?"}, CONVERSE, None),
    ],
)
def test_addresses_take_their_parts_from_the_environment(
    environ: dict[str, str], adapter: Adapter, address: str | None
) -> None:
    """What is not told, or could turn the address elsewhere, gives none."""
    found = Credentials(environ, ALL)
    assert found.address(adapter) == address
    told = {adapter.provider: address} if address and "{" in adapter.base_url else {}
    assert found.addresses() == told
