"""The model matrix: the only place that assigns a model to a layer and role."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Discriminator, Field, Tag

from peak_console.config.schema import (
    ConfigModel,
    ExhaustedChoice,
    FreeText,
    Name,
    Percent,
    PhaseChoice,
    PromptReference,
    Seconds,
    SodChoice,
    Tokens,
    TupleOfNames,
)
from peak_console.domain.calls import CallReason
from peak_console.domain.errors import CallRefused
from peak_console.domain.vocabulary import Layer, OnExhausted, PhaseLevel, Role, SodRule

DEFAULT_TIMEOUT_S: Final = 120

_POLICY = r"^(always|on_escalation|sampled:(0\.[0-9]*[1-9]|1(\.0+)?))$"
CriticPolicyText = Annotated[str, Field(pattern=_POLICY, max_length=40)]
"""``always``, ``on_escalation`` or ``sampled:<rate>`` with 0 < rate <= 1 (decision 8)."""

BaseUrl = Annotated[str, Field(pattern=r"^https?://[!-~]+$", max_length=500)]


class GlobalRules(ConfigModel):
    """The soft guards over all layers. They can only forbid more than the hard deny in the code does."""

    forbidden_providers: TupleOfNames = Field(
        default=(), description="Providers that no slot may name, besides those the code always refuses."
    )
    forbidden_model_prefixes: TupleOfNames = Field(
        default=(), description="Beginnings of model ids that no slot may name, besides the code's own."
    )
    allowed_providers: TupleOfNames = Field(
        default=(), description="The only providers a slot may name. Empty or absent: every call is denied."
    )


class Slot(ConfigModel):
    """One model in one place of the matrix."""

    provider: Name = Field(description="The provider, one of `global.allowed_providers`.")
    model_id: Name = Field(description="The model id as the provider writes it; must be in models.toml.")
    degraded: bool = Field(
        default=False, description="A stand-in of lower trust: its verdicts are capped at REVIEW."
    )
    base_url: BaseUrl | None = Field(
        default=None, description="Another address of the provider's API; subject to the hard deny."
    )
    deployment: Name | None = Field(
        default=None, description="The deployment's name where the provider uses one (Azure)."
    )
    timeout_s: Seconds = Field(
        default=DEFAULT_TIMEOUT_S, description="Deadline of one attempt at this candidate, in seconds."
    )
    max_output_tokens: Tokens | None = Field(
        default=None, description="Most tokens of an answer; absent: what models.toml gives the model."
    )


class ServiceRef(ConfigModel):
    """A critic that is another layer's primary, with that layer's fallbacks behind it."""

    service: Name = Field(description="The layer that judges, for example `L4`.")


class Prompts(ConfigModel):
    """Which prompt each role of a layer runs under, as `<name>@<version>`."""

    primary: PromptReference | None = Field(
        default=None, description="Prompt of the layer's primary and of its fallbacks."
    )
    critic: PromptReference | None = Field(default=None, description="Prompt of the layer's critic.")


class LayerOverride(ConfigModel):
    """What a phase changes for a layer. An override holds from its phase on, until a later one."""

    critic_policy: CriticPolicyText | None = Field(default=None, description="As in the layer.")
    sod: SodChoice | None = Field(default=None, description="As in the layer.")
    on_exhausted: ExhaustedChoice | None = Field(default=None, description="As in the layer.")
    escalate_cost_pct: Percent | None = Field(default=None, description="As in the layer.")


def _critic_kind(value: Any) -> str:
    return "service" if isinstance(value, Mapping) and "service" in value else "slot"


def _one_or_many(value: Any) -> Any:
    """One ``[Lx.fallback]`` is a list of one; ``[[Lx.fallback]]`` is a list in order (decision 3)."""
    if isinstance(value, Mapping):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


Critic = Annotated[
    Annotated[Slot, Tag("slot")] | Annotated[ServiceRef, Tag("service")], Discriminator(_critic_kind)
]


class LayerConfig(ConfigModel):
    """One layer: its slots, and the rules under which it is judged."""

    primary: Slot | None = Field(default=None, description="The model that produces. Required for L0 to L4.")
    fallback: Annotated[tuple[Slot, ...], BeforeValidator(_one_or_many)] = Field(
        default=(), description="Stands in for the primary: one table, or an array of tables in order."
    )
    critic: Critic | None = Field(
        default=None, description='The model that judges, or `service = "L4"`: that layer\'s primary.'
    )
    critic_policy: CriticPolicyText | None = Field(
        default=None,
        description="When the critic is asked: `always`, `on_escalation` or `sampled:<rate>`. "
        "Absent: L2 and L3 as the phase demands, L0, L1 and L4 on escalation.",
    )
    sod: SodChoice = Field(
        default=SodRule.MODEL,
        description="What must differ between proposer and critic: model, family, provider.",
    )
    on_exhausted: ExhaustedChoice = Field(
        default=OnExhausted.ABORT,
        description="What the end of the chain means: `abort` or `review_required`.",
    )
    escalate_cost_pct: Percent = Field(
        default=Decimal(50),
        description="A call that cost more than this share of the call budget is escalated to the critic.",
    )
    prompts: Prompts = Field(default=Prompts(), description="The prompts of this layer's roles.")
    phases: dict[PhaseChoice, LayerOverride] = Field(
        default_factory=dict, description="Overrides by phase: research, shadow, testnet, live."
    )


class GateLayer(ConfigModel):
    """L5 and L6: deterministic, never a model. The table may stand in the file for its note only."""

    note: FreeText = Field(default="", description="A remark for readers.")


class MatrixFile(ConfigModel):
    """The shape of `configs/ai/layer_model_matrix.toml`."""

    global_: GlobalRules = Field(alias="global", description="Guards over all layers.")
    L0: LayerConfig | None = Field(default=None, description="Ops and docs.")
    L1: LayerConfig | None = Field(default=None, description="Deep research.")
    L2: LayerConfig | None = Field(default=None, description="Market outlook.")
    L3: LayerConfig | None = Field(default=None, description="Trade plan advisory.")
    L4: LayerConfig | None = Field(default=None, description="Policy critic service.")
    L5: GateLayer | None = Field(default=None, description="Risk gate: no model, ever.")
    L6: GateLayer | None = Field(default=None, description="Execution: no model, ever.")


@dataclass(frozen=True, slots=True)
class LayerSettings:
    """A layer's rules as they hold in one phase."""

    critic_policy: str
    sod: SodRule
    on_exhausted: OnExhausted
    escalate_cost_pct: Decimal


