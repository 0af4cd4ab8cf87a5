"""Waiting for runs and naming them: a node that goes away, a run that nobody knows, several of one job."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import pytest

from peak_console.config.workspace import Workspace
from peak_console.domain.clock import ManualClock, iso
from peak_console.domain.errors import EnvironmentUnfit, NodeUnreachable, PeakError, UsageWrong
from peak_console.domain.jobs import RunState
from peak_console.operations.jobs import asking
from peak_console.operations.jobs.asking import follow, going_on, unknown_job
from peak_console.operations.jobs.listing import JobsNow, jobs_told
from peak_console.operations.views.shadow import JobRunLine

NOW = ManualClock().now()
KEY, OTHER = "eurusd@2026-11-22T12:00:00Z", "eurusd@2026-11-22T12:01:00Z"
AWAY = NodeUnreachable("no node", remedy="start it")


def told(*runs: tuple[str, str, str]) -> Mapping[str, Any]:
    """A reply with one job and runs of key, state and step."""
    lines = [
        {"key": key, "job": "eurusd", "state": state, "due_at": iso(NOW), "step": step}
        for key, state, step in runs
    ]
    return {"jobs": [{"name": "eurusd", "state": "waiting"}], "runs": lines, "scheduler": {}}


class Told(AbstractContextManager["Told"]):
    """A node that says one thing after the other; an error is its answer too."""

    def __init__(self, replies: list[Mapping[str, Any] | PeakError]) -> None:
        self._replies: Iterator[Mapping[str, Any] | PeakError] = iter([*replies, *replies[-1:] * 1000])

    def __call__(self, ws: Workspace, *, deadline_s: float) -> Self:
        """The client of a node that answers within a while."""
        assert ws.root.name == "desk"
        assert deadline_s > 0
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def request(self, op: str, **fields: Any) -> Mapping[str, Any]:
        """The next reply."""
        assert (op, fields["runs"] > 0) == ("jobs.list", True)
        reply = next(self._replies)
        if isinstance(reply, PeakError):
            raise reply
        return reply


def followed(
    monkeypatch: pytest.MonkeyPatch, *replies: Mapping[str, Any] | PeakError, keys: tuple[str, ...] = (KEY,)
) -> tuple[tuple[JobRunLine, ...], list[str]]:
    """How the runs ended, and what was said on the way."""
    clock, said = ManualClock(), list[str]()
    monkeypatch.setattr(asking, "node_client", Told(list(replies)))
    runs = follow(
        Workspace(Path("desk")),
        keys,
        told=lambda run: said.append(f"{run.state} {run.step}".strip()),
        clock=clock,
        sleep=clock.advance,
    )
    return runs, said


def test_each_change_is_said_once_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state and a step that are the same as before say nothing new."""
    runs, said = followed(
        monkeypatch,
        told(),
        told((KEY, "claimed", "")),
        told((KEY, "running", "takes market data")),
        told((KEY, "running", "takes market data")),
        told((KEY, "running", "asks L2")),
        told((KEY, "done", "")),
    )
    assert said == ["claimed", "running takes market data", "running asks L2", "done"]
    assert [one.state for one in runs] == [RunState.DONE]


def test_a_node_that_comes_back_says_what_became_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was started anew meanwhile."""
    runs, said = followed(monkeypatch, told((KEY, "running", "")), AWAY, AWAY, told((KEY, "interrupted", "")))
    assert (said, runs[0].state) == (["running", "interrupted"], RunState.INTERRUPTED)


def test_a_node_that_stays_away_is_not_waited_for_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    """With how to find out later."""
    with pytest.raises(NodeUnreachable) as refused:
        followed(monkeypatch, told((KEY, "running", "")), AWAY)
    assert KEY in refused.value.message
    assert "peak jobs runs" in refused.value.remedy


def test_a_run_that_the_node_does_not_know_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than waited for."""
    with pytest.raises(EnvironmentUnfit) as refused:
        followed(monkeypatch, told())
    assert refused.value.code == "run_lost"


def test_several_runs_are_waited_for_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order in which they were asked for, whichever ends first."""
    runs, _ = followed(
        monkeypatch,
        told((KEY, "running", ""), (OTHER, "done", "")),
        told((KEY, "failed", ""), (OTHER, "done", "")),
        keys=(KEY, OTHER),
    )
    assert [one.state for one in runs] == [RunState.FAILED, RunState.DONE]


def now(*runs: tuple[str, str, str]) -> JobsNow:
    """What the node told."""
    return jobs_told(told(*runs), NOW + timedelta(minutes=5))


def test_a_run_is_named_by_its_key_or_by_its_job() -> None:
    """By its job where one goes on; one that waits for its turn goes on too."""
    assert going_on(now((KEY, "running", "")), KEY).key == KEY
    assert going_on(now((KEY, "claimed", ""), (OTHER, "done", "")), "eurusd").key == KEY


@pytest.mark.parametrize(
    ("runs", "name", "code"),
    [
        ([(KEY, "done", "")], KEY, "run_over"),
        ([(KEY, "done", "")], "eurusd", "run_over"),
        ([(KEY, "running", ""), (OTHER, "running", "")], "eurusd", "run_ambiguous"),
        ([], "nobody", "run_unknown"),
    ],
)
def test_a_name_that_fits_no_run_is_refused(runs: list[tuple[str, str, str]], name: str, code: str) -> None:
    """With what to name instead."""
    with pytest.raises(UsageWrong) as refused:
        going_on(now(*runs), name)
    assert (refused.value.code, bool(refused.value.remedy)) == (code, True)


def test_an_unknown_job_is_told_with_what_is_near() -> None:
    """A slip of the keyboard, or no job at all."""
    assert "eurusd" in unknown_job("eurusb", ["eurusd", "gold"]).remedy
    assert "edit" in unknown_job("eurusb", []).remedy
    assert "\x1b" not in unknown_job("\x1b[31m", []).message
