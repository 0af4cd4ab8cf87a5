import hashlib
from datetime import UTC, datetime

import orjson
import pytest
from loopback_server import LoopbackServer
from road import GOOGLE_KEY, KEY, Road, answering, asking, chat, failing, gemini, open_road
from support.locks import lock_file, write_lock

from peak_console.config.load import load_configs
from peak_console.config.workspace import Workspace
from peak_console.domain.calls import Finish, Usage
from peak_console.domain.errors import CallRefused, ControlRefused, UsageWrong
from peak_console.domain.vocabulary import Layer, Role


def lock_up(workspace: Workspace) -> None:
    """Write a lock of all that the matrix uses, as its models answer here."""
    now = datetime.now(UTC)
    configs = load_configs(workspace, today=now.date())
    names = {"gpt-5-mini": "gpt-5-mini-2025-08-07"}
    write_lock(workspace.root, lock_file(configs, at=now, names=names))


async def test_a_call_goes_the_whole_road(road: Road, providers: LoopbackServer) -> None:
    """An answer comes back normalised, priced and recorded; the key went out in its header only."""
    result = await road.client.call(asking(prompt_name="market-outlook", prompt_version="1", purpose="test"))
    assert (result.text, result.finish, result.recorded) == ("fine", Finish.STOP, True)
    assert result.usage == Usage(100, 40, 0, 20, 5)
    # (60 * 0.25 + 40 * 0.025 + 20 * 2.00) USD per million * 0.90
    assert result.cost_eur == "0.000050400"
    assert (result.served_model, result.hop, result.fallback) == ("gpt-5-mini-2025-08-07", 1, False)
    requested, completed = road.events()
    assert (requested.kind, completed.kind) == ("llm.call.requested", "llm.call.completed")
    assert completed.seq == result.seq
    for event in (requested, completed):
        assert (event.run_id, event.call_id) == (result.run_id, result.call_id)
        assert (event.layer, event.role, event.provider, event.model_id) == (
            "L2",
            "primary",
            "openai",
            "gpt-5-mini",
        )
    assert requested.body is not None
    assert completed.body is not None
    assert completed.body["cost_eur"] == result.cost_eur
    assert completed.body["cost_basis"] == "usage"
    assert completed.body["attempts"][0] | {"latency_us": 0} == {
        "number": 1, "reason": "ok", "status": 200, "latency_us": 0, "waited_ms": 0
    }  # fmt: skip
    assert [row["reason"] for row in requested.body["route"]] == ["admitted", "admitted"]
    assert requested.body["bound_eur"] >= completed.body["cost_eur"]
    (sent,) = providers.seen
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.path == "/v1/chat/completions"
    assert hashlib.sha256(sent.body).hexdigest() == requested.body["request_text_sha256"]


async def test_the_requested_event_is_durable_before_anything_leaves(
    road: Road, providers: LoopbackServer
) -> None:
    """When the provider sees the request, the ledger holds it with its reservation and route."""
    found = []
    good = answering()

    async def looking(exchange: object) -> None:
        found.append(road.kinds())
        await good(exchange)  # type: ignore[arg-type]

    providers.handler = looking
    await road.client.call(asking())
    assert found == [["llm.call.requested"]]


async def test_texts_are_kept_by_hash(road: Road, providers: LoopbackServer) -> None:
    """Prompt and answer stand in the run's segment, under the hashes that the ledger names."""
    result = await road.client.call(asking("Grüße \u202e"))
    lines = (road.ws.runs / result.run_id / "texts.jsonl").read_bytes().splitlines()
    kept = {line["kind"]: line for line in map(orjson.loads, lines)}
    requested, completed = road.events()
    assert requested.body is not None
    assert completed.body is not None
    assert kept["request"]["sha256"] == requested.body["request_text_sha256"]
    assert kept["request"]["text"].encode() == providers.seen[0].body
    assert (kept["answer"]["sha256"], kept["answer"]["text"]) == (
        completed.body["answer_text_sha256"],
        "fine",
    )
    for line in kept.values():
        assert hashlib.sha256(line["text"].encode()).hexdigest() == line["sha256"]
        assert line["call_id"] == result.call_id


