"""The job that a worker does: the config's, and while its jobs cannot be read the one that the node had."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from peak_console.config.defaults import write_demo_configs
from peak_console.config.load import ConfigCache, load_configs
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import ConfigInvalid
from peak_console.domain.jobs import JobKind, RunCause
from peak_console.jobs.definition import definition_of, job_from
from peak_console.operations.jobs.context import Order, _job

TODAY = date(2026, 11, 22)


def test_a_run_that_begins_while_the_jobs_cannot_be_read_does_as_the_node_says(tmp_path: Path) -> None:
    """Its definition is the whole job, money included; without one the run fails with what to do."""
    write_demo_configs(tmp_path, today=TODAY)
    ws = Workspace(tmp_path)
    jobs = load_configs(ws, today=TODAY).whole_jobs().job
    assert [job_from(definition_of(one)) for one in jobs] == list(jobs)
    assert [job_from(text) for text in ("", "[]", "{}", '{"name": {"decimal": "x"}}')] == [None] * 4
    job = jobs[0]
    file = tmp_path / "configs/shadow/jobs.toml"
    file.write_text(file.read_text(encoding="utf-8") + "[[job", encoding="utf-8")
    due = datetime(2026, 11, 22, tzinfo=UTC)
    order = Order(job.name, "key", "claim", JobKind.SHADOW_CYCLE, due, RunCause.DUE)
    told = Order(
        job.name, "key", "claim", JobKind.SHADOW_CYCLE, due, RunCause.DUE, definition=definition_of(job)
    )
    configs = ConfigCache(ws)
    assert _job(configs, told) == job
    with pytest.raises(ConfigInvalid) as caught:
        _job(configs, order)
    assert caught.value.code == "jobs_unreadable"
