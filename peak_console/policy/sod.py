"""Separation of duties: the critic must not be what it judges (decision 10).

Judged on the models that really answered. Whoever is unknown cannot be told apart, so that is a conflict too.
"""

import re
from dataclasses import dataclass

from peak_console.domain.vocabulary import SodRule


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Who answered: its provider, the model it named (else the one asked for), and its family."""

    provider: str
    model_id: str
    family: str


def sod_conflict(rule: SodRule, proposer: ModelIdentity, critic: ModelIdentity) -> str | None:
    """Why ``critic`` may not judge ``proposer`` under ``rule``; ``None`` when it may.

    Each rule asks for different models, and ``family`` and ``provider`` for that difference besides. A dated
    snapshot and its alias are one model, on whatever provider.
    """
    ours, theirs = _aspect(rule, proposer), _aspect(rule, critic)
    if not ours or not base_model(proposer.model_id):
        return f"the proposer's {rule.value} is unknown"
    if not theirs or not base_model(critic.model_id):
        return f"the critic's {rule.value} is unknown"
    if ours == theirs:
        return f"proposer and critic have the same {rule.value}: {theirs}"
    if base_model(proposer.model_id) == base_model(critic.model_id):
        return f"proposer and critic have the same model: {base_model(critic.model_id)}"
    return None


def base_model(model_id: str) -> str:
    """A model id without its publisher path, date and ``latest``: what an alias and its snapshots share."""
    name = model_id.strip().casefold().rsplit("/", 1)[-1]
    while (shorter := _SUFFIX.sub("", name)) != name:
        name = shorter
    return name


# 2025-08-07, 20250807, 2508 and 0125 as dates; @20250807 as Vertex writes it; -001 and -latest as Google does
_SUFFIX = re.compile(r"[-@](?:20\d\d-?[01]\d-?[0-3]\d|\d{4}|0\d\d|latest)$|@[a-z0-9.]+$")


def _aspect(rule: SodRule, model: ModelIdentity) -> str:
    if rule is SodRule.PROVIDER:
        return model.provider.strip().casefold()
    if rule is SodRule.FAMILY:
        return model.family.strip().casefold()
    return base_model(model.model_id)
