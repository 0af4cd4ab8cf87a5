"""``peak jobs``: what runs by itself, how its runs went; pause, resume, cancel."""

import click

from peak_console.cli.job_words import listed, runs_listed
from peak_console.cli.options import Invocation, common
from peak_console.domain.text import one_line
from peak_console.operations.jobs.asking import (
    FAILED_STATES,
    JobDone,
    cancel_run,
    pause_job,
    resume_job,
    unknown_job,
)
from peak_console.operations.jobs.listing import RUNS_SHOWN, JobsNow, list_jobs
from peak_console.operations.jobs.telling import run_json

_MOST = 500
_reason = click.option("--reason", default="", help="Why; it is recorded.")


@click.group("jobs", epilog="Example: peak jobs list")
def command() -> None:
    """Jobs: what runs by itself and when, how its runs went; pause, resume, cancel."""


@command.command("list", epilog="Example: peak jobs list --tag nightly --json")
@click.option("--tag", help="Only jobs with this tag.")
@common
def list_command(invocation: Invocation, tag: str | None) -> int:
    """Every job: where it stands, when it runs next, how it went.

    The node tells; where none answers it is what config and ledger have, and a note says so.
    """
    now = list_jobs(invocation.workspace())
    jobs = [one for one in now.jobs if tag is None or tag in one.tags]
    document = now.as_json()
    document["jobs"] = [one for one in document["jobs"] if tag is None or tag in one["tags"]]
    tags = sorted({tag for one in now.jobs for tag in one.tags})
    told = listed(now, jobs) if jobs or not now.jobs else [_untagged(tag or "", tags)]
    invocation.reporter.result(document, *told)
    return 0


def _untagged(tag: str, tags: list[str]) -> str:
    """What is said where there are jobs, and none with a tag."""
    known = f"the tags are {', '.join(one_line(one, 40) for one in tags)}" if tags else "no job has a tag"
    return f"no job has the tag {one_line(tag, 40)}; {known}"


@command.command("runs", epilog="Example: peak jobs runs eurusd-hourly --limit 20")
@click.argument("job", required=False)
@click.option("--limit", type=click.IntRange(1, _MOST), default=RUNS_SHOWN, help="How many at most.")
@click.option("--failed", is_flag=True, help="Only those that ended otherwise than done.")
@common
def runs_command(invocation: Invocation, job: str | None, limit: int, *, failed: bool) -> int:
    """The newest runs, of all jobs or of one: when, why, how they ended."""
    now = list_jobs(invocation.workspace(), runs=_MOST)
    if job is not None:
        _check(now, job)
    runs = [
        one
        for one in now.runs
        if (job is None or one.job == job) and not (failed and one.state not in FAILED_STATES)
    ][:limit]
    document = {
        "told_by_node": now.told_by_node,
        "problem": now.problem,
        "runs": [run_json(one) for one in runs],
    }
    invocation.reporter.result(document, *runs_listed(now, runs))
    return 0


@command.command("pause", epilog='Example: peak jobs pause eurusd-hourly --reason "bad data since noon"')
@click.argument("job")
@_reason
@common
def pause_command(invocation: Invocation, job: str, reason: str) -> int:
    """Let no run of JOB begin until it is resumed. A run that goes on is left alone: peak jobs cancel."""
    done = pause_job(invocation.workspace(), job, reason=reason)
    told = f"{job} stood paused already" if done.already else f"{job} is paused"
    return _done(invocation, done, f'{told}; later: peak jobs resume {job} --reason "..."')


@command.command("resume", epilog='Example: peak jobs resume eurusd-hourly --reason "data mended"')
@click.argument("job")
@_reason
@click.option("--operator", "--by", "by", help="Whose key signs (default: the only one you hold).")
@common
def resume_command(invocation: Invocation, job: str, reason: str, by: str | None) -> int:
    """Let a paused JOB run by its schedule again, as an operator."""
    done = resume_job(invocation.workspace(), job, reason=reason, by=by)
    return _done(invocation, done, f"{job} is resumed (event #{done.seq})")


@command.command("cancel", epilog='Example: peak jobs cancel eurusd-hourly --reason "not needed"')
@click.argument("run", metavar="RUN|JOB")
@_reason
@common
def cancel_command(invocation: Invocation, run: str, reason: str) -> int:
    """End a run that goes on: its calls are cancelled, it ends as aborted. RUN is its key, or its job."""
    done = cancel_run(invocation.workspace(), run, reason=reason)
    return _done(invocation, done, f"{done.key} is told to end; see: peak jobs runs {done.job}")


def _done(invocation: Invocation, done: JobDone, line: str) -> int:
    invocation.reporter.result(done.as_json(), line)
    return 0


def _check(now: JobsNow, job: str) -> None:
    known = {one.name for one in now.jobs} | {one.job for one in now.runs}
    if job not in known:
        raise unknown_job(job, known)
