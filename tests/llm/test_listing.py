"""The free lists of six providers: what is asked for, what is read, and that nothing foreign gets through."""

import json
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peak_console.config.interfaces import INTERFACES
from peak_console.llm.providers.listing import (
    MOST_MODELS,
    ListedModel,
    Page,
    control_plane,
    listings,
    region_of,
)
from peak_console.llm.providers.wire import Malformed

BASES = {
    "openai": "https://api.openai.com/v1",
    "google": "https://generativelanguage.googleapis.com/v1beta",
    "mistral": "https://api.mistral.ai/v1",
    "together": "https://api.together.ai/v1",
    "azure": "https://desk.openai.azure.com",
    "bedrock": "https://bedrock-runtime.eu-central-1.amazonaws.com",
}
ASKED = {
    "openai": ["https://api.openai.com/v1/models"],
    "google": ["https://generativelanguage.googleapis.com/v1beta/models?pageSize=1000"],
    "mistral": ["https://api.mistral.ai/v1/models"],
    "together": ["https://api.together.ai/v1/models"],
    "azure": ["https://desk.openai.azure.com/openai/v1/models"],
    "bedrock": [
        "https://bedrock.eu-central-1.amazonaws.com/foundation-models",
        "https://bedrock.eu-central-1.amazonaws.com/inference-profiles?maxResults=1000",
    ],
}
END = date(2026, 12, 11)
SECONDS = int(datetime(2026, 12, 11, 8, tzinfo=UTC).timestamp())
OPENAI = {
    "object": "list",
    "data": [
        {
            "id": "gpt-5-mini",
            "object": "model",
            "created": 1,
            "owned_by": "system",
            "shutdown_date": "2026-12-11",
        },
        {"id": "gpt-5.2", "object": "model", "created": 1, "owned_by": "system", "shutdown_date": None},
    ],
}
GOOGLE = {"models": [{"name": "models/gemini-2.5-flash", "version": "001"}], "nextPageToken": "p2"}
MISTRAL = {
    "object": "list",
    "data": [
        {
            "id": "mistral-medium-2604",
            "object": "model",
            "aliases": ["mistral-medium-latest"],
            "deprecation": "2026-12-11T12:00:00Z",
        }
    ],
}
TOGETHER = [{"id": "openai/gpt-oss-120b", "object": "model", "type": "chat", "context_length": 131072}]
AZURE = {
    "object": "list",
    "data": [
        {
            "id": "gpt-5-mini-2025-08-07",
            "status": "succeeded",
            "lifecycle_status": "deprecating",
            "deprecation": {"fine_tune": SECONDS, "inference": SECONDS},
            "object": "model",
        }
    ],
}
FOUNDATION = {
    "modelSummaries": [
        {
            "modelArn": "arn:aws:bedrock:eu-central-1::foundation-model/amazon.nova-pro-v1:0",
            "modelId": "amazon.nova-pro-v1:0",
            "modelLifecycle": {"status": "LEGACY", "endOfLifeTime": "2026-12-11T00:00:00Z"},
        }
    ]
}
PROFILES = {
    "inferenceProfileSummaries": [
        {
            "inferenceProfileId": "eu.amazon.nova-pro-v1:0",
            "inferenceProfileArn": "arn:aws:bedrock:eu-central-1:1:inference-profile/eu.amazon.nova-pro-v1:0",
            "status": "ACTIVE",
        }
    ],
    "nextToken": "t/2",
}
READ: list[tuple[str, int, Any, Page]] = [
    ("openai", 0, OPENAI, Page((ListedModel("gpt-5-mini", END), ListedModel("gpt-5.2")))),
    ("google", 0, GOOGLE, Page((ListedModel("gemini-2.5-flash"),), "p2")),
    (
        "mistral",
        0,
        MISTRAL,
        Page((ListedModel("mistral-medium-2604", END), ListedModel("mistral-medium-latest", END))),
    ),
    ("together", 0, TOGETHER, Page((ListedModel("openai/gpt-oss-120b"),))),
    ("together", 0, {"data": TOGETHER}, Page((ListedModel("openai/gpt-oss-120b"),))),
    ("azure", 0, AZURE, Page((ListedModel("gpt-5-mini-2025-08-07", END, retiring=True),))),
    ("bedrock", 0, FOUNDATION, Page((ListedModel("amazon.nova-pro-v1:0", END, retiring=True),))),
    (
        "bedrock",
        1,
        PROFILES,
        Page(
            (
                ListedModel("eu.amazon.nova-pro-v1:0"),
                ListedModel("arn:aws:bedrock:eu-central-1:1:inference-profile/eu.amazon.nova-pro-v1:0"),
            ),
            "t/2",
        ),
    ),
]


@pytest.mark.parametrize("provider", list(INTERFACES))
def test_what_is_asked_is_a_get_without_a_body(provider: str) -> None:
    """The documented address of each list; no prompt can be in it."""
    asked = [one.request(None) for one in listings(provider, BASES[provider] + "/")]
    assert [one.url for one in asked] == ASKED[provider]
    assert all((one.method, one.body) == ("GET", b"") for one in asked)


