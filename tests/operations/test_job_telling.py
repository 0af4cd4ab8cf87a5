"""Jobs as JSON and back: what the node tells is what is shown, and what it cannot mean is passed over."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peak_console.cli.job_words import brief, length, listed, runs_listed
from peak_console.cli.program import run
from peak_console.config.workspace import Workspace
from peak_console.domain.jobs import JobKind, RunCause, RunState
from peak_console.node.spawn import begin_ledger
from peak_console.operations.doctor.jobs import judged
from peak_console.operations.doctor.shapes import Health
from peak_console.operations.init import init_workspace
from peak_console.operations.jobs.asking import JobDone
from peak_console.operations.jobs.listing import JobsNow, jobs_told, list_jobs
from peak_console.operations.jobs.record import book_json, cycle_json
from peak_console.operations.jobs.telling import job_from, job_json, jobs_from, run_from, run_json
from peak_console.operations.shapes import SHAPES
from peak_console.operations.views.shadow import BookLine, CycleLine, JobLine, JobRunLine, JobState

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
RUN = JobRunLine(
    "eurusd@2026-11-22T11:00:00Z",
    "eurusd",
    RunState.DONE,
    NOW - timedelta(hours=1),
    RunCause.CATCH_UP,
    run_id="20261122_110003_k3v9qx",
    started_at=NOW - timedelta(minutes=59),
    ended_at=NOW - timedelta(minutes=58),
    outcome="would_block",
    detail="stale_price",
    asked_by="anna",
    reason="after the data was mended",
)
JOB = JobLine(
    "eurusd",
    JobKind.SHADOW_CYCLE,
    JobState.WAITING,
    "every 1h",
    "Europe/Berlin",
    next_at=NOW + timedelta(minutes=4),
    last=RUN,
    running=(replace(RUN, state=RunState.RUNNING, ended_at=None),),
    runs=12,
    failed=1,
    missed=2,
    interrupted=3,
    p95_s=61.5,
    tags=("fx",),
    description="hourly",
    note="renamed from euro",
)
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def now(*jobs: JobLine, **more: Any) -> JobsNow:
    """What the node told."""
    return JobsNow(NOW, jobs, told_by_node=True, **more)


def test_a_job_and_a_run_survive_the_way_there_and_back() -> None:
    """Nothing is lost, nothing is a float."""
    assert run_from(json.loads(json.dumps(run_json(RUN)))) == RUN
    assert job_from(json.loads(json.dumps(job_json(JOB)))) == JOB


@settings(max_examples=40, deadline=None)
@given(
    st.fixed_dictionaries({name: st.just(value) | ODD for name, value in job_json(JOB).items()}) | ODD,
    st.fixed_dictionaries({name: st.just(value) | ODD for name, value in run_json(RUN).items()}) | ODD,
    ODD,
)
def test_no_reply_of_a_node_breaks_a_list(job: Any, run: Any, scheduler: Any) -> None:
    """An older or a newer node may tell otherwise; lines are made of what can be read, and can be shown."""
    told = jobs_told({"jobs": [job], "runs": [run], "scheduler": scheduler}, NOW)
    shown = [*listed(told, told.jobs), *runs_listed(told, told.runs), brief(told)]
    assert all(isinstance(line, str) for line in shown)
    SHAPES["jobs-list"].model_validate(json.loads(json.dumps(told.as_json(), default=str)))
    assert jobs_from(scheduler) == jobs_from(scheduler)


def test_what_a_job_left_on_record_is_harmless() -> None:
    """A detail holds what a provider said."""
    run = run_from(run_json(replace(RUN, detail="\x1b[2Jgone\u202e", outcome="\x07bell")))
    assert run is not None
    text = "\n".join(runs_listed(now(runs=(run,)), [run]))
    assert not {"\x1b", "\u202e", "\x07"} & set(text)


def test_a_long_detail_leaves_the_runs_id_whole() -> None:
    """It is copied into the next command; what is cut is the detail before it."""
    text = "\n".join(runs_listed(now(), [replace(RUN, detail="gold case " * 40)]))
    assert "gold case" in text
    assert f"… · run {RUN.run_id}" in text


def test_a_list_says_what_to_know_of_each_job() -> None:
    """When it runs next, how the last run came out, what went wrong so far, and its note."""
    text = "\n".join(listed(now(JOB, scheduler="1 scheduled, 1 running"), [JOB]))
    text = " ".join(text.split())
    for words in ("every 1h", "in 4 min", "would_block 58 min ago", "1 failed, 2 missed, 3 interrupted"):
        assert words in text
    assert "eurusd: renamed from euro" in text
    assert "scheduler: 1 scheduled, 1 running" in text


def test_a_line_for_status_names_what_needs_a_look() -> None:
    """Each state with its count, the next run, runs that were not done, and that no node runs them."""
    failed = replace(JOB, name="canaries", state=JobState.PAUSED, last=replace(RUN, state=RunState.FAILED))
    text = brief(now(JOB, failed))
    assert text == "1 waiting, 1 PAUSED, next canaries in 4 min, last run not done: canaries"
    assert "no node runs them" in brief(replace(now(JOB), told_by_node=False))
    assert brief(now()) == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.44, "0.4 s"),
        (9.0, "9.0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (7200, "2 h"),
        (200_000, "2 d"),
        (-1, "0.0 s"),
    ],
)
def test_lengths_of_time_are_short(seconds: float, words: str) -> None:
    """Two digits that mean something."""
    assert length(seconds) == words


def found(told: JobsNow, *, names: frozenset[str] | None = None, wanted: str = "") -> dict[str, Health]:
    """What the doctor says of jobs."""
    needed = frozenset({wanted}) if wanted else frozenset[str]()
    return {one.title: one.health for one in judged(told, NOW, key_names=names, wanted=needed)}


def test_the_doctor_calls_a_scheduler_well_that_is() -> None:
    """And says what was missed so far, and which jobs were renamed."""
    done = replace(JOB, running=())
    assert found(now(done)) == {
        "scheduler": Health.OK,
        "missed runs": Health.NOTE,
        "renamed": Health.NOTE,
    }


@pytest.mark.parametrize(
    ("told", "title", "health"),
    [
        (now(replace(JOB, next_at=NOW - timedelta(minutes=2))), "scheduler", Health.BAD),
        (now(JOB, problem="jobs.toml cannot be read"), "scheduler", Health.BAD),
        (replace(now(JOB), told_by_node=False), "scheduler", Health.WARN),
        (now(replace(JOB, state=JobState.GONE)), "gone", Health.NOTE),
        (now(replace(JOB, state=JobState.PAUSED)), "paused", Health.NOTE),
        (now(replace(JOB, last=replace(RUN, state=RunState.TIMED_OUT))), "last runs", Health.WARN),
    ],
)
def test_the_doctor_names_what_is_not_well(told: JobsNow, title: str, health: Health) -> None:
    """A scheduler that hangs is bad; what an operator did is a note."""
    assert found(told)[title] is health


def test_a_file_with_an_error_is_told_where_no_job_is_known() -> None:
    """By the status, the list and the doctor: none of them says that nothing is configured."""
    told = now(problem="configs/shadow/jobs.toml:3: there is no key kin")
    assert brief(told) == "PROBLEM: configs/shadow/jobs.toml:3: there is no key kin"
    text = "\n".join(listed(told, []))
    assert "no job is known" in text
    assert "jobs.toml:3" in text
    assert found(told)["scheduler"] is Health.BAD


def test_the_doctor_asks_for_the_keys_of_workers() -> None:
    """A worker gets keys from the node's environment file alone; without any of them nothing is answered."""
    assert found(now(JOB), wanted="OPENAI_API_KEY")["keys of jobs"] is Health.WARN
    assert "keys of jobs" not in found(now(JOB), names=frozenset({"OPENAI_API_KEY"}), wanted="OPENAI_API_KEY")
    assert "keys of jobs" not in found(now(JOB))


