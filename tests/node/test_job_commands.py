"""Jobs on the command line, with one node: asked for, waited for, paused, resumed; and without one."""

import json
from pathlib import Path
from typing import Any

import pytest
from node_world import World, node_process

from peak_console.cli.program import run
from peak_console.operations.shapes import SHAPES

JOBS = """[[job]]
name = "eurusd"
kind = "shadow_cycle"
timeout_s = 60
tags = ["fx"]

[job.shadow_cycle]
instrument = "EUR/USD"
eur_per_quote = 0.86
eur_as_of = 2026-11-20
file = { path = "data/missing.csv" }
sizing = { risk_eur = 50.0, max_notional_eur = 900.0 }
"""


class Desk:
    """A workspace with a job, and ``peak`` in this process."""

    def __init__(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        self.world, self._capsys = world, capsys

    def __call__(self, *words: str) -> tuple[int, Any]:
        """Exit code and JSON document of ``peak WORDS``."""
        self._capsys.readouterr()
        code = run(["--root", str(self.world.ws.root), "--json", *words])
        return code, json.loads(self._capsys.readouterr().out)

    def text(self, *words: str) -> tuple[str, str]:
        """What people are shown, on standard output and on standard error."""
        self._capsys.readouterr()
        run(["--root", str(self.world.ws.root), *words])
        shown = self._capsys.readouterr()
        return shown.out, shown.err

    def refused(self, *words: str) -> tuple[int, str]:
        """Exit code and reason of a refusal."""
        code, told = self(*words)
        assert told["error"]["remedy"]
        return code, told["error"]["code"]


@pytest.fixture
def desk(
    world: World, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Desk:
    """A new workspace with one job that runs when it is asked for."""
    monkeypatch.setenv("PEAK_STATE_DIR", str(tmp_path / "state"))
    file = world.ws.root / "configs" / "shadow" / "jobs.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(JOBS, encoding="utf-8")
    return Desk(world, capsys)


def test_without_a_node_jobs_are_told_and_nothing_is_asked(desk: Desk) -> None:
    """What the config has, with how to start a node; what needs one is refused as the environment's fault."""
    code, told = desk("jobs", "list")
    assert (code, told["told_by_node"], [one["name"] for one in told["jobs"]]) == (0, False, ["eurusd"])
    SHAPES["jobs-list"].model_validate(told)
    assert "peak node start" in desk.text("jobs", "list")[0]
    for words in (
        ("shadow", "run"),
        ("shadow", "run", "--job", "eurusd"),
        ("jobs", "pause", "eurusd", "--reason", "x"),
        ("jobs", "resume", "eurusd", "--reason", "x"),
        ("jobs", "cancel", "eurusd"),
    ):
        assert desk.refused(*words) == (3, "node_unreachable")


def test_a_job_from_asking_to_resuming(desk: Desk) -> None:
    """Held while stopped; asked for, waited for with its steps; paused without a word, resumed with one."""
    with node_process(desk.world) as node:
        assert desk.refused("shadow", "run", "--job", "eurusd") == (1, "jobs_held")
        _, told = desk("jobs", "list")
        assert (told["told_by_node"], told["jobs"][0]["state"]) == (True, "held")
        desk.world.enable(node.socket)
        assert desk.refused("shadow", "run", "--job", "eurusb") == (2, "job_unknown")
        assert desk.refused("shadow", "run", "--job", "eurusd", "--slot", "L2") == (2, "slot_not_asked")
        assert desk.refused("shadow", "run", "--job", "eurusd", "--slot", "L9.primary") == (2, "usage")
        assert desk.refused("shadow", "run", "--slot", "L2.primary") == (2, "usage")
        assert desk.refused("jobs", "runs", "eurusb") == (2, "job_unknown")
        assert desk.refused("jobs", "cancel", "eurusd") == (2, "run_over")
        assert desk.refused("jobs", "resume", "eurusd") == (2, "reason_missing")

        out, err = desk.text("shadow", "run", "--once")
        key = out.partition(" ")[0]
        assert key.startswith("eurusd@")
        assert "FAILED" in out or "ABORTED" in out
        assert err.count(f"peak: {key} · ") >= 2
        code, told = desk("jobs", "runs", "eurusd", "--failed")
        SHAPES["jobs-runs"].model_validate(told)
        assert (code, [one["key"] for one in told["runs"]]) == (0, [key])
        assert told["runs"][0]["cause"] == "asked"
        assert desk.refused("jobs", "cancel", key) == (2, "run_over")

        code, told = desk("jobs", "pause", "eurusd")
        assert (code, told["already"]) == (0, False)
        assert "no reason given" in desk.text("jobs", "list")[0]
        assert desk("jobs", "resume", "eurusd", "--reason", "mended")[0] == 0
        code, told = desk("jobs", "pause", "eurusd", "--reason", "bad data")
        SHAPES["jobs-pause"].model_validate(told)
        assert (code, told["already"]) == (0, False)
        assert desk("jobs", "pause", "eurusd", "--reason", "again")[1]["already"] is True
        assert desk.refused("shadow", "run", "--job", "eurusd") == (1, "job_paused")
        assert "bad data" in desk.text("jobs", "list")[0]
        code, told = desk("status")
        assert [(one["name"], one["state"]) for one in told["jobs"]] == [("eurusd", "paused")]
        code, told = desk("jobs", "resume", "eurusd", "--reason", "mended")
        assert (code, told["seq"] > 0) == (0, True)
        assert desk.refused("jobs", "resume", "eurusd", "--reason", "mended") == (1, "job_not_paused")
        told_of_none = desk.text("jobs", "list", "--tag", "none")[0]
        assert told_of_none.startswith("no job has the tag none; the tags are fx")
    code, told = desk("jobs", "runs")
    assert (told["told_by_node"], [one["key"] for one in told["runs"]]) == (False, [key])
