"""Capability scopes: what a layer may read, use and say. One file a layer, ``capability_scopes/L*.toml``.

The sections are those that organisations of this kind write. A forbidden entry wins over an allowed one;
what is in neither list is forbidden.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, Field, model_validator

from peak_console.config.schema import ConfigModel, FreeText, Name, TupleOfNames
from peak_console.domain.canonical import digest
from peak_console.domain.vocabulary import Layer
from peak_console.policy.output_types import forbidden_by
from peak_console.policy.scopes import (
    Autonomy,
    OnUnfiltered,
    OnViolation,
    ScopeRules,
    Tool,
    granted,
    lowest,
)

_LEVELS: Final = r"^(RO|REC|PROP|EXEC)(/(RO|REC|PROP|EXEC))*$"
AutonomyText = Annotated[str, Field(pattern=_LEVELS, max_length=20)]


def _texts(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else _texts(value)


TextTuple = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=300)], ...], BeforeValidator(_texts)
]
NameTuple = Annotated[tuple[Name, ...], BeforeValidator(_one_or_many)]
Plain = bool | int | Annotated[str, Field(max_length=300)]


class ScopeHead(ConfigModel):
    """Which layer a scope is of, and how far that layer may go."""

    layer_id: Annotated[Layer, Field(strict=False)] = Field(description="The layer, L0 to L6.")
    autonomy_level: AutonomyText = Field(
        description="RO, REC, PROP or EXEC; of a composite such as `RO/REC` the lower one holds."
    )
    description: FreeText = Field(default="", description="For readers.")
    version: FreeText = Field(default="", description="For readers.")
    effective_date: date | FreeText = Field(default="", description="For readers.")


class ScopeModels(ConfigModel):
    """The models the scope was written for; lint holds them against the matrix."""

    primary: Name | None = Field(default=None, description="Model id of the layer's primary.")
    fallback: NameTuple = Field(default=(), description="Model ids of its fallbacks: text or a list.")
    critic: Name | None = Field(default=None, description="Model id of its critic.")


class AllowedForbidden(ConfigModel):
    """Two lists; forbidden wins, and what is in neither is forbidden."""

    allowed: TextTuple = Field(default=(), description="What is allowed.")
    forbidden: TextTuple = Field(default=(), description="What is forbidden, whatever is allowed.")


ToolChoices = Annotated[tuple[Annotated[Tool, Field(strict=False)], ...], BeforeValidator(_texts)]


class Tooling(ConfigModel):
    """The tools a call of the layer may carry."""

    allowed: ToolChoices = Field(default=(), description="Kinds of tools that are allowed.")
    forbidden: ToolChoices = Field(default=(), description="Kinds that are forbidden, whatever is allowed.")
    on_violation: Annotated[OnViolation, Field(strict=False)] = Field(
        default=OnViolation.REFUSE,
        description="What becomes of a call with a tool outside the scope: `refuse` it, or `strip` the tool.",
    )
    kinds: dict[Name, Annotated[Tool, Field(strict=False)]] = Field(
        default_factory=dict,
        description="The kind of each function that callers offer as a tool; one that is not named here is "
        "outside every scope.",
    )


class WebAccess(ConfigModel):
    """Where the layer's web tool may go."""

    allowed_domains: TupleOfNames = Field(default=(), description="Domains; `*.` takes in those below.")
    rate_limit_per_hour: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        default=None, description="Most calls with a web tool in an hour."
    )
    on_unfiltered: Annotated[OnUnfiltered, Field(strict=False)] = Field(
        default=OnUnfiltered.REFUSE,
        description="What becomes of a model whose web tool takes no list of domains: `refuse` it, or ask it "
        "and `note` that nothing kept it to them.",
    )
    max_search_depth: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None, description="For readers: no provider takes it."
    )


class ScopeLogging(ConfigModel):
    """What must be on record of each call."""

    required_fields: TupleOfNames = Field(default=(), description="Fields that the call's events must hold.")


class ScopeSafety(ConfigModel):
    """Checks on answers, by name."""

    safety_checks: TupleOfNames = Field(default=(), description="Names of checks on the answer.")
    alert_on_violation: bool = Field(default=True, description="Whether a violation is an alert.")
    alert_channel: FreeText = Field(default="", description="For readers.")


class ToolsTable(ConfigModel):
    """Another form of the tools' list; where `tooling.allowed` stands too, both must name a tool."""

    allowed_tools: ToolChoices = Field(default=(), description="Kinds of tools that are allowed.")