@pytest.mark.parametrize("tail", ["", "/", "/openai", "/openai/v1", "/openai/v1/"])
def test_azures_address_may_carry_its_path(tail: str) -> None:
    """People paste it with and without."""
    (listing,) = listings("azure", BASES["azure"] + tail)
    assert listing.request(None).url == ASKED["azure"][0]


def test_the_next_page_is_asked_for_by_its_token() -> None:
    """A token is data: whatever stands in it stays one value of the query."""
    google, profiles = listings("google", "https://x/v1beta")[0], listings("bedrock", "https://x")[1]
    assert (
        google.request("a&key=b#c").url == "https://x/v1beta/models?pageSize=1000&pageToken=a%26key%3Db%23c"
    )
    assert profiles.request("t/2").url == "https://x/inference-profiles?maxResults=1000&nextToken=t%2F2"


@pytest.mark.parametrize(("provider", "place", "body", "page"), READ)
def test_a_documented_list_is_read(provider: str, place: int, body: Any, page: Page) -> None:
    """Names, aliases, ends in each spelling, and the token of the next page."""
    assert listings(provider, BASES[provider])[place].read(json.dumps(body).encode()) == page


def test_nobody_without_an_adapter_is_listed() -> None:
    """There is no list of a provider that this program does not speak to."""
    assert listings("anthropic", "https://x") == ()


@pytest.mark.parametrize("value", ["soon", -5, 1e300, 17, True, [], {}, "2026-13-40", 10**30])
def test_an_end_that_is_no_day_makes_the_list_malformed(value: Any) -> None:
    """A date is never guessed."""
    body = {"data": [{"id": "gpt-5", "shutdown_date": value}]}
    with pytest.raises(Malformed) as wrong:
        listings("openai", "https://x")[0].read(json.dumps(body).encode())
    assert wrong.value.path == "$.data[0].shutdown_date"


@pytest.mark.parametrize("value", [None, "", 0])
def test_no_end_is_no_end(value: Any) -> None:
    """Absent, null, empty and zero say nothing."""
    body = {"data": [{"id": "gpt-5", "shutdown_date": value}]}
    assert listings("openai", "https://x")[0].read(json.dumps(body).encode()).models[0].ends is None


def test_a_list_without_end_is_refused() -> None:
    """Bounded, however long the body may be."""
    body = {"data": [{"id": "m"}] * (MOST_MODELS + 1)}
    with pytest.raises(Malformed):
        listings("openai", "https://x")[0].read(json.dumps(body).encode())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "data",
                    "models",
                    "name",
                    "aliases",
                    "deprecation",
                    "modelId",
                    "modelLifecycle",
                    "nextToken",
                ]
            )
            | st.text(max_size=8),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def _all_reads(body: bytes) -> None:
    for provider in INTERFACES:
        for listing in listings(provider, BASES[provider]):
            try:
                page = listing.read(body)
            except Malformed:
                continue
            assert all(isinstance(one.name, str) and one.name for one in page.models)


@given(JSON)
@settings(deadline=None, max_examples=300)
def test_any_json_is_a_page_or_malformed(value: Any) -> None:
    """No other outcome: a provider's body is hostile."""
    _all_reads(json.dumps(value).encode())


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=200)
def test_any_bytes_are_a_page_or_malformed(body: bytes) -> None:
    """Broken UTF-8, cut JSON, anything."""
    _all_reads(body)


@given(st.sampled_from(READ), st.data())
@settings(deadline=None, max_examples=300)
def test_a_documented_body_with_one_part_replaced(case: tuple[str, int, Any, Page], data: Any) -> None:
    """Near misses of the real form are the likely ones."""
    provider, place, body, _ = case
    root = json.loads(json.dumps(body))
    node, path = root, []
    while (
        isinstance(node, dict | list) and node and data.draw(st.booleans() if path else st.just(value=True))
    ):
        key = data.draw(st.sampled_from(list(node) if isinstance(node, dict) else range(len(node))))
        path.append((node, key))
        node = node[key]
    holder, key = path[-1]
    holder[key] = data.draw(JSON)
    _all_reads(json.dumps(root).encode())
    with suppress(Malformed):
        listings(provider, BASES[provider])[place].read(json.dumps(root).encode())


@pytest.mark.parametrize(
    ("url", "region", "control"),
    [
        (
            "https://bedrock-runtime.us-east-1.amazonaws.com",
            "us-east-1",
            "https://bedrock.us-east-1.amazonaws.com",
        ),
        (
            "https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com",
            "us-gov-west-1",
            "https://bedrock-fips.us-gov-west-1.amazonaws.com",
        ),
        ("http://127.0.0.1:8080/bedrock", None, "http://127.0.0.1:8080/bedrock"),
        ("https://proxy.example/bedrock-runtime.us-east-1.", None, None),
        ("http://[::1", None, None),
    ],
)
def test_the_control_plane_stands_beside_the_runtime(
    url: str, region: str | None, control: str | None
) -> None:
    """Another host name of the same region; any other address serves both."""
    assert region_of(url) == region
    assert control_plane(url) == (control or url)