def test_cycles_books_and_runs_print_as_their_shapes_say() -> None:
    """Money and sizes are exact text; what is not known is null."""
    cycle = CycleLine(
        "20261122_110003_k3v9qx", 7, NOW, "eurusd", "EUR/USD", "no_trade", cost_eur=Decimal("0.1")
    )
    book = BookLine("shadow", Decimal("99998.19"), None, None, (("EUR/USD", Decimal("-800.5")),), at=NOW)
    document = {"cycles": [cycle_json(cycle)]}
    assert document["cycles"][0]["cost_eur"] == "0.1"
    SHAPES["shadow-cycles"].model_validate(json.loads(json.dumps(document)))
    books = {"books": [book_json(book)]}
    assert books["books"][0]["positions"] == [{"instrument": "EUR/USD", "quantity": "-800.5"}]
    SHAPES["shadow-book"].model_validate(json.loads(json.dumps(books)))
    SHAPES["shadow-run"].model_validate({"runs": [run_json(RUN)]})
    SHAPES["shadow-run"].model_validate({"asked": [JobDone("run", "eurusd", "anna", "key").as_json()]})


def test_an_empty_record_says_how_to_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A ledger without a cycle has no book; a book of another name is refused."""
    monkeypatch.setenv("PEAK_KEYS_DIR", str(tmp_path / "keys"))
    made = init_workspace(tmp_path / "w", operator="anna")
    begin_ledger(made.ws, operator=made.operator, public_key=made.public_key)
    root = ["--root", str(made.ws.root)]
    assert run([*root, "shadow", "cycles"]) == run([*root, "shadow", "book"]) == 0
    assert capsys.readouterr().out.count("peak shadow run --once") == 2
    assert run([*root, "shadow", "book", "none", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "book_unknown"


def test_without_a_node_the_config_is_told_and_said_to_be(tmp_path: Path) -> None:
    """Also of a config that cannot be read, and without a ledger."""
    ws = Workspace(tmp_path)
    (tmp_path / "configs" / "shadow").mkdir(parents=True)
    told = list_jobs(ws)
    assert (told.jobs, told.told_by_node) == ((), False)
    assert "peak node start" in told.problem
