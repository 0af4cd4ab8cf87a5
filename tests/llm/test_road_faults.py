import asyncio
import socket
from contextlib import suppress
from functools import partial
from hashlib import sha256
from pathlib import Path

import orjson
import pytest
from loopback_server import Exchange, LoopbackServer
from road import (
    LEDGER_S,
    Road,
    answering,
    asking,
    chat,
    failing,
    gemini,
    open_road,
    openai_first,
    reasons,
    write_workspace,
)
from support.loop_time import Trickle, let_pass

from peak_console.config.workspace import Workspace
from peak_console.domain.calls import Finish
from peak_console.domain.errors import (
    BudgetExceeded,
    CallFailed,
    CallRefused,
    ConfigInvalid,
    ControlRefused,
    EnvironmentUnfit,
    PolicyDenied,
)
from peak_console.domain.vocabulary import Layer, Role

TIMEOUT_S = 30
"""Of every model in the matrix."""


async def only_failure(road: Road) -> dict[str, object]:
    """The body of the one failed hop."""
    (failed,) = road.events("llm.call.failed")
    assert failed.body is not None
    return dict(failed.body)


async def hang(exchange: Exchange) -> None:
    """Never answer, until it is too late."""
    let_pass(TIMEOUT_S)
    await asyncio.Event().wait()


async def html(exchange: Exchange) -> None:
    """A proxy's page in place of the provider's answer."""
    await exchange.answer(200, b"<html>Sign in</html>", {"content-type": "text/html"})


async def truncated(exchange: Exchange) -> None:
    """JSON that ends in the middle."""
    await exchange.answer(200, chat()[:150])


async def huge(exchange: Exchange) -> None:
    """Ten megabytes."""
    await exchange.answer(200, chat("x" * 10_000_000))


async def not_utf8(exchange: Exchange) -> None:
    """Bytes that are no UTF-8."""
    await exchange.answer(200, chat("abc").replace(b"abc", b"\xff\xfe\xfa"))


async def another_model(exchange: Exchange) -> None:
    """Somebody else answers."""
    await exchange.answer(200, chat(model="gpt-4o-2024-08-06"))


async def reset(exchange: Exchange) -> None:
    """Cut in the middle of the answer."""
    await exchange.answer(200, chat()[:100], length=5000)
    exchange.cut()


async def dribble(exchange: Exchange) -> None:
    """Keep-alive spaces without end."""
    await exchange.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 900000\r\n\r\n")
    await Trickle(TIMEOUT_S)(partial(exchange.raw, b" "))


@pytest.mark.parametrize(
    ("handler", "reason", "basis"),
    [
        (html, "malformed", "worst_case"),
        (truncated, "malformed", "worst_case"),
        (huge, "response_too_large", "worst_case"),
        (not_utf8, "malformed", "worst_case"),
        (another_model, "unexpected_echo", "worst_case"),
        (reset, "connection_lost", "worst_case"),
    ],
)
async def test_a_bad_answer_is_a_typed_outcome_and_the_fallback_answers(
    road: Road, providers: LoopbackServer, handler: object, reason: str, basis: str
) -> None:
    """Whatever shape comes back: one reason, a recorded cost, the next candidate, nothing left open."""
    providers.handler = openai_first(handler)  # type: ignore[arg-type]
    result = await road.client.call(asking())
    assert (result.provider, result.hop) == ("google", 2)
    failed = await only_failure(road)
    assert (failed["reason"], failed["cost_basis"], failed["then"]) == (reason, basis, "next")
    assert failed["cost_eur"] > "0.000000000"  # type: ignore[operator]
    road.check()


