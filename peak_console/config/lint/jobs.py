"""Rules of jobs.toml: what a job refers to is there, its budget and schedule can be meant."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Final
from urllib.parse import urlsplit

from peak_console.config.cron import Firing, firing
from peak_console.config.jobs import CYCLE_PROMPTS, CycleSettings, Job, JobBudget, JobsConfig, SlotName
from peak_console.config.lint.finding import Rule, Severity
from peak_console.config.lint.inspection import Hit, Inspection
from peak_console.config.positions import Path
from peak_console.config.schema import PROMPT_REFERENCE
from peak_console.config.sources import PROMPTS
from peak_console.domain.addresses import is_loopback
from peak_console.domain.jobs import CatchUp
from peak_console.domain.queries import query_fault
from peak_console.domain.vocabulary import Layer, PhaseLevel, Role

JOB_RULES: Final = (
    Rule(
        "jobs.prompt_missing",
        "A job asks under a prompt that is not there",
        "The prompts of a cycle, of its layers and its judges, are files like those of the matrix. Without "
        "one its runs end before the call that it is for.",
        "write the prompt's file, or name one that is there",
        blocks=False,
    ),
    Rule(
        "jobs.slot_empty",
        "A job asks a slot that holds no model",
        "A cycle asks L2 and L3 as primary; gold cases and two-sample tests ask the slots they name. A slot "
        "without a model refuses the call.",
        "put a model into the slot, or name another slot",
        blocks=False,
    ),
    Rule(
        "jobs.source_missing",
        "A job's data are not there",
        "A cycle without bars ends before its first call. The file may come later, so it is a warning while "
        "nothing is measured.",
        "put the file there, or name another",
        severity=Severity.WARNING,
        error_from=PhaseLevel.SHADOW,
        blocks=False,
    ),
    Rule(
        "jobs.source_outside",
        "A job reads a file outside the workspace",
        "What a cycle saw must be found again beside the ledger. A path or a link that leads out of the "
        "workspace belongs to nobody who looks after it; its runs are refused (`source_outside`).",
        "copy the data into the workspace's folder data/, and name it relative to the workspace",
        blocks=False,
    ),
    Rule(
        "jobs.source_address",
        "A job's data come over an address that anybody can speak for",
        "Without TLS whoever stands between can put prices into a cycle. Only this machine may be asked "
        "over http; a name in an address would be on the ledger with it.",
        "name an https address without a name in it, or http on loopback",
        blocks=False,
    ),
    Rule(
        "jobs.source_query",
        "A job's address has a query that may not be written down",
        "A config is in git, in its versions and in evidence packs, so no key is part of an address in it. A "
        "parameter that is named like a secret is refused whatever its value, and so is a value that has the "
        "form of a key; nothing of it is repeated. Runs are refused too (`source_query`), before anything "
        "is sent.",
        "take the key out and revoke it; name an address that needs none, or fetch the bars to a file",
        blocks=False,
    ),
    Rule(
        "jobs.budget_zero",
        "A job's budget is zero",
        "A limit of zero denies every call of its runs. That may be meant; it is named so that nobody "
        "wonders.",
        "raise the limit, or set enabled = false",
        severity=Severity.WARNING,
        blocks=False,
    ),
    Rule(
        "jobs.budget_above_run",
        "A job's budget is above that of a run",
        "A job's run lies under the run budget of the workspace too, so the larger limit never binds, and "
        "one of the two numbers is not what was meant.",
        "lower the job's limit to that of [run] in budgets.toml, or below",
        severity=Severity.WARNING,
        blocks=False,
    ),
    Rule(
        "jobs.budget_small",
        "A job's budget is below one call that it makes",
        "Every call is bounded before it is sent: all the output that it may give, at its price. A run that "
        "may spend less than one answer of its dearest slot may cost ends with budget_exceeded, each time.",
        "raise the job's max_cost_eur, or lower max_output_tokens of the slot",
        severity=Severity.WARNING,
        blocks=False,
    ),
    Rule(
        "jobs.schedule",
        "A schedule that never comes",
        "A field of the cron line is out of its bounds, or no day of any year fits it. The job would never "
        "run, and nobody would be told.",
        "correct the line; a job that runs when asked has no schedule at all",
        blocks=False,
    ),
    Rule(
        "jobs.schedule_dense",
        "A job is due again before it must have ended",
        "With one run at once, a run that takes as long as its timeout lets it has those after it wait, or "
        "missed. Up to four that are missed are taken to be meant where none is caught up with.",
        "lower timeout_s, let it be due less often, or raise max_instances",
        severity=Severity.WARNING,
        blocks=False,
    ),
    Rule(
        "jobs.replay",
        "A job replays history in a phase that measures the present",
        "From shadow on a cycle is evidence of what would have been done now. Old bars are none, so such a "
        "run is refused; only a simulated workspace takes it.",
        "take [job.shadow_cycle.replay] out, or run it in a workspace of phase research",
        severity=Severity.WARNING,
        blocks=False,
    ),
    Rule(
        "jobs.rate_old",
        "A job's EUR rate is old, or to come",
        "Every limit in EUR is held against worths at this rate. The gate blocks where it is older than "
        "max_rate_age_s of limits.toml, and where its day is to come.",
        "look the rate up, and write it with its day: eur_per_quote and eur_as_of",
        severity=Severity.WARNING,
        error_from=PhaseLevel.SHADOW,
        blocks=False,
    ),
    Rule(
        "jobs.book_shared",
        "Two jobs write one paper book",
        "The gate then sees the positions of both, and a cycle that ends while the other's runs is refused: "
        "it judged a book that has moved.",
        "give each job a book of its own",
        severity=Severity.WARNING,
        blocks=False,
    ),
)

_MISSED_MEANT: Final = 4
"""So many runs may be missed because of one that hangs, where missed runs are not caught up with."""

_PACKAGE: Final = "package:"
_PACKAGED: Final = ("eurusd_1h",)
_CYCLE_SLOTS: Final = (SlotName(layer=Layer.L2), SlotName(layer=Layer.L3))


def references(inspection: Inspection) -> Iterator[Hit]:
    """``jobs.prompt_missing`` and ``jobs.slot_empty``: what jobs refer to in other configs."""
    if not inspection.sources.complete:
        return
    for place, job in _jobs(inspection):
        cycle = job.shadow_cycle
        if cycle is not None:
            yield from _prompts(inspection, (*place, "shadow_cycle"), cycle)
            for slot in _CYCLE_SLOTS:
                yield from _slot(inspection, (*place, "kind"), job, slot)
        for kind, settings in (("canary", job.canary), ("two_sample", job.two_sample)):
            for index, slot in enumerate(settings.slots if settings is not None else ()):
                yield from _slot(inspection, (*place, kind, "slots", index), job, slot)


def sources(inspection: Inspection) -> Iterator[Hit]:
    """``jobs.source_…``: where the bars come from."""
    for place, job in _jobs(inspection):
        cycle = job.shadow_cycle
        if cycle is not None and cycle.file is not None:
            yield from _file(inspection, (*place, "shadow_cycle", "file", "path"), job, cycle.file.path)
        elif cycle is not None and cycle.http is not None:
            where = (*place, "shadow_cycle", "http", "url")
            if why := _open_address(cycle.http.url):
                yield inspection.hit("jobs.source_address", "jobs", where, f"job {job.name}: {why}")
            if (fault := query_fault(cycle.http.url)) is not None:
                yield inspection.hit("jobs.source_query", "jobs", where, f"job {job.name}: {fault}")


def budgets(inspection: Inspection) -> Iterator[Hit]:
    """``jobs.budget_zero`` and ``jobs.budget_above_run``."""
    run = inspection.budgets.run if inspection.budgets is not None else None
    for place, job in _jobs(inspection):
        for key in JobBudget.model_fields:
            limit = getattr(job.budget, key)
            if limit is None:
                continue
            most = getattr(run, key, None)
            where = (*place, "budget", key)
            if limit == 0:
                message = f"job {job.name}: {key} is 0, which denies every call"
                yield inspection.hit("jobs.budget_zero", "jobs", where, message)
            elif most is not None and limit > most:
                message = f"job {job.name}: {key} is {limit}, above the {most} of a run"
                yield inspection.hit("jobs.budget_above_run", "jobs", where, message)


def schedules(inspection: Inspection) -> Iterator[Hit]:
    """``jobs.schedule`` and ``jobs.schedule_dense``."""
    for place, job in _jobs(inspection):
        if job.schedule is None:
            continue
        where = (*place, "schedule")
        found = _fires(job.schedule)
        if isinstance(found, str):
            message = f"job {job.name}: {job.schedule!r} never comes: {found}"
            yield inspection.hit("jobs.schedule", "jobs", where, message)
        elif job.enabled and job.max_instances == 1 and _most(job) * found.shortest_s < job.timeout_s:
            message = f"job {job.name}: due every {found.shortest_s} s, and a run may take {job.timeout_s} s"
            yield inspection.hit("jobs.schedule_dense", "jobs", where, message)


def _most(job: Job) -> int:
    """How many times over a job may be due before a run must have ended."""
    return _MISSED_MEANT if job.catch_up is CatchUp.NONE else 1


def replays(inspection: Inspection) -> Iterator[Hit]:
    """``jobs.replay``: history in a phase that measures the present."""
    if not inspection.phase.at_least(PhaseLevel.SHADOW):
        return
    for place, job in _jobs(inspection):
        if job.enabled and job.shadow_cycle is not None and job.shadow_cycle.replay is not None:
            message = f"job {job.name} replays history, and the phase is {inspection.phase}"
            where = (*place, "shadow_cycle", "replay")
            yield inspection.hit("jobs.replay", "jobs", where, message)


def rates(inspection: Inspection) -> Iterator[Hit]:
    """``jobs.rate_old``: the EUR rate of a cycle over the present."""
    for place, job in _jobs(inspection):
        cycle = job.shadow_cycle
        if cycle is None or cycle.replay is not None or cycle.eur_as_of is None:
            continue
        age = (inspection.today - cycle.eur_as_of).days
        if not 0 <= age <= cycle.max_rate_age_d:
            old = f"{age} days old" if age > 0 else "to come"
            message = f"job {job.name}: its EUR rate is of {cycle.eur_as_of}, {old}"
            yield inspection.hit("jobs.rate_old", "jobs", (*place, "shadow_cycle", "eur_as_of"), message)


def books(inspection: Inspection) -> Iterator[Hit]:
    """``jobs.book_shared``: two jobs that run by a schedule write one book."""
    writers: dict[str, list[str]] = defaultdict(list)
    for place, job in _jobs(inspection):
        if job.shadow_cycle is None or not job.enabled:
            continue
        book = job.shadow_cycle.book
        if writers[book]:
            message = f"job {job.name} writes book {book}, as {writers[book][0]} does"
            yield inspection.hit("jobs.book_shared", "jobs", (*place, "shadow_cycle", "book"), message)
        writers[book].append(job.name)


def _jobs(inspection: Inspection) -> Iterator[tuple[Path, Job]]:
    config = inspection.shapes.get("jobs")
    if isinstance(config, JobsConfig):
        for index, job in enumerate(config.job):
            yield ("job", index), job


def _prompts(inspection: Inspection, place: Path, cycle: CycleSettings) -> Iterator[Hit]:
    for key in CYCLE_PROMPTS:
        reference = str(getattr(cycle, key))
        match = PROMPT_REFERENCE.fullmatch(reference)
        if match is not None and reference not in inspection.sources.prompts:
            remedy = f"write {PROMPTS}/{match[1]}/{match[2]}.md, or name a prompt that is there"
            message = f"there is no prompt {reference}"
            yield inspection.hit("jobs.prompt_missing", "jobs", (*place, key), message, remedy)


def _slot(inspection: Inspection, place: Path, job: Job, slot: SlotName) -> Iterator[Hit]:
    layers = dict(inspection.layers())
    role = slot.role.value
    if inspection.matrix is None:
        return  # the matrix says what is wrong with it
    config = layers.get(slot.layer)
    filled = config is not None and bool(getattr(config, Role(role).value, None))
    if not filled:
        message = f"job {job.name}: {slot.layer}.{role} holds no model"
        yield inspection.hit("jobs.slot_empty", "jobs", place, message)


def _file(inspection: Inspection, place: Path, job: Job, path: str) -> Iterator[Hit]:
    root = inspection.sources.root
    if path.startswith(_PACKAGE):
        if path.removeprefix(_PACKAGE) not in _PACKAGED:
            message = f"job {job.name}: the package holds no {path}"
            remedy = f"name {', '.join(_PACKAGE + one for one in _PACKAGED)}, or a file"
            yield inspection.hit("jobs.source_missing", "jobs", place, message, remedy)
        return
    if _leads_out(root, path):
        message = f"job {job.name}: {path} leads out of the workspace"
        yield inspection.hit("jobs.source_outside", "jobs", place, message)
    elif root is not None and not _is_file(root / path):
        message = f"job {job.name}: there is no file {path}"
        yield inspection.hit("jobs.source_missing", "jobs", place, message)


def _leads_out(root: FilePath | None, path: str) -> bool:
    if FilePath(path).is_absolute() or ".." in FilePath(path).parts:
        return True
    try:
        return root is not None and not (root / path).resolve().is_relative_to(root.resolve())
    except (OSError, ValueError, RuntimeError):
        return False  # it is no file either


def _is_file(path: FilePath) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _open_address(url: str) -> str:
    """Why an address is none that prices may come from; empty where it is one."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "its url is none"
    if not host:
        return "its url names no host"
    if parts.username is not None:
        return "its url holds a name"
    if "#" in url:
        return "its url holds a fragment"
    if parts.scheme == "http" and not is_loopback(url):
        return "its url is not https and not on this machine"
    return ""


def _fires(schedule: str) -> Firing | str:
    """How often a schedule fires, or why it never does."""
    try:
        found = firing(schedule)
    except ValueError as error:
        return str(error)
    return found if found.ever else "no day of any year fits it"
