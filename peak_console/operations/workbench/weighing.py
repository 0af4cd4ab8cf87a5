"""Weighing: what a change of a config does that somebody must confirm, in figures."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from peak_console.config.editing.targets import Target
from peak_console.config.sources import read_sources
from peak_console.config.workspace import Workspace
from peak_console.operations.phase import rules_of
from peak_console.operations.workbench import weighing_figures as figures
from peak_console.operations.workbench import weighing_matrix as assignment
from peak_console.operations.workbench.projecting import Projection, projection
from peak_console.operations.workbench.shapes import Concern
from peak_console.operations.workbench.sides import Side, side_of
from peak_console.operations.workbench.traffic import NO_TRAFFIC, Traffic, read_traffic
from peak_console.operations.workbench.weighing_incidents import triggers_loosened
from peak_console.operations.workbench.weighing_jobs import jobs_widened
from peak_console.operations.workbench.weighing_scope import scope_widened

_PRICED: Final = frozenset({"matrix", "models", "prices", "budgets"})
"""Kinds of which what is spent depends."""

_WITH_FIGURES: Final = frozenset(
    {"only_verified_removed", "sod_weakened", "fallback_lost", "critic_weakened"}
)
"""Concerns that are told with the projection, because they change who answers."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """What must be confirmed, and the last day's traffic before and after."""

    concerns: tuple[Concern, ...]
    projection: Projection | None
    """``None`` for a config on which no cost depends."""


def concerns(
    ws: Workspace, target: Target, old_text: str, new_text: str, now: datetime
) -> tuple[Concern, ...]:
    """What saving ``new_text`` where ``old_text`` stands needs a second confirmation for; empty: nothing.

    All other configs are taken as they stand on disk. Reads the ledger for figures; where it cannot be read
    they are worst cases per call. Never raises on what the texts hold: lint does that.
    """
    return weigh(ws, target, old_text, new_text, now).concerns


def weigh(ws: Workspace, target: Target, old_text: str, new_text: str, now: datetime) -> Weighed:
    """As :func:`concerns`, with the projection that they were found by."""
    if old_text == new_text:
        return Weighed((), None)
    sources, phase, today = read_sources(ws.root), rules_of(ws), now.date()
    before = side_of(sources, target, old_text, phase=phase, today=today)
    after = side_of(sources, target, new_text, phase=phase, today=today)
    traffic = read_traffic(ws, now) if target.kind in _PRICED else NO_TRAFFIC
    return weighed(target, before, after, traffic, assignment.verified_at(now))


def weighed(
    target: Target, before: Side, after: Side, traffic: Traffic, verified: assignment.Verified
) -> Weighed:
    """The pure rule. A side that cannot be read is a concern of its own: nothing can be held against it."""
    if not after.readable:
        return Weighed((), None)  # lint refuses it
    if not before.readable:
        message = f"what stands in {target.path} cannot be read, so the change cannot be weighed against it"
        return Weighed((Concern("not_weighed", message, {"before": "unreadable → readable"}),), None)
    projected = projection(before, after, traffic) if target.kind in _PRICED else None
    found = tuple(_found(target, before, after, projected, verified))
    return Weighed(found, projected)


def _found(
    target: Target, before: Side, after: Side, projected: Projection | None, verified: assignment.Verified
) -> Iterator[Concern]:
    pct = figures.rise_pct(before)
    if projected is not None:
        told = projected.figures()
        for one in _assigned(before, after, verified):
            yield replace(one, figures={**one.figures, **told}) if one.code in _WITH_FIGURES else one
        yield from figures.cost_rises(projected, pct)
    if target.kind == "prices":
        yield from figures.prices_changed(before, after, pct)
    elif target.kind in {"budgets", "limits"}:
        yield from figures.limits_raised(before, after, pct)
        yield from figures.rate_falls(before, after)
    elif target.kind == "control":
        yield from figures.control_loosened(before, after)
    elif target.kind == "models":
        yield from figures.models_allowed(before, after)
    elif target.kind == "readiness":
        yield from figures.readiness_lowered(before, after)
    elif target.kind == "incidents":
        yield from triggers_loosened(before, after)
    elif target.kind == "jobs":
        yield from jobs_widened(before, after)
    else:
        yield from scope_widened(before, after)


def _assigned(before: Side, after: Side, verified: assignment.Verified) -> Iterator[Concern]:
    yield from assignment.only_verified_removed(before, after, verified)
    yield from assignment.sod_weakened(before, after)
    yield from assignment.fallback_lost(before, after)
    yield from assignment.critic_weakened(before, after)
    yield from assignment.guards_lowered(before, after)
    yield from assignment.address_changed(before, after)
