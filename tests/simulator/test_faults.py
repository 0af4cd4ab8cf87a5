import asyncio
import random
from typing import Any

import aiohttp
import orjson
import pytest

from peak_console.policy.deny import deny_echo, deny_redirect
from peak_console.simulator.faults import HUGE_BYTES, Fault, FaultDesk, Ordered, rates_from

ASKED = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Hello"}]}
KEY = {"authorization": "Bearer k"}


async def raw(server: Any, fault: Fault, timeout_s: float = 5.0) -> tuple[int, Any, bytes]:
    """Status, headers and bytes of a chat completion with a fault."""
    limit = aiohttp.ClientTimeout(total=timeout_s)
    headers = KEY | {"x-sim-fault": fault.value}
    url = server.url("/openai/v1/chat/completions")
    async with server.session.post(
        url, json=ASKED, headers=headers, timeout=limit, allow_redirects=False
    ) as got:
        return got.status, got.headers, await got.read()


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.DRIP])
async def test_it_hangs(serve: Any, fault: Fault) -> None:
    """An answer that never comes, or never ends, runs into the caller's deadline."""
    with pytest.raises(asyncio.TimeoutError):
        await raw(await serve(), fault, timeout_s=0.5)


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.CUT])
async def test_it_loses_the_connection(serve: Any, fault: Fault) -> None:
    """A connection cut before or in the answer."""
    with pytest.raises(aiohttp.ClientError):
        await raw(await serve(), fault)


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.RATE_LIMITED, 429),
        (Fault.RATE_LIMITED_LONG, 429),
        (Fault.QUOTA, 429),
        (Fault.SERVER_ERROR, 500),
        (Fault.UNAVAILABLE, 503),
        (Fault.OVERLOADED, 529),
        (Fault.TIMED_OUT, 504),
        (Fault.UNAUTHENTICATED, 401),
        (Fault.UNKNOWN_MODEL, 404),
        (Fault.CONTEXT_LENGTH, 400),
        (Fault.HTML_502, 502),
        (Fault.REDIRECT, 307),
        (Fault.REDIRECT_FORBIDDEN, 308),
    ],
)
async def test_it_fails_with_the_real_status(serve: Any, fault: Fault, status: int) -> None:
    """Each error kind has the status that the provider uses."""
    got, headers, _ = await raw(await serve(), fault)
    assert got == status
    if fault is Fault.RATE_LIMITED_LONG:
        assert int(headers["retry-after"]) > 600
    if fault is Fault.REDIRECT_FORBIDDEN:
        assert deny_redirect(headers["location"]) is not None


async def test_it_answers_what_is_no_answer(serve: Any) -> None:
    """HTML, nothing, half of it, another shape, bytes that are no text, ten megabytes, no bill."""
    server = await serve()
    _, headers, body = await raw(server, Fault.HTML)
    assert headers["content-type"].startswith("text/html")
    assert body.startswith(b"<!DOCTYPE")
    assert (await raw(server, Fault.EMPTY))[2] == b""
    for fault in (Fault.TRUNCATED, Fault.INVALID_UTF8):
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads((await raw(server, fault))[2])
    assert not isinstance(orjson.loads((await raw(server, Fault.WRONG_SHAPE))[2])["choices"], list)
    assert len((await raw(server, Fault.HUGE))[2]) > HUGE_BYTES
    assert "usage" not in orjson.loads((await raw(server, Fault.NO_USAGE))[2])


async def test_it_names_another_model(serve: Any) -> None:
    """Another model's name, and a forbidden one."""
    server = await serve()
    assert orjson.loads((await raw(server, Fault.OTHER_MODEL))[2])["model"].startswith("gpt-4o")
    echo = orjson.loads((await raw(server, Fault.FORBIDDEN_ECHO))[2])["model"]
    assert deny_echo(echo) is not None


@pytest.mark.parametrize(
    ("fault", "sign"),
    [(Fault.ANSI, "\x1b[2J"), (Fault.ANSI, "\x1b]8;;"), (Fault.MARKUP, "[bold red]"), (Fault.BIDI, "\u202e")],
)
async def test_it_writes_hostile_text(serve: Any, fault: Fault, sign: str) -> None:
    """Terminal escapes, markup and bidirectional controls stand in the answer's text."""
    body = orjson.loads((await raw(await serve(), fault))[2])
    assert sign in body["choices"][0]["message"]["content"]


