"""Rules of capability scopes: by themselves, among each other, and against the matrix."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from peak_console.config.editing.changes import Change
from peak_console.config.lint.finding import Fix
from peak_console.config.lint.inspection import Hit, Inspection
from peak_console.config.matrix import LayerConfig, Slot
from peak_console.config.positions import Path
from peak_console.config.scopes import ScopeFile, contradicts, unfit
from peak_console.config.sources import SCOPES
from peak_console.policy.log_fields import LOG_FIELDS
from peak_console.policy.output_types import bare, forbidden_by
from peak_console.policy.scopes import Autonomy, Tool

if TYPE_CHECKING:
    from peak_console.domain.vocabulary import Layer


def missing(inspection: Inspection) -> Iterator[Hit]:
    """``scope.missing``: every layer of the matrix that holds models has a scope in force."""
    if not inspection.sources.complete:
        return
    left_out = unfit(inspection.scopes)
    present = {one.layer for name, one in inspection.scopes.items() if name not in left_out}
    for layer, config in inspection.layers():
        if layer in present or config.primary is None:
            continue
        message = f"{layer} has no capability scope in force: no tools, and no calls from shadow on"
        yield Hit("scope.missing", f"{SCOPES}/{layer}.toml", (1, 1), message)


def identity(inspection: Inspection) -> Iterator[Hit]:
    """``scope.twice``, ``scope.layer_mismatch`` and ``scope.exec``: scopes that are not in force."""
    files: dict[Layer, list[str]] = defaultdict(list)
    for name, scope in inspection.scopes.items():
        place: Path = ("scope", "layer_id") if scope.scope else ("layer_id",)
        if contradicts(name, scope):
            message = f"the file is named {name}, and its layer is {scope.layer}"
            yield _hit(inspection, "scope.layer_mismatch", name, place, message)
        else:
            files[scope.layer].append(name)
        if scope.layer.may_call_models and scope.level is Autonomy.EXECUTE:
            level: Path = ("scope", "autonomy_level") if scope.scope else ("autonomy",)
            message = f"{scope.layer} calls models and may never execute"
            yield _hit(inspection, "scope.exec", name, level, message)
    for layer, names in files.items():
        for name in names[1:]:
            message = f"{layer} has a scope in {names[0]} as well"
            yield _hit(inspection, "scope.twice", name, ("scope", "layer_id"), message)


def overlaps(inspection: Inspection) -> Iterator[Hit]:
    """``scope.overlap``: an allowed entry that a forbidden one takes back."""
    for name, scope in inspection.scopes.items():
        lists: list[tuple[str, Sequence[str], Sequence[str]]] = [
            ("inputs", scope.inputs.allowed, scope.inputs.forbidden),
            ("outputs", scope.outputs.allowed, scope.outputs.forbidden),
        ]
        if scope.tooling is not None:
            lists.append(("tooling", scope.tooling.allowed, scope.tooling.forbidden))
        for table, allowed, forbidden in lists:
            same = covered if table == "inputs" else _same
            dead = [one for one in allowed if any(same(one, other) for other in forbidden)]
            kept = [str(one) for one in allowed if one not in dead]
            path: Path = (table, "allowed")
            fix = (
                Fix(f"take {', '.join(dead)} out of {table}.allowed", (Change(path, kept),)) if dead else None
            )
            for one in dead:
                message = f"{table}.allowed has {one}, which {table}.forbidden takes back"
                yield _hit(inspection, "scope.overlap", name, path, message, fix=fix)


def models(inspection: Inspection) -> Iterator[Hit]:
    """``scope.models_disagree``: the models a scope names are those of the matrix."""
    configs = dict(inspection.layers())
    for name, scope in inspection.scopes.items():
        config = configs.get(scope.layer)
        if config is not None:
            yield from _models(inspection, name, scope, config)


def _models(inspection: Inspection, name: str, scope: ScopeFile, config: LayerConfig) -> Iterator[Hit]:
    told = scope.models
    primary = config.primary.model_id if config.primary else ""
    critic = config.critic.model_id if isinstance(config.critic, Slot) else ""
    for role, said, held in (("primary", told.primary, primary), ("critic", told.critic, critic)):
        if said is not None and said.lower() not in {"none", held.lower()}:
            other = held or "no model of its own"
            message = f"{role} is {said} here; in the matrix {scope.layer}.{role} is {other}"
            yield _hit(inspection, "scope.models_disagree", name, ("models", role), message)
    fallback = {slot.model_id.lower() for slot in config.fallback}
    for said in told.fallback:
        if said.lower() not in fallback | {"none"}:
            message = f"fallback {said} is not among those of {scope.layer} in the matrix"
            yield _hit(inspection, "scope.models_disagree", name, ("models", "fallback"), message)


def words(inspection: Inspection) -> Iterator[Hit]:
    """``scope.unknown_log_field``, ``scope.unknown_check`` and ``scope.not_enforced``."""
    for name, scope in inspection.scopes.items():
        for log_field in scope.logging.required_fields:
            if log_field not in LOG_FIELDS:
                message = f"no event of a call has {log_field}"
                yield _hit(
                    inspection, "scope.unknown_log_field", name, ("logging", "required_fields"), message
                )
        for path, check in _checks(scope):
            if forbidden_by(check) is None:
                yield _hit(inspection, "scope.unknown_check", name, path, f"nothing enforces {check}")
        for path in _for_readers(scope):
            message = f"nothing enforces {'.'.join(map(str, path))}"
            yield _hit(inspection, "scope.not_enforced", name, path, message)


def _checks(scope: ScopeFile) -> Iterator[tuple[Path, str]]:
    """The checks that are switched on, each with its place; other values are for readers."""
    yield from (((("constraints", one)), one) for one, value in scope.constraints.items() if value is True)
    yield from (((("safety_checks", one)), one) for one, value in scope.safety_checks.items() if value)
    yield from ((("safety", "safety_checks"), one) for one in scope.safety.safety_checks)


def _for_readers(scope: ScopeFile) -> Iterator[Path]:
    yield from (("constraints", one) for one, value in scope.constraints.items() if type(value) is not bool)
    yield from (("validation", one) for one in scope.validation)
    if scope.decision_constraints is not None:
        yield ("decision_constraints",)
    if scope.policy_scope:
        yield ("policy_scope",)
    if scope.web_access.max_search_depth is not None:
        yield ("web_access", "max_search_depth")
    for key in ("inputs_allowed", "inputs_forbidden"):
        if getattr(scope, key):
            yield (key,)


def tools(inspection: Inspection) -> Iterator[Hit]:
    """What a scope says of tools fits together: five of the ``scope.`` rules."""
    for name, scope in inspection.scopes.items():
        tooling, permitted = scope.tooling, scope.permitted_tools
        for path, listed in (
            (("tooling", "allowed"), tooling.allowed if tooling else ()),
            (("tools", "allowed_tools"), scope.tools.allowed_tools if scope.tools else ()),
        ):
            if Tool.NONE in listed and len(set(listed)) > 1:
                message = f"{'.'.join(path)} has none beside others: no tool is permitted"
                yield _hit(inspection, "scope.tool_none_with_others", name, path, message)
        if tooling and scope.tools and set(tooling.allowed) != set(scope.tools.allowed_tools):
            message = "tools.allowed_tools and tooling.allowed differ; only what is in both is permitted"
            yield _hit(inspection, "scope.tools_disagree", name, ("tools", "allowed_tools"), message)
        for function, kind in (tooling.kinds if tooling else {}).items():
            if kind not in permitted:
                message = f"{function} is of kind {kind}, which the scope does not permit"
                yield _hit(inspection, "scope.kind_outside", name, ("tooling", "kinds", function), message)
        web = scope.web_access
        if (web.allowed_domains or web.rate_limit_per_hour) and Tool.WEB not in permitted:
            message = "web access is set, and the web is not among the permitted tools"
            yield _hit(inspection, "scope.web_without_tool", name, ("web_access",), message)


def covered(narrow: str, wide: str) -> bool:
    """Whether a pattern of paths takes in all that another names, as far as their texts tell."""
    return narrow == wide or _pattern(wide).fullmatch(re.sub(r"\*+", "x", narrow)) is not None


@lru_cache(maxsize=1024)
def _pattern(glob: str) -> re.Pattern[str]:
    """A pattern of paths: ``**`` crosses folders, ``*`` does not."""
    parts = re.split(r"(\*\*/?|\*)", glob[:300])
    words = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*"}
    return re.compile("".join(words.get(part, re.escape(part)) for part in parts))


def _same(one: str, other: str) -> bool:
    return bare(one) == bare(other)


def _hit(
    inspection: Inspection, rule: str, name: str, path: Path, message: str, *, fix: Fix | None = None
) -> Hit:
    document = inspection.sources.scopes[name]
    return Hit(rule, document.name, document.place(path), message, fix=fix)
