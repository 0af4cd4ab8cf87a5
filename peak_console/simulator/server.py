"""The simulator's server on loopback: the providers' addresses, and ``/_sim`` to steer it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson
from aiohttp import web

from peak_console.simulator import lists
from peak_console.simulator.exchange import Reply
from peak_console.simulator.faults import HUGE_BYTES, Fault, Ordered
from peak_console.simulator.models import PROVIDERS
from peak_console.simulator.simulation import Decided, Simulation

HOST: Final = "127.0.0.1"
PATHS: Final = {
    "openai": "/openai/v1",
    "google": "/gemini/v1beta",
    "mistral": "/mistral/v1",
    "together": "/together/v1",
    "azure": "/azure",
    "bedrock": "/bedrock",
}
"""What each provider's base URL ends with."""

SIMULATION: Final = web.AppKey("simulation", Simulation)
_REQUEST_LIMIT: Final = 32 * 1024 * 1024
_FOREVER_S: Final = 24 * 3600.0
_FORBIDDEN_TARGET: Final = "https://api.anthropic.com/v1/messages"
_HTML: Final = (
    b"<!DOCTYPE html><html><head><title>Gateway</title></head><body><h1>Please log in</h1></body></html>"
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(simulation: Simulation) -> web.Application:
    """The web application of ``simulation``."""
    app = web.Application(client_max_size=_REQUEST_LIMIT)
    app[SIMULATION] = simulation
    post = app.router.add_post
    for provider in ("openai", "mistral", "together"):
        post(f"{PATHS[provider]}/chat/completions", _asked_of(provider, "chat"))
    post("/azure/openai/v1/chat/completions", _asked_of("azure", "chat"))
    post("/azure/openai/deployments/{model}/chat/completions", _asked_of("azure", "chat"))
    post("/bedrock/openai/v1/chat/completions", _asked_of("bedrock", "chat"))
    post("/bedrock/model/{model:.+}/converse", _asked_of("bedrock", "converse"))
    post("/bedrock/model/{model:.+}/converse-stream", _asked_of("bedrock", "converse", stream=True))
    post("/gemini/v1beta/models/{model}:generateContent", _asked_of("google", "generate_content"))
    post(
        "/gemini/v1beta/models/{model}:streamGenerateContent",
        _asked_of("google", "generate_content", stream=True),
    )
    for provider, base in (("openai", PATHS["openai"]), ("azure", "/azure/openai/v1")):
        post(f"{base}/responses", _asked_of(provider, "responses"))
        app.router.add_get(f"{base}/responses/{{id}}", _followed)
        post(f"{base}/responses/{{id}}/cancel", _followed)
    for path in lists.PATHS:
        app.router.add_get(path, _listed)
    app.router.add_get("/_sim/state", _state)
    app.router.add_post("/_sim/outage", _outage)
    app.router.add_post("/_sim/fault", _fault)
    app.router.add_post("/_sim/model", _model)
    app.router.add_post("/_sim/reset", _reset)
    return app


def base_urls(port: int) -> dict[str, str]:
    """Each provider's base URL on this server."""
    return {name: f"http://{HOST}:{port}{path}" for name, path in PATHS.items()}


async def serve(simulation: Simulation, port: int, stop: asyncio.Event, ready: Callable[[int], None]) -> None:
    """Serve until ``stop``; ``ready`` gets the port once connections are taken."""
    runner = web.AppRunner(
        application(simulation), access_log=None, handler_cancellation=True, shutdown_timeout=0.2
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, HOST, port, backlog=1024)
        await site.start()
        ready(runner.addresses[0][1])
        await stop.wait()
    finally:
        await runner.cleanup()


def _asked_of(provider: str, interface: str, *, stream: bool = False) -> Handler:
    """The handler of one interface; the model where the address names it."""

    async def handle(request: web.Request) -> web.StreamResponse:
        simulation = request.app[SIMULATION]
        decided = simulation.answer(
            provider,
            request.match_info.get("model"),
            request.headers,
            await request.read(),
            key=_key(request),
            interface=interface,
            stream=stream,
        )
        if decided.reply.pieces and decided.fault not in _WHOLE_ONLY:
            return await _streamed(request, decided)
        await asyncio.sleep(decided.delay_s)
        if decided.fault in _DELIVERIES:
            return await _DELIVERIES[decided.fault](request, decided)
        return _whole(decided.reply)

    return handle


def _key(request: web.Request) -> str:
    """The key, wherever a provider takes it; an AWS signature counts as one."""
    headers = request.headers
    named = headers.get("x-goog-api-key") or headers.get("api-key") or request.query.get("key")
    return named or headers.get("authorization", "").removeprefix("Bearer ").strip()


async def _followed(request: web.Request) -> web.StreamResponse:
    """A background response, asked after or cancelled."""
    if not _key(request):
        return _json({"error": {"message": "no key", "type": "invalid_request_error", "param": None}}, 401)
    cancel = request.path.endswith("/cancel")
    return _whole(request.app[SIMULATION].follow(request.match_info["id"], cancel=cancel))


async def _listed(request: web.Request) -> web.StreamResponse:
    """What the provider offers; free, and only with a key."""
    if not _key(request):
        return _json({"error": {"message": "no key", "type": "invalid_request_error", "param": None}}, 401)
    return web.Response(body=orjson.dumps(lists.listed(request.path)), content_type="application/json")


async def _streamed(request: web.Request, decided: Decided) -> web.StreamResponse:
    """The pieces, the first after the model's first token, the others evenly; or half of them."""
    reply = decided.reply
    broken = decided.fault in {Fault.CUT, Fault.TRUNCATED}
    pieces = reply.pieces[: len(reply.pieces) // 2] if broken else reply.pieces
    response = web.StreamResponse(headers={**reply.headers, "content-type": reply.content_type})
    await asyncio.sleep(decided.first_s)
    await response.prepare(request)
    between_s = max(decided.delay_s - decided.first_s, 0.0) / len(reply.pieces)
    with contextlib.suppress(ConnectionError):
        for piece in pieces:
            await response.write(piece)
            if between_s:
                await asyncio.sleep(between_s)
        if decided.fault is Fault.CUT and request.transport is not None:
            request.transport.abort()
        else:
            await response.write_eof()
    return response


def _whole(reply: Reply) -> web.Response:
    headers = {**reply.headers, "content-type": reply.content_type}
    body = b"".join(reply.pieces) or reply.body
    return web.Response(status=reply.status, body=body, headers=headers)


async def _hang(_request: web.Request, decided: Decided) -> web.StreamResponse:
    await asyncio.sleep(_FOREVER_S)
    return _whole(decided.reply)


async def _drip(request: web.Request, _decided: Decided) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "application/json"})
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.2)


