"""Rules that hold the matrix against the registry: known, allowed, alive, within its bounds."""

from collections.abc import Iterator
from typing import Final

from peak_console.config.editing.changes import ABSENT, Change
from peak_console.config.lint.finding import Fix
from peak_console.config.lint.inspection import Hit, Inspection
from peak_console.config.lint.layers import slots
from peak_console.config.lint.replacing import nearest, replacement
from peak_console.config.lint.schema import dotted
from peak_console.config.matrix import Slot
from peak_console.config.positions import Path
from peak_console.config.registry import NEAR_SHUTDOWN_DAYS, ModelEntry

_ALIKE: Final = 0.6
"""How alike names must be for the one to be a misspelling of the other."""


def membership(inspection: Inspection) -> Iterator[Hit]:
    """``registry.model_unknown`` and ``registry.model_not_allowed`` (decision 27)."""
    if inspection.models is None:
        return
    for path, slot in slots(inspection):
        name = f"{slot.provider}:{slot.model_id}"
        entry = inspection.model(slot.provider, slot.model_id)
        if entry is None:
            message = f"{dotted(path)}: {name} is not in models.toml"
            fix = nearest(inspection, path, slot.provider, slot.model_id, cutoff=_ALIKE)
            yield inspection.hit("registry.model_unknown", "matrix", (*path, "model_id"), message, fix=fix)
        elif not entry.allowed:
            message = f"{dotted(path)}: {name} stands in models.toml with allowed = false"
            fix = nearest(inspection, path, slot.provider, slot.model_id)
            yield inspection.hit(
                "registry.model_not_allowed", "matrix", (*path, "model_id"), message, fix=fix
            )


def duplicates(inspection: Inspection) -> Iterator[Hit]:
    """``registry.duplicate_model``: two entries for one model."""
    seen = set()
    for index, entry in enumerate(inspection.models.model if inspection.models else ()):
        key = (entry.provider, entry.model_id)
        if key in seen:
            message = f"{entry.provider}:{entry.model_id} stands in the registry twice"
            fix = Fix("take this entry out; the first one stays", (Change(("model", index), ABSENT),))
            place = ("model", index, "model_id")
            yield inspection.hit("registry.duplicate_model", "models", place, message, fix=fix)
        seen.add(key)


def lifecycle(inspection: Inspection) -> Iterator[Hit]:
    """``registry.past_shutdown`` and ``registry.near_shutdown``, for the models that the matrix uses."""
    for path, slot, entry in _known_slots(inspection):
        days = entry.days_left(inspection.today)
        if days is None or entry.lifecycle is None or days > NEAR_SHUTDOWN_DAYS:
            continue
        name = f"{dotted(path)}: {slot.provider}:{slot.model_id}"
        end = entry.lifecycle.shutdown.isoformat()
        successor = entry.lifecycle.successor
        remedy = f"put {successor} in its place, the successor its provider names" if successor else ""
        if days <= 0:
            rule, message = "registry.past_shutdown", f"{name} was shut down on {end}"
        else:
            rule, message = "registry.near_shutdown", f"{name} is shut down on {end}, in {days} days"
        fix = replacement(inspection, path, _named(inspection, successor)) if successor else None
        yield inspection.hit(rule, "matrix", (*path, "model_id"), message, remedy, fix=fix)


def _named(inspection: Inspection, name: str) -> Iterator[ModelEntry]:
    """The entry of ``<provider>:<model_id>``, where there is one."""
    provider, _, model_id = name.partition(":")
    entry = inspection.model(provider, model_id)
    if entry is not None:
        yield entry


def output_limits(inspection: Inspection) -> Iterator[Hit]:
    """``registry.output_limit``: a slot asks for more output than its model gives."""
    for path, slot, entry in _known_slots(inspection):
        if slot.max_output_tokens is not None and slot.max_output_tokens > entry.max_output_tokens:
            message = (
                f"{dotted(path)}.max_output_tokens is {slot.max_output_tokens}, above the "
                f"{entry.max_output_tokens} that models.toml gives {slot.provider}:{slot.model_id}"
            )
            place = (*path, "max_output_tokens")
            fix = Fix(f"lower it to {entry.max_output_tokens}", (Change(place, entry.max_output_tokens),))
            yield inspection.hit("registry.output_limit", "matrix", place, message, fix=fix)


def _known_slots(inspection: Inspection) -> Iterator[tuple[Path, Slot, ModelEntry]]:
    for path, slot in slots(inspection):
        entry = inspection.model(slot.provider, slot.model_id)
        if entry is not None:
            yield path, slot, entry
