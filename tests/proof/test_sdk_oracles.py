"""The same call by a provider's official SDK and by our adapter, sent to a server that keeps what it got."""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from loopback_server import Exchange, LoopbackServer
from sdk_cases import (
    CHAT,
    CHOICE,
    NO_SEED,
    ODD_MODEL,
    PLAIN,
    PROFILE,
    RESPONSES,
    SAMPLING,
    SCHEMA,
    STREAM,
    TOOLS,
    Case,
)
from support.servers import proof_python

from peak_console.llm.credentials import Credentials
from peak_console.llm.providers.adapters import ADAPTERS
from peak_console.net.http import HttpTransport
from peak_console.net.messages import Deadlines

CALLER = Path(__file__).parent / "sdk_caller.py"
KEY = "canary-oracle-0123456789abcdef"
MISSING = "(missing)"
KEY_HEADERS = ("authorization", "api-key", "x-goog-api-key")
SIGNED_BY = "AKIDCANARYORACLE:canary-oracle-secret:canary-oracle-token"


@dataclass(frozen=True)
class Difference:
    """A difference in the bodies that does no harm, and why. ``[]`` in ``path`` is any place of a list."""

    path: str
    why: str
    ours: Any = MISSING
    theirs: Any = MISSING


NO_EMPTY_TEXT = Difference(
    "messages[].content",
    "an assistant that only calls tools has said nothing; both forms are documented",
    ours=None,
    theirs="",
)
NOT_STORED = Difference(
    "store",
    "we ask for answers not to be kept; the SDKs leave it to the default of the account",
    ours=False,
)
STORED_TO_BE_POLLED = Difference(
    "store", "an answer in the background is kept until it is asked for", ours=True
)
STREAM_USAGE = Difference(
    "stream_options", "a stream without its usage has no price", ours={"include_usage": True}
)
RESULT_AS_TEXT = (
    Difference(
        "contents[].parts[].functionResponse.response.result",
        "a tool's result is text here, and stands under one name",
        ours='{"price": 1}',
    ),
    Difference(
        "contents[].parts[].functionResponse.response.price", "as a tool's result is text here", theirs=1
    ),
)
NO_SIGNATURE = Difference(
    "contents[].parts[].thoughtSignature",
    "calls from another model's history have no signature; Google documents this word for them",
    ours="skip_thought_signature_validator",
)
MISTRAL_DEFAULTS = (
    Difference("stream", "false is the default", theirs=False),
    Difference("messages[].prefix", "false is the default", theirs=False),
    Difference("messages[].tool_calls[].index", "0 is the default", theirs=0),
)


@dataclass(frozen=True)
class Oracle:
    """An SDK, the adapter it is held against, and what may differ between their bodies."""

    sdk: str
    adapter: tuple[str, str]
    module: str
    base: str
    """Our base URL below the server's address."""
    cases: Sequence[Case]
    differences: Sequence[Difference] = ()
    more: Mapping[str, Any] = field(default_factory=dict)
    """Fields of every ``WireCall``."""


ORACLES = (
    Oracle("openai_chat", ("openai", "chat"), "openai", "/v1", CHAT, (NO_EMPTY_TEXT, NOT_STORED)),
    Oracle(
        "openai_responses",
        ("openai", "responses"),
        "openai",
        "/v1",
        RESPONSES,
        (NOT_STORED, STORED_TO_BE_POLLED),
    ),
    Oracle(
        "azure_classic",
        ("azure", "chat"),
        "openai",
        "",
        CHAT,
        (NO_EMPTY_TEXT,),
        {"api_version": "2024-10-21"},
    ),
    Oracle("azure_v1", ("azure", "chat"), "openai", "", CHAT, (NO_EMPTY_TEXT, NOT_STORED)),
    Oracle(
        "azure_responses", ("azure", "responses"), "openai", "", RESPONSES, (NOT_STORED, STORED_TO_BE_POLLED)
    ),
    Oracle("bedrock_chat", ("bedrock", "chat"), "openai", "", CHAT, (NO_EMPTY_TEXT,)),
    Oracle("mistral", ("mistral", "chat"), "mistralai", "/v1", CHAT, (NO_EMPTY_TEXT, *MISTRAL_DEFAULTS)),
    Oracle("together", ("together", "chat"), "together", "/v1", CHAT, (NO_EMPTY_TEXT, STREAM_USAGE)),
    Oracle(
        "google",
        ("google", "generate_content"),
        "google/genai",
        "/v1beta",
        (PLAIN, SAMPLING, TOOLS, CHOICE, SCHEMA, STREAM),
        (*RESULT_AS_TEXT, NO_SIGNATURE),
    ),
    Oracle(
        "converse",
        ("bedrock", "converse"),
        "botocore",
        "",
        (PLAIN, NO_SEED, TOOLS, CHOICE, SCHEMA, STREAM, ODD_MODEL, PROFILE),
    ),
)


async def captured(oracle: Oracle, key: str) -> list[Exchange]:
    """The requests the SDK sends for the oracle's cases, in their order."""
    python = proof_python(oracle.module)

    async def refuse(exchange: Exchange) -> None:
        await exchange.answer(400, b"{}")

    async with LoopbackServer(refuse) as server:
        asked = {"sdk": oracle.sdk, "url": server.url, "key": key}
        asked["cases"] = [case.neutral() for case in oracle.cases]
        program = await asyncio.create_subprocess_exec(
            python,
            "-I",
            str(CALLER),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": ""},
        )
        _, told = await asyncio.wait_for(program.communicate(json.dumps(asked).encode()), 120)
        assert program.returncode == 0, told.decode()
        assert len(server.seen) == len(oracle.cases), told.decode()
        return server.seen


