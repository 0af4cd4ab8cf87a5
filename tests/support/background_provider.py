"""A stub of the Responses interface in background mode, for shapes that no independent server offers.

Its bodies follow https://platform.openai.com/docs/api-reference/responses/object and
https://platform.openai.com/docs/guides/background: ``queued``, ``in_progress``, ``completed`` with cached and
reasoning tokens and web searches, ``cancelled``, 404 for what is not kept any more. Every request is counted,
so that a test can say what was sent, and how often.
"""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

USAGE: dict[str, Any] = {
    "input_tokens": 1000,
    "input_tokens_details": {"cached_tokens": 400},
    "output_tokens": 300,
    "output_tokens_details": {"reasoning_tokens": 200},
    "total_tokens": 1300,
}
FALLBACK: dict[str, Any] = {
    "candidates": [
        {"content": {"role": "model", "parts": [{"text": "also fine"}]}, "finishReason": "STOP", "index": 0}
    ],
    "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 20, "totalTokenCount": 120},
    "modelVersion": "gemini-2.5-flash",
}


@dataclass
class Fault:
    """What becomes of one request instead of an answer: a status, or with ``None`` a cut connection.

    With ``accepts`` the work is begun all the same, and its caller does not hear of it.
    """

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b'{"error": {"message": "not now", "type": "server_error", "param": null, "code": null}}'
    accepts: bool = False


@dataclass
class Work:
    """One accepted response."""

    response_id: str
    model: str
    status: str = "queued"
    polls: int = 0
    known: bool = True


@dataclass
class BackgroundProvider:
    """Serves ``/v1/responses``, and answers of Gemini's, on loopback. Its fields are the test's to set."""

    polls_until_done: int | None = 2
    """After so many polls the work is done; ``None``: never by itself."""
    text: str = "The dollar ranges."
    usage: dict[str, Any] | None = field(default_factory=lambda: dict(USAGE))
    bill_of_cancelled: dict[str, Any] | None = None
    """The usage that a cancelled response tells; ``None``: none."""
    searches: int = 0
    """Web searches among the output of a completed response."""
    echo: Callable[[str], str] = str
    """The name that accepted work reports for the model that was asked."""
    echo_at_end: Callable[[str], str] | None = None
    """The name that its end reports; ``None``: the same."""
    failing: dict[str, Any] | None = None
    """The ``error`` with which work fails instead of completing."""
    answers_at_once: bool = False
    begun: list[Work] = field(default_factory=list)
    seen: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of every request."""
    keys: set[str] = field(default_factory=set)
    post_faults: deque[Fault] = field(default_factory=deque)
    poll_faults: deque[Fault] = field(default_factory=deque)
    cancel_faults: deque[Fault] = field(default_factory=deque)
    on_post: Callable[[], None] = lambda: None
    """Called when work has been begun and its acceptance was not told yet."""
    on_poll: Callable[[], None] = lambda: None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v1/responses", self._post)
        app.router.add_get("/v1/responses/{id}", self._get)
        app.router.add_post("/v1/responses/{id}/cancel", self._cancel)
        app.router.add_post("/gemini/v1beta/models/{model}", self._fallback)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        address = self._runner.addresses[0]
        self.url = f"http://127.0.0.1:{address[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def posts(self) -> int:
        """How often work was asked for."""
        return self.seen.count(("POST", "/v1/responses"))

    @property
    def polls(self) -> int:
        """How often work was asked after."""
        return sum(method == "GET" for method, _ in self.seen)

    @property
    def cancels(self) -> int:
        """How often work was cancelled."""
        return sum(path.endswith("/cancel") for _, path in self.seen)

    def finish(self) -> None:
        """All work is done from now on."""
        self.polls_until_done = 0

    def forget(self) -> None:
        """Nothing that was accepted is kept any more."""
        for work in self.begun:
            work.known = False

    # -- the interface

    async def _post(self, request: web.Request) -> web.StreamResponse:
        asked = json.loads(await self._noted(request))
        fault = self.post_faults.popleft() if self.post_faults else None
        if fault is not None and not fault.accepts:
            return _faulty(request, fault)
        assert asked["background"] is True
        assert asked["store"] is True
        work = Work(f"resp_{len(self.begun) + 1:032x}", asked["model"])
        self.begun.append(work)
        self.on_post()
        if fault is not None:
            return _faulty(request, fault)
        if self.answers_at_once:
            work.status = "completed"
        return self._told(work)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        await self._noted(request)
        self.on_poll()
        if self.poll_faults:
            return _faulty(request, self.poll_faults.popleft())
        work = self._found(request)
        if work is None:
            return _unknown(request)
        work.polls += 1
        if work.status in {"queued", "in_progress"}:
            done = self.polls_until_done is not None and work.polls > self.polls_until_done
            ended = "failed" if self.failing else "completed"
            work.status = ended if done else "in_progress"
        return self._told(work)

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        await self._noted(request)
        if self.cancel_faults:
            return _faulty(request, self.cancel_faults.popleft())
        work = self._found(request)
        if work is None:
            return _unknown(request)
        if work.status in {"queued", "in_progress"}:
            work.status = "completed" if self.polls_until_done == 0 else "cancelled"
        return self._told(work)

    async def _fallback(self, request: web.Request) -> web.StreamResponse:
        await self._noted(request)
        return web.json_response(FALLBACK)

    async def _noted(self, request: web.Request) -> bytes:
        self.seen.append((request.method, request.path))
        self.keys.add(request.headers.get("authorization", ""))
        return await request.read()

    def _found(self, request: web.Request) -> Work | None:
        wanted = request.match_info["id"]
        return next((work for work in self.begun if work.response_id == wanted and work.known), None)

    def _told(self, work: Work) -> web.Response:
        return web.json_response(self.body(work), headers={"x-request-id": f"req_{len(self.seen)}"})

    def body(self, work: Work) -> dict[str, Any]:
        """The response object as it stands."""
        ended = work.status not in {"queued", "in_progress"}
        echo = self.echo_at_end if ended and self.echo_at_end else self.echo
        usage = {"completed": self.usage, "cancelled": self.bill_of_cancelled}.get(work.status)
        return {
            "id": work.response_id,
            "object": "response",
            "created_at": 1_795_000_000,
            "status": work.status,
            "background": True,
            "error": self.failing if work.status == "failed" else None,
            "incomplete_details": None,
            "instructions": None,
            "model": echo(work.model),
            "output": self._output() if work.status == "completed" else [],
            "parallel_tool_calls": True,
            "store": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": usage,
            "metadata": {},
        }

    def _output(self) -> list[dict[str, Any]]:
        reasoning = {"id": "rs_1", "type": "reasoning", "summary": []}
        searches = [
            {
                "id": f"ws_{number}",
                "type": "web_search_call",
                "status": "completed",
                "action": {"type": "search", "query": "eurusd"},
            }
            for number in range(self.searches)
        ]
        said = {"type": "output_text", "text": self.text, "annotations": [], "logprobs": []}
        message = {
            "id": "msg_1",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [said],
        }
        return [reasoning, *searches, message]


def _faulty(request: web.Request, fault: Fault) -> web.StreamResponse:
    if fault.status is None:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()
    headers = {"content-type": "application/json"} | fault.headers
    return web.Response(status=fault.status, headers=headers, body=fault.body)


def _unknown(request: web.Request) -> web.Response:
    message = f"Response with id '{request.match_info['id']}' not found."
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return web.json_response({"error": error}, status=404)
