"""Jobs and models as the Shadow screen works with them: settings, due times, and no node."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import PeakError, UsageWrong
from peak_console.domain.jobs import RunState
from peak_console.operations.jobs import asking
from peak_console.operations.views.shadow import JobRunLine
from peak_console.operations.views.shadow_desk import WorkspaceShadowDesk, _settings
from peak_console.operations.views.work import WorkCancelled

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
JOBS = """
[[job]]
name = "nightly"
kind = "canary"
schedule = "daily 02:30"
timezone = "Europe/Berlin"
tags = ["night"]
[job.canary]
cases = "basics"
slots = [{ layer = "L2" }, { layer = "L3", role = "critic" }]

[[job]]
name = "off"
kind = "two_sample"
schedule = "every 1h"
enabled = false
[job.two_sample]
"""


@pytest.fixture
def desk(tmp_path: Path) -> WorkspaceShadowDesk:
    """A workspace with two jobs."""
    shutil.copytree(ROOT / "configs", tmp_path / "desk" / "configs")
    (tmp_path / "desk" / "configs" / "shadow" / "jobs.toml").write_text(JOBS)
    return WorkspaceShadowDesk(Workspace(tmp_path / "desk"))


def test_settings_and_due_times_of_a_job(desk: WorkspaceShadowDesk) -> None:
    """Every setting by its path; the next five times, once a local day; none of what is off."""
    about = desk.about("nightly", NOW)
    settings = dict(about.settings)
    assert settings["timeout_s"] == "600"
    assert settings["enabled"] == "true"
    assert settings["canary.cases"] == "basics"
    assert settings["canary.slots"] == "L2.primary, L3.critic"
    assert not {"name", "schedule", "tags"} & set(settings), "these stand on the page anyway"
    assert [f"{one:%d %H:%M}" for one in about.due] == [
        "29 01:00",
        "30 00:30",
        "31 00:30",
        "01 00:30",
        "02 00:30",
    ]
    assert desk.about("off", NOW).due == ()
    with pytest.raises(UsageWrong, match="there is no job"):
        desk.about("none", NOW)


def test_a_key_in_an_address_is_not_shown() -> None:
    """The query that lint refuses is left out; another one is a setting like any."""
    url = {"shadow_cycle": {"http": {"url": "https://h.example/k?symbol=A&token=hidden"}}}
    assert dict(_settings(url)) == {"shadow_cycle.http.url": "https://h.example/k?…"}
    url["shadow_cycle"]["http"]["url"] = "https://h.example/k?symbol=A"
    assert dict(_settings(url)) == {"shadow_cycle.http.url": "https://h.example/k?symbol=A"}


def test_without_a_node_everything_says_what_to_do(desk: WorkspaceShadowDesk) -> None:
    """Nothing is done, and each way raises with a remedy."""
    ways: tuple[Callable[[], str], ...] = (
        lambda: desk.run_now("nightly", "look", "mara"),
        lambda: desk.cancel("nightly@2026-03-28T12:00:00Z", "enough", "mara"),
        lambda: desk.pause("nightly", "wait", "mara"),
        lambda: desk.resume("nightly", "go on", "mara"),
        lambda: desk.release("openai:gpt-5.2", "it is the same", "mara"),
    )
    for ask in ways:
        with pytest.raises(PeakError) as error:
            ask()
        assert error.value.remedy


def test_a_watch_tells_steps_and_ends_when_it_is_not_wanted(
    desk: WorkspaceShadowDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps are told as they come; given up, the waiting ends and nothing is cancelled."""
    said: list[str] = []
    run = JobRunLine("k", "nightly", RunState.DONE, NOW, step="gate")

    def follow(
        _ws: Workspace,
        keys: tuple[str, ...],
        *,
        told: Callable[[JobRunLine], None],
        sleep: Callable[[float], None],
    ) -> tuple[JobRunLine, ...]:
        assert keys == ("k",)
        told(run)
        sleep(0.0)
        return (run,)

    monkeypatch.setattr(asking, "follow", follow)
    assert desk.watch("k", lambda what, _done, _total: said.append(what), lambda: False) == run
    assert said == ["gate"]
    with pytest.raises(WorkCancelled):
        desk.watch("k", lambda what, _done, _total: said.append(what), lambda: True)