async def _reset_connection(request: web.Request, decided: Decided) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return _whole(decided.reply)


async def _cut(request: web.Request, decided: Decided) -> web.StreamResponse:
    body = decided.reply.body
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.abort()
    return response


def _instead(
    body: Callable[[bytes], bytes],
    *,
    status: int = 200,
    content_type: str = "application/json",
    **headers: str,
) -> Callable[[web.Request, Decided], Awaitable[web.StreamResponse]]:
    """A delivery of another body in the place of the answer's."""

    async def deliver(_request: web.Request, decided: Decided) -> web.StreamResponse:
        return _whole(Reply(status, body(decided.reply.body), headers, content_type))

    return deliver


def _huge(body: bytes) -> bytes:
    return body[:-1] + b',"padding":"' + b"x" * HUGE_BYTES + b'"}'


def _without_usage(body: bytes) -> bytes:
    root = orjson.loads(body)
    return orjson.dumps(
        {name: value for name, value in root.items() if name not in {"usage", "usageMetadata"}}
    )


_DELIVERIES: Final[dict[Fault | None, Callable[[web.Request, Decided], Awaitable[web.StreamResponse]]]] = {
    Fault.HANG: _hang,
    Fault.DRIP: _drip,
    Fault.RESET: _reset_connection,
    Fault.CUT: _cut,
    Fault.HTML: _instead(lambda _: _HTML, content_type="text/html"),
    Fault.HTML_502: _instead(lambda _: _HTML, status=502, content_type="text/html"),
    Fault.EMPTY: _instead(lambda _: b""),
    Fault.TRUNCATED: _instead(lambda body: body[: len(body) // 2]),
    Fault.WRONG_SHAPE: _instead(lambda _: b'{"result": ["ok"], "choices": {}, "candidates": 7}'),
    Fault.HUGE: _instead(_huge),
    Fault.INVALID_UTF8: _instead(lambda body: body.replace(b"a", b"\xff\xfe", 40)),
    Fault.NO_USAGE: _instead(_without_usage),
    Fault.REDIRECT: _instead(lambda _: b"", status=307, location="/_sim/state"),
    Fault.REDIRECT_FORBIDDEN: _instead(lambda _: b"", status=308, location=_FORBIDDEN_TARGET),
}

_WHOLE_ONLY: Final = frozenset(_DELIVERIES) - {Fault.CUT, Fault.TRUNCATED, Fault.NO_USAGE}
"""Faults that take the place of a streamed reply; the others happen to it."""


async def _state(request: web.Request) -> web.Response:
    simulation = request.app[SIMULATION]
    now = simulation.now_s() - simulation.started_s
    counts = [
        {"provider": provider, "model": model, "outcome": outcome, "count": count}
        for (provider, model, outcome), count in sorted(simulation.counts.items())
    ]
    down = [name for name in PROVIDERS if simulation.outages.down(name, now)]
    told = {"uptime_s": round(now, 3), "requests": simulation.serial, "down": down, "counts": counts}
    return _json({**told, "changed": simulation.steering.told()})


async def _outage(request: web.Request) -> web.Response:
    """``{"provider", "seconds"}`` takes a provider down now; ``{"end": true}`` ends what goes on."""
    asked = await _asked(request)
    simulation = request.app[SIMULATION]
    now = simulation.now_s() - simulation.started_s
    if asked.get("end"):
        simulation.outages.end(now)
        return _json({"down": []})
    provider, seconds = asked.get("provider", "openai"), asked.get("seconds", 20)
    if provider not in PROVIDERS or not isinstance(seconds, (int, float)) or not seconds > 0:
        return _json({"error": f"provider is one of {', '.join(PROVIDERS)}, seconds a positive number"}, 400)
    outage = simulation.outages.call(provider, now, float(seconds))
    return _json({"provider": provider, "starts_s": outage.starts_s, "ends_s": outage.ends_s})


async def _fault(request: web.Request) -> web.Response:
    """``{"kind", "provider"?, "model"?, "times"?}`` orders a fault for coming requests."""
    asked = await _asked(request)
    kind, times = asked.get("kind"), asked.get("times", 1)
    if kind not in set(Fault) or not isinstance(times, int) or times < 1:
        return _json({"error": "no such fault", "kinds": [one.value for one in Fault]}, 400)
    provider, model = str(asked.get("provider", "")), str(asked.get("model", ""))
    request.app[SIMULATION].desk.order(Ordered(Fault(kind), provider, model, times))
    return _json({"kind": kind, "times": times})


async def _model(request: web.Request) -> web.Response:
    """``{"provider", "model", ...}`` changes a model; with ``{"end": true}`` it is as it was, or all are."""
    asked = await _asked(request)
    steering = request.app[SIMULATION].steering
    provider, model = str(asked.pop("provider", "")), str(asked.pop("model", ""))
    if asked.get("end"):
        steering.end(provider, model)
        return _json({"changed": steering.told()})
    try:
        steering.change(provider, model, asked)
    except ValueError as error:
        return _json({"error": str(error)}, 400)
    return _json({"changed": steering.told()})


async def _reset(request: web.Request) -> web.Response:
    """Forget counts and orders, end outages, take back what was changed of models."""
    simulation = request.app[SIMULATION]
    simulation.steering.end()
    simulation.counts.clear()
    simulation.desk.orders.clear()
    simulation.outages.end(simulation.now_s() - simulation.started_s)
    return _json({"reset": True})


async def _asked(request: web.Request) -> dict[str, Any]:
    try:
        asked = orjson.loads(await request.read() or b"{}")
    except orjson.JSONDecodeError:
        return {}
    return asked if isinstance(asked, dict) else {}


def _json(value: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), content_type="application/json")