async def test_no_key_is_ever_written_down(road: Road, providers: LoopbackServer) -> None:
    """No file of the workspace holds a key, also when a provider quotes it in its error."""
    quoting = orjson.dumps(
        {"error": {"message": f"Incorrect API key provided: {KEY}", "code": "invalid_api_key"}}
    )
    providers.handler = failing(401, quoting)
    await road.client.call(asking())
    for path in road.ws.root.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert KEY.encode() not in data, path
            assert GOOGLE_KEY.encode() not in data, path


async def test_the_fallback_answers_when_the_primary_does_not(road: Road, providers: LoopbackServer) -> None:
    """Retries spent, the next candidate is asked under a record of its own, and the fallback is an event."""
    providers.handler = failing(503)
    result = await road.client.call(asking())
    assert (result.provider, result.text, result.hop, result.fallback) == ("google", "also fine", 2, True)
    assert result.usage == Usage(100, 10, 0, 50, 30)
    assert road.kinds() == [
        "llm.call.requested",
        "llm.call.failed",
        "llm.call.requested",
        "llm.fallback.taken",
        "llm.call.completed",
    ]
    failed, taken = road.events("llm.call.failed", "llm.fallback.taken")
    assert failed.body is not None
    assert taken.body is not None
    assert (failed.body["reason"], failed.body["then"], failed.body["cost_basis"]) == (
        "overloaded",
        "next",
        "none",
    )
    assert len(failed.body["attempts"]) == 3
    assert taken.body["from"] == {"provider": "openai", "model_id": "gpt-5-mini"}
    assert (taken.body["reason"], taken.role) == ("overloaded", "fallback")
    assert [one.path for one in providers.seen][
        -1
    ] == "/gemini/v1beta/models/gemini-2.5-flash:generateContent"
    assert providers.seen[-1].headers["x-goog-api-key"] == GOOGLE_KEY
    assert "authorization" not in providers.seen[-1].headers


async def test_a_retry_is_an_attempt_within_its_hop(road: Road, providers: LoopbackServer) -> None:
    """A failure that may pass is tried again here, in the same record."""
    providers.handler = failing(500, times=2)
    result = await road.client.call(asking())
    assert [one.reason for one in result.attempts] == ["server_error", "server_error", "ok"]
    assert road.kinds() == ["llm.call.requested", "llm.call.completed"]
    assert result.attempts[1].waited_ms > 0


@pytest.mark.parametrize("layer", [Layer.L5, Layer.L6])
async def test_l5_and_l6_never_call_a_model(road: Road, providers: LoopbackServer, layer: Layer) -> None:
    """They are refused in code, and the refusal is recorded."""
    with pytest.raises(CallRefused) as caught:
        await road.client.call(asking(layer=layer))
    assert caught.value.code == "layer_has_no_models"
    (refused,) = road.events()
    assert (refused.kind, refused.layer) == ("llm.call.refused", layer.value)
    assert not providers.seen


async def test_an_endpoint_that_is_not_built_is_passed_over(road: Road) -> None:
    """A candidate on another endpoint is refused with its reason; the next one answers, as a fallback."""
    result = await road.client.call(asking(layer=Layer.L1))
    assert (result.model_id, result.fallback, result.hop) == ("gpt-5.2", True, 1)
    requested, taken, _ = road.events()
    assert taken.body is not None
    assert requested.body is not None
    assert taken.body["reason"] == "endpoint_unsupported"
    assert [row["reason"] for row in requested.body["route"]] == ["endpoint_unsupported", "admitted"]


async def test_a_critic_that_is_a_service_is_the_other_layers_primary(road: Road) -> None:
    """The call of L3's critic is recorded where its slot stands: L4.primary."""
    result = await road.client.call(asking(layer=Layer.L3, role=Role.CRITIC))
    assert (result.layer, result.role, result.fallback) == ("L4", "primary", False)
    requested = road.events("llm.call.requested")[0]
    assert requested.body is not None
    assert (requested.body["asked_layer"], requested.body["asked_role"]) == ("L3", "critic")


