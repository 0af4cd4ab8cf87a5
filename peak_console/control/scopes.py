"""What of the road is halted while the rest goes on: stopped scopes and quarantined models. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from peak_console.control.lease import Lease
from peak_console.domain.errors import UsageWrong
from peak_console.domain.posture import PostureReason
from peak_console.domain.stopping import GLOBAL, ScopeKind, StopScope, parse_scope

if TYPE_CHECKING:
    from peak_console.domain.calls import CallReason

_WHOLE: Final = frozenset({ScopeKind.GLOBAL, ScopeKind.LAYER, ScopeKind.RUN})


@dataclass(frozen=True, slots=True)
class Subject:
    """What a call is to the scopes: who asked, in which run, and which model of which layer serves it."""

    layer: str = ""
    """The layer that asked."""
    run_id: str = ""
    provider: str = ""
    model_id: str = ""
    served: str = ""
    """The layer whose model serves it, where that is another one (a critic that is a layer of its own)."""
    gold_case: bool = False
    """Whether it puts a gold case to its slot's own model, for a canary job: that is asked of a quarantined
    model too, as evidence for its release. The ledger holds who says so against the job's claim."""


@dataclass(frozen=True, slots=True)
class Halt:
    """Why something may not leave, or must be cancelled now."""

    scope: str
    """The scope that is stopped; ``model:PROVIDER:MODEL`` of a quarantined one."""
    whole: bool = True
    """Whether it ends the call; else another candidate may be asked."""
    quarantined: bool = False
    why: str = ""
    """Of a global stop: the posture's reason."""
    breaker: str = ""
    """The kind of the latched breaker that holds the scope, where that is known and one does."""

    @property
    def reason(self) -> "CallReason":
        """The reason code of a candidate or call that is refused for it."""
        from peak_console.domain.calls import CallReason  # noqa: PLC0415 - loads a library that the gate does without

        return CallReason.MODEL_QUARANTINED if self.quarantined else CallReason.SCOPE_STOPPED

    @property
    def words(self) -> str:
        """What holds, for a person."""
        if self.scope == GLOBAL:
            return self.why or PostureReason.STOP_PRESENT.value
        if self.quarantined:
            return f"{self.scope.removeprefix('model:')} is quarantined"
        return f"{self.scope} is stopped"

    @property
    def remedy(self) -> str:
        """What an operator does about it."""
        if self.scope == GLOBAL:
            return 'see why: peak status; open it: peak enable --reason "..." --confirm ENABLE'
        if self.quarantined:
            return "ask another model, or have an operator release it once it answers as it should"
        if self.breaker:
            return reset_of(self.breaker, self.scope)
        lift = f'peak enable --scope {self.scope} --reason "..." --confirm ENABLE'
        return f"see why: peak status; lift it: {lift}; where a breaker holds it: peak breaker list"


@dataclass(frozen=True, slots=True)
class Halts:
    """Everything that is halted, as the node says it."""

    stopped: tuple[str, ...] = ()
    quarantined: tuple[str, ...] = ()
    """Models, as ``PROVIDER:MODEL``."""
    latched: tuple[tuple[str, str], ...] = ()
    """Stopped scopes that a latched breaker holds, with its kind, as far as they are known here."""

    def __bool__(self) -> bool:
        return bool(self.stopped or self.quarantined)

    def of_call(self, subject: Subject) -> Halt | None:
        """Why the whole call is halted, whichever model served it."""
        scope = stopped_by(self.stopped, layer=subject.layer, run_id=subject.run_id) if self.stopped else None
        return Halt(scope, breaker=self._breaker_of(scope)) if scope else None

    def of(self, subject: Subject) -> Halt | None:
        """Why the call is halted, or only its model."""
        found = self.of_call(subject) or self._of_scopes(subject)
        if found is None and not subject.gold_case and self.out_of_use(subject.provider, subject.model_id):
            found = Halt(f"model:{subject.provider}:{subject.model_id}", whole=False, quarantined=True)
        return found

    def out_of_use(self, provider: str, model_id: str) -> bool:
        """Whether a model is quarantined."""
        return f"{provider}:{model_id}" in self.quarantined

    def cutting(self, subject: Subject) -> Halt | None:
        """Why what is in flight must be cancelled. A quarantine cuts nothing: nothing new leaves."""
        return (self.of_call(subject) or self._of_scopes(subject)) if self.stopped else None

    def _of_scopes(self, subject: Subject) -> Halt | None:
        if not self.stopped:
            return None
        served = subject.served or subject.layer
        scope = stopped_by(
            self.stopped,
            layer=served,
            provider=subject.provider,
            model_id=subject.model_id,
            run_id=subject.run_id,
        )
        return Halt(scope, whole=False, breaker=self._breaker_of(scope)) if scope else None

    def _breaker_of(self, scope: str) -> str:
        return next((kind for held, kind in self.latched if held == scope), "")


NOTHING: Final = Halts()


def reset_of(kind: str, scope: str) -> str:
    """What an operator does about a scope that a latched breaker holds."""
    return f'once its cause is mended: peak breaker reset {kind} {scope} --reason "..."'


def halts_of(lease: Lease | None) -> Halts:
    """What the lease says is halted. A lease that has lapsed is believed here: it only forbids."""
    if lease is None or not (lease.stopped_scopes or lease.quarantined):
        return NOTHING
    return Halts(lease.stopped_scopes, lease.quarantined)


def stopped_by(
    scopes: Sequence[str], *, layer: str = "", provider: str = "", model_id: str = "", run_id: str = ""
) -> str | None:
    """The first of ``scopes`` that covers these facts; one that cannot be read covers everything."""
    for text in scopes:
        scope = _parsed(text)
        if scope is None or scope.covers(layer=layer, provider=provider, model_id=model_id, run_id=run_id):
            return text
    return None


@lru_cache(maxsize=512)
def _parsed(text: str) -> StopScope | None:
    try:
        return parse_scope(text)
    except UsageWrong:
        return None


def ends_calls(scope: str) -> bool:
    """Whether a stop of ``scope`` ends the calls it covers; of others another candidate may be asked."""
    parsed = _parsed(scope)
    return parsed is None or parsed.kind in _WHOLE
