import io
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from peak_console.simulator.server import application
from peak_console.simulator.simulation import Simulation

Serve = Callable[..., Awaitable["Served"]]


class Served:
    """A running simulator with an instant answer, and a plain HTTP client to ask it."""

    def __init__(self, simulation: Simulation, server: TestServer, session: ClientSession) -> None:
        self.simulation = simulation
        self.server = server
        self.session = session

    def url(self, path: str) -> str:
        """An address on this server."""
        return str(self.server.make_url(path))

    async def chat(
        self, body: dict[str, Any] | None = None, *, provider: str = "openai", key: str = "k", **headers: str
    ) -> tuple[int, Any, dict[str, Any]]:
        """Status, headers and JSON of a chat completion."""
        asked = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Hello"}]} | (body or {})
        auth = {"authorization": f"Bearer {key}"} if key else {}
        path = f"/{provider}/v1/chat/completions"
        data = io.BytesIO(orjson.dumps(asked))
        async with self.session.post(self.url(path), data=data, headers=auth | headers) as response:
            return response.status, response.headers, await response.json()

    async def gemini(
        self, body: dict[str, Any] | None = None, *, model: str = "gemini-2.5-flash", key: str = "k"
    ) -> tuple[int, Any, dict[str, Any]]:
        """Status, headers and JSON of a generateContent call."""
        asked = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]} | (body or {})
        path = f"/gemini/v1beta/models/{model}:generateContent"
        auth = {"x-goog-api-key": key} if key else {}
        async with self.session.post(self.url(path), json=asked, headers=auth) as response:
            return response.status, response.headers, await response.json()


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """A function that starts a simulator, instant and faultless unless its settings say otherwise."""
    opened: list[Served] = []

    async def start(**settings: Any) -> Served:
        simulation = Simulation(**({"latency_scale": 0.0, "error_rate": 0.0} | settings))
        server = TestServer(application(simulation))
        await server.start_server()
        served = Served(simulation, server, ClientSession())
        opened.append(served)
        return served

    yield start
    for one in opened:
        await one.session.close()
        await one.server.close()
