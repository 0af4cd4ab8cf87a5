"""Every interface of the six providers over the whole road: its address, key, bill, echo and record."""

import json
from dataclasses import dataclass
from pathlib import Path
from struct import pack
from typing import Any
from zlib import crc32

import orjson
import pytest
from loopback_server import Exchange, LoopbackServer
from road import BUDGETS, KEY, MATRIX, MODELS, PRICES, asking, open_road
from wire_shapes import chat

from peak_console.config.workspace import Workspace

AZURE_KEY = "canary-azure-0123456789"
BEARER = "canary-bedrock-bearer-0123456789"
SECRET = "canary/secret+0123456789"
ACCESS = {
    "AWS_ACCESS_KEY_ID": "AKIACANARY0123456789",
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_SESSION_TOKEN": "canary-token-0123456789==",
}
OTHER = {"MISTRAL_API_KEY": "canary-mistral-0123", "TOGETHER_API_KEY": "canary-together-0123"}


@dataclass(frozen=True)
class Case:
    """One interface: its slot, its environment, what it must be asked like, and what it answers."""

    provider: str
    model_id: str
    endpoint: str
    path: str
    header: tuple[str, str]
    answer: bytes
    environ: dict[str, str]
    deployment: str = ""
    extra: str = ""
    served: str | None = None


def responses(model: str) -> bytes:
    """A response object."""
    content = [{"type": "output_text", "text": "Calm.", "annotations": []}]
    message = {"type": "message", "role": "assistant", "content": content}
    usage = {
        "input_tokens": 20,
        "input_tokens_details": {"cached_tokens": 5},
        "output_tokens": 10,
        "output_tokens_details": {"reasoning_tokens": 5},
    }
    body = {"id": "resp_1", "status": "completed", "model": model, "output": [message], "usage": usage}
    return orjson.dumps(body)


def completion(model: str) -> bytes:
    """A chat completion with the same bill."""
    usage = {
        "prompt_tokens": 20,
        "completion_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 5},
    }
    return chat("Calm.", model=model, usage=usage)


