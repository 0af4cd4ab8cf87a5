"""What a stop covers: everything, or calls and orders of one layer, provider, model, run or venue. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from peak_console.domain.errors import UsageWrong
from peak_console.domain.vocabulary import Layer

GLOBAL: Final = "global"
"""The scope of everything."""

REDUCE: Final = "reduce"
"""Not a stop: the mark under which only risk-reducing orders pass. An enable of this scope lifts it."""

PARTS: Final = (
    ", ".join(f"layer:{one}" for one in Layer)
    + ", provider:NAME, model:PROVIDER:MODEL, run:RUN_ID or venue:NAME"
)
"""How the parts of a workspace are written; every layer that there is by its name."""

SCOPE_LIMIT: Final = 160
"""The most characters a scope may have."""


class ScopeKind(StrEnum):
    """What a scope names. A ``drill`` names nothing real: it walks the whole path and stops nobody."""

    GLOBAL = "global"
    LAYER = "layer"
    PROVIDER = "provider"
    MODEL = "model"
    RUN = "run"
    VENUE = "venue"
    DRILL = "drill"


@dataclass(frozen=True, slots=True)
class StopScope:
    """A scope by kind and name; ``text`` is what people type, as ``layer:L2``."""

    kind: ScopeKind
    name: str = ""

    @property
    def text(self) -> str:
        """As it is written, recorded and named in the lease."""
        return self.kind.value if self.kind is ScopeKind.GLOBAL else f"{self.kind.value}:{self.name}"

    def covers(
        self, *, layer: str = "", provider: str = "", model_id: str = "", run_id: str = "", venue: str = ""
    ) -> bool:
        """Whether a call or an order with these facts falls under it; a drill covers nothing."""
        match self.kind:
            case ScopeKind.GLOBAL:
                return True
            case ScopeKind.LAYER:
                return self.name == layer
            case ScopeKind.PROVIDER:
                return self.name == provider
            case ScopeKind.MODEL:
                return self.name == f"{provider}:{model_id}"
            case ScopeKind.RUN:
                return self.name == run_id
            case ScopeKind.VENUE:
                return self.name == venue
            case ScopeKind.DRILL:
                return False


def parse_scope(text: str) -> StopScope:
    """The scope that ``text`` names; raises ``UsageWrong`` (``scope_malformed``) with the forms there are."""
    kind, colon, name = text.strip().partition(":")
    if kind == GLOBAL and not colon:
        return StopScope(ScopeKind.GLOBAL)
    known = set(ScopeKind) - {ScopeKind.GLOBAL}
    if (
        kind not in known
        or not name
        or len(text) > SCOPE_LIMIT
        or not name.isascii()
        or not name.isprintable()
    ):
        raise _malformed(text)
    if kind == ScopeKind.LAYER and name not in set(Layer):
        raise _malformed(text)
    if kind == ScopeKind.MODEL and not all(name.partition(":")[::2]):
        raise _malformed(text)
    return StopScope(ScopeKind(kind), name)


def _malformed(text: str) -> UsageWrong:
    return UsageWrong(
        f"{text[:80]!r} names no scope",
        code="scope_malformed",
        remedy=f"write global, {PARTS}",
    )
