"""Which models of a slot may be asked at all, and why the others may not. Pure.

Judged once for configs, day, phase and environment, not once a call: nothing here depends on a request.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from peak_console.budget.prices import Price
from peak_console.config.configs import Configs
from peak_console.config.lock import Lock, LockKey
from peak_console.config.lock_places import places_of
from peak_console.config.matrix import ChainEntry
from peak_console.config.registry import ModelEntry
from peak_console.config.verifying import Standing, standing, suffices, why_not
from peak_console.domain.addresses import is_loopback
from peak_console.domain.calls import CallReason
from peak_console.domain.errors import CallRefused
from peak_console.domain.vocabulary import Layer, PhaseLevel, Role
from peak_console.llm.providers.adapters import (
    ACCESS_KEY_VARIABLES,
    ADAPTERS,
    Adapter,
    base_url_variable,
    placeholders,
)
from peak_console.net.addresses import unfit
from peak_console.net.messages import bare_url
from peak_console.policy.deny import Denial, hard_deny
from peak_console.policy.guards import guard


@dataclass(frozen=True, slots=True)
class Facts:
    """What a plan depends on besides configs and request."""

    today: date
    phase: PhaseLevel
    now: datetime | None = None
    """The moment by which the lock holds or has expired; ``None``: the beginning of the day, UTC."""
    simulated: bool = False
    base_urls: Mapping[str, str] | None = None
    """Addresses that ``PEAK_PROVIDER_<NAME>_BASE_URL`` sets, by provider."""
    addresses: Mapping[str, str] | None = None
    """Own addresses of which the environment tells a part (an endpoint, a region), by provider."""
    keys: frozenset[str] = frozenset()
    """Providers whose key the environment holds; not looked at in a simulated workspace."""
    signing_only: frozenset[str] = frozenset()
    """Those of them that have AWS access keys in its place, so that only adapters that sign may be asked."""
    real_keys: frozenset[str] = frozenset()
    """Providers for which the environment of a simulated workspace holds a key, which it must not."""
    down: frozenset[str] = frozenset()
    """Providers that refused our key lately."""
    key_file: str = ""
    """The file that keys are written into; empty where they are exported."""

    @property
    def moment(self) -> datetime:
        """The moment by which the lock is judged."""
        return self.now or datetime.combine(self.today, time.min, UTC)


@dataclass(frozen=True, slots=True)
class CandidateRefusal:
    """Why a candidate is not tried; ``denial`` when the policy said so."""

    reason: CallReason
    detail: str
    remedy: str = ""
    denial: Denial | None = None


@dataclass(frozen=True, slots=True)
class Usable:
    """What an admitted candidate is called with: every part of it was found fit."""

    adapter: Adapter
    model: ModelEntry
    price: Price
    eur_per_usd: Decimal
    base_url: str
    base_url_overridden: bool
    """Whether the environment told it, wholly or in part: then the event names it."""
    max_output_tokens: int
    lock_names: tuple[str, ...] = ()
    """Names that a lock that counts knows of the model in this slot: its id and its snapshots."""
    bound_to_lock: bool = False
    """Whether it must answer under one of them: from shadow on."""

    def lock_knows(self, echo: str | None) -> bool:
        """Whether the lock knows the name in an answer; true where nothing can tell.

        Without a lock, an entry in it or a name in the answer there is nothing to hold against another.
        """
        return not self.lock_names or echo is None or echo in self.lock_names


@dataclass(frozen=True, slots=True)
class Candidate:
    """One place of the chain, judged: either ``usable`` or refused."""

    entry: ChainEntry
    usable: Usable | None
    refusal: CandidateRefusal | None
    lifecycle: str = ""
    standing: Standing = Standing.NO_LOCK

    def row(self) -> dict[str, Any]:
        """The candidate's row in the route of an event."""
        row: dict[str, Any] = {
            "provider": self.entry.provider,
            "model_id": self.entry.model_id,
            "role": self.entry.role.value,
            "position": self.entry.position,
            "admitted": self.refusal is None,
            "reason": self.refusal.reason.value if self.refusal else "admitted",
            "detail": self.refusal.detail if self.refusal else "",
            "verified": self.standing.value,
        }
        if self.lifecycle:
            row["lifecycle"] = self.lifecycle
        if self.usable is not None:
            price = self.usable.price
            row["price_source"] = price.source
            row["input_usd_per_mtok"] = str(price.input_usd_per_mtok)
            row["output_usd_per_mtok"] = str(price.output_usd_per_mtok)
        return row


