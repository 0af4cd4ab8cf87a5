"""What must hold of jobs due each second, whoever was killed: by the ledger and by the workers themselves."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from peak_console.jobs.keys import parse_key


@dataclass(frozen=True, slots=True)
class Judged:
    """The figures of a trial that held."""

    begun: int
    interrupted: int
    again: int
    missed: int
    dues: int


def judge(told: Sequence[tuple[str, Mapping[str, Any]]], begun: Sequence[tuple[str, int]]) -> Judged:
    """Raises ``AssertionError`` where a due time was lost or doubled, or something was not told.

    ``told`` are the kinds and bodies of ``job.*`` on the ledger, ``begun`` key and attempt of each worker.
    """
    started = {(one["key"], one["attempt"]) for kind, one in told if kind == "job.started"}
    cut_off = {(one["key"], one["attempt"]): one["again"] for kind, one in told if kind == "job.interrupted"}
    finished = Counter(one["key"] for kind, one in told if kind == "job.finished")
    assert len(begun) == len(set(begun)), "one claim had two workers"
    assert set(begun) <= started, "a worker was started that was not told"
    for key, attempt in begun:
        assert attempt == 1 or cut_off[key, attempt - 1] is True, "it ran again without being interrupted"
        assert attempt <= 3
        assert attempt == 1 or not key.startswith("none@"), "a job that is not caught up with ran again"
    assert set(finished.values()) <= {1}, "an end was told twice"
    assert all(one in cut_off or one[0] in finished for one in started), "an end was not told"
    jobs = sorted({key.partition("@")[0] for key, _ in started})
    dues = [_counted(job, told, {key for key, _ in started}) for job in jobs]
    again = sum(attempt > 1 for _, attempt in begun)
    return Judged(
        len(begun), len(cut_off), again, sum(missed for missed, _ in dues), sum(all_ for _, all_ in dues)
    )


def _counted(job: str, told: Sequence[tuple[str, Mapping[str, Any]]], keys: set[str]) -> tuple[int, int]:
    """How many due times of a job were missed, and how many there were: each began or was missed, once."""
    ran = {_seconds(key.partition("@")[2]) for key in keys if key.startswith(f"{job}@")}
    batches = [one for kind, one in told if kind == "job.missed" and one["job"] == job]
    for one in batches:
        span = set(range(_seconds(one["first_due"]), _seconds(one["last_due"]) + 1))
        assert len(span) >= one["count"]
        assert len(span) > one["count"] or not span & ran, "a run that began was told as missed"
    missed = sum(one["count"] for one in batches)
    last = max([*ran, *(_seconds(one["last_due"]) for one in batches)])
    first = min([*ran, *(_seconds(one["first_due"]) for one in batches)])
    assert len(ran) + missed == last - first + 1, f"{job}: a due time was lost or doubled"
    return missed, last - first + 1


def _seconds(moment: str) -> int:
    """A time as seconds since 1970."""
    parsed = parse_key(f"x@{moment[:19]}Z")
    assert parsed is not None
    return parsed[1] // 1_000_000