@dataclass(frozen=True, slots=True)
class ChainEntry:
    """One candidate of a chain, in the place of the matrix where it stands."""

    layer: Layer
    """The layer whose slot this is; a critic that is a service stands in another layer than it judges."""
    role: Role
    """The slot: primary, fallback or critic."""
    provider: str
    model_id: str
    degraded: bool
    base_url: str | None
    deployment: str | None
    position: int
    """0 for the first candidate."""
    timeout_s: int
    max_output_tokens: int | None


@dataclass(frozen=True, slots=True)
class Matrix:
    """A matrix that was found fit for use; ``digest`` is the SHA-256 of the file it was read from."""

    global_: GlobalRules
    layers: Mapping[Layer, LayerConfig]
    digest: str

    @classmethod
    def of(cls, file: MatrixFile, digest: str) -> "Matrix":
        """The matrix a file describes."""
        named = ((layer, getattr(file, layer.value)) for layer in Layer if layer.may_call_models)
        layers = {layer: config for layer, config in named if config is not None}
        return cls(file.global_, MappingProxyType(layers), digest)

    def chain(self, layer: Layer, role: Role) -> tuple[ChainEntry, ...]:
        """The candidates for a role of a layer, in the order in which they are tried.

        ``PRIMARY`` gives the primary and its fallbacks, ``CRITIC`` the critic or the chain of the layer that
        serves as critic, ``FALLBACK`` the fallbacks alone. Raises ``CallRefused``: L5 and L6 have no models
        whatever the file says, and an empty slot has no candidates.
        """
        if not layer.may_call_models:
            raise CallRefused(
                f"{layer} is deterministic and never calls a model",
                code=CallReason.LAYER_HAS_NO_MODELS,
                remedy="ask one of the layers L0 to L4",
            )
        entries = self._entries(layer, role)
        if not entries:
            raise CallRefused(
                f"the matrix holds no model for {layer}.{role}",
                code=CallReason.SLOT_EMPTY,
                remedy=f"set {layer}.{role} in configs/ai/layer_model_matrix.toml",
            )
        return entries

    def _entries(self, layer: Layer, role: Role) -> tuple[ChainEntry, ...]:
        config = self.layers.get(layer)
        if config is None:
            return ()
        if role is Role.CRITIC:
            return self._critic_entries(layer, config)
        slots = [(Role.FALLBACK, slot) for slot in config.fallback]
        if role is Role.PRIMARY:
            if config.primary is None:
                return ()
            slots.insert(0, (Role.PRIMARY, config.primary))
        return tuple(_entry(layer, kind, slot, place) for place, (kind, slot) in enumerate(slots))

    def _critic_entries(self, layer: Layer, config: LayerConfig) -> tuple[ChainEntry, ...]:
        if isinstance(config.critic, Slot):
            return (_entry(layer, Role.CRITIC, config.critic, 0),)
        service = served_by(config)
        return () if service in {None, layer} else self._entries(service, Role.PRIMARY)

    def settings(self, layer: Layer, phase: PhaseLevel) -> LayerSettings:
        """The rules of ``layer`` in ``phase``: its own, then each override up to that phase, in order."""
        return settings_of(layer, self.layers.get(layer) or LayerConfig(), phase)


def served_by(config: LayerConfig) -> Layer | None:
    """The layer that serves as this layer's critic, where that is a layer which may hold models."""
    if not isinstance(config.critic, ServiceRef) or config.critic.service not in set(Layer):
        return None
    layer = Layer(config.critic.service)
    return layer if layer.may_call_models else None


def settings_of(layer: Layer, config: LayerConfig, phase: PhaseLevel) -> LayerSettings:
    """A layer's rules as they hold in ``phase``."""
    values: dict[str, Any] = {
        "critic_policy": config.critic_policy or default_critic_policy(layer, phase),
        "sod": config.sod,
        "on_exhausted": config.on_exhausted,
        "escalate_cost_pct": config.escalate_cost_pct,
    }
    for level in PhaseLevel:
        if phase.at_least(level) and level in config.phases:
            values |= config.phases[level].model_dump(exclude_none=True)
    return LayerSettings(**values)


def default_critic_policy(layer: Layer, phase: PhaseLevel) -> str:
    """Decision 8: L3 always, L2 always from shadow on, all others on escalation."""
    demanded = layer is Layer.L3 or (layer is Layer.L2 and phase.at_least(PhaseLevel.SHADOW))
    return "always" if demanded else "on_escalation"


def _entry(layer: Layer, role: Role, slot: Slot, position: int) -> ChainEntry:
    return ChainEntry(
        layer=layer,
        role=role,
        provider=slot.provider,
        model_id=slot.model_id,
        degraded=slot.degraded,
        base_url=slot.base_url,
        deployment=slot.deployment,
        position=position,
        timeout_s=slot.timeout_s,
        max_output_tokens=slot.max_output_tokens,
    )