class DecisionConstraints(ConfigModel):
    """What a layer that judges may decide."""

    allowed_decisions: TupleOfNames = Field(
        default=(), description="For readers: verdicts are PASS, REVIEW, FAIL."
    )
    require_rationale: bool = Field(default=False, description="For readers: a finding always has one.")
    require_evidence_ids: bool = Field(default=False, description="For readers.")
    require_risk_classification: bool = Field(default=False, description="For readers.")


Flags = dict[Name, bool]


class ScopeFile(ConfigModel):
    """The shape of `configs/ai/capability_scopes/L*.toml`.

    Two forms are read: sections, and a flat one whose lists are tables of truth values (`[outputs_forbidden]`
    with `execution_commands = true`). Keys that are only for readers change nothing, and lint says so.
    """

    scope: ScopeHead | None = Field(default=None, description="Layer and autonomy.")
    models: ScopeModels = Field(default=ScopeModels(), description="Models the scope was written for.")
    inputs: AllowedForbidden = Field(default=AllowedForbidden(), description="Paths the layer may read.")
    outputs: AllowedForbidden = Field(
        default=AllowedForbidden(), description="Types of output the layer may produce."
    )
    tooling: Tooling | None = Field(default=None, description="Tools.")
    tools: ToolsTable | None = Field(default=None, description="Tools, in another form.")
    web_access: WebAccess = Field(default=WebAccess(), description="The web.")
    constraints: dict[Name, Plain] = Field(default_factory=dict, description="Named constraints.")
    logging: ScopeLogging = Field(default=ScopeLogging(), description="What must be on record.")
    safety: ScopeSafety = Field(default=ScopeSafety(), description="Checks.")
    validation: dict[Name, Plain] = Field(default_factory=dict, description="For readers: form of outputs.")
    decision_constraints: DecisionConstraints | None = Field(default=None, description="For readers.")
    policy_scope: Flags = Field(default_factory=dict, description="For readers: areas of policy.")
    id: FreeText = Field(default="", description="Flat form, for readers.")
    layer_id: Annotated[Layer, Field(strict=False)] | None = Field(
        default=None, description="Flat form: the layer."
    )
    layer_name: FreeText = Field(default="", description="Flat form, for readers.")
    autonomy: AutonomyText | None = Field(default=None, description="Flat form: `scope.autonomy_level`.")
    inputs_allowed: Flags = Field(default_factory=dict, description="Flat form, for readers.")
    inputs_forbidden: Flags = Field(default_factory=dict, description="Flat form, for readers.")
    outputs_allowed: Flags = Field(default_factory=dict, description="Flat form: `outputs.allowed`.")
    outputs_forbidden: Flags = Field(default_factory=dict, description="Flat form: `outputs.forbidden`.")
    safety_checks: Flags = Field(default_factory=dict, description="Flat form: `safety.safety_checks`.")

    @model_validator(mode="after")
    def _of_a_layer(self) -> Self:
        if (self.scope is None) == (self.layer_id is None):
            raise ValueError("must have either [scope] with layer_id, or layer_id and autonomy at its top")
        if self.layer_id is not None and self.autonomy is None:
            raise ValueError("must have autonomy beside layer_id")
        return self

    @property
    def layer(self) -> Layer:
        """The layer the scope is of."""
        found = self.scope.layer_id if self.scope else self.layer_id
        assert found is not None  # noqa: S101 - the validator saw to it
        return found

    @property
    def levels(self) -> str:
        """The level of autonomy as it is written."""
        return self.scope.autonomy_level if self.scope else self.autonomy or Autonomy.READ_ONLY.value

    @property
    def level(self) -> Autonomy:
        """The level of autonomy that holds: of several the lowest."""
        return lowest(self.levels)

    @property
    def permitted_tools(self) -> frozenset[Tool]:
        """The kinds of tools that a call may carry."""
        lists = [self.tooling.allowed] if self.tooling else []
        lists += [self.tools.allowed_tools] if self.tools else []
        forbidden = self.tooling.forbidden if self.tooling else ()
        granting = [granted(one, forbidden) for one in lists]
        return frozenset.intersection(*granting) if granting else frozenset()

    @property
    def checks(self) -> tuple[str, ...]:
        """The constraints and safety checks that are switched on, by name."""
        switched = (*self.constraints.items(), *self.safety_checks.items())
        return (*(name for name, value in switched if value is True), *self.safety.safety_checks)

    @property
    def allowed_outputs(self) -> frozenset[str]:
        """The types of output that are allowed, without those that are forbidden too."""
        flat = (name for name, value in self.outputs_allowed.items() if value)
        return frozenset((*self.outputs.allowed, *flat)) - self.forbidden_outputs

    @property
    def forbidden_outputs(self) -> frozenset[str]:
        """The types of output that are forbidden, by lists, constraints and safety checks."""
        flat = (name for name, value in self.outputs_forbidden.items() if value)
        checked = (found for name in self.checks if (found := forbidden_by(name)) is not None)
        return frozenset((*self.outputs.forbidden, *flat, *checked))

    def rules(self, sha256: str = "") -> ScopeRules:
        """What the scope comes to, as the road asks it; ``sha256`` is the file's."""
        tooling = self.tooling or Tooling()
        return ScopeRules(
            layer=self.layer,
            autonomy=self.level,
            tools=self.permitted_tools,
            on_violation=tooling.on_violation,
            kinds=MappingProxyType(dict(tooling.kinds)),
            domains=self.web_access.allowed_domains,
            on_unfiltered=self.web_access.on_unfiltered,
            web_per_hour=self.web_access.rate_limit_per_hour,
            outputs=self.allowed_outputs,
            forbidden=self.forbidden_outputs,
            log_fields=self.logging.required_fields,
            digest=sha256,
        )