async def sent(oracle: Oracle, key: str, now: datetime) -> list[Exchange]:
    """The requests that we send for the same cases, by the real transport."""
    adapter = ADAPTERS[oracle.adapter]
    if ":" in key:
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        environ = dict(zip(names, key.split(":"), strict=True)) | {"AWS_REGION": "eu-central-1"}
    else:
        environ = {adapter.key_variable: key}
    credentials = Credentials(environ)
    transport = HttpTransport()

    async def refuse(exchange: Exchange) -> None:
        await exchange.answer(400, b"{}")

    async with LoopbackServer(refuse) as server:
        try:
            for case in oracle.cases:
                request = adapter.build(case.wire(server.url + oracle.base, **oracle.more))
                signed = credentials.authorised(adapter, request, simulated=False, now=now)
                assert signed is not None
                await transport.send(signed, deadlines=Deadlines(total_s=10))
        finally:
            await transport.aclose()
        return server.seen


def differing(ours: Any, theirs: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two bodies differ: path, and the value on either side."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in sorted({*ours, *theirs}):
            below = f"{path}.{name}" if path else name
            yield from differing(ours.get(name, MISSING), theirs.get(name, MISSING), below)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for place, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from differing(one, other, f"{path}[{place}]")
    elif ours != theirs:
        yield path, ours, theirs


def meaning(body: bytes) -> Any:
    """A body with the JSON that stands in it as text (arguments of calls, Bedrock's schema) read as well."""

    def read(value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {_camel(key): read(one, key) for key, one in value.items()}
        if isinstance(value, list):
            return [read(one) for one in value]
        if name in {"arguments", "schema"} and isinstance(value, str):
            return json.loads(value)
        return value

    return read(json.loads(body))


def _camel(name: str) -> str:
    """Google's interface takes both spellings of a name; its SDK mixes them."""
    return "parametersJsonSchema" if name == "parameters_json_schema" else name


def place(request: Exchange) -> str:
    """The path; a colon in it may stand escaped or not (RFC 3986, 3.3), and a signature covers it as sent."""
    return urlsplit(request.path).path.replace("%3A", ":")


def keys_of(request: Exchange) -> dict[str, str]:
    """The headers in which a key stands."""
    return {name: value for name, value in request.headers.items() if name in KEY_HEADERS}


@pytest.mark.parametrize("oracle", ORACLES, ids=lambda oracle: oracle.sdk)
async def test_our_requests_are_those_of_the_official_sdk(oracle: Oracle) -> None:
    """Method, path, query, key and meaning of the body are the SDK's, but for listed harmless differences."""
    theirs = await captured(oracle, KEY)
    ours = await sent(oracle, KEY, datetime.now(UTC))
    used: list[Difference] = []
    unexplained: list[tuple[str, str, Any, Any]] = []
    for case, our, their in zip(oracle.cases, ours, theirs, strict=True):
        assert (our.method, place(our)) == (their.method, place(their)), case.name
        assert parse_qsl(urlsplit(our.path).query) == parse_qsl(urlsplit(their.path).query), case.name
        assert our.headers["content-type"] == their.headers["content-type"], case.name
        assert keys_of(our).items() <= keys_of(their).items(), case.name
        assert KEY in " ".join(keys_of(our).values()), case.name
        for path, mine, other in differing(meaning(our.body), meaning(their.body)):
            pattern = re.sub(r"\[\d+\]", "[]", path)
            known = [
                one
                for one in oracle.differences
                if (one.path, one.ours, one.theirs) == (pattern, mine, other)
            ]
            used += known
            if not known:
                unexplained.append((case.name, path, mine, other))
    assert unexplained == []
    assert [one for one in oracle.differences if one not in used] == [], "listed, but not found"


async def test_our_address_of_bedrock_is_botocores() -> None:
    """The host that botocore finds for a region is the one our table names."""
    oracle = ORACLES[-1]
    theirs = await captured(oracle, KEY)
    adapter = ADAPTERS[oracle.adapter]
    assert Credentials({"AWS_REGION": "eu-central-1"}).address(adapter) == theirs[0].headers["x-meant-for"]


async def test_a_signed_request_has_the_headers_of_botocores() -> None:
    """With access keys, both sign: the same algorithm, scope and token, and a signature over the body."""
    oracle = ORACLES[-1]
    theirs = await captured(oracle, SIGNED_BY)
    ours = await sent(oracle, SIGNED_BY, datetime.now(UTC))
    for our, their in zip(ours, theirs, strict=True):
        scopes = [
            re.sub(r"/\d{8}/", "/DATE/", one.headers["authorization"].split(", ")[0]) for one in (our, their)
        ]
        assert scopes[0] == scopes[1]
        assert scopes[0].endswith("/DATE/eu-central-1/bedrock/aws4_request")
        assert our.headers["x-amz-security-token"] == their.headers["x-amz-security-token"]
        assert re.fullmatch(r"\d{8}T\d{6}Z", our.headers["x-amz-date"])
