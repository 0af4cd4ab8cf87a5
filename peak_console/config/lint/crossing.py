"""Rules across files: the matrix against budgets, prices and prompts; and the order within control."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Final

from peak_console.budget.limits import Scope
from peak_console.config.control import ControlConfig
from peak_console.config.editing.changes import Change
from peak_console.config.jobs import CYCLE_PROMPTS, CycleSettings, JobsConfig
from peak_console.config.lint.finding import Fix, Rule, Severity
from peak_console.config.lint.inspection import Hit, Inspection
from peak_console.config.lint.layers import slots
from peak_console.config.lint.schema import dotted
from peak_console.config.matrix import Slot
from peak_console.config.positions import Path
from peak_console.config.schema import PROMPT_REFERENCE
from peak_console.domain.vocabulary import PhaseLevel

CROSSING_RULES: Final = (
    Rule(
        "budget.call_too_small",
        "An answer alone may cost more than a call may",
        "The answer's bound of a slot, `max_output_tokens` or else the registry's, at today's price, lies "
        "above the budget of one call, or its tokens do. Every call is bounded before it is sent, so this "
        "candidate is always refused.",
        "lower max_output_tokens, or raise the budget of a call",
        severity=Severity.WARNING,
        error_from=PhaseLevel.SHADOW,
        blocks=False,
    ),
    Rule(
        "budget.below_one_call",
        "A budget below the cost of one call",
        "The answer's bound of a layer's primary alone costs more than the layer may spend in a run or day: "
        "its first call is refused.",
        "raise the budget, or lower the slot's max_output_tokens",
        severity=Severity.WARNING,
    ),
    Rule(
        "budget.layer_missing",
        "A layer without a budget of its own",
        "Other layers have one. A layer without may use up alone what the whole run may spend.",
        "add its table under layer_run with max_cost_eur",
        severity=Severity.WARNING,
    ),
    Rule(
        "matrix.timeout_short",
        "A timeout that a full answer cannot keep",
        "An answer of `max_output_tokens` within `timeout_s` would need more than 300 tokens a second, more "
        "than models of this kind write: long answers would be paid for and thrown away.",
        "raise timeout_s, or lower max_output_tokens",
        severity=Severity.WARNING,
    ),
    Rule(
        "registry.successor_unknown",
        "A successor that is not in the registry",
        "What a provider names in place of a model can be put there only once it has an entry of its own.",
        "add a [[model]] entry for it, or correct the name",
        severity=Severity.WARNING,
    ),
    Rule(
        "prompt.unused",
        "A prompt that no slot uses",
        "No version of it stands in the matrix. It may be kept for later; it may also be a misspelt name.",
        "name it in the matrix, or delete its folder",
        severity=Severity.WARNING,
    ),
    Rule(
        "control.ramp_order",
        "The ramp does not go up",
        "Steps of the ramp after an enable follow each other in time, begin at 0, and never lower a limit.",
        "order the steps by after_s, from 0 on, each limit_pct at least the one before",
        severity=Severity.WARNING,
    ),
    Rule(
        "control.ttl_order",
        "The lease's default lies above its longest",
        "A request that names no time would ask for more than any request may.",
        "lower default_ttl_s or raise max_ttl_s",
        severity=Severity.WARNING,
    ),
)

_FASTEST: Final = 300
"""Tokens a second that no model of this size writes for long."""

_USUAL: Final = 60
_LAYER_EUR: Final = Decimal("1.00")
_MILLION: Final = 1_000_000


def answers(inspection: Inspection) -> Iterator[tuple[Path, Slot, int, Decimal | None]]:
    """Each slot with the tokens of its longest answer and the EUR that one costs, where that is known."""
    table = inspection.price_table()
    rate = inspection.budgets.currency if inspection.budgets else None
    for path, slot in slots(inspection):
        entry = inspection.model(slot.provider, slot.model_id)
        tokens = slot.max_output_tokens or (entry.max_output_tokens if entry else None)
        price = table.find(slot.provider, slot.model_id, inspection.today) if table else None
        each = price.output_usd_per_mtok * rate.eur_per_usd / _MILLION if price and rate else None
        if tokens is not None:
            yield path, slot, tokens, each


def answers_and_budgets(inspection: Inspection) -> Iterator[Hit]:
    """``budget.call_too_small`` and ``budget.below_one_call``."""
    budgets = inspection.budgets
    if budgets is None:
        return
    for path, slot, tokens, each in answers(inspection):
        call = budgets.call
        most = tokens
        if call is not None and each and call.max_cost_eur is not None:
            most = min(most, int(call.max_cost_eur / each))
        if call is not None and call.max_tokens is not None:
            most = min(most, call.max_tokens)
        if most < tokens:
            key = (*path, "max_output_tokens" if slot.max_output_tokens else "model_id")
            message = f"{dotted(path)}: an answer of {tokens} tokens alone goes beyond the budget of a call"
            lower = Change((*path, "max_output_tokens"), most // 2)
            fix = Fix(f"write max_output_tokens = {most // 2}", (lower,)) if most > 1 else None
            yield inspection.hit("budget.call_too_small", "matrix", key, message, fix=fix)
        elif each is not None and path[1] == "primary":
            yield from _below(inspection, str(path[0]), tokens * each)


def _below(inspection: Inspection, layer: str, cost: Decimal) -> Iterator[Hit]:
    for scope, owner, entry in inspection.budgets.entries() if inspection.budgets else ():
        limit = entry.max_cost_eur
        concerned = owner == layer and scope in {Scope.LAYER_RUN, Scope.LAYER_DAY}
        if concerned and limit and limit < cost:
            key = (scope.value, layer, "max_cost_eur")
            message = f"{dotted(key)} is {limit}, and one answer of {layer}.primary may cost {cost:.4f} EUR"
            yield inspection.hit("budget.below_one_call", "budgets", key, message)


def layer_budgets(inspection: Inspection) -> Iterator[Hit]:
    """``budget.layer_missing``: where layers have limits, one that holds models and has none."""
    budgets = inspection.budgets
    if budgets is None:
        return
    limited = {layer for _, layer, _ in budgets.entries() if layer}
    run = budgets.run.max_cost_eur if budgets.run else None
    value = min(_LAYER_EUR, run) if run else _LAYER_EUR
    for layer, config in inspection.layers():
        if limited and config.primary is not None and layer.value not in limited:
            message = f"{layer} has models and no budget of its own"
            key = ("layer_run", layer.value, "max_cost_eur")
            fix = Fix(f"write {dotted(key)} = {value}", (Change(key, value),))
            yield inspection.hit("budget.layer_missing", "budgets", ("layer_run",), message, fix=fix)


def short_timeouts(inspection: Inspection) -> Iterator[Hit]:
    """``matrix.timeout_short``."""
    for path, slot in slots(inspection):
        tokens = slot.max_output_tokens
        if tokens is not None and tokens > slot.timeout_s * _FASTEST:
            message = f"{dotted(path)}: {tokens} tokens within {slot.timeout_s} s"
            needed = min(-(-tokens // _USUAL), 86_400)
            key = (*path, "timeout_s")
            fix = Fix(f"write timeout_s = {needed}", (Change(key, needed),))
            yield inspection.hit("matrix.timeout_short", "matrix", key, message, fix=fix)


def successors(inspection: Inspection) -> Iterator[Hit]:
    """``registry.successor_unknown``."""
    for index, entry in enumerate(inspection.models.model if inspection.models else ()):
        successor = entry.lifecycle.successor if entry.lifecycle else None
        if successor is not None and inspection.model(*successor.partition(":")[::2]) is None:
            message = (
                f"{entry.provider}:{entry.model_id} is to be followed by {successor}, which has no entry"
            )
            path = ("model", index, "lifecycle", "successor")
            yield inspection.hit("registry.successor_unknown", "models", path, message)


def unused_prompts(inspection: Inspection) -> Iterator[Hit]:
    """``prompt.unused``: by name; older versions of a prompt in use are history."""
    if inspection.matrix is None:
        return
    used = set()
    for _, config in inspection.layers():
        used |= {one.partition("@")[0] for one in (config.prompts.primary, config.prompts.critic) if one}
    used |= _prompts_of_jobs(inspection)
    told: set[str] = set()
    for reference, document in inspection.sources.prompts.items():
        name = reference.partition("@")[0]
        if PROMPT_REFERENCE.fullmatch(reference) and name not in used | told:
            told.add(name)
            yield Hit("prompt.unused", document.name, (1, 1), f"no slot of the matrix uses {name}")


def _prompts_of_jobs(inspection: Inspection) -> set[str]:
    """The names of prompts that jobs ask under, and of those that a cycle takes where it names none."""
    jobs = inspection.shapes.get("jobs")
    cycles = [one.shadow_cycle for one in jobs.job] if isinstance(jobs, JobsConfig) else []
    named = [str(getattr(cycle, key)) for cycle in cycles if cycle for key in CYCLE_PROMPTS]
    named += [str(CycleSettings.model_fields[key].default) for key in CYCLE_PROMPTS]
    return {one.partition("@")[0] for one in named}


def control_order(inspection: Inspection) -> Iterator[Hit]:
    """``control.ramp_order`` and ``control.ttl_order``."""
    control = inspection.shapes.get("control")
    if not isinstance(control, ControlConfig):
        return
    ramp = control.enable.ramp
    late = [0] if ramp[0].after_s else []
    late += [
        place
        for place, (one, following) in enumerate(pairwise(ramp), start=1)
        if following.after_s <= one.after_s or following.limit_pct < one.limit_pct
    ]
    if late and "enable" in inspection.data("control"):
        path = ("enable", "ramp", late[0])
        message = f"{dotted(path)} does not follow: {ramp[late[0]].after_s} s, {ramp[late[0]].limit_pct} %"
        yield inspection.hit("control.ramp_order", "control", path, message)
    if control.arm.default_ttl_s > control.arm.max_ttl_s:
        key = ("arm", "default_ttl_s")
        most = control.arm.max_ttl_s
        message = f"arm.default_ttl_s is {control.arm.default_ttl_s}, above arm.max_ttl_s = {most}"
        fix = Fix(f"lower it to {most}", (Change(key, most),))
        yield inspection.hit("control.ttl_order", "control", key, message, fix=fix)
