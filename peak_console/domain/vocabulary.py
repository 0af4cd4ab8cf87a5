"""Layers, roles and phases: the words of the model matrix."""

from enum import StrEnum


class Layer(StrEnum):
    """The seven layers of the organisation; only L0 to L4 may ever hold a model."""

    L0 = "L0"
    L1 = "L1"
    L2 = "L2"
    L3 = "L3"
    L4 = "L4"
    L5 = "L5"
    L6 = "L6"

    @property
    def may_call_models(self) -> bool:
        """Whether a model may be assigned here at all; false for L5 and L6, whatever a file says."""
        return self not in {Layer.L5, Layer.L6}

    @property
    def label(self) -> str:
        """The layer's name for people."""
        return _LAYER_TITLES[self]


_LAYER_TITLES = {
    Layer.L0: "Ops/Docs",
    Layer.L1: "Deep research",
    Layer.L2: "Market outlook",
    Layer.L3: "Trade plan advisory",
    Layer.L4: "Policy critic",
    Layer.L5: "Risk gate",
    Layer.L6: "Execution",
}


class Role(StrEnum):
    """A slot of the matrix. ``fallback`` stands in for ``primary``; ``critic`` judges."""

    PRIMARY = "primary"
    FALLBACK = "fallback"
    CRITIC = "critic"


class Phase(StrEnum):
    """The phases of the runbook, 0 to 6; the first four count as research (decision 17)."""

    BOOTSTRAP = "bootstrap"
    FOUNDATION = "foundation"
    MATRIX = "matrix"
    VERIFIED = "verified"
    SHADOW = "shadow"
    TESTNET = "testnet"
    LIVE = "live"

    @property
    def level(self) -> "PhaseLevel":
        """The level of rules that holds in this phase."""
        return _LEVELS.get(self.value, PhaseLevel.RESEARCH)


class PhaseLevel(StrEnum):
    """The four levels of rules; later members are stricter."""

    RESEARCH = "research"
    SHADOW = "shadow"
    TESTNET = "testnet"
    LIVE = "live"

    @property
    def rank(self) -> int:
        """0 for research up to 3 for live."""
        return _RANKS[self]

    def at_least(self, other: "PhaseLevel") -> bool:
        """Whether the rules of ``other`` hold here too."""
        return self.rank >= other.rank


_LEVELS = {level.value: level for level in PhaseLevel}
_RANKS = {level: rank for rank, level in enumerate(PhaseLevel)}


class SodRule(StrEnum):
    """What must differ between proposer and critic (decision 10)."""

    MODEL = "model"
    FAMILY = "family"
    PROVIDER = "provider"


class OnExhausted(StrEnum):
    """What the end of a candidate chain means for a layer."""

    ABORT = "abort"
    REVIEW_REQUIRED = "review_required"
