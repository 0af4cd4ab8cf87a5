"""Signatures against botocore, which signs the same request with AWS's own code."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback_server import Exchange, LoopbackServer

from peak_console.domain.calls import Message
from peak_console.llm.credentials import Credentials
from peak_console.llm.providers.adapters import ADAPTERS
from peak_console.llm.providers.sigv4 import AccessKeys, signature
from peak_console.llm.providers.wire import WireCall
from peak_console.net.http import HttpTransport
from peak_console.net.messages import Deadlines, HttpRequest

NOW = datetime(2026, 11, 22, 17, 48, 19, tzinfo=UTC)
KEYS = AccessKeys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
TEMPORARY = AccessKeys("ASIAEXAMPLE", "secret/+=", "token/with+signs==")
ARN = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/a1b2"
NO_BOTOCORE = "botocore, the independent signer, is a development dependency"

segments = st.text(st.sampled_from("abcXYZ019-_.~:/ +&=%@$,;'()*!ü語"), max_size=30)
queries = st.lists(
    st.tuples(
        st.text(st.sampled_from("abc-_.~"), min_size=1, max_size=4), st.text(st.sampled_from("xyz019-_.~"))
    ),
    max_size=4,
)


def signed_by_aws(
    monkeypatch: pytest.MonkeyPatch, request: HttpRequest, keys: AccessKeys, region: str
) -> dict[str, str]:
    """All headers of ``request`` after botocore has signed it at ``NOW``."""
    auth = pytest.importorskip("botocore.auth", reason=NO_BOTOCORE)
    awsrequest = pytest.importorskip("botocore.awsrequest", reason=NO_BOTOCORE)
    credentials = pytest.importorskip("botocore.credentials", reason=NO_BOTOCORE)
    monkeypatch.setattr(auth, "get_current_datetime", lambda: NOW.replace(tzinfo=None))
    theirs = awsrequest.AWSRequest(
        method=request.method, url=request.url, data=request.body, headers=dict(request.headers)
    )
    held = credentials.Credentials(keys.key_id, keys.secret, keys.token)
    auth.SigV4Auth(held, "bedrock", region).add_auth(theirs)
    return {name.lower(): value for name, value in theirs.headers.items()}


@pytest.mark.parametrize("keys", [KEYS, TEMPORARY], ids=["long-lived", "temporary"])
@pytest.mark.parametrize("region", ["eu-central-1", "us-gov-west-1"])
def test_signatures_are_those_of_botocore(
    monkeypatch: pytest.MonkeyPatch, keys: AccessKeys, region: str
) -> None:
    """Whatever path, query, port and body: header for header the same."""

    @given(
        path=st.lists(segments, max_size=4),
        encode=st.booleans(),
        query=queries,
        host=st.sampled_from(
            ["bedrock-runtime.eu-central-1.amazonaws.com", "LOCALHOST:4000", "x:443", "[::1]:9"]
        ),
        body=st.binary(max_size=200),
        method=st.sampled_from(["POST", "GET"]),
        accept=st.sampled_from(["application/json", "  a   b ", "*/*"]),
    )
    def check(
        *,
        path: list[str],
        query: list[tuple[str, str]],
        host: str,
        body: bytes,
        method: str,
        accept: str,
        encode: bool,
    ) -> None:
        joined = "/".join(quote(part, safe="" if encode else "/:~ü語") for part in path)
        asked = "&".join(f"{name}={value}" for name, value in query)
        request = HttpRequest(
            f"https://{host}/{joined}" + (f"?{asked}" if asked else ""),
            body,
            {
                "content-type": "application/json",
                "accept": accept,
                "accept-encoding": "gzip",
                "user-agent": "peak",
            },
            method,
        )
        ours = {**request.headers, **signature(request, keys, region=region, service="bedrock", now=NOW)}
        assert ours == signed_by_aws(monkeypatch, request, keys, region)

    check()


def test_an_inference_profile_is_encoded_twice() -> None:
    """Its colons and slash are encoded in the address, and that once more in what is signed."""
    url = f"https://bedrock-runtime.eu-central-1.amazonaws.com/model/{quote(ARN, safe='')}/converse"
    one = signature(HttpRequest(url, b"{}"), KEYS, region="eu-central-1", service="bedrock", now=NOW)
    bare = url.replace("%3A", ":")
    other = signature(HttpRequest(bare, b"{}"), KEYS, region="eu-central-1", service="bedrock", now=NOW)
    assert one["authorization"] != other["authorization"]


def test_a_signature_stands_in_utc() -> None:
    """Whatever zone the clock is in, the date signed is that of Greenwich."""
    request = HttpRequest("https://h/", b"")
    there = NOW.astimezone(timezone(timedelta(hours=13)))
    arguments: dict[str, Any] = {"region": "eu-west-1", "service": "bedrock"}
    here = signature(request, KEYS, now=NOW, **arguments)
    assert here == signature(request, KEYS, now=there, **arguments)
    assert here["x-amz-date"] == "20261122T174819Z"


def test_access_keys_do_not_show_themselves() -> None:
    """Neither ``repr`` nor a formatted text holds the id, the secret or the token."""
    assert repr(TEMPORARY) == f"{TEMPORARY}" == "<AccessKeys>"


async def test_what_is_signed_is_what_is_sent() -> None:
    """The HTTP library changes nothing that the signature covers: whoever receives it gets the same one."""

    async def answer(exchange: Exchange) -> None:
        await exchange.answer(body=b"{}")

    region = "eu-central-1"
    adapter = ADAPTERS["bedrock", "converse"]
    environ = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret/+=", "AWS_REGION": region}
    async with LoopbackServer(answer) as server:
        transport = HttpTransport()
        for model_id in (ARN, "eu.amazon.nova-lite-v1:0", "odd ~+@,;=&!'()*$%model/x"):
            call = WireCall(server.url, model_id, (Message(role="user", content="Hi"),), 10)
            request = Credentials(environ).authorised(adapter, adapter.build(call), simulated=False, now=NOW)
            assert request is not None
            await transport.send(request, deadlines=Deadlines(total_s=10))
        await transport.aclose()
    assert len(server.seen) == 3
    for seen in server.seen:
        proof = seen.headers["authorization"]
        covered = proof.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        headers = {name: seen.headers[name] for name in covered}
        received = HttpRequest(f"{server.url}{seen.path}", seen.body, headers, seen.method)
        keys = AccessKeys("AKIDEXAMPLE", "secret/+=")
        again = signature(received, keys, region=region, service="bedrock", now=NOW)
        assert again["authorization"] == proof, seen.path