def layer_in(name: str) -> Layer | None:
    """The layer that a file's name tells: ``L2`` of ``L2_market_outlook``; ``None`` where it tells none."""
    first = name[:2].upper()
    known = first in set(Layer) and not name[2:3].isalnum()
    return Layer(first) if known else None


def contradicts(name: str, scope: ScopeFile) -> bool:
    """Whether a file's name tells another layer than the file does."""
    told = layer_in(name)
    return told is not None and told is not scope.layer


def unfit(found: Mapping[str, ScopeFile]) -> dict[str, str]:
    """The scopes that are not in force, by the file's name without suffix, each with why.

    One whose name contradicts it, two for one layer, and one that lets a layer of models execute: which
    was meant is not guessed, so the layer has none.
    """
    why = {name: "its name tells another layer" for name, one in found.items() if contradicts(name, one)}
    counts = Counter(one.layer for name, one in found.items() if name not in why)
    for name, one in found.items():
        if name in why:
            continue
        if counts[one.layer] > 1:
            why[name] = f"{one.layer} has {counts[one.layer]} scopes"
        elif one.layer.may_call_models and one.level is Autonomy.EXECUTE:
            why[name] = f"{one.layer} holds models and may never execute"
    return why


def index_of(files: Mapping[str, str]) -> dict[str, str]:
    """The index of a library of files: the SHA-256 of each by its name, in ASCII whatever the name holds."""
    return {name.encode("unicode_escape").decode("ascii"): sha256 for name, sha256 in files.items()}


@dataclass(frozen=True, slots=True)
class ScopeLibrary:
    """All scopes of a workspace that are in force, by layer; ``digest`` covers every file."""

    scopes: Mapping[Layer, ScopeFile]
    digest: str
    rules: Mapping[Layer, ScopeRules] = field(default_factory=dict)
    """What each comes to, as the road asks it."""

    @classmethod
    def of(cls, found: Mapping[str, ScopeFile], files: Mapping[str, tuple[str, str]]) -> "ScopeLibrary":
        """A library of the scopes ``found``, by file name without suffix.

        ``files`` gives path and SHA-256 of every file that was read, by the same names.
        """
        left_out = unfit(found)
        fit = {name: one for name, one in found.items() if name not in left_out}
        return cls(
            MappingProxyType({one.layer: one for one in fit.values()}),
            digest(index_of(dict(files.values()))),
            MappingProxyType({one.layer: one.rules(files[name][1]) for name, one in fit.items()}),
        )

    def find(self, layer: Layer) -> ScopeFile | None:
        """The scope of a layer, ``None`` where it has none in force."""
        return self.scopes.get(layer)


NO_SCOPES: Final = ScopeLibrary(MappingProxyType({}), digest({}))
"""The library of a workspace without scopes."""

__all__ = [
    "Autonomy",
    "OnUnfiltered",
    "OnViolation",
    "ScopeFile",
    "ScopeLibrary",
    "ScopeRules",
    "Tool",
    "lowest",
]