@pytest.mark.parametrize("handler", [hang, dribble])
async def test_a_provider_that_hangs_is_ambiguous_and_not_asked_again(
    workspace: Workspace, providers: LoopbackServer, handler: object
) -> None:
    """A timeout after sending is spent at its bound; the same candidate is not asked twice."""
    providers.handler = openai_first(handler)  # type: ignore[arg-type]
    async with open_road(workspace, providers.url) as road:
        result = await road.client.call(asking())
        failed = await only_failure(road)
        requested = road.events("llm.call.requested")[0]
    assert (failed["reason"], failed["outcome"], failed["cost_basis"]) == (
        "timeout",
        "ambiguous",
        "worst_case",
    )
    assert requested.body is not None
    assert failed["cost_eur"] == requested.body["bound_eur"]
    assert result.provider == "google"
    assert len(providers.seen) == 2


async def test_the_total_deadline_spans_all_candidates(road: Road, providers: LoopbackServer) -> None:
    """The caller's deadline ends the call, whatever is left of the chain."""
    providers.handler = hang
    with pytest.raises(CallFailed) as caught:
        await road.client.call(asking(timeout_s=TIMEOUT_S))
    assert len(providers.seen) == 1
    assert caught.value.code == "timeout"
    assert (await only_failure(road))["cost_basis"] == "worst_case"
    road.check()


async def test_a_refused_connection_costs_nothing(workspace: Workspace, providers: LoopbackServer) -> None:
    """Nothing left, so nothing is spent; the fallback is asked."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    async with open_road(workspace, providers.url, environ={"PEAK_PROVIDER_OPENAI_BASE_URL": closed}) as road:
        result = await road.client.call(asking())
        failed = await only_failure(road)
    assert (failed["reason"], failed["cost_basis"]) == ("connect_error", "none")
    assert len(failed["attempts"]) == 3  # type: ignore[arg-type]
    assert result.provider == "google"


@pytest.mark.parametrize("model", ["gpt-4o-2024-08-06", "claude-opus-4"])
async def test_an_answer_of_another_model_is_never_cheaper_than_its_bound(
    road: Road, providers: LoopbackServer, model: str
) -> None:
    """Whose price it has, nobody told: its bound, or its usage at the price asked, whichever is more."""
    usage = {"prompt_tokens": 1_000_000, "completion_tokens": 1_000_000, "total_tokens": 2_000_000}
    providers.handler = openai_first(answering(chat(model=model, usage=usage)))
    with suppress(PolicyDenied):
        await road.client.call(asking())
    failed = await only_failure(road)
    assert (failed["cost_basis"], failed["cost_eur"]) == ("worst_case", "2.025000000")
    assert failed["usage"]["input"] == 1_000_000  # type: ignore[index]
    road.check()


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, {"error": {"code": "context_length_exceeded"}}, "context_length"),
        (400, {"error": {"message": "no"}}, "bad_request"),
        (422, {}, "bad_request"),
        (402, {}, "quota_exhausted"),
        (429, {"error": {"code": "insufficient_quota", "type": "insufficient_quota"}}, "quota_exhausted"),
        (400, {"error": {"code": "content_filter"}}, "content_filter"),
    ],
)
async def test_what_no_other_candidate_can_mend_stops(
    road: Road, providers: LoopbackServer, status: int, body: object, reason: str
) -> None:
    """It is neither retried nor handed to the fallback, and costs nothing."""
    providers.handler = failing(status, orjson.dumps(body))
    with pytest.raises(CallFailed) as caught:
        await road.client.call(asking())
    assert caught.value.code == reason
    assert len(providers.seen) == 1
    failed = await only_failure(road)
    assert (failed["reason"], failed["then"], failed["cost_basis"]) == (reason, "stop", "none")
    road.check()


@pytest.mark.parametrize("status", [401, 403])
async def test_a_provider_that_refuses_our_key_is_marked_down(
    road: Road, providers: LoopbackServer, status: int
) -> None:
    """It is asked once; the fallback answers, and the next call does not try it again."""
    providers.handler = failing(status)
    assert (await road.client.call(asking())).provider == "google"
    assert len(providers.seen) == 2
    second = await road.client.call(asking())
    assert (second.provider, second.hop, second.fallback) == ("google", 1, True)
    assert len(providers.seen) == 3
    rows = (road.events("llm.call.requested")[-1].body or {})["route"]
    assert [row["reason"] for row in rows] == ["provider_down", "admitted"]
    assert reasons(road.events("llm.fallback.taken"))[-1] == "provider_down"


async def test_retry_after_is_waited_for_or_the_next_candidate_asked(
    road: Road, providers: LoopbackServer
) -> None:
    """A wait that fits is kept to; one that does not fit the deadline is not begun."""
    providers.handler = failing(429, b"{}", {"retry-after-ms": "300"}, times=1)
    result = await road.client.call(asking())
    assert (result.provider, [one.reason for one in result.attempts]) == ("openai", ["rate_limited", "ok"])
    assert result.attempts[1].waited_ms >= 300
    providers.handler = failing(429, b"{}", {"retry-after": "60"}, times=1)
    begun = asyncio.get_running_loop().time()
    assert (await road.client.call(asking())).provider == "google"
    assert asyncio.get_running_loop().time() - begun < 25


async def test_no_provider_reached_is_an_unfit_environment(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """When nothing left at any hop the command line's exit code is 3; one that was reached makes it 1."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        nowhere = {"PEAK_PROVIDER_OPENAI_BASE_URL": closed, "PEAK_PROVIDER_GOOGLE_BASE_URL": closed}
        async with open_road(workspace, providers.url, environ=nowhere) as road:
            with pytest.raises(CallFailed) as caught:
                await road.client.call(asking())
            road.check()
    assert (caught.value.code, caught.value.exit_code) == ("provider_unreachable", 3)
    assert caught.value.details["reasons"] == ["connect_error", "connect_error"]
    assert not providers.seen