def survey(configs: Configs, layer: Layer, role: Role, facts: Facts) -> tuple[Candidate, ...]:
    """The candidates of a slot, judged. Raises ``CallRefused`` for L5, L6 and an empty slot."""
    if not layer.may_call_models:
        raise CallRefused(
            f"{layer} is deterministic and never calls a model, whatever a file says",
            code=CallReason.LAYER_HAS_NO_MODELS,
            remedy="ask one of the layers L0 to L4",
        )
    return tuple(_judged(entry, configs, facts) for entry in configs.matrix.chain(layer, role))


def _judged(entry: ChainEntry, configs: Configs, facts: Facts) -> Candidate:
    model = configs.models.find(entry.provider, entry.model_id)
    key = (entry.layer, entry.role, entry.provider, entry.model_id)
    price = configs.prices.find(entry.provider, entry.model_id, facts.today)
    found = standing(configs.lock, key, model, price, facts.moment, places=places_of(configs.matrix, key))
    refusal = _policy(entry, model, configs, facts) or _registry(entry, model, facts)
    if refusal is not None or model is None:
        return Candidate(entry, None, refusal, _lifecycle(model), found)
    usable = _usable(entry, model, configs, facts)
    if not isinstance(usable, CandidateRefusal):
        usable = _locked(usable, found, key, configs.lock, facts)
    if isinstance(usable, CandidateRefusal):
        return Candidate(entry, None, usable, _lifecycle(model), found)
    return Candidate(entry, usable, None, _lifecycle(model), found)


def _locked(
    usable: Usable, found: Standing, key: LockKey, lock: Lock | None, facts: Facts
) -> Usable | CandidateRefusal:
    """What the phase demands of the lock (decision 17), and the names that it binds the answer to."""
    if not suffices(found, facts.phase):
        detail, remedy = why_not(found, lock, key, facts.phase, facts.moment)
        return CandidateRefusal(CallReason.MODEL_NOT_VERIFIED, detail, remedy)
    entry = lock.entries.get(key) if lock and found in {Standing.VERIFIED, Standing.ATTESTED} else None
    if entry is None:
        return usable
    names = (entry.model_id, *entry.snapshots)
    return replace(usable, lock_names=names, bound_to_lock=facts.phase.at_least(PhaseLevel.SHADOW))


def _policy(
    entry: ChainEntry, model: ModelEntry | None, configs: Configs, facts: Facts
) -> CandidateRefusal | None:
    """The hard deny, then what the matrix forbids; asked here again, whatever the linter said."""
    if not entry.layer.may_call_models:
        return CandidateRefusal(CallReason.LAYER_HAS_NO_MODELS, f"{entry.layer} never calls a model")
    names = {
        "provider": entry.provider,
        "model_id": entry.model_id,
        "family": model.family if model else "",
        "deployment": entry.deployment or "",
    }
    rules = configs.matrix.global_
    denial = (
        hard_deny(**names, base_url=entry.base_url or "")
        or hard_deny(base_url=_override(entry, facts) or _told_address(entry, facts) or "")
        or guard(
            **names,
            allowed_providers=rules.allowed_providers,
            forbidden_providers=rules.forbidden_providers,
            forbidden_model_prefixes=rules.forbidden_model_prefixes,
        )
    )
    if denial is None:
        return None
    remedy = "choose an allowed model in configs/ai/layer_model_matrix.toml"
    return CandidateRefusal(CallReason(denial.rule), denial.message, remedy, denial)


