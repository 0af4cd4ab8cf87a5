"""A loopback server with six providers' free lists, and a workspace whose slots go there."""

import json
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from loopback_server import Exchange, Handler

from peak_console.config.defaults import default_configs
from peak_console.config.workspace import Workspace

KEYS = {
    "openai": {"OPENAI_API_KEY": "sk-canary-openai-0123456789"},
    "google": {"GEMINI_API_KEY": "canary-google-0123456789"},
    "mistral": {"MISTRAL_API_KEY": "canary-mistral-0123456789"},
    "together": {"TOGETHER_API_KEY": "canary-together-0123456789"},
    "azure": {"AZURE_OPENAI_API_KEY": "canary-azure-0123456789"},
    "bedrock": {"AWS_BEARER_TOKEN_BEDROCK": "canary-bedrock-0123456789", "AWS_REGION": "eu-central-1"},
}
SLOTS = {
    "openai": ("gpt-5.2", None),
    "google": ("gemini-3.8-flash", None),
    "mistral": ("mistral-medium-2604", None),
    "together": ("openai/gpt-oss-120b", None),
    "azure": ("gpt-5.2", "gpt-5-2"),
    "bedrock": ("amazon.nova-pro-v1:0", "us.amazon.nova-pro-v1:0"),
}
BASES = {
    "openai": "/openai/v1",
    "google": "/google/v1beta",
    "mistral": "/mistral/v1",
    "together": "/together/v1",
    "azure": "/azure",
    "bedrock": "/bedrock",
}


def workspace(root: Path, *slots: tuple[str, str, str | None], base_url: str = "") -> Workspace:
    """The shipped configs under another matrix: ``slots`` are the primaries of its layers from L0 on."""
    shutil.copytree(default_configs(), root / "configs")
    lines = ["[global]", f"allowed_providers = {json.dumps(list(SLOTS))}"]
    for place in range(5):
        provider, model_id, deployment = slots[min(place, len(slots) - 1)]
        lines += [f"[L{place}.primary]", f'provider = "{provider}"', f'model_id = "{model_id}"']
        lines += [f'deployment = "{deployment}"'] if deployment else []
        lines += [f'base_url = "{base_url}"'] if base_url else []
    ws = Workspace(root)
    ws.matrix.write_text("\n".join(lines), encoding="utf-8")
    return ws


def six(root: Path) -> Workspace:
    """A workspace with one slot of each provider: the last of them is the fallback of L4's."""
    *first, (provider, model_id, deployment) = [(name, *slot) for name, slot in SLOTS.items()]
    ws = workspace(root, *first)
    more = f'\n[L4.fallback]\nprovider = "{provider}"\nmodel_id = "{model_id}"\ndeployment = "{deployment}"\n'
    ws.matrix.write_text(ws.matrix.read_text(encoding="utf-8") + more, encoding="utf-8")
    return ws


def environ(url: str, *providers: str) -> dict[str, str]:
    """Keys, and addresses on the loopback server, of all providers or those named."""
    found: dict[str, str] = {}
    for provider in providers or SLOTS:
        found |= KEYS[provider]
        found[f"PEAK_PROVIDER_{provider.upper()}_BASE_URL"] = url + BASES[provider]
    return found


def _entries(key: str, *names: str, **more: Any) -> list[dict[str, Any]]:
    return [{key: name, "object": "model", **more} for name in names]


LISTS: dict[str, Any] = {
    "/openai/v1/models": {"object": "list", "data": _entries("id", "gpt-5.2", "gpt-5-mini")},
    "/google/v1beta/models?pageSize=1000": {
        "models": _entries("name", "models/gemini-2.5-pro"),
        "nextPageToken": "two",
    },
    "/google/v1beta/models?pageSize=1000&pageToken=two": {
        "models": _entries("name", "models/gemini-3.8-flash")
    },
    "/mistral/v1/models": {"data": _entries("id", "mistral-medium-2604", aliases=["mistral-medium-latest"])},
    "/together/v1/models": _entries("id", "openai/gpt-oss-120b"),
    "/azure/openai/v1/models": {"data": _entries("id", "gpt-5.2-2025-12-11", "gpt-5-mini-2025-08-07")},
    "/bedrock/foundation-models": {"modelSummaries": _entries("modelId", "amazon.nova-pro-v1:0")},
    "/bedrock/inference-profiles?maxResults=1000": {
        "inferenceProfileSummaries": [
            {"inferenceProfileId": "us.amazon.nova-pro-v1:0", "inferenceProfileArn": "arn:aws:bedrock:x"}
        ]
    },
}


def serving(lists: Mapping[str, Any] | None = None, *, at: datetime | None = None) -> Handler:
    """A handler that serves lists by path, dated ``at`` (default: now); any other path is a 404."""
    known = LISTS if lists is None else lists

    async def handler(exchange: Exchange) -> None:
        date = {"date": format_datetime(at or datetime.now(UTC), usegmt=True)}
        body = known.get(exchange.path)
        if exchange.method != "GET" or body is None:
            await exchange.answer(404, b'{"error":{"message":"no such path"}}', date)
            return
        await exchange.answer(200, body if isinstance(body, bytes) else json.dumps(body).encode(), date)

    return handler


def answering(status: int, body: bytes = b"{}", headers: dict[str, str] | None = None) -> Handler:
    """A handler that gives every request one answer."""

    async def handler(exchange: Exchange) -> None:
        await exchange.answer(status, body, headers)

    return handler
