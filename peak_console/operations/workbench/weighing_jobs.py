"""What a careful operator would ask about before jobs change: what runs oftener, or spends more. Pure."""

from collections.abc import Iterator, Sequence
from math import inf
from typing import Final

from peak_console.config.cron import firing
from peak_console.config.jobs import CycleSettings, Job, JobBudget, JobsConfig, TwoSampleSettings
from peak_console.config.schema import ConfigModel
from peak_console.domain.jobs import CatchUp
from peak_console.net.messages import bare_url
from peak_console.operations.workbench.shapes import Concern
from peak_console.operations.workbench.sides import Side

_MORE_CAUGHT_UP: Final = {CatchUp.NONE: 0, CatchUp.LAST: 1, CatchUp.ALL: 2}
_MORE_UP: Final = ("timeout_s", "max_instances")
_SHOWN: Final = 6


def jobs_widened(before: Side, after: Side) -> Iterator[Concern]:
    """A job runs that did not, oftener or longer, may spend more, or judges larger ideas, or otherwise."""
    wider = list(_wider(before.jobs, after.jobs))
    if wider:
        told = ", ".join(f"{key} {value}" for key, value in wider[:_SHOWN])
        more = f" and {len(wider) - _SHOWN} more" if len(wider) > _SHOWN else ""
        yield Concern("jobs_widened", f"more happens by itself: {told}{more}", dict(wider))


def _wider(before: JobsConfig, after: JobsConfig) -> Iterator[tuple[str, str]]:
    for job in after.job:
        old = before.find(job.name)
        if _runs(job) and not (old is not None and _runs(old)):
            was = "not there" if old is None else "when asked" if old.enabled else "off"
            yield f"{job.name}.runs", f"{was} → {job.schedule}"
        if old is not None:
            yield from ((f"{job.name}.{key}", value) for key, value in _of_a_job(old, job))


def _runs(job: Job) -> bool:
    """Whether it runs by itself."""
    return job.enabled and job.schedule is not None


def _of_a_job(old: Job, new: Job) -> Iterator[tuple[str, str]]:
    if _runs(old) and _runs(new) and _shortest_s(new) < _shortest_s(old):
        yield "schedule", f"{old.schedule} → {new.schedule}"
    if _MORE_CAUGHT_UP[new.catch_up] > _MORE_CAUGHT_UP[old.catch_up]:
        yield "catch_up", f"{old.catch_up} → {new.catch_up}"
    yield from _changed("", old, new, up=_MORE_UP)
    for key in JobBudget.model_fields:
        was, now = getattr(old.budget, key), getattr(new.budget, key)
        if was is not None and (now is None or now > was):
            yield f"budget.{key}", f"{was} → {'that of a run' if now is None else now}"
    if old.shadow_cycle is not None and new.shadow_cycle is not None:
        yield from _of_a_cycle(old.shadow_cycle, new.shadow_cycle)
    if old.two_sample is not None and new.two_sample is not None:
        yield from _of_a_test(old.two_sample, new.two_sample)


def _of_a_cycle(old: CycleSettings, new: CycleSettings) -> Iterator[tuple[str, str]]:
    yield from _changed("", old, new, up=("max_age_s", "equity_eur"), down=("eur_per_quote",))
    sizing = (old.sizing, new.sizing)
    yield from _changed(
        "sizing.", *sizing, up=("risk_eur", "max_notional_eur"), down=("fee_bps", "slippage_bps")
    )
    if _source(old) != _source(new):
        was, now = _shown(old), _shown(new)
        yield "source", f"{was} → {now if was != now else 'the same, asked or read otherwise'}"
    if new.replay is not None and old.replay is None:
        yield "replay", "the present → history"
    if new.book != old.book:
        yield "book", f"{old.book} → {new.book}"
    for key in ("critic_prompt", "verdict_prompt"):
        was, now = getattr(old, key), getattr(new, key)
        if was != now:
            yield key, f"{was} → {now}"


def _of_a_test(old: TwoSampleSettings, new: TwoSampleSettings) -> Iterator[tuple[str, str]]:
    was_asked, is_asked = (one.prompts * one.repeats for one in (old, new))
    if is_asked > was_asked:
        yield "two_sample.calls", f"{was_asked} → {is_asked}"
    yield from _changed("two_sample.", old, new, down=("alpha",))


def _changed(
    prefix: str, old: ConfigModel, new: ConfigModel, *, up: Sequence[str] = (), down: Sequence[str] = ()
) -> Iterator[tuple[str, str]]:
    """Keys of ``up`` that rose, of ``down`` that fell."""
    for key in (*up, *down):
        was, now = getattr(old, key), getattr(new, key)
        if (now > was) if key in up else (now < was):
            yield f"{prefix}{key}", f"{was} → {now}"


def _source(cycle: CycleSettings) -> tuple[object, ...]:
    """What makes it another source: of an address also how its answer is read."""
    if cycle.http is not None:
        one = cycle.http
        return (one.url, one.rows, one.columns, one.newest_first)
    return (cycle.file.path if cycle.file is not None else "",)


def _shown(cycle: CycleSettings) -> str:
    """The source as it may be recorded: an address without its query."""
    if cycle.http is not None:
        return bare_url(cycle.http.url)
    return cycle.file.path if cycle.file is not None else ""


def _shortest_s(job: Job) -> float:
    """Seconds between two runs at the least; infinite where the schedule never comes."""
    try:
        found = firing(job.schedule or "")
    except ValueError:
        return inf
    return found.shortest_s if found.ever else inf