def _registry(entry: ChainEntry, model: ModelEntry | None, facts: Facts) -> CandidateRefusal | None:
    name = f"{entry.provider}:{entry.model_id}"
    if model is None or not model.allowed:
        what = "is not in the registry" if model is None else "is in the registry, but not allowed"
        return CandidateRefusal(
            CallReason.MODEL_NOT_ALLOWED,
            f"{name} {what}",
            "add it with allowed = true to configs/ai/models.toml",
        )
    if (entry.provider, model.endpoint.value) not in ADAPTERS:
        return CandidateRefusal(
            CallReason.ENDPOINT_UNSUPPORTED,
            f"{name} answers on {entry.provider}'s {model.endpoint.value} endpoint, which is not built yet",
            "choose a model on a built endpoint",
        )
    if _deployment_unknown(entry, model):
        return CandidateRefusal(
            CallReason.DEPLOYMENT_UNKNOWN,
            f"the registry does not say that {entry.deployment or entry.model_id} is a deployment of {name}",
            f"add it to the deployments of {name} in configs/ai/models.toml",
        )
    if model.shut_down(facts.today):
        return CandidateRefusal(
            CallReason.MODEL_SHUT_DOWN,
            f"{name} no longer answers ({_lifecycle(model)})",
            _succession(entry, model),
        )
    return None


def _usable(
    entry: ChainEntry, model: ModelEntry, configs: Configs, facts: Facts
) -> Usable | CandidateRefusal:
    adapter = ADAPTERS[entry.provider, model.endpoint.value]
    override, told = _override(entry, facts), _told_address(entry, facts)
    base_url = override or entry.base_url or told or _own_address(adapter)
    price = configs.prices.find(entry.provider, entry.model_id, facts.today)
    if facts.simulated and entry.provider in facts.real_keys:
        keys = _key_variables(adapter)
        return CandidateRefusal(
            CallReason.REAL_KEY_IN_SIMULATION,
            f"{' or '.join(keys)} is set, and this workspace is simulated",
            f"unset {', '.join(keys)}: a demo workspace takes no real key",
        )
    if base_url is None:
        variables = " and ".join(placeholders(adapter.base_url))
        remedy = _address_remedy(entry.provider, None, facts) if facts.simulated else f"export {variables}"
        return CandidateRefusal(
            CallReason.ADDRESS_MISSING, f"{variables} is not set, or is no such name", remedy
        )
    own = told is not None and override is None
    why = _address_refused(entry, base_url, override, facts)
    if why is None and own and not facts.simulated and facts.phase.at_least(PhaseLevel.SHADOW):
        why = _strange(adapter, base_url)
    if why is not None:
        remedy = _told_remedy(adapter, facts) if own else _address_remedy(entry.provider, override, facts)
        return CandidateRefusal(CallReason.BASE_URL_REFUSED, why, remedy)
    if price is None:
        return CandidateRefusal(
            CallReason.PRICE_MISSING,
            f"no price for {entry.provider}:{entry.model_id} holds on {facts.today}",
            "add it to configs/ai/prices.toml",
        )
    if configs.budgets.eur_per_usd is None:
        return CandidateRefusal(
            CallReason.RATE_MISSING, "no eur_per_usd rate is set", "set [currency] in configs/ai/budgets.toml"
        )
    if not facts.simulated and not _keyed(entry.provider, adapter, facts):
        either = " or ".join(_key_variables(adapter))
        file = facts.key_file
        remedy = f"write {either} into {file} as NAME=value, mode 0600" if file else f"export {either}"
        return CandidateRefusal(CallReason.KEY_MISSING, f"{either} is not set", remedy)
    if entry.provider in facts.down:
        return CandidateRefusal(
            CallReason.PROVIDER_DOWN,
            f"{entry.provider} refused our key lately",
            f"check {' or '.join(_key_variables(adapter))}",
        )
    limit = min(entry.max_output_tokens or model.max_output_tokens, model.max_output_tokens)
    from_environment = override is not None or (told is not None and not entry.base_url)
    return Usable(adapter, model, price, configs.budgets.eur_per_usd, base_url, from_environment, limit)


