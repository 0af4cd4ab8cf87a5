"""Weighing: what a change of a config does that somebody must confirm, in figures."""

from collections.abc import Iterator
from datetime import datetime

from peak_console.config.editing.targets import Target
from peak_console.config.sources import read_sources
from peak_console.config.workspace import Workspace
from peak_console.operations.phase import rules_of
from peak_console.operations.workbench.shapes import Concern
from peak_console.operations.workbench.sides import Side, side_of
from peak_console.operations.workbench.weighing_matrix import (
    critic_weakened,
    fallback_lost,
    guards_lowered,
    only_verified_removed,
    sod_weakened,
    verified_at,
)


def concerns(
    ws: Workspace, target: Target, old_text: str, new_text: str, now: datetime
) -> tuple[Concern, ...]:
    """What saving ``new_text`` where ``old_text`` stands needs a second confirmation for; empty: nothing.

    All other configs are taken as they stand on disk. Reads the ledger for figures; where it cannot be read
    they are worst cases per call. Never raises on what the texts hold: lint does that.
    """
    if old_text == new_text:
        return ()
    sources, phase, today = read_sources(ws.root), rules_of(ws), now.date()
    before = side_of(sources, target, old_text, phase=phase, today=today)
    after = side_of(sources, target, new_text, phase=phase, today=today)
    return tuple(_matrix_rules(before, after, now))


def _matrix_rules(before: Side, after: Side, now: datetime) -> Iterator[Concern]:
    yield from only_verified_removed(before, after, verified_at(now))
    yield from sod_weakened(before, after)
    yield from fallback_lost(before, after)
    yield from critic_weakened(before, after)
    yield from guards_lowered(before, after)
