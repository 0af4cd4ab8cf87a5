"""Keys as llm-katan demands them, per provider, and its limits."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from proving import AZURE, CONVERSE, Place, proving, question, streamed
from support.canaries import KEYS as CANARIES
from support.mocks import running_katan
from support.servers import Server

from peak_console.domain.errors import CallFailed, PeakError

ACCEPTED = "accepted-by-katan-0123456789"
"""No canary: llm-katan tells everybody in its errors which key it wants."""
KEYS = dict.fromkeys(CANARIES, ACCEPTED) | {"AWS_REGION": "eu-central-1"}
WRONG = CANARIES | {"AWS_REGION": "eu-central-1"}
ACCESS_KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIDACCEPTED0123456789",
    "AWS_SECRET_ACCESS_KEY": "canary-secret-0123456789",
    "AWS_REGION": "eu-central-1",
}
KATAN = Place("openai", "chat", "gpt-5-mini", "/v1")
ECHOED = Place("azure", "chat", "our-deployment", "", deployment="our-deployment")
ECHOED_CLASSIC = Place(
    "azure", "chat", "our-deployment", "", deployment="our-deployment", api_version="2024-10-21"
)
"""llm-katan echoes the name that was asked; so the deployment is called like its model here."""


@pytest.fixture(scope="session")
def katan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One llm-katan for this worker; it accepts one key, as each provider takes it."""
    options = ["--validate-keys", "--api-keys"]
    keys = ",".join(f"{name}={ACCEPTED}" for name in ("openai", "azure_openai", "bedrock"))
    with running_katan(tmp_path_factory.mktemp("katan"), *options, keys) as server:
        yield server


@pytest.mark.parametrize(
    "place", [KATAN, ECHOED, ECHOED_CLASSIC, CONVERSE], ids=["openai", "v1", "classic", "converse"]
)
async def test_our_key_is_accepted_as_we_send_it(tmp_path: Path, katan: Server, place: Place) -> None:
    """Bearer for OpenAI and Bedrock, api-key for both of Azure's interfaces: each gets answers."""
    async with proving(tmp_path / "ws", katan.url, place, keys=KEYS) as road:
        assert (await road.client.call(question("hello"))).text
        if place is not CONVERSE:
            pieces, result = await streamed(road, question("hello again"))
            assert "".join(one.text for one in pieces) == result.text
        road.check()


async def test_a_stream_in_another_format_than_it_says_is_malformed(tmp_path: Path, katan: Server) -> None:
    """llm-katan calls server-sent events an AWS event stream: its frames' checksums tell, at once."""
    async with proving(tmp_path / "ws", katan.url, CONVERSE, keys=KEYS) as road:
        with pytest.raises(CallFailed) as caught:
            await streamed(road, question("hello"))
        assert caught.value.code in {"malformed", "exhausted"}
        assert (road.events("llm.call.failed")[0].body or {})["reason"] == "malformed"
        road.check()


@pytest.mark.parametrize("place", [KATAN, ECHOED, CONVERSE], ids=["openai", "azure", "bedrock"])
async def test_a_wrong_key_is_told_as_such(tmp_path: Path, katan: Server, place: Place) -> None:
    """401: asked once, no retry, and neither key nor what the server quotes of it is shown."""
    async with proving(tmp_path / "ws", katan.url, place, keys=WRONG) as road:
        with pytest.raises(PeakError) as caught:
            await road.client.call(question("hello"))
        failed = road.events("llm.call.failed")[0].body or {}
        assert (failed["reason"], len(failed["attempts"])) == ("authentication", 1)
        assert "canary-" not in f"{caught.value!r} {caught.value.details} {failed}"


async def test_no_key_is_refused_before_anything_leaves(tmp_path: Path, katan: Server) -> None:
    """Without a key there is no request to be refused."""
    before = katan.ask("GET", "/health")
    async with proving(tmp_path / "ws", katan.url, CONVERSE, keys={"AWS_REGION": "eu-central-1"}) as road:
        with pytest.raises(PeakError) as caught:
            await road.client.call(question("hello"))
        assert caught.value.code == "key_missing"
    assert before[0] == 200


async def test_a_signature_is_accepted(tmp_path: Path) -> None:
    """Access keys sign for Bedrock: scope, service and date are as the server checks them."""
    options = ["--validate-keys", "--api-keys", f"bedrock={ACCESS_KEYS['AWS_ACCESS_KEY_ID']}"]
    with running_katan(tmp_path, *options) as server:
        async with proving(tmp_path / "ws", server.url, CONVERSE, keys=ACCESS_KEYS) as road:
            assert (await road.client.call(question("hello"))).text
        wrong = ACCESS_KEYS | {"AWS_ACCESS_KEY_ID": "AKIDCANARY0123456789"}
        async with proving(tmp_path / "other", server.url, CONVERSE, keys=wrong) as road:
            with pytest.raises(PeakError):
                await road.client.call(question("hello"))
            assert (road.events("llm.call.failed")[0].body or {})["reason"] == "authentication"


@pytest.mark.parametrize(
    ("option", "reason"), [("--rate-limit-after", "rate_limited"), ("--timeout-after", "server_error")]
)
async def test_after_so_many_requests_the_fallback_answers(tmp_path: Path, option: str, reason: str) -> None:
    """429 or 504 from one provider on: the next answers, and the attempts are told."""
    with running_katan(tmp_path, option, "2") as server:
        async with proving(tmp_path / "ws", server.url, KATAN) as road:
            assert (await road.client.call(question("one"))).text
            assert (await road.client.call(question("two"))).text
            with pytest.raises(CallFailed):
                await road.client.call(question("three"))
            failed = road.events("llm.call.failed")[0].body or {}
            assert {one["reason"] for one in failed["attempts"]} == {reason}
            road.check()


async def test_a_crowd_at_a_small_server_is_served_in_the_end(tmp_path: Path) -> None:
    """503 above two at a time: some get through, whoever fails says why, and nothing leaks."""
    with running_katan(tmp_path, "--max-inflight", "2", "--latency-ms", "50") as server:
        async with proving(tmp_path / "ws", server.url, KATAN, AZURE) as road:
            calls = [road.client.call(question(f"call {number}")) for number in range(8)]
            ends = await asyncio.gather(*calls, return_exceptions=True)
            assert sum(not isinstance(end, BaseException) for end in ends) >= 2
            told = [event.body or {} for event in road.events("llm.call.completed", "llm.call.failed")]
            reasons = {one["reason"] for body in told for one in body["attempts"]}
            assert reasons & {"overloaded", "server_error"}
            road.check()