async def test_it_withholds_cuts_and_overcharges(serve: Any) -> None:
    """Content filter, output limit, and a bill above anything asked for."""
    server = await serve()
    reasons = {}
    for fault in (Fault.FILTERED, Fault.LENGTH):
        body = orjson.loads((await raw(server, fault))[2])
        reasons[fault] = body["choices"][0]["finish_reason"]
    assert reasons == {Fault.FILTERED: "content_filter", Fault.LENGTH: "length"}
    assert orjson.loads((await raw(server, Fault.HUGE_BILL))[2])["usage"]["total_tokens"] > 10_000_000


async def test_a_word_in_the_prompt_asks_for_a_fault(serve: Any) -> None:
    """``[[sim:<kind>]]`` in a message works where a test has no way to set a header."""
    server = await serve()
    status, _, _ = await server.chat(
        {"messages": [{"role": "user", "content": "now [[sim:server_error]] please"}]}
    )
    assert status == 500
    status, _, _ = await server.chat({"messages": [{"role": "user", "content": "[[sim:no_such_thing]]"}]})
    assert status == 200


async def test_faults_are_ordered_over_the_control_address(serve: Any) -> None:
    """An order hits the next fitting requests, as many as ordered, and no others."""
    server = await serve()
    order = {"kind": "unavailable", "provider": "openai", "times": 2}
    async with server.session.post(server.url("/_sim/fault"), json=order) as response:
        assert response.status == 200
    assert (await server.gemini())[0] == 200
    assert [(await server.chat())[0] for _ in range(3)] == [503, 503, 200]


@pytest.mark.parametrize("order", [{}, {"kind": "nonsense"}, {"kind": "html", "times": 0}, {"kind": 7}])
async def test_a_wrong_order_is_refused(serve: Any, order: dict[str, Any]) -> None:
    """With the list of kinds, and nothing is ordered."""
    server = await serve()
    async with server.session.post(server.url("/_sim/fault"), json=order) as response:
        assert response.status == 400
        assert "html" in (await response.json())["kinds"]
    assert (await server.chat())[0] == 200


async def test_an_outage_is_called_and_ended(serve: Any) -> None:
    """``/_sim/outage`` takes a provider down at once and brings it back; ``/_sim/state`` says so."""
    server = await serve()
    async with server.session.post(
        server.url("/_sim/outage"), json={"provider": "google", "seconds": 60}
    ) as response:
        assert response.status == 200
    assert (await server.gemini())[0] in {500, 503}
    assert (await server.chat())[0] == 200
    async with server.session.get(server.url("/_sim/state")) as response:
        state = await response.json()
    assert state["down"] == ["google"]
    assert {"provider": "openai", "model": "gpt-5-mini", "outcome": "ok", "count": 1} in state["counts"]
    async with server.session.post(server.url("/_sim/outage"), json={"end": True}) as response:
        assert response.status == 200
    assert (await server.gemini())[0] == 200
    async with server.session.post(server.url("/_sim/outage"), json={"provider": "nobody"}) as response:
        assert response.status == 400


async def test_reset_forgets(serve: Any) -> None:
    """Counts, orders and outages are gone after a reset."""
    server = await serve()
    server.simulation.desk.order(Ordered(Fault.HTML, times=9))
    await server.chat(key="")
    async with server.session.post(server.url("/_sim/reset")) as response:
        assert response.status == 200
    assert not server.simulation.counts
    assert (await server.chat())[0] == 200


def test_rates_are_read() -> None:
    """Kinds with and without a rate; a wrong one is an error that names it."""
    assert rates_from("html, ansi=0.05") == {Fault.HTML: 0.01, Fault.ANSI: 0.05}
    assert rates_from("") == {}
    with pytest.raises(ValueError, match="nonsense"):
        rates_from("nonsense=1")


def test_faults_are_drawn_at_their_rate() -> None:
    """About one in ten at a rate of 0.1."""
    desk = FaultDesk({Fault.HTML: 0.1})
    draw = random.Random(1)  # noqa: S311 - a simulation
    hits = sum(desk.pick({}, b"", "openai", "m", draw) is Fault.HTML for _ in range(2000))
    assert 150 < hits < 250
