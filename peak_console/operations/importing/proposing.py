"""What a file of another form comes to beside the configs that stand: changes, mappings, losses, conflicts.

In models and prices what stands stays: it bounds what a call may cost. In the matrix the draft takes what
the file says, where the model may be used. Pure.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from peak_console.config.editing.changes import Change
from peak_console.config.interfaces import INTERFACES
from peak_console.config.registry import Endpoint, ModelEntry
from peak_console.domain.text import one_line
from peak_console.operations.importing.assigning import Assigning, Names
from peak_console.operations.importing.foreign import Foreign, ForeignModel, Lost, is_name
from peak_console.operations.importing.proposal import OURS, SHOWN, Conflict, Mapped, Proposal
from peak_console.operations.workbench.sides import Side
from peak_console.policy.deny import hard_deny
from peak_console.policy.guards import guard

_RESPONSES: Final = ("-pro", "deep-research")
"""What ids of models contain that answer on OpenAI's Responses interface only."""


def propose(foreign: Foreign, side: Side, *, origin: str, today: date) -> Proposal:
    """The proposal; ``origin`` names the file in the source of new prices."""
    proposal = Proposal(lost=list(foreign.lost))
    on = min(_day(foreign.as_of) or today, today)
    registering = _Registering(side, proposal, f"import of {origin}", on)
    usable: dict[str, ForeignModel] = {}
    for model in foreign.models:
        refusal = _refused(model, side)
        if refusal is not None:
            proposal.lost.append(refusal)
        elif registering.model(model):
            usable.setdefault(model.key, model)
            registering.price(model)
    assigning = Assigning(side, Names(usable, foreign.models, side), proposal)
    for chain in foreign.chains:
        assigning.chain(chain)
    for gate, named in foreign.gates.items():
        assigning.gate(gate, named)
    return proposal


def _day(value: Any) -> date | None:
    """The day that a file says that it holds from."""
    try:
        return date.fromisoformat(str(value)[:10]) if value is not None else None
    except ValueError:
        return None


def _refused(model: ForeignModel, side: Side) -> Lost | None:
    """Why a model is no draft's matter: forbidden, of a provider that nobody speaks to, or no name."""
    value = one_line(f"{model.provider}:{model.model_id}", SHOWN)
    denial = hard_deny(
        provider=model.provider,
        model_id=model.model_id,
        family=model.family or "",
        deployment=model.deployment or "",
        base_url=model.base_url or "",
    )
    if denial is None and side.matrix is not None and model.provider in INTERFACES:
        rules = side.matrix.global_
        denial = guard(
            provider=model.provider,
            model_id=model.model_id,
            family=model.family or "",
            deployment=model.deployment or "",
            allowed_providers=rules.allowed_providers,
            forbidden_providers=rules.forbidden_providers,
            forbidden_model_prefixes=rules.forbidden_model_prefixes,
        )
    if denial is not None:
        return Lost(model.source, value, denial.message, refused=True)
    if model.provider not in INTERFACES:
        why = f"no provider of that name is spoken to (known: {', '.join(sorted(INTERFACES))})"
        return Lost(model.source, value, why, refused=True)
    if not is_name(model.model_id) or (model.family is not None and not is_name(model.family)):
        return Lost(model.source, value, "not a name that a config may hold", refused=True)
    return None


