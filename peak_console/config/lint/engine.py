"""The engine: all rules over all files, findings sorted and each said once."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Final

from peak_console.config.canaries import CanaryFile
from peak_console.config.lint import (
    canaries,
    crossing,
    files,
    incidents,
    interfaces,
    job_money,
    jobs,
    layers,
    limits,
    lock,
    money,
    policy,
    prompts,
    readiness,
    registry,
    scopes,
    sod,
)
from peak_console.config.lint.catalogue import CATALOGUE
from peak_console.config.lint.finding import LintFinding, Severity
from peak_console.config.lint.inspection import Check, Hit, Inspection, Memo
from peak_console.config.lint.schema import Origins, validate
from peak_console.config.schema import ConfigModel
from peak_console.config.scopes import ScopeFile
from peak_console.config.sources import Sources
from peak_console.domain.text import one_line, plain
from peak_console.domain.vocabulary import PhaseLevel

CHECKS: Final[tuple[Check, ...]] = (
    files.troubles,
    files.yaml_beside_toml,
    files.secrets,
    files.percentages,
    layers.missing_primary,
    layers.model_on_gate_layer,
    layers.chain_rules,
    layers.service_rules,
    layers.critics,
    layers.plain_http,
    policy.hard_denials,
    policy.guards,
    policy.empty_allow_list,
    registry.membership,
    registry.duplicates,
    registry.lifecycle,
    registry.output_limits,
    interfaces.entries,
    interfaces.unpriced_tools,
    interfaces.ambiguous_deployments,
    interfaces.slot_deployments,
    interfaces.moving_aliases,
    sod.within_layer,
    sod.across_layers,
    money.missing_budgets,
    money.zero_budgets,
    money.warn_order,
    money.limit_order,
    money.currency,
    money.missing_prices,
    money.price_rows,
    scopes.missing,
    scopes.identity,
    scopes.overlaps,
    scopes.models,
    scopes.words,
    scopes.tools,
    prompts.prompt_references,
    prompts.misnamed_prompts,
    prompts.empty_prompts,
    crossing.answers_and_budgets,
    crossing.layer_budgets,
    crossing.short_timeouts,
    crossing.successors,
    crossing.unused_prompts,
    crossing.control_order,
    limits.blocking_limits,
    limits.limit_order,
    limits.toothless_limits,
    readiness.missing_criteria,
    readiness.laxer_criteria,
    readiness.switched_off,
    readiness.unmeasured_shares,
    incidents.triggers,
    incidents.windows,
    incidents.drift,
    incidents.hooks,
    jobs.references,
    jobs.sources,
    jobs.budgets,
    job_money.small_budgets,
    jobs.schedules,
    jobs.replays,
    jobs.books,
    jobs.rates,
    canaries.sets,
    lock.lock_rules,
)
"""Every rule's implementation, besides the schema."""

_MESSAGE: Final = 400
_MEMO: Final = Memo()


@dataclass(frozen=True, slots=True)
class Report:
    """What an inspection found, and the shapes it validated on the way."""

    findings: list[LintFinding]
    shapes: dict[str, ConfigModel]
    scopes: dict[str, ScopeFile] = field(default_factory=dict)
    """Capability scopes that could be understood, by the file's name without its suffix."""
    canaries: dict[str, CanaryFile] = field(default_factory=dict)
    """Sets of gold cases that could be understood, likewise."""


def inspect(sources: Sources, *, phase: PhaseLevel, today: date, memo: Memo | None = None) -> Report:
    """All findings on ``sources``, in the order of file, line and column. Pure; never raises on bad input.

    One ``memo`` given to several inspections spares what concerns files that are the same in them; without
    one that of this process is used.
    """
    memo = memo or _MEMO
    shapes: dict[str, ConfigModel] = {}
    origins: dict[str, Origins] = {}
    hits: list[Hit] = []
    for kind, document in sources.main.items():
        shape, found, origins[kind] = memo.of(kind, document, partial(validate, kind, document))
        hits += found
        if shape is not None:
            shapes[kind] = shape
    capabilities: dict[str, ScopeFile] = {}
    for name, document in sources.scopes.items():
        shape, found, _ = memo.of("scope", document, partial(validate, "scope", document))
        hits += found
        if isinstance(shape, ScopeFile):
            capabilities[name] = shape
    gold: dict[str, CanaryFile] = {}
    for name, document in sources.canaries.items():
        shape, found, _ = memo.of("canary", document, partial(validate, "canary", document))
        hits += found
        if isinstance(shape, CanaryFile):
            gold[name] = shape
    inspection = Inspection(sources, shapes, phase, today, origins, capabilities, gold, memo)
    for check in CHECKS:
        hits += check(inspection)
    findings = {_finding(hit, phase) for hit in _said_once(hits)}
    return Report(sorted(findings, key=lambda finding: finding.order), shapes, capabilities, gold)


def _said_once(hits: Iterable[Hit]) -> list[Hit]:
    """Without what a more telling rule says of the same place."""
    hits = list(hits)
    percent = {(hit.file, hit.place) for hit in hits if hit.rule == "schema.unitless_percent"}
    said: set[tuple[str, str, tuple[int, int]]] = set()
    kept = []
    for hit in hits:
        general = hit.rule.startswith("schema.") and hit.rule != "schema.unitless_percent"
        if general and (hit.file, hit.place) in percent:
            continue
        if hit.rule == "schema.unitless_percent" and (hit.rule, hit.file, hit.place) in said:
            continue
        said.add((hit.rule, hit.file, hit.place))
        kept.append(hit)
    return kept


def _finding(hit: Hit, phase: PhaseLevel) -> LintFinding:
    rule = CATALOGUE[hit.rule]
    severity = rule.severity_in(phase)
    return LintFinding(
        rule=rule.id,
        severity=severity,
        file=plain(hit.file),
        line=hit.place[0],
        column=hit.place[1],
        message=one_line(hit.message, _MESSAGE),
        remedy=one_line(hit.remedy or rule.remedy, _MESSAGE),
        blocks=rule.blocks and severity is Severity.ERROR,
        fix=hit.fix,
    )
