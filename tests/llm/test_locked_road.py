"""The road under a lock of verified models."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from loopback_server import LoopbackServer
from road import Road, answering, asking, chat, environment, open_road, write_workspace
from support.locks import lock_file, locked, write_lock

from peak_console.config.configs import Configs
from peak_console.config.load import load_configs
from peak_console.config.lock import Lock, LockedPlace, LockFlaw
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import CallRefused
from peak_console.domain.vocabulary import Layer, PhaseLevel, Role
from peak_console.llm.candidates import Facts, survey
from peak_console.llm.credentials import Credentials
from peak_console.llm.surveys import Surveys

NOW = datetime.now(UTC).replace(microsecond=0)
NAMES = MappingProxyType({"gpt-5-mini": "gpt-5-mini-2025-08-07"})


def lock_up(workspace: Workspace, kind: str = "attested", names: Mapping[str, str] = NAMES) -> None:
    """A lock of what the workspace's matrix uses; the addresses of the providers stand in the matrix."""
    configs = load_configs(workspace, today=NOW.date())
    write_lock(workspace.root, lock_file(configs, kind, NOW, names))


def at_home(workspace: Workspace, url: str) -> None:
    """The providers' addresses in the matrix, as shadow wants them."""
    text = workspace.matrix.read_text()
    text = text.replace('provider = "openai"', f'provider = "openai"\nbase_url = "{url}/v1"')
    text = text.replace('provider = "google"', f'provider = "google"\nbase_url = "{url}/gemini/v1beta"')
    workspace.matrix.write_text(text)


def rows(road: Road, kind: str = "llm.call.requested") -> list[tuple[str, str]]:
    """What the last call's route says of each candidate."""
    route = (road.events(kind)[-1].body or {})["route"]
    return [(row["verified"], row["reason"]) for row in route]