async def test_a_call_that_reached_somebody_is_no_unfit_environment(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """One hop without a connection and one that was answered badly end in 1."""

    async def handler(exchange: Exchange) -> None:
        await exchange.answer(404, b"{}")

    providers.handler = handler
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = {"PEAK_PROVIDER_OPENAI_BASE_URL": f"http://127.0.0.1:{free.getsockname()[1]}/v1"}
        async with open_road(workspace, providers.url, environ=closed) as road:
            with pytest.raises(CallFailed) as caught:
                await road.client.call(asking())
    assert (caught.value.code, caught.value.exit_code) == ("exhausted", 1)


async def test_the_chains_end_is_exhausted(road: Road, providers: LoopbackServer) -> None:
    """Every hop is on the ledger, and the error names each one's reason."""

    async def handler(exchange: Exchange) -> None:
        await exchange.answer(500 if "generateContent" in exchange.path else 404, b"{}")

    providers.handler = handler
    with pytest.raises(CallFailed) as caught:
        await road.client.call(asking())
    assert caught.value.code == "exhausted"
    assert caught.value.details["reasons"] == ["model_not_found", "server_error"]
    assert caught.value.exit_code == 1
    assert caught.value.message == (
        f"call {caught.value.details['call_id']}: no candidate answered: "
        "openai:gpt-5-mini model_not_found, google:gemini-2.5-flash server_error"
    )
    assert [(one["provider"], one["reached"]) for one in caught.value.details["hops"]] == [
        ("openai", True),
        ("google", True),
    ]
    assert [event.body["then"] for event in road.events("llm.call.failed") if event.body] == ["next", "abort"]
    road.check()


async def test_a_forbidden_echo_is_withheld_and_paid(road: Road, providers: LoopbackServer) -> None:
    """An answer that a forbidden model gave reaches nobody; its bill is booked, the denial recorded."""
    providers.handler = openai_first(answering(chat("secret words", model="claude-sonnet-4")))
    with pytest.raises(PolicyDenied) as caught:
        await road.client.call(asking())
    assert caught.value.code == "forbidden_echo"
    assert "secret words" not in str(caught.value)
    denied, failed = road.events("policy.denied", "llm.call.failed")
    assert denied.body is not None
    assert failed.body is not None
    assert (denied.body["where"], denied.body["field"]) == ("echo", "served_model")
    assert (failed.body["cost_basis"], failed.body["cost_eur"]) == ("worst_case", failed.body["bound_eur"])
    assert failed.body["usage"] == {
        "input": 100,
        "cached": 40,
        "cache_write": 0,
        "output": 20,
        "reasoning": 5,
    }
    assert len(providers.seen) == 1
    texts = (road.ws.runs / str(failed.run_id) / "texts.jsonl").read_bytes()
    assert b"secret words" not in texts
    road.check()


async def test_a_redirect_to_a_forbidden_host_is_recorded_and_never_followed(
    road: Road, providers: LoopbackServer
) -> None:
    """The target is denied and named in the ledger; nobody calls it, and no fallback either."""
    target = "https://api.anthropic.com/v1/messages"
    providers.handler = failing(307, b"", {"location": target})
    with pytest.raises(CallFailed) as caught:
        await road.client.call(asking())
    assert caught.value.code == "redirect"
    denied, failed = road.events("policy.denied", "llm.call.failed")
    assert denied.body is not None
    assert failed.body is not None
    assert (denied.body["where"], denied.body["rule"]) == ("redirect", "forbidden_base_url")
    assert (failed.body["reason"], failed.body["cost_basis"]) == ("redirect", "none")
    assert len(providers.seen) == 1


async def test_a_filtered_answer_stops_and_is_billed(road: Road, providers: LoopbackServer) -> None:
    """A content filter is no reason to ask another provider, and the tokens are billed."""
    filtered = chat(choices=[{"message": {"content": ""}, "finish_reason": "content_filter"}])
    providers.handler = answering(filtered)
    with pytest.raises(CallFailed) as caught:
        await road.client.call(asking())
    assert caught.value.code == "content_filter"
    failed = await only_failure(road)
    assert (failed["cost_basis"], failed["cost_eur"]) == ("usage", "0.000050400")


async def test_hostile_text_goes_through_untouched_and_details_are_plain(
    road: Road, providers: LoopbackServer
) -> None:
    """An answer is the model's own text; what is quoted from an error is made harmless first."""
    hostile = "\x1b]0;owned\x07[bold]\u202e\x1b[2J"
    providers.handler = answering(chat(hostile))
    assert (await road.client.call(asking())).text == hostile
    providers.handler = failing(500, orjson.dumps({"error": {"message": hostile}}))
    await road.client.call(asking())
    detail = str((await only_failure(road))["detail"])
    assert "\x1b" not in detail
    assert "\u202e" not in detail


async def test_a_stop_cancels_what_is_in_flight(road: Road, providers: LoopbackServer) -> None:
    """ENABLED gone, the call ends at once as stopped, its spend booked at the bound."""
    arrived = asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        arrived.set()
        await asyncio.Event().wait()

    providers.handler = handler
    calls = [asyncio.create_task(road.client.call(asking(f"{number}"))) for number in range(8)]
    await asyncio.wait_for(arrived.wait(), 25)
    (road.ws.control / "ENABLED").unlink()
    done, _ = await asyncio.wait(calls, timeout=25)
    assert len(done) == 8
    for call in done:
        assert isinstance(call.exception(), ControlRefused)
    failed = road.events("llm.call.failed")
    stopped = [event for event in failed if event.body and event.body["reason"] == "stopped"]
    assert stopped
    assert all(event.body and event.body["cost_basis"] == "worst_case" for event in stopped)
    road.check()


async def test_a_stop_ends_a_wait_between_attempts_without_cost(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """Nothing is under way while a retry waits: a stop then costs nothing."""
    waits: asyncio.Queue[str] = asyncio.Queue()
    providers.handler = failing(429, b"{}", {"retry-after": "20"})
    async with open_road(workspace, providers.url, told=waits.put_nowait) as road:
        call = asyncio.create_task(road.client.call(asking()))
        assert "is asked again" in await asyncio.wait_for(waits.get(), 25)
        (road.ws.control / "ENABLED").unlink()
        with pytest.raises(ControlRefused):
            await asyncio.wait_for(call, 15)
        failed = await only_failure(road)
    assert (failed["reason"], failed["cost_basis"]) == ("stopped", "none")


async def test_a_cancelled_call_leaves_its_record(road: Road, providers: LoopbackServer) -> None:
    """The caller's cancelling goes through, and the hop is settled at its bound all the same."""
    arrived = asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        arrived.set()
        await asyncio.Event().wait()

    providers.handler = handler
    call = asyncio.create_task(road.client.call(asking()))
    await asyncio.wait_for(arrived.wait(), 25)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await road.client.close()
    failed = await only_failure(road)
    assert (failed["reason"], failed["cost_basis"]) == ("cancelled", "worst_case")
    road.check()


async def test_a_budget_refuses_before_anything_leaves(tmp_path: Path, providers: LoopbackServer) -> None:
    """A bound that does not fit is refused by the ledger's writer; nothing is sent, the refusal stands."""
    budgets = (
        'timezone = "UTC"\n[currency]\neur_per_usd = 0.9\nas_of = 2026-11-01\n'
        "[run]\nmax_cost_eur = 0.0001\n[day]\nmax_cost_eur = 1.0\n"
    )
    ws = write_workspace(tmp_path / "ws", budgets=budgets)
    async with open_road(ws, providers.url) as road:
        with pytest.raises(BudgetExceeded) as caught:
            await road.client.call(asking())
        assert caught.value.code == "budget_exceeded"
        assert caught.value.details["scope"] == "run"
        assert "llm.call.refused" in road.kinds()
        assert "llm.call.requested" not in road.kinds()
    assert not providers.seen


async def test_a_calls_own_limit_binds(road: Road, providers: LoopbackServer) -> None:
    """A candidate that may cost more than the call's own limit is not admitted."""
    request = asking()
    limits = request.limits.model_copy(update={"max_cost_eur": "0.000001"})
    with pytest.raises(BudgetExceeded):
        await road.client.call(request.model_copy(update={"limits": limits}))
    assert not providers.seen


async def test_a_broken_matrix_refuses_every_call(road: Road, providers: LoopbackServer) -> None:
    """No last good version: while the file is broken nothing is sent, and the refusal is recorded."""
    await road.client.call(asking())
    road.ws.matrix.write_text("[L2.primary\n")
    with pytest.raises(ConfigInvalid):
        await road.client.call(asking())
    refused = road.events("llm.call.refused")[-1]
    assert refused.body is not None
    assert refused.body["reason"] == "matrix_invalid"
    assert len(providers.seen) == 1


async def test_a_forbidden_address_in_the_environment_is_denied_and_recorded(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """The hard deny covers what the environment points to; the other candidate may still answer."""
    bad = {"PEAK_PROVIDER_OPENAI_BASE_URL": "https://api.anthropic.com/v1"}
    async with open_road(workspace, providers.url, environ=bad) as road:
        result = await road.client.call(asking())
        (denied,) = road.events("policy.denied")
    assert result.provider == "google"
    assert denied.body is not None
    assert (denied.body["where"], denied.body["rule"]) == ("client", "forbidden_base_url")


async def test_without_a_key_a_provider_is_passed_over(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """A missing or unusable key is a reason in the route, not an exception in a library."""
    for value in ("", " ", "two words", "line\nbreak", "schlüssel"):
        async with open_road(workspace, providers.url, environ={"OPENAI_API_KEY": value}) as road:
            assert (await road.client.call(asking())).provider == "google"
            with pytest.raises(CallRefused) as caught:
                await road.client.call(asking(layer=Layer.L4))
            assert caught.value.code == "key_missing"


async def test_without_a_ledger_nothing_leaves(road: Road, providers: LoopbackServer) -> None:
    """No acknowledgement, no send; what is uncertain is settled when the ledger is back."""
    await road.server.close()
    call = asyncio.create_task(road.client.call(asking()))
    while not road.ledger._pending:  # noqa: ASYNC110 - nothing tells that it waits
        await asyncio.sleep(0.005)
    let_pass(LEDGER_S)
    with pytest.raises(EnvironmentUnfit):
        await call
    assert not providers.seen
    await road.server.start()
    await road.client.call(asking("again"))
    await road.client.close()
    kinds = road.kinds()
    assert kinds.count("llm.call.requested") == 2
    assert kinds.count("llm.call.failed") == 1
    assert reasons(road.events("llm.call.failed")) == ["ledger_unavailable"]
    road.check()


async def test_an_answer_that_is_paid_for_is_never_lost(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """The ledger gone in mid-call, the answer is returned in time, spooled, and recorded later."""
    good = answering()

    async with open_road(workspace, providers.url, patience_s=0.2) as road:

        async def handler(exchange: Exchange) -> None:
            if exchange.number == 1:
                await road.server.close()
            await good(exchange)

        providers.handler = handler
        result = await road.client.call(asking())
        assert (result.text, result.recorded, result.seq) == ("fine", False, None)
        assert list((road.ws.runs / ".spool").glob("*.json"))
        await road.server.start()
        await road.client.call(asking("again"))
        await road.client.close()
        completed = road.events("llm.call.completed")
        assert {event.call_id for event in completed} >= {result.call_id}
        assert not list((road.ws.runs / ".spool").glob("*.json"))
        road.check()


async def test_a_disk_that_takes_no_text_refuses_the_call(road: Road, providers: LoopbackServer) -> None:
    """What cannot be kept is not sent, and costs nothing."""
    blocked = road.ws.runs / "20260101_000000_abcdef"
    road.ws.runs.mkdir()
    blocked.write_text("a file where the run's folder should be")
    with pytest.raises(EnvironmentUnfit) as caught:
        await road.client.call(asking(run_id="20260101_000000_abcdef"))
    assert caught.value.code == "texts_unwritable"
    assert not providers.seen
    await road.client.close()
    failed = await only_failure(road)
    assert (failed["reason"], failed["cost_basis"], failed["attempts"]) == ("texts_unwritable", "none", [])
    road.check()


async def test_tools_and_schemas_travel_and_come_back(road: Road, providers: LoopbackServer) -> None:
    """A tool call comes back with parsed arguments; offer, id, name and a hash of them are on the ledger."""
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "quote", "arguments": '{"pair":"EURUSD"}'},
    }
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    providers.handler = answering(chat(choices=[{"message": message, "finish_reason": "tool_calls"}]))
    result = await road.client.call(
        asking(
            tools=({"name": "quote"},),
            response_schema={"type": "object", "properties": {"Größe": {"minimum": 0.5}}},
        )
    )
    assert result.finish is Finish.TOOL
    assert [(one.name, one.arguments) for one in result.tool_calls] == [("quote", {"pair": "EURUSD"})]
    completed = road.events("llm.call.completed")[0]
    assert completed.body is not None
    arguments = sha256(b'{"pair":"EURUSD"}').hexdigest()
    assert completed.body["tool_calls"] == [{"id": "call_1", "name": "quote", "arguments_sha256": arguments}]
    (requested,) = road.events("llm.call.requested")
    assert requested.body is not None
    assert requested.body["tools"] == ["quote"]


async def test_gemini_blocks_are_filters(road: Road, providers: LoopbackServer) -> None:
    """A prompt that Gemini blocks is a content filter, not an empty answer."""
    providers.handler = answering(google=gemini(candidates=[], promptFeedback={"blockReason": "SAFETY"}))
    with pytest.raises(CallFailed) as caught:
        await road.client.call(asking(role=Role.FALLBACK))
    assert caught.value.code == "content_filter"


async def test_many_calls_at_once_leave_a_whole_ledger(road: Road, providers: LoopbackServer) -> None:
    """Fifty concurrent calls: each requested and completed once, chain whole, nothing open."""
    results = await asyncio.gather(*(road.client.call(asking(str(number))) for number in range(50)))
    assert len({result.call_id for result in results}) == 50
    assert road.kinds().count("llm.call.completed") == 50
    road.check()
