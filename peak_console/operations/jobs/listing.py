"""Jobs as they stand: the node's word where one answers, else what configs and ledger have of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from peak_console.config.load import load_configs
from peak_console.config.workspace import Workspace
from peak_console.control.sockets import find_socket
from peak_console.domain.clock import Clock, SystemClock, iso
from peak_console.domain.errors import ConfigInvalid, LedgerUnavailable, NodeUnreachable, PeakError
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.jobs.telling import job_json, jobs_from, run_json, runs_from, scheduler_words
from peak_console.operations.shadow.job_lines import RecordedJobs, lines_of_record
from peak_console.operations.views.body_fields import mapping
from peak_console.operations.views.shadow import JobLine, JobRunLine

if TYPE_CHECKING:
    from peak_console.config.jobs import Job

RUNS_SHOWN: Final = 50
PATIENCE_S: Final = 2.0
"""How long the node may take to tell."""

START_NODE: Final = "start it: peak node start"


@dataclass(frozen=True, slots=True)
class JobsNow:
    """All jobs and their newest runs, as of one moment."""

    taken_at: datetime
    jobs: tuple[JobLine, ...] = ()
    runs: tuple[JobRunLine, ...] = ()
    """The newest first."""
    scheduler: str = ""
    """What the node's scheduler says of itself; empty where no node tells."""
    told_by_node: bool = False
    problem: str = ""
    """Why it is not the node's word, or not all of it, with what to do."""
    whole: bool = True
    """False while the node cannot read its own record of runs: those that run are told, no others."""
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The scheduler's own figures, as the node tells them."""

    def find(self, name: str) -> JobLine | None:
        """The job of a name."""
        return next((one for one in self.jobs if one.name == name), None)

    def run(self, key: str) -> JobRunLine | None:
        """The run of a key: of the newest runs, or one that is running."""
        running = (one for job in self.jobs for one in job.running)
        return next((one for one in (*self.runs, *running) if one.key == key), None)

    def as_json(self) -> dict[str, Any]:
        """As ``peak jobs list --json`` shows it."""
        return {
            "taken_at": iso(self.taken_at),
            "told_by_node": self.told_by_node,
            "problem": self.problem,
            "scheduler": {"words": self.scheduler, **_plain(self.raw)},
            "jobs": [job_json(one) for one in self.jobs],
            "runs": [run_json(one) for one in self.runs],
        }


def list_jobs(ws: Workspace, *, runs: int = RUNS_SHOWN, clock: Clock | None = None) -> JobsNow:
    """Jobs as they stand. Never raises for what a workspace can come to: what is wrong is told."""
    now = (clock or SystemClock()).now()
    try:
        with node_client(ws) as client:
            told = jobs_told(client.request("jobs.list", deadline_s=PATIENCE_S, runs=runs), now)
    except PeakError as error:
        remedy = START_NODE if isinstance(error, NodeUnreachable) else error.remedy
        return _recorded(ws, now, runs, f"no node tells ({error.message}); {remedy}")
    return told if told.whole else replace(told, runs=_recorded(ws, now, runs, "").runs)


def jobs_told(reply: Mapping[str, Any], now: datetime) -> JobsNow:
    """What the node's reply to ``jobs.list`` says. Pure."""
    told = mapping(reply.get("scheduler"))
    problem = told.get("problem")
    return JobsNow(
        taken_at=now,
        jobs=jobs_from(reply.get("jobs")),
        runs=runs_from(reply.get("runs")),
        scheduler=scheduler_words(told),
        told_by_node=True,
        problem=problem if isinstance(problem, str) else "",
        whole=reply.get("whole") is not False,
        raw=told,
    )


def node_client(ws: Workspace, *, deadline_s: float = PATIENCE_S) -> BlockingLedgerClient:
    """A client of the workspace's node; raises ``NodeUnreachable`` with how to start one."""
    path = find_socket(ws.control)
    if not path.exists():
        raise NodeUnreachable("no node runs on this workspace", remedy=START_NODE)
    return BlockingLedgerClient.connect(path, name="jobs", deadline_s=deadline_s)


def _recorded(ws: Workspace, now: datetime, runs: int, why: str) -> JobsNow:
    """What configs and ledger have."""
    problems = [why]
    jobs: tuple[Job, ...] = ()
    try:
        jobs = load_configs(ws, today=now.date()).whole_jobs().job
    except ConfigInvalid as error:
        problems.append(f"{error.message}; {error.remedy}")
    record = RecordedJobs()
    try:
        with LedgerReader(ws.ledger) as reader:
            record.read(reader)
    except LedgerUnavailable as error:
        if error.code not in {"ledger_missing", "ledger_empty"}:
            problems.append(f"{error.message}; {error.remedy}")
    lines = lines_of_record(jobs, record)
    return JobsNow(now, lines, record.newest(runs), problem="; ".join(problems))


def _plain(told: Mapping[str, Any]) -> dict[str, Any]:
    """What of the node's figures is a word, a number or a truth value."""
    return {name: value for name, value in told.items() if value is None or isinstance(value, str | int)}