async def test_in_research_the_lock_is_noted_and_refuses_nobody(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """The route says what the lock does; an answer under a name that it does not know is marked."""
    lock_up(workspace, names={})
    async with open_road(workspace, providers.url) as road:
        await road.client.call(asking())
        completed = road.events("llm.call.completed")[-1].body or {}
        assert rows(road) == [("attested", "admitted"), ("attested", "admitted")]
        requested = road.events("llm.call.requested")[-1].body or {}
    assert completed["unlocked_echo"] is True
    assert len(requested["lock_digest"]) == 64
    lock_up(workspace)
    async with open_road(workspace, providers.url) as road:
        await road.client.call(asking())
        assert "unlocked_echo" not in (road.events("llm.call.completed")[-1].body or {})


async def test_from_shadow_on_only_verified_models_are_asked(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """Without a lock nobody; with one that attests them, all, in shadow; testnet wants evals."""
    at_home(workspace, providers.url)
    async with open_road(workspace, providers.url, phase="shadow") as road:
        with pytest.raises(CallRefused) as caught:
            await road.client.call(asking())
        assert rows(road, "llm.call.refused") == [("no_lock", "model_not_verified")] * 2
    assert caught.value.code == "model_not_verified"
    assert "peak lock write" in caught.value.remedy
    lock_up(workspace)
    async with open_road(workspace, providers.url, phase="shadow") as road:
        result = await road.client.call(asking())
    assert result.served_model == "gpt-5-mini-2025-08-07"
    async with open_road(workspace, providers.url, phase="testnet") as road:
        with pytest.raises(CallRefused):
            await road.client.call(asking())
        assert rows(road, "llm.call.refused") == [("attested", "model_not_verified")] * 2
    assert len(providers.seen) == 1


async def test_from_shadow_on_a_model_answers_under_a_name_that_was_verified(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """Another snapshot of the same alias is another model: no answer, and the next candidate is asked."""
    at_home(workspace, providers.url)
    lock_up(workspace)
    providers.handler = answering(openai=chat(model="gpt-5-mini-2026-09-01"))
    async with open_road(workspace, providers.url, phase="shadow") as road:
        result = await road.client.call(asking())
        failed = road.events("llm.call.failed")[-1].body or {}
    assert (result.provider, result.fallback) == ("google", True)
    assert failed["reason"] == "unexpected_echo"
    assert "the lock does not know" in failed["detail"]
    assert failed["cost_basis"] == "worst_case"


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> Configs:
    """The small workspace's configs, with a lock of now."""
    ws = write_workspace(tmp_path_factory.mktemp("locked") / "ws")
    return locked(load_configs(ws, today=NOW.date()), at=NOW)


def standings(configs: Configs, **changes: Any) -> list[tuple[str, str]]:
    """What each candidate of L2 is in live."""
    keys = frozenset({"openai", "google"})
    facts = Facts(**{"today": NOW.date(), "phase": PhaseLevel.LIVE, "now": NOW, "keys": keys, **changes})
    found = survey(configs, Layer.L2, Role.PRIMARY, facts)
    return [(one.row()["verified"], one.row()["reason"]) for one in found]


def test_what_the_route_says_of_a_lock(configs: Configs) -> None:
    """Each way in which a model is not verified, by its word."""
    refused = "model_not_verified"
    assert standings(configs) == [("verified", "admitted")] * 2
    assert standings(configs, now=NOW + timedelta(days=30)) == [("expired", refused)] * 2
    assert standings(replace(configs, lock=None)) == [("no_lock", refused)] * 2
    lock = configs.lock
    assert lock is not None
    altered = Lock.of(lock.file, "", LockFlaw.ALTERED)
    assert standings(replace(configs, lock=altered)) == [("unsound", refused)] * 2
    bare = replace(lock, entries=MappingProxyType({}))
    assert standings(replace(configs, lock=bare)) == [("unverified", refused)] * 2
    first, *others = configs.prices.rows["openai", "gpt-5-mini"]
    dearer = replace(first, input_usd_per_mtok=first.input_usd_per_mtok + Decimal("0.01"))
    prices = replace(
        configs.prices, rows={**configs.prices.rows, ("openai", "gpt-5-mini"): (dearer, *others)}
    )
    assert standings(replace(configs, prices=prices)) == [("changed", refused), ("verified", "admitted")]


@pytest.mark.parametrize("change", [{"base_url": "https://evil.example/v1"}, {"deployment": "other"}])
@pytest.mark.parametrize("phase", [PhaseLevel.SHADOW, PhaseLevel.LIVE])
def test_a_verified_model_is_nobody_elsewhere(
    configs: Configs, change: dict[str, str], phase: PhaseLevel
) -> None:
    """Another address or deployment than the lock's: the candidate is refused, whatever it would answer."""
    lock = configs.lock
    assert lock is not None
    key = (Layer.L2, Role.PRIMARY, "openai", "gpt-5-mini")
    moved = lock.entries[key].model_copy(update={"places": (LockedPlace(**change),)})
    entries = MappingProxyType({**lock.entries, key: moved})
    found = standings(replace(configs, lock=replace(lock, entries=entries)), phase=phase)
    assert found == [("changed", "model_not_verified"), ("verified", "admitted")]


async def test_an_address_that_was_edited_gets_neither_prompt_nor_key(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """The slot is sent elsewhere under a lock that stands: nobody there is asked."""
    lock_up(workspace)
    at_home(workspace, providers.url)
    async with open_road(workspace, providers.url, phase="shadow") as road:
        with pytest.raises(CallRefused):
            await road.client.call(asking())
        assert rows(road, "llm.call.refused") == [("changed", "model_not_verified")] * 2
    assert providers.seen == []


def test_a_kept_survey_ends_with_the_lock(configs: Configs) -> None:
    """A process that runs on asks nobody from the moment on at which the lock expires."""
    surveys = Surveys(Credentials(environment("http://127.0.0.1:9")))
    ends = NOW + timedelta(days=30)

    def admitted(now: datetime) -> int:
        found = surveys.of(
            configs,
            Layer.L2,
            Role.PRIMARY,
            now=now,
            phase=PhaseLevel.LIVE,
            simulated=True,
            down=frozenset(),
        )
        return sum(one.standing == "verified" for one in found.candidates)

    moments = [NOW, ends - timedelta(microseconds=1), ends, ends + timedelta(seconds=1)]
    assert [admitted(one) for one in moments] == [2, 2, 0, 0]


async def test_without_a_lock_the_record_says_so(road: Road) -> None:
    """The digest is empty, so that a lock that comes meanwhile refuses the reservation."""
    await road.client.call(asking())
    assert (road.events("llm.call.requested")[-1].body or {})["lock_digest"] == ""
