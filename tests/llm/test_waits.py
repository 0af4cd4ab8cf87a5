"""Waits are told: a call that is silent for half a minute looks like one that is dead."""

from pathlib import Path

import pytest
from background_road import QUICK_POLLS, research, write_background_workspace
from loopback_server import LoopbackServer
from road import answering, asking, failing, open_road, write_workspace
from support.background_provider import BackgroundProvider
from test_cooling import ONCE, RULES

from peak_console.domain.errors import CallFailed
from peak_console.domain.vocabulary import Layer
from peak_console.llm import waits
from peak_console.llm.waits import Waits


def test_only_long_waits_are_told() -> None:
    """A second is nobody's concern; more is told in one line with who and why."""
    lines: list[str] = []
    told = Waits(lines.append)
    told.tell(1.0, "openai", "gpt-5-mini", "cools down")
    assert lines == []
    told.tell(22.4, "openai", "gpt-5-mini", "cools down")
    assert lines == ["waiting 22 s: openai gpt-5-mini cools down"]
    Waits().tell(22.4, "openai", "gpt-5-mini", "cools down")


def test_background_work_is_told_of_when_it_changes_and_each_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at each poll; a provider's own words are never shown."""
    lines: list[str] = []
    now = [100.0]
    monkeypatch.setattr(waits.time, "monotonic", lambda: now[0])
    working = Waits(lines.append).working("openai", "o3-deep-research")
    for status in ("queued", "queued", "in_progress", "in_progress", "\x1b[31mpwned"):
        working.tell(1.5, status)
        now[0] += 10
    assert lines == [
        "waiting: openai o3-deep-research has it queued in the background",
        "waiting: openai o3-deep-research works on it in the background",
    ]
    now[0] += 60
    working.tell(10, "in_progress")
    assert len(lines) == 3


def test_a_listener_that_fails_ends_the_telling_only() -> None:
    """What is waited for may be paid for: no listener's error ends it."""
    heard: list[str] = []

    def broken(line: str) -> None:
        heard.append(line)
        raise BrokenPipeError

    told = Waits(broken)
    told.tell(5, "openai", "gpt-5-mini", "cools down")
    told.tell(5, "openai", "gpt-5-mini", "cools down")
    assert len(heard) == 1


@pytest.fixture
def every(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines told; every wait counts as a long one."""
    monkeypatch.setattr(waits, "_TOLD_S", 0.0)
    return []


async def test_a_retry_is_told_of(tmp_path: Path, every: list[str]) -> None:
    """A provider that asks to wait is named, with the reason."""
    workspace = write_workspace(tmp_path / "ws")
    async with (
        LoopbackServer(failing(429, headers={"retry-after-ms": "40"}, times=1)) as providers,
        open_road(workspace, providers.url, told=every.append) as road,
    ):
        await road.client.call(asking())
    assert every == ["waiting 0 s: openai gpt-5-mini answered rate_limited and is asked again"]


async def test_a_model_that_cools_down_is_told_of(tmp_path: Path, every: list[str]) -> None:
    """Where nobody else is left, the call waits, and says for whom."""
    workspace = write_workspace(tmp_path / "ws")
    async with (
        LoopbackServer(failing(500)) as providers,
        open_road(workspace, providers.url, retry=ONCE, breaker_rules=RULES, told=every.append) as road,
    ):
        while not road.events("breaker.tripped"):
            with pytest.raises(CallFailed):
                await road.client.call(asking(layer=Layer.L4))
        road.permit.renew()
        assert every == []
        providers.handler = answering()
        await road.client.call(asking(layer=Layer.L4, timeout_s=60))
    assert every
    assert {line.partition(": ")[2] for line in every} == {"openai gpt-5-nano cools down after failures"}


async def test_background_work_is_told_of(tmp_path: Path, every: list[str]) -> None:
    """Whoever waits for long research knows that it goes on."""
    workspace = write_background_workspace(tmp_path / "ws")
    async with (
        BackgroundProvider() as provider,
        open_road(workspace, provider.url, polls=QUICK_POLLS, told=every.append) as road,
    ):
        await road.client.call(research())
    assert every
    assert set(every) <= {
        f"waiting: openai o4-mini-deep-research {what} in the background"
        for what in ("has it queued", "works on it")
    }