class _Registering:
    """Adds what is missing in models.toml and prices.toml; what stands there stays."""

    def __init__(self, side: Side, proposal: Proposal, source: str, on: date) -> None:
        self._side, self._proposal, self._source, self._on = side, proposal, source, on
        models, prices = side.inspection.models, side.inspection.prices
        self._models = len(models.model) if models else 0
        self._prices = len(prices.price) if prices else 0
        self._added: set[tuple[str, str]] = set()
        self._priced: set[tuple[str, str]] = set()

    def model(self, model: ForeignModel) -> bool:
        """Whether the model stands in the registry, or does with the draft."""
        name, key = (model.provider, model.model_id), f"{model.provider}:{model.model_id}"
        known = self._side.models.find(*name)
        if known is not None:
            self._proposal.mapped.append(Mapped(model.source, "models", key, "registered here already"))
            self._proposal.conflicts += _held_against(model, known, key)
            return True
        if name in self._added:
            return True
        if model.context_tokens is None or model.max_output_tokens is None:
            why = "not registered here, and the file says neither context nor longest answer: add it by hand"
            self._proposal.lost.append(Lost(model.source, one_line(key, SHOWN), why))
            return False
        self._proposal.change("models", Change(("model", self._models), _entry(model)))
        self._models += 1
        self._added.add(name)
        said = "new" if model.in_use else "new, with allowed = false: the file does not say that it is in use"
        self._proposal.mapped.append(Mapped(model.source, "models", key, said))
        return True

    def price(self, model: ForeignModel) -> None:
        """The model's price: held against ours, or added."""
        name, key = (model.provider, model.model_id), f"{model.provider}:{model.model_id}"
        told = {
            "input_usd_per_mtok": model.input_usd_per_mtok,
            "output_usd_per_mtok": model.output_usd_per_mtok,
        }
        if all(one is None for one in told.values()) or name in self._priced:
            return
        known = self._side.prices.find(*name, self._side.today)
        if known is not None:
            for field, theirs in told.items():
                ours = getattr(known, field)
                if theirs is not None and ours != theirs:
                    why = f"ours was read {known.as_of} from {one_line(known.source, 80)}"
                    conflict = Conflict(
                        model.source, "prices", f"{key} {field}", str(ours), str(theirs), OURS, why
                    )
                    self._proposal.conflicts.append(conflict)
                elif theirs is not None:
                    same = Mapped(model.source, "prices", f"{key} {field}", f"{theirs}, the same here")
                    self._proposal.mapped.append(same)
            return
        if None in told.values():
            why = "only one of the two prices is told, and half a price is none"
            self._proposal.lost.append(Lost(model.source, one_line(key, SHOWN), why))
            return
        self._new_price(model, key)

    def _new_price(self, model: ForeignModel, key: str) -> None:
        row = {
            "provider": model.provider,
            "model_id": model.model_id,
            "input_usd_per_mtok": model.input_usd_per_mtok,
            "output_usd_per_mtok": model.output_usd_per_mtok,
            "source": one_line(self._source, 200),
            "as_of": self._on,
            "valid_from": self._on,
        }
        self._proposal.change("prices", Change(("price", self._prices), row))
        self._prices += 1
        self._priced.add((model.provider, model.model_id))
        value = f"{model.input_usd_per_mtok} in, {model.output_usd_per_mtok} out, USD for a million tokens"
        self._proposal.mapped.append(Mapped(model.source, "prices", key, value))


def _entry(model: ForeignModel) -> dict[str, Any]:
    """A new row of models.toml."""
    context, answer = model.context_tokens or 1, model.max_output_tokens or 1
    entry: dict[str, Any] = {
        "provider": model.provider,
        "model_id": model.model_id,
        "family": model.family or model.model_id,
        "allowed": model.in_use,
        "endpoint": _endpoint(model).value,
        "context_tokens": context,
        "max_output_tokens": min(answer, context),
    }
    if model.deployment is not None and is_name(model.deployment):
        entry["deployments"] = [model.deployment]
    return entry


def _endpoint(model: ForeignModel) -> Endpoint:
    """The interface a new model most likely answers on; a first call says whether it does."""
    offered = INTERFACES[model.provider]
    responses = any(part in model.model_id for part in _RESPONSES) and Endpoint.RESPONSES in offered
    return Endpoint.RESPONSES if responses else offered[0]


def _held_against(model: ForeignModel, known: ModelEntry, key: str) -> Iterator[Conflict]:
    pairs = {
        "family": (known.family, model.family),
        "context_tokens": (known.context_tokens, model.context_tokens),
        "max_output_tokens": (known.max_output_tokens, model.max_output_tokens),
        "allowed": (known.allowed, model.in_use),
    }
    for name, (ours, theirs) in pairs.items():
        if theirs is not None and ours != theirs:
            why = "models.toml bounds what a call may cost; what stands there stays"
            yield Conflict(model.source, "models", f"{key} {name}", str(ours), str(theirs), OURS, why)
