"""Capability scopes: what a layer may read, use and say. One file a layer, ``capability_scopes/L*.toml``.

The sections are those that organisations of this kind write. A forbidden entry wins over an allowed one;
what is in neither list is forbidden.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from peak_console.config.schema import ConfigModel, FreeText, Name, TupleOfNames
from peak_console.domain.canonical import digest
from peak_console.domain.vocabulary import Layer


class Autonomy(StrEnum):
    """How far a layer's work may go by itself; later members go further."""

    READ_ONLY = "RO"
    RECOMMEND = "REC"
    PROPOSE = "PROP"
    EXECUTE = "EXEC"

    @property
    def rank(self) -> int:
        """0 for reading only up to 3 for executing."""
        return list(Autonomy).index(self)


class Tool(StrEnum):
    """The vocabulary of tools that a scope allows or forbids."""

    FILES = "files"
    WEB = "web"
    CODE_INTERPRETER = "code-interpreter"
    SHELL = "shell"
    EXECUTION = "execution"
    NONE = "none"


class OnViolation(StrEnum):
    """What becomes of a call that carries a tool outside its scope."""

    REFUSE = "refuse"
    STRIP = "strip"


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


class ScopeLogging(ConfigModel):
    """What must be on record of each call."""

    required_fields: TupleOfNames = Field(default=(), description="Fields that the call's events must hold.")


class ScopeSafety(ConfigModel):
    """Checks on answers, by name."""

    safety_checks: TupleOfNames = Field(default=(), description="Names of checks on the answer.")
    alert_on_violation: bool = Field(default=True, description="Whether a violation is an alert.")
    alert_channel: FreeText = Field(default="", description="For readers.")


class ScopeFile(ConfigModel):
    """The shape of `configs/ai/capability_scopes/L*.toml`."""

    scope: ScopeHead = Field(description="Layer and autonomy.")
    models: ScopeModels = Field(default=ScopeModels(), description="Models the scope was written for.")
    inputs: AllowedForbidden = Field(default=AllowedForbidden(), description="Paths the layer may read.")
    outputs: AllowedForbidden = Field(
        default=AllowedForbidden(), description="Types of output the layer may produce."
    )
    tooling: Tooling = Field(default=Tooling(), description="Tools.")
    web_access: WebAccess = Field(default=WebAccess(), description="The web.")
    constraints: dict[Name, Plain] = Field(default_factory=dict, description="Named constraints.")
    logging: ScopeLogging = Field(default=ScopeLogging(), description="What must be on record.")
    safety: ScopeSafety = Field(default=ScopeSafety(), description="Checks.")
    validation: dict[Name, Plain] = Field(default_factory=dict, description="Rules of form for outputs.")


def lowest(level: str) -> Autonomy:
    """The level that a text such as ``RO/REC`` grants: the lowest named."""
    return min((Autonomy(one) for one in level.split("/")), key=lambda one: one.rank)


@dataclass(frozen=True, slots=True)
class ScopeLibrary:
    """All scopes of a workspace, by layer; ``digest`` covers every file."""

    scopes: Mapping[Layer, ScopeFile]
    digest: str

    @classmethod
    def of(cls, scopes: Mapping[Layer, ScopeFile], files: Mapping[str, str]) -> "ScopeLibrary":
        """A library; ``files`` gives the SHA-256 of each file by name."""
        return cls(MappingProxyType(dict(scopes)), digest(dict(files)))

    def find(self, layer: Layer) -> ScopeFile | None:
        """The scope of a layer, ``None`` where it has none."""
        return self.scopes.get(layer)


NO_SCOPES: Final = ScopeLibrary(MappingProxyType({}), digest({}))