async def test_a_run_begins_and_ends_on_the_ledger(road: Road) -> None:
    """Calls and artefacts stand between ``run.started`` and ``run.finished``, under one id."""
    async with road.client.run(purpose="outlook", layer=Layer.L2) as run:
        result = await run.call(asking())
        path = run.write_artefact("analyst", "result.md", "# Result\n")
    assert result.run_id == run.run_id
    assert path.read_text() == "# Result\n"
    assert road.kinds() == ["run.started", "llm.call.requested", "llm.call.completed", "run.finished"]
    finished = road.events("run.finished")[0]
    assert finished.body is not None
    assert (finished.body["outcome"], finished.body["calls"]) == ("ok", 1)
    assert finished.body["simulated"] is False
    assert finished.body["artefacts"] == [
        {"path": "analyst/result.md", "sha256": hashlib.sha256(b"# Result\n").hexdigest(), "bytes": 9}
    ]


async def test_a_failed_run_says_so(road: Road) -> None:
    """An error inside a run ends it as failed, and goes on to the caller."""
    with pytest.raises(ZeroDivisionError):
        async with road.client.run():
            _ = 1 / 0
    finished = road.events("run.finished")[0]
    assert finished.body is not None
    assert finished.body["outcome"] == "failed"


@pytest.mark.parametrize("name", ["../x", "", ".", "a/b", "a\x00b", "..", "-x", "a" * 90])
async def test_an_artefact_stays_in_its_run(road: Road, name: str) -> None:
    """No artefact's name leads out of the run's folder."""
    async with road.client.run() as run:
        for agent, file in ((name, "result.md"), ("agent", name)):
            with pytest.raises(UsageWrong):
                run.write_artefact(agent, file, "x")


@pytest.mark.parametrize("run_id", ["../../etc", "", "20260101_000000_zzzzzz/x", "x"])
async def test_a_run_id_is_no_path(road: Road, run_id: str) -> None:
    """What is no run id is refused before anything is written."""
    with pytest.raises(UsageWrong):
        await road.client.call(asking(run_id=run_id))
    assert road.kinds() == []


async def test_without_a_permit_nothing_leaves(workspace: Workspace, providers: LoopbackServer) -> None:
    """A stopped workspace refuses calls, says why, and records the refusal."""
    async with open_road(workspace, providers.url) as road:
        (workspace.control / "ENABLED").unlink()
        with pytest.raises(ControlRefused) as caught:
            await road.client.call(asking())
        (refused,) = road.events()
    assert caught.value.code == "posture"
    assert caught.value.details["recorded"] is True
    assert refused.body is not None
    assert (refused.kind, refused.body["reason"]) == ("llm.call.refused", "posture")
    assert refused.body["posture_reasons"] == ["not_enabled"]
    assert not providers.seen


async def test_a_refusal_is_an_answer_without_text(road: Road, providers: LoopbackServer) -> None:
    """A model that declines gives an empty answer and the refusal beside it, billed as usual."""
    message = {"role": "assistant", "content": None, "refusal": "I cannot help with that."}
    providers.handler = answering(chat(choices=[{"message": message, "finish_reason": "stop"}]))
    result = await road.client.call(asking())
    assert (result.text, result.extra["refusal"]) == ("", "I cannot help with that.")
    assert result.cost_eur == "0.000050400"


async def test_an_answer_without_usage_costs_its_bound(road: Road, providers: LoopbackServer) -> None:
    """Nobody told the price, so it is never zero."""
    providers.handler = answering(chat(usage=None))
    result = await road.client.call(asking())
    requested, completed = road.events()
    assert requested.body is not None
    assert completed.body is not None
    assert completed.body["cost_basis"] == "worst_case"
    assert completed.body["cost_eur"] == requested.body["bound_eur"] == result.cost_eur