def _address_refused(entry: ChainEntry, base_url: str, override: str | None, facts: Facts) -> str | None:
    """Why an address may not be used (decision 29, and: a simulation never leaves this machine)."""
    shown = bare_url(base_url)
    if (why := unfit(base_url)) is not None:
        return f"{shown} is refused: {why}"
    if facts.simulated:
        return (
            None if is_loopback(base_url) else f"a simulated workspace calls this machine only, not {shown}"
        )
    stands_in_matrix = override is None or override == entry.base_url
    if facts.phase.at_least(PhaseLevel.SHADOW) and not stands_in_matrix:
        return f"from shadow on {shown} must stand in the matrix as well"
    return None


def _strange(adapter: Adapter, base_url: str) -> str | None:
    """Why an own address that the environment tells may not be used from shadow on (decision 29)."""
    if adapter.at_home(base_url):
        return None
    shown = bare_url(base_url)
    return f"{shown} is no address of {adapter.provider}'s own; from shadow on it must stand in the matrix"


def _told_remedy(adapter: Adapter, facts: Facts) -> str:
    """What helps where the environment tells an own address that may not be used."""
    if facts.simulated:
        return _address_remedy(adapter.provider, None, facts)
    variables = " and ".join(placeholders(adapter.base_url))
    return f"set {variables} to an address of {adapter.provider}'s own, or base_url in the matrix"


def _address_remedy(provider: str, override: str | None, facts: Facts) -> str:
    variable = base_url_variable(provider)
    if facts.simulated:
        ours = "calls of a demo workspace go to its simulator: start it with peak demo"
        return f"unset {variable}; {ours}" if override else ours
    return f"unset {variable} or set base_url in the matrix" if override else "change base_url in the matrix"


def _override(entry: ChainEntry, facts: Facts) -> str | None:
    return (facts.base_urls or {}).get(entry.provider) or None


def _told_address(entry: ChainEntry, facts: Facts) -> str | None:
    """The provider's own address with what the environment tells of it, where the matrix names no other."""
    return None if entry.base_url else (facts.addresses or {}).get(entry.provider)


def _own_address(adapter: Adapter) -> str | None:
    return None if placeholders(adapter.base_url) else adapter.base_url


def _deployment_unknown(entry: ChainEntry, model: ModelEntry) -> bool:
    """Azure is asked by deployment, whose name says nothing of the model: the registry must."""
    if entry.deployment is None:
        return entry.provider == "azure" and entry.model_id not in model.deployments
    return entry.deployment not in model.deployments


def _succession(entry: ChainEntry, model: ModelEntry) -> str:
    """Where another model is to be named, and which the provider names."""
    successor = model.lifecycle.successor if model.lifecycle else None
    wanted = f"set {successor}" if successor else "name a model that answers"
    return f"{wanted} in [{entry.layer}.{entry.role}] in configs/ai/layer_model_matrix.toml"


def _keyed(provider: str, adapter: Adapter, facts: Facts) -> bool:
    return provider in facts.keys and (adapter.signs or provider not in facts.signing_only)


def _key_variables(adapter: Adapter) -> tuple[str, ...]:
    """The variables of the environment that hold what the provider asks for."""
    return (adapter.key_variable, *(ACCESS_KEY_VARIABLES[:1] if adapter.signs else ()))


def _lifecycle(model: ModelEntry | None) -> str:
    if model is None or model.lifecycle is None:
        return ""
    successor = f", successor {model.lifecycle.successor}" if model.lifecycle.successor else ""
    return f"shutdown {model.lifecycle.shutdown}{successor}"