CONVERSE = orjson.dumps(
    {
        "output": {"message": {"role": "assistant", "content": [{"text": "Calm."}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 15, "outputTokens": 10, "totalTokens": 30, "cacheReadInputTokens": 5},
        "metrics": {"latencyMs": 4},
    }
)
NOVA = "amazon.nova-lite-v1:0"
CASES = [
    Case(
        "openai", "o3-pro", "responses", "/v1/responses", ("authorization", f"Bearer {KEY}"),
        responses("o3-pro-2025-06-10"), {}, served="o3-pro-2025-06-10",
    ),
    Case(
        "mistral", "mistral-large-2512", "chat", "/v1/chat/completions",
        ("authorization", f"Bearer {OTHER['MISTRAL_API_KEY']}"), completion("mistral-large-2512"),
        {"PEAK_PROVIDER_MISTRAL_BASE_URL": "{url}/v1"}, served="mistral-large-2512",
    ),
    Case(
        "together", "openai/gpt-oss-120b", "chat", "/v1/chat/completions",
        ("authorization", f"Bearer {OTHER['TOGETHER_API_KEY']}"), completion("openai/gpt-oss-120b"),
        {"PEAK_PROVIDER_TOGETHER_BASE_URL": "{url}/v1"}, served="openai/gpt-oss-120b",
    ),
    Case(
        "azure", "gpt-5.2", "chat", "/openai/v1/chat/completions", ("api-key", AZURE_KEY),
        completion("gpt-5.2-2025-12-11"), {"AZURE_OPENAI_ENDPOINT": "{url}/"}, deployment="desk",
        served="gpt-5.2-2025-12-11",
    ),
    Case(
        "azure", "gpt-5.2", "chat", "/openai/deployments/desk/chat/completions?api-version=2024-10-21",
        ("api-key", AZURE_KEY), completion("gpt-5.2-2025-12-11"), {"AZURE_OPENAI_ENDPOINT": "{url}/openai"},
        deployment="desk", extra='api_version = "2024-10-21"', served="gpt-5.2-2025-12-11",
    ),
    Case(
        "azure", "gpt-5.2", "responses", "/openai/v1/responses", ("api-key", AZURE_KEY),
        responses("gpt-5.2-2025-12-11"), {"AZURE_OPENAI_ENDPOINT": "{url}/openai/v1/"}, deployment="desk",
        served="gpt-5.2-2025-12-11",
    ),
    Case(
        "bedrock", NOVA, "converse", f"/model/{NOVA}/converse", ("authorization", f"Bearer {BEARER}"),
        CONVERSE, {"PEAK_PROVIDER_BEDROCK_BASE_URL": "{url}", "AWS_BEARER_TOKEN_BEDROCK": BEARER},
    ),
    Case(
        "bedrock", NOVA, "converse", f"/model/eu.{NOVA}/converse",
        ("x-amz-security-token", ACCESS["AWS_SESSION_TOKEN"]), CONVERSE,
        {"PEAK_PROVIDER_BEDROCK_BASE_URL": "{url}", "AWS_REGION": "eu-central-1", **ACCESS},
        deployment=f"eu.{NOVA}",
    ),
    Case(
        "bedrock", "openai.gpt-oss-120b-1:0", "chat", "/openai/v1/chat/completions",
        ("authorization", f"Bearer {BEARER}"), completion("openai.gpt-oss-120b-1:0"),
        {"PEAK_PROVIDER_BEDROCK_BASE_URL": "{url}", "AWS_BEARER_TOKEN_BEDROCK": BEARER},
        served="openai.gpt-oss-120b-1:0",
    ),
]  # fmt: skip
NAMES = [f"{one.provider}-{one.endpoint}-{place}" for place, one in enumerate(CASES)]


def workspace(root: Path, case: Case) -> Workspace:
    """A workspace whose L2 is the case's model, priced at 1 and 10 USD, cached input at 0.1."""
    ws = Workspace(root)
    ws.ai.mkdir(parents=True)
    ws.control.mkdir(parents=True)
    allowed = sorted({"openai", "google", case.provider})
    deployment = f'deployment = "{case.deployment}"\n' if case.deployment else ""
    name = f'provider = "{case.provider}"\nmodel_id = "{case.model_id}"\n'
    slot = '[L2.primary]\nprovider = "openai"\nmodel_id = "gpt-5-mini"\n'
    assert slot in MATRIX
    ws.matrix.write_text(
        MATRIX.replace('["openai", "google"]', json.dumps(allowed)).replace(
            slot, f"[L2.primary]\n{name}{deployment}"
        )
    )
    deployments = f'deployments = ["{case.deployment}"]\n' if case.deployment else ""
    ws.models.write_text(
        f'{MODELS}\n[[model]]\n{name}family = "f"\nallowed = true\nendpoint = "{case.endpoint}"\n'
        f"context_tokens = 100000\nmax_output_tokens = 5000\n{deployments}{case.extra}\n"
        + ('echoes = ["gpt-5.2-20"]\n' if case.provider == "azure" else "")
    )
    ws.prices.write_text(
        f"{PRICES}\n[[price]]\n{name}input_usd_per_mtok = 1.0\ncache_read_usd_per_mtok = 0.1\n"
        'output_usd_per_mtok = 10.0\nsource = "test"\nas_of = 2026-01-01\nvalid_from = 2026-01-01\n'
    )
    ws.budgets.write_text(BUDGETS)
    return ws


def environment(case: Case, url: str) -> dict[str, str]:
    """The case's variables, with everybody's keys."""
    own = {name: value.replace("{url}", url) for name, value in case.environ.items()}
    return {"AZURE_OPENAI_API_KEY": AZURE_KEY, **OTHER, **own}


def answering(case: Case, status: int = 200, body: bytes | None = None) -> Any:
    """A handler under which the case's provider answers."""

    async def handler(exchange: Exchange) -> None:
        await exchange.answer(status, case.answer if body is None else body)

    return handler


@pytest.mark.parametrize("case", CASES, ids=NAMES)
async def test_any_slot_may_point_at_any_interface(case: Case, tmp_path: Path) -> None:
    """Asked where and with what it wants, billed to the cent, recorded with its echo and its address."""
    async with LoopbackServer(answering(case)) as server:
        environ = environment(case, server.url)
        async with open_road(workspace(tmp_path / "ws", case), server.url, environ=environ) as road:
            result = await road.client.call(asking())
            (requested,) = road.events("llm.call.requested")
            (completed,) = road.events("llm.call.completed")
            road.check()
        (seen,) = server.seen
    assert seen.path == case.path
    name, value = case.header
    assert seen.headers[name] == value
    assert (result.text, result.served_model) == ("Calm.", case.served)
    # 15 fresh at 1 USD, 5 cached at 0.1, 10 out at 10 a million, at 0.90 EUR
    assert result.cost_eur == "0.000103950"
    assert completed.body is not None
    assert completed.body["unechoed"] is (case.served is None)
    assert requested.body is not None
    assert requested.body["base_url"].startswith(server.url)
    row = requested.body["route"][0]
    assert (row["input_usd_per_mtok"], row["output_usd_per_mtok"], row["verified"]) == (
        "1.0",
        "10.0",
        "no_lock",
    )
    written = str([event.body for event in (requested, completed)])
    assert not any(secret in written for secret in (AZURE_KEY, BEARER, *ACCESS.values(), *OTHER.values()))


@pytest.mark.parametrize("case", [one for one in CASES if one.provider in {"azure", "bedrock"}])
async def test_a_secret_that_a_provider_quotes_is_recorded_nowhere(case: Case, tmp_path: Path) -> None:
    """Azure quotes keys, AWS whole canonical requests; the ledger and the error have neither."""
    secrets = (AZURE_KEY, BEARER, *ACCESS.values())
    held = sorted({value for value in environment(case, "").values() if value in secrets})
    assert held
    quoted = orjson.dumps({"message": f"bad {' '.join(held)}", "error": {"message": " ".join(held)}})
    async with LoopbackServer(answering(case, 400, quoted)) as server:
        environ = environment(case, server.url)
        async with open_road(workspace(tmp_path / "ws", case), server.url, environ=environ) as road:
            with pytest.raises(Exception, match="HTTP 400") as caught:
                await road.client.call(asking())
            told = str([event.body for event in road.events()]) + repr(caught.value) + str(caught.value)
    assert not [secret for secret in held if secret in told]


def framed(name: str, body: dict[str, Any]) -> bytes:
    """One event of an AWS event stream."""
    told = {":message-type": "event", ":event-type": name, ":content-type": "application/json"}
    headers = b"".join(
        bytes([len(key)]) + key.encode() + b"\x07" + pack("!H", len(value)) + value.encode()
        for key, value in told.items()
    )
    payload = orjson.dumps(body)
    prelude = pack("!II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + pack("!I", crc32(prelude)) + headers + payload
    return message + pack("!I", crc32(message))


def sse(kind: str, **fields: Any) -> bytes:
    """One event of a Responses stream."""
    return b"data: " + orjson.dumps({"type": kind, **fields}) + b"\n\n"


def converse_stream() -> list[bytes]:
    """An answer of Converse in pieces."""
    usage = json.loads(CONVERSE)["usage"]
    return [
        framed("messageStart", {"role": "assistant"}),
        framed("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Ca"}}),
        framed("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "lm."}}),
        framed("messageStop", {"stopReason": "end_turn"}),
        framed("metadata", {"usage": usage, "metrics": {"latencyMs": 4}}),
    ]


def responses_stream(model: str) -> list[bytes]:
    """A response in pieces."""
    whole = json.loads(responses(model))
    return [
        sse("response.created", response={**whole, "status": "in_progress", "output": [], "usage": None}),
        sse("response.output_text.delta", output_index=0, delta="Ca"),
        sse("response.output_text.delta", output_index=0, delta="lm."),
        sse("response.completed", response=whole),
    ]


@pytest.mark.parametrize("case", [CASES[5], CASES[7]], ids=["azure-responses", "bedrock-converse-signed"])
async def test_streams_of_other_formats_take_the_same_road(case: Case, tmp_path: Path) -> None:
    """Handed on piece by piece, however the network cuts them; billed and recorded like any answer."""
    pieces = converse_stream() if case.served is None else responses_stream(case.served)
    kind = "application/vnd.amazon.eventstream" if case.served is None else "text/event-stream"

    async def handler(exchange: Exchange) -> None:
        data = b"".join(pieces)
        await exchange.raw(
            f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(data)}\r\n\r\n".encode()
        )
        for start in range(0, len(data), 37):
            await exchange.raw(data[start : start + 37])

    async with LoopbackServer(handler) as server:
        environ = environment(case, server.url)
        async with open_road(workspace(tmp_path / "ws", case), server.url, environ=environ) as road:
            async with road.client.stream(asking()) as stream:
                texts = [delta.text async for delta in stream]
                result = await stream.result()
            (completed,) = road.events("llm.call.completed")
            road.check()
    assert texts == ["Ca", "lm."]
    assert (result.text, result.served_model, result.cost_eur) == ("Calm.", case.served, "0.000103950")
    assert completed.body is not None
    assert completed.body["streamed"] is True