async def test_a_simulated_workspace_never_sends_a_real_key(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """In a simulation a placeholder stands in the key's place, events say so, and only loopback is called."""
    keyless = {"OPENAI_API_KEY": "simulated", "GEMINI_API_KEY": ""}
    async with open_road(workspace, providers.url, simulated=True, environ=keyless) as road:
        async with road.client.run() as run:
            await run.call(asking())
        assert road.kinds()[-1] == "run.finished"
        assert all((event.body or {})["simulated"] is True for event in road.events())
    assert providers.seen[0].headers["authorization"] == "Bearer simulated"
    elsewhere = keyless | {
        "PEAK_PROVIDER_OPENAI_BASE_URL": "https://api.openai.com/v1",
        "PEAK_PROVIDER_GOOGLE_BASE_URL": "",
    }
    async with open_road(workspace, providers.url, simulated=True, environ=elsewhere) as road:
        with pytest.raises(CallRefused) as caught:
            await road.client.call(asking())
    assert caught.value.code == "base_url_refused"
    assert len(providers.seen) == 1


async def test_a_simulated_workspace_refuses_a_real_key(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """A key in the environment of a simulation is a mistake that is told, not passed over in silence."""
    async with open_road(workspace, providers.url, simulated=True) as road:
        with pytest.raises(CallRefused) as caught:
            await road.client.call(asking())
        assert road.kinds() == ["llm.call.refused"]
        bodies = str([event.body for event in road.events()])
    assert caught.value.code == "real_key_in_simulation"
    assert "OPENAI_API_KEY" in caught.value.remedy
    assert KEY not in bodies + str(caught.value.as_dict())
    assert not providers.seen


async def test_from_shadow_on_an_address_must_stand_in_the_matrix(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """An address that only the environment names is refused from shadow on, and recorded where it acts."""
    async with open_road(workspace, providers.url) as road:
        await road.client.call(asking())
        requested = road.events("llm.call.requested")[0]
        assert requested.body is not None
        assert requested.body["base_url"] == f"{providers.url}/v1"
    matrix = workspace.matrix.read_text()
    named = f'[L2.primary]\nprovider = "openai"\nbase_url = "{providers.url}/v1"'
    workspace.matrix.write_text(matrix.replace('[L2.primary]\nprovider = "openai"', named))
    lock_up(workspace)
    async with open_road(workspace, providers.url, phase="shadow") as road:
        result = await road.client.call(asking())
        rows = (road.events("llm.call.requested")[-1].body or {})["route"]
    assert result.provider == "openai"
    assert [row["reason"] for row in rows] == ["admitted", "base_url_refused"]


async def test_gemini_answers_are_recorded_like_any_other(road: Road, providers: LoopbackServer) -> None:
    """The second wire format takes the same road: thoughts are billed, the served model is named."""
    providers.handler = answering(google=gemini())
    result = await road.client.call(asking(role=Role.FALLBACK))
    assert (result.served_model, result.usage.reasoning, result.fallback) == ("gemini-2.5-flash", 30, False)
    # (90 * 0.30 + 10 * 0.03 + 50 * 2.50) USD per million * 0.90
    assert result.cost_eur == "0.000137070"


async def test_from_testnet_on_texts_are_synced_before_the_send(
    workspace: Workspace, providers: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the provider sees the request, its text is durable."""
    matrix = workspace.matrix.read_text()
    named = f'provider = "openai"\nbase_url = "{providers.url}/v1"'
    workspace.matrix.write_text(matrix.replace('provider = "openai"', named))
    lock_up(workspace)
    synced: list[int] = []
    monkeypatch.setattr("peak_console.llm.texts._sync", lambda _: synced.append(len(providers.seen)))
    async with open_road(workspace, providers.url, phase="shadow") as road:
        await road.client.call(asking())
    assert synced == []
    async with open_road(workspace, providers.url, phase="testnet") as road:
        await road.client.call(asking())
    assert synced == [1]
