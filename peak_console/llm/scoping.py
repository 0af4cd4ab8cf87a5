"""A call within its layer's capability scope: its tools, its web, what must be on record. Pure.

What a scope says is made ready once for configs and phase; a call without tools, in a layer whose scope
demands nothing of its words, pays one look.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from peak_console.config.configs import Configs
from peak_console.domain.calls import Answer, CallReason, CallRequest, HostedTool
from peak_console.domain.vocabulary import Layer, PhaseLevel
from peak_console.llm.candidates import Candidate, CandidateRefusal
from peak_console.policy.log_fields import Known, demanded, empty_after, empty_before
from peak_console.policy.scopes import (
    OnUnfiltered,
    OnViolation,
    ScopeRules,
    Tool,
    ToolsJudged,
    judge_tools,
    kind_of_hosted,
    narrowed,
)

_FOLDER: Final = "configs/ai/capability_scopes"
_LISTED: Final = 64


@dataclass(frozen=True, slots=True)
class LayerScope:
    """What a layer's scope says in a phase, ready for calls. ``rules`` is ``None`` where it has none."""

    layer: Layer
    rules: ScopeRules | None = None
    needed: bool = False
    """Whether a call without one is refused: from shadow on."""
    before: tuple[str, ...] = ()
    """Fields of which it is known before a call is sent whether they are filled."""
    after: tuple[str, ...] = ()
    """Fields of which only the answer tells."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """What stands of it on every event that asks for a call."""

    @property
    def silent(self) -> bool:
        """Whether a call without tools is within it, whatever it says."""
        return not self.before and (self.rules is not None or not self.needed)


@dataclass(frozen=True, slots=True)
class Scoped:
    """A call as its layer's scope lets it go."""

    request: CallRequest
    stripped: Mapping[str, str] = field(default_factory=dict)
    """Tools that were taken out, each with why."""
    web: bool = False
    """Whether it may reach the web; such calls are counted."""

    @property
    def told(self) -> dict[str, Any]:
        """What stands of it on the call's events: ``stripped`` and ``web``, where there is anything."""
        stripped = {"stripped": list(self.stripped)[:_LISTED]} if self.stripped else {}
        return stripped | ({"web": True} if self.web else {})


ANYTHING: Final = LayerScope(Layer.L0)
"""Of a call that was not judged yet."""


def layer_scope(configs: Configs, layer: Layer, phase: PhaseLevel) -> LayerScope:
    """What the scope of ``layer`` says in ``phase``."""
    rules = configs.scopes.rules.get(layer)
    needed = phase.at_least(PhaseLevel.SHADOW)
    if rules is None:
        return LayerScope(layer, needed=needed)
    return LayerScope(
        layer,
        rules,
        needed,
        demanded(rules.log_fields, Known.BEFORE),
        demanded(rules.log_fields, Known.AFTER),
        MappingProxyType({"scope_digest": rules.digest, "autonomy": rules.autonomy.value}),
    )


def within(
    scope: LayerScope, request: CallRequest, candidates: Sequence[Candidate] = ()
) -> Scoped | CandidateRefusal:
    """``request`` as the scope lets it go, or why it does not.

    Tools outside the scope are taken out or refused, as the scope says; what is left of the web tools is
    kept to the allowed domains. ``candidates`` tell under which types their providers know a hosted tool.
    """
    rules = scope.rules
    if rules is None and scope.needed:
        return CandidateRefusal(
            CallReason.SCOPE_MISSING,
            f"{scope.layer} has no capability scope, and from shadow on no layer is called without one",
            f"write {_FOLDER}/{scope.layer}.toml; see: peak lint",
        )
    empty = empty_before(scope.before, _words(request)) if scope.before else ()
    if empty:
        return CandidateRefusal(
            CallReason.LOG_FIELD_MISSING,
            f"the scope of {scope.layer} wants on record what this call leaves empty: {', '.join(empty)}",
            "say it with the call, or take it out of the scope's logging.required_fields",
        )
    if not request.tools and not request.hosted_tools:
        return Scoped(request)
    return _tools_within(scope.layer, rules, request, candidates)


