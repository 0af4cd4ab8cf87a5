"""Quick fixes that put another model into a slot: only one that breaks no rule there."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from peak_console.config.editing.changes import ABSENT, Change
from peak_console.config.interfaces import INTERFACES
from peak_console.config.lint.duties import Duty, duties, identity_of
from peak_console.config.lint.finding import Fix
from peak_console.config.lint.inspection import Inspection
from peak_console.config.positions import Path
from peak_console.config.registry import NEAR_SHUTDOWN_DAYS, ModelEntry
from peak_console.policy.deny import hard_deny
from peak_console.policy.guards import guard
from peak_console.policy.sod import ModelIdentity

_MOST: Final = 50
"""So many replacements are looked for in one inspection; nobody presses a key for more."""

ALIAS: Final = "-latest"
"""The end of a name behind which the provider puts another model when it likes."""


def replacement(inspection: Inspection, path: Path, entries: Iterable[ModelEntry]) -> Fix | None:
    """The first of these models that fits the slot, put in its place; ``None`` where none does.

    One that fits is allowed, priced today, not near its end, spoken by an adapter, nowhere else in the chain,
    and judges or is judged by no model like itself.
    """
    raw = _raw_slot(inspection, path)
    tried = inspection.once("replacements", list[Path])
    if raw is None or len(tried) >= _MOST:
        return None
    tried.append(path)
    standing = inspection.once("standing", lambda: _standing(inspection))
    for entry in entries:
        if (entry.provider, entry.model_id) in standing and _fits(inspection, path, entry):
            changes = tuple(_changes(path, raw, entry))
            return Fix(f"put {entry.provider}:{entry.model_id} in its place", changes)
    return None


def nearest(
    inspection: Inspection, path: Path, provider: str, model_id: str, *, cutoff: float = 0.0
) -> Fix | None:
    """The fix that puts the fitting model of the most similar name in place; of one provider if it can be."""
    if len(inspection.once("replacements", list[Path])) >= _MOST:
        return None
    likeness: dict[tuple[str, str], float] = {}
    matcher = difflib.SequenceMatcher(None)
    matcher.set_seq2(model_id[:80])
    standing = inspection.once("standing", lambda: _standing(inspection))
    for name in standing:
        matcher.set_seq1(name[1])
        if matcher.real_quick_ratio() >= cutoff and (ratio := matcher.ratio()) >= cutoff:
            likeness[name] = ratio
    names = sorted(likeness, key=lambda name: (name[0] != provider, -likeness[name]))
    return replacement(inspection, path, (standing[name] for name in names))


def _standing(inspection: Inspection) -> dict[tuple[str, str], ModelEntry]:
    """The models that may stand in a slot at all: allowed, alive, spoken and priced."""
    table = inspection.price_table()
    return {
        (entry.provider, entry.model_id): entry
        for entry in (inspection.models.model if inspection.models else ())
        if table is not None
        and table.find(entry.provider, entry.model_id, inspection.today) is not None
        and _may_stand(inspection, entry)
    }


def _duties_at(inspection: Inspection) -> dict[Path, list[Duty]]:
    """The duties of each slot, as proposer and as judge."""
    found: dict[Path, list[Duty]] = {}
    for duty in duties(inspection):
        for path in {duty.proposer[0], duty.judge[0]}:
            found.setdefault(path, []).append(duty)
    return found


def _raw_slot(inspection: Inspection, path: Path) -> Mapping[str, Any] | None:
    data: Any = inspection.data("matrix")
    for step in inspection.as_written("matrix", path):
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return None
    return data if isinstance(data, Mapping) else None


def _may_stand(inspection: Inspection, entry: ModelEntry) -> bool:
    """What the registry and the guards say of a model, wherever it stands."""
    days = entry.days_left(inspection.today)
    if not entry.allowed or (days is not None and days <= NEAR_SHUTDOWN_DAYS):
        return False
    if entry.endpoint not in INTERFACES.get(entry.provider, ()) or entry.model_id.endswith(ALIAS):
        return False
    if entry.provider == "azure" and not entry.deployments:
        return False
    rules = inspection.matrix.global_ if inspection.matrix else None
    names = {"provider": entry.provider, "model_id": entry.model_id, "family": entry.family}
    return (
        rules is not None
        and hard_deny(**names) is None
        and guard(
            **names,
            allowed_providers=rules.allowed_providers,
            forbidden_providers=rules.forbidden_providers,
            forbidden_model_prefixes=rules.forbidden_model_prefixes,
        )
        is None
    )


def _fits(inspection: Inspection, path: Path, entry: ModelEntry) -> bool:
    """What the other slots say: no model twice in a chain, none judging its like."""
    name = (entry.provider, entry.model_id)
    candidate = ModelIdentity(*name, entry.family)
    config = next((one for layer, one in inspection.layers() if layer.value == path[0]), None)
    others = [config.primary, *config.fallback] if config is not None and path[1] != "critic" else []
    if any(one is not None and (one.provider, one.model_id) == name for one in others):
        return False
    for duty in inspection.once("duties", lambda: _duties_at(inspection)).get(path, ()):
        ours, theirs = (
            candidate if place == path else identity_of(inspection, slot)
            for place, slot in (duty.proposer, duty.judge)
        )
        if duty.broken(ours, theirs):
            return False
    return True


def _changes(path: Path, raw: Mapping[str, Any], entry: ModelEntry) -> Iterable[Change]:
    if raw.get("provider") != entry.provider:
        yield Change((*path, "provider"), entry.provider)
        if "base_url" in raw:
            yield Change((*path, "base_url"), ABSENT)
    if raw.get("model_id") != entry.model_id:
        yield Change((*path, "model_id"), entry.model_id)
    if entry.provider == "azure":
        yield Change((*path, "deployment"), entry.deployments[0])
    elif "deployment" in raw:
        yield Change((*path, "deployment"), ABSENT)
    most = raw.get("max_output_tokens")
    if isinstance(most, int) and most > entry.max_output_tokens:
        yield Change((*path, "max_output_tokens"), entry.max_output_tokens)
