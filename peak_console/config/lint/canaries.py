"""Rules of gold cases: the sets that jobs name are there, and ask enough of each slot."""

from collections.abc import Iterator
from typing import Final

from peak_console.config.canaries import LEAST, MOST
from peak_console.config.jobs import CanarySettings, JobsConfig
from peak_console.config.lint.finding import Rule, Severity
from peak_console.config.lint.inspection import Hit, Inspection
from peak_console.config.sources import CANARIES

CANARY_RULES: Final = (
    Rule(
        "canary.missing",
        "A job that names gold cases which are not there",
        "The job names a set, and configs/ai/canaries/<set>.toml is not there, or nothing of it can be "
        "understood. Its runs would fail.",
        "write the file, or name a set that is there",
        blocks=False,
    ),
    Rule(
        "canary.count",
        "Too few or too many gold cases for a slot",
        f"A slot that is asked fewer than {LEAST} cases shows little of a model that has changed; more than "
        f"{MOST} cost more than they show.",
        f"{LEAST} to {MOST} cases a slot",
        severity=Severity.WARNING,
        blocks=False,
    ),
)


def sets(inspection: Inspection) -> Iterator[Hit]:
    """``canary.missing`` and ``canary.count``."""
    jobs = inspection.shapes.get("jobs")
    if not isinstance(jobs, JobsConfig) or not inspection.sources.complete:
        return
    for index, job in enumerate(jobs.job):
        if job.canary is not None:
            yield from _of_a_job(inspection, index, job.canary)


def _of_a_job(inspection: Inspection, index: int, settings: CanarySettings) -> Iterator[Hit]:
    path = ("job", index, "canary", "cases")
    found = inspection.canaries.get(settings.cases)
    if found is None:
        there = ", ".join(sorted(inspection.canaries)) or "none"
        message = f"there is no set {settings.cases}; sets that are there: {there}"
        remedy = f"write {CANARIES}/{settings.cases}.toml, or name a set that is there"
        yield inspection.hit("canary.missing", "jobs", path, message, remedy)
        return
    for layer in dict.fromkeys(one.layer for one in settings.slots):
        count = len(found.cases_of(layer))
        if not LEAST <= count <= MOST:
            message = f"{settings.cases} has {count} cases for {layer}"
            yield inspection.hit("canary.count", "jobs", path, message)