def too_often(layer: Layer, used: int, limit: int) -> CandidateRefusal:
    """Why a call with the web is refused that is one too many."""
    return CandidateRefusal(
        CallReason.WEB_RATE_EXCEEDED,
        f"{layer} made {used} calls with the web within an hour; its scope allows {limit}",
        f"ask later, or raise web_access.rate_limit_per_hour in {_FOLDER}/{layer}.toml",
    )


def left_empty(scope: LayerScope, answer: Answer) -> tuple[str, ...]:
    """The fields that the scope wants on record and the answer did not fill."""
    if not scope.after:
        return ()
    told = {
        "served_model": answer.model_echo,
        "request_id": answer.request_id,
        "fingerprint": answer.fingerprint,
        "usage": None if answer.usage is None else "told",
    }
    return empty_after(scope.after, told)


def _words(request: CallRequest) -> dict[str, str]:
    return {
        "prompt_name": request.prompt_name,
        "prompt_version": request.prompt_version,
        "purpose": request.purpose,
    }


def _tools_within(
    layer: Layer, rules: ScopeRules | None, request: CallRequest, candidates: Sequence[Candidate]
) -> Scoped | CandidateRefusal:
    functions = [tool.name for tool in request.tools]
    hosted = [tool.name for tool in request.hosted_tools]
    judged = judge_tools(rules, functions, hosted, wires=_wires(hosted, candidates))
    if rules is None:
        return _outside(layer, judged)
    kept, beyond = _kept_to_domains(rules, request.hosted_tools, judged)
    judged = replace(judged, outside=MappingProxyType({**judged.outside, **beyond}))
    if judged.outside and rules.on_violation is OnViolation.REFUSE:
        return _outside(layer, judged)
    tools = tuple(tool for tool in request.tools if tool.name in judged.functions)
    changes: dict[str, Any] = {"tools": tools, "hosted_tools": kept}
    if not tools and not kept:
        changes["tool_choice"] = None  # nothing is left that it could force
    web = any(rules.kinds.get(tool.name) is Tool.WEB for tool in tools) or any(map(_is_web, kept))
    return Scoped(request.model_copy(update=changes), judged.outside, web)


def _outside(layer: Layer, judged: ToolsJudged) -> CandidateRefusal:
    return CandidateRefusal(
        CallReason.TOOL_OUT_OF_SCOPE,
        f"the scope of {layer} does not permit every tool of this call: {judged.told}",
        f"ask without it, or allow it in {_FOLDER}/{layer}.toml",
    )


def _wires(hosted: Sequence[str], candidates: Sequence[Candidate]) -> dict[str, set[str]]:
    """Under which types the candidates' providers know each hosted tool."""
    found: dict[str, set[str]] = {}
    for name in hosted:
        rules = (one.usable.model.hosted_tool(name) for one in candidates if one.usable)
        found[name] = {rule.wire_type for rule in rules if rule is not None}
    return found


def _kept_to_domains(
    rules: ScopeRules, asked: Sequence[HostedTool], judged: ToolsJudged
) -> tuple[tuple[HostedTool, ...], dict[str, str]]:
    """The hosted tools that are within the scope, kept to its domains; and those that leave them."""
    kept: list[HostedTool] = []
    beyond: dict[str, str] = {}
    for tool in asked:
        if tool.name not in judged.hosted:
            continue
        if not _is_web(tool):
            kept.append(tool)
            continue
        domains = narrowed(tool.allowed_domains, rules.domains)
        if domains is None:
            beyond[tool.name] = "is outside: none of its domains is allowed"
            continue
        required = rules.on_unfiltered is OnUnfiltered.REFUSE or bool(tool.allowed_domains)
        kept.append(tool.model_copy(update={"allowed_domains": domains, "domains_required": required}))
    return tuple(kept), beyond


def _is_web(tool: HostedTool) -> bool:
    return kind_of_hosted(tool.name) is Tool.WEB
