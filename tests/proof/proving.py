"""A workspace whose L2 asks one provider, its fallback another, both at servers of this machine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from road import BUDGETS, Road, asking, open_road
from support.canaries import KEYS as CANARIES

from peak_console.config.workspace import Workspace
from peak_console.domain.calls import CallRequest, CallResult, Delta, ToolDefinition

KEYS = CANARIES | {"AWS_REGION": "eu-central-1"}
SCOPE = """
[scope]
layer_id = "L2"
autonomy_level = "PROP"
[tooling]
allowed = ["files", "web"]
[tooling.kinds]
quote = "files"
"""
QUOTE = ToolDefinition(
    name="quote",
    description="The last price",
    parameters={
        "type": "object",
        "properties": {"symbol": {"type": "string"}, "depth": {"type": "integer"}},
        "required": ["symbol"],
    },
)


class Outlook(BaseModel):
    """A structured answer."""

    sentiment: str
    score: int


@dataclass(frozen=True)
class Place:
    """A provider's interface at a mock: what the matrix, the registry and the environment say of it."""

    provider: str
    endpoint: str
    model_id: str
    path: str
    """Below the mock's address."""
    deployment: str | None = None
    api_version: str | None = None

    def slot(self) -> str:
        """The slot's lines in the matrix."""
        lines = [f'provider = "{self.provider}"', f'model_id = "{self.model_id}"']
        lines += ["timeout_s = 20", "max_output_tokens = 1000"]
        return "\n".join([*lines, *([f'deployment = "{self.deployment}"'] if self.deployment else [])])

    def model(self) -> str:
        """The registry's entry."""
        lines = [
            "[[model]]",
            f'provider = "{self.provider}"',
            f'model_id = "{self.model_id}"',
            'family = "proof"',
            "allowed = true",
            f'endpoint = "{self.endpoint}"',
            "context_tokens = 100000",
            "max_output_tokens = 8000",
        ]
        lines += [f'deployments = ["{self.deployment}"]'] if self.deployment else []
        lines += [f'api_version = "{self.api_version}"'] if self.api_version else []
        return "\n".join(lines)

    def price(self) -> str:
        """The model's price."""
        return (
            f'[[price]]\nprovider = "{self.provider}"\nmodel_id = "{self.model_id}"\n'
            "input_usd_per_mtok = 1.0\ncache_read_usd_per_mtok = 0.1\noutput_usd_per_mtok = 10.0\n"
            'source = "test"\nas_of = 2026-01-01\nvalid_from = 2026-01-01'
        )

    def environ(self, url: str) -> dict[str, str]:
        """Where the provider is."""
        return {f"PEAK_PROVIDER_{self.provider.upper()}_BASE_URL": url + self.path}


CRITIC = Place("openai", "chat", "gpt-5-nano", "/v1")
OPENAI = Place("openai", "chat", "gpt-5-mini", "/v1")
RESPONSES = Place("openai", "responses", "gpt-5.2", "/v1")
GOOGLE = Place("google", "generate_content", "gemini-2.5-flash", "/gemini/v1beta")
MISTRAL = Place("mistral", "chat", "mistral-medium-latest", "/mistral/v1")
TOGETHER = Place("together", "chat", "meta-llama/Llama-3.3-70B-Instruct-Turbo", "/together/v1")
AZURE = Place("azure", "chat", "gpt-5-mini", "", deployment="our-deployment")
AZURE_CLASSIC = Place(
    "azure", "chat", "gpt-5-mini", "", deployment="our-deployment", api_version="2024-10-21"
)
AZURE_RESPONSES = Place("azure", "responses", "gpt-5-mini", "", deployment="our-deployment")
CONVERSE = Place("bedrock", "converse", "amazon.nova-lite-v1:0", "", deployment="eu.amazon.nova-lite-v1:0")


def write(root: Path, primary: Place, *fallbacks: Place) -> Workspace:
    """A workspace with these places on L2; nothing is permitted yet."""
    places = (primary, *fallbacks, CRITIC)
    ws = Workspace(root)
    ws.ai.mkdir(parents=True)
    ws.control.mkdir(parents=True)
    allowed = ", ".join(f'"{name}"' for name in dict.fromkeys(one.provider for one in places))
    slots = [f"[global]\nallowed_providers = [{allowed}]"]
    slots += [f"[{layer}.primary]\n{primary.slot()}" for layer in ("L0", "L1", "L2", "L3", "L4")]
    slots += [f"[{layer}.critic]\n{CRITIC.slot()}" for layer in ("L2", "L3")]
    slots += [f"[[L2.fallback]]\n{one.slot()}" for one in fallbacks]
    ws.matrix.write_text("\n".join(slots))
    ws.models.write_text("\n".join(one.model() for one in places))
    ws.prices.write_text("\n".join(one.price() for one in places))
    ws.budgets.write_text(BUDGETS)
    ws.scopes.mkdir()
    (ws.scopes / "L2.toml").write_text(SCOPE)
    return ws


@asynccontextmanager
async def proving(
    root: Path,
    url: str,
    primary: Place,
    *fallbacks: Place,
    keys: dict[str, str] | None = None,
    **options: Any,
) -> AsyncIterator[Road]:
    """The road over these places, all at ``url``; ``keys`` in place of the canaries."""
    ws = write(root, primary, *fallbacks)
    environ = dict(KEYS if keys is None else keys)
    for one in (primary, *fallbacks):
        environ |= one.environ(url)
    fixed = {"OPENAI_API_KEY": "", "GEMINI_API_KEY": ""} | environ
    async with open_road(ws, url, environ=fixed, **options) as road:
        yield road


async def streamed(road: Road, request: CallRequest) -> tuple[list[Delta], CallResult]:
    """All the pieces of a streamed answer, and the whole."""
    pieces: list[Delta] = []
    async with road.client.stream(request) as stream:
        async for delta in stream:
            pieces.append(delta)  # noqa: PERF401 - what came before an error counts
        return pieces, await stream.result()


def question(text: str = "How is the market?", **more: Any) -> CallRequest:
    """A small request to L2."""
    return asking(text, **more)
