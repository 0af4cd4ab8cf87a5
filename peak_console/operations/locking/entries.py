"""What a new lock holds of each slot, and on which evidence; which slots it can say nothing of. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from pydantic import TypeAdapter, ValidationError

from peak_console.budget.prices import Price
from peak_console.config.configs import Configs
from peak_console.config.lock import (
    Baseline,
    EvidenceKind,
    LockedPlace,
    LockedPrice,
    LockedRegistry,
    LockEntry,
    LockEvidence,
    LockKey,
    StoredSample,
    registry_digest,
)
from peak_console.config.lock_places import places_of, unlocked
from peak_console.config.matrix import ChainEntry
from peak_console.config.registry import ModelEntry
from peak_console.config.schema import Name
from peak_console.config.verifying import price_differs, registry_differs
from peak_console.domain.calls import CallReason
from peak_console.domain.errors import CallRefused, UsageWrong
from peak_console.domain.vocabulary import Layer, Role

_NAME: Final[TypeAdapter[str]] = TypeAdapter(Name)
_PRICE: Final = tuple(name for name in LockedPrice.model_fields if name != "source")


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of a model in a slot."""

    baseline: Baseline = field(default_factory=Baseline)
    snapshots: tuple[str, ...] = ()
    samples: tuple[StoredSample, ...] = ()
    fingerprints: tuple[str, ...] = ()
    fingerprint_answers: int = 0
    canaries: tuple[str, ...] = ()
    """Digests of the gold cases that it passed in every round."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What an operator wants written. ``slots`` empty: all; ``attest`` empty: nobody vouches for anything."""

    operator: str
    at: datetime
    attest: str = ""
    slots: frozenset[tuple[Layer, Role]] = frozenset()
    snapshots: tuple[tuple[str, str, str], ...] = ()
    """Provider, model id and a name under which it answers, said by the operator."""
    fingerprints: tuple[tuple[str, str, str], ...] = ()
    """The same of a fingerprint."""
    learns: bool = True
    """Whether fingerprints on the ledger are taken as the model's own: in research only. From shadow on a new
    one is what drift looks like, and only an operator says that it is not."""


@dataclass(frozen=True, slots=True)
class Left:
    """A slot's model that gets no entry, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Drafted:
    """The entries of a new lock."""

    entries: tuple[LockEntry, ...]
    left: tuple[Left, ...]
    """What the new lock does not hold."""
    carried: frozenset[LockKey]
    """Entries taken over as they stood, because their slots were not asked for."""
    unseen: tuple[str, ...]
    """Models that never answered in the window: from shadow on they must answer under their own id."""

    @property
    def evidence(self) -> dict[str, int]:
        """How many entries stand on what."""
        kinds = [one.evidence.kind for one in self.entries]
        return {kind.value: kinds.count(kind) for kind in EvidenceKind}


def slots_of(configs: Configs) -> Iterator[ChainEntry]:
    """Every slot of the matrix that holds a model, each once, in the order of layers."""
    for layer in (one for one in Layer if one.may_call_models):
        for role in (Role.PRIMARY, Role.CRITIC):
            try:
                chain = configs.matrix.chain(layer, role)
            except CallRefused as error:
                if error.code != CallReason.SLOT_EMPTY:
                    raise
                continue
            yield from (one for one in chain if one.layer is layer)


def slot_named(text: str, configs: Configs) -> tuple[Layer, Role]:
    """``L2.primary`` as a slot of the matrix; raises ``UsageWrong`` (``no_such_slot``)."""
    known = sorted({f"{one.layer}.{one.role}" for one in slots_of(configs)})
    if text not in known:
        raise UsageWrong(
            f"the matrix fills no slot '{text[:40]}'",
            code="no_such_slot",
            remedy=f"name one of: {', '.join(known)}",
        )
    layer, _, role = text.partition(".")
    return Layer(layer), Role(role)


def snapshot_named(text: str, configs: Configs) -> tuple[str, str, str]:
    """``openai:gpt-6=gpt-6-2026-09-01``; raises ``UsageWrong`` (``snapshot_malformed``, ``_foreign``)."""
    who, _, name = text.partition("=")
    provider, _, model_id = who.partition(":")
    model = configs.models.find(provider, model_id)
    if not name or model is None:
        raise UsageWrong(
            f"'{text[:80]}' names no snapshot of a model of the registry",
            code="snapshot_malformed",
            remedy="write PROVIDER:MODEL=NAME, for example openai:gpt-6-luna=gpt-6-luna-2026-09-01",
        )
    if not model.echoed_as(name):
        raise UsageWrong(
            f"{name[:80]} is no name under which {who[:80]} may answer",
            code="snapshot_foreign",
            remedy="name a snapshot of it, or add its beginning to its echoes in configs/ai/models.toml",
        )
    return provider, model_id, name


def fingerprint_named(text: str, configs: Configs) -> tuple[str, str, str]:
    """``openai:gpt-6=fp_44709d6fcb``; raises ``UsageWrong`` (``fingerprint_malformed``)."""
    who, _, mark = text.partition("=")
    provider, _, model_id = who.partition(":")
    if not is_name(mark) or configs.models.find(provider, model_id) is None:
        raise UsageWrong(
            f"'{text[:80]}' names no fingerprint of a model of the registry",
            code="fingerprint_malformed",
            remedy="write PROVIDER:MODEL=FINGERPRINT, for example openai:gpt-6-luna=fp_44709d6fcb; what "
            "answered: peak drift status",
        )
    return provider, model_id, mark


def is_name(text: str) -> bool:
    """Whether a lock can hold it as a name."""
    try:
        _NAME.validate_python(text)
    except ValidationError:
        return False
    return True


def refuse_unused(
    snapshots: Iterable[tuple[str, str, str]], slots: Collection[tuple[Layer, Role]], configs: Configs
) -> None:
    """Refuse names of models that no slot holds which is written anew (``slots`` empty: all of them).

    Raises ``UsageWrong`` (``snapshot_unused``).
    """
    written = {
        (one.provider, one.model_id)
        for one in slots_of(configs)
        if not slots or (one.layer, one.role) in slots
    }
    for provider, model_id, name in snapshots:
        if (provider, model_id) not in written:
            where = ", ".join(sorted(f"{layer}.{role}" for layer, role in slots)) or "any slot of the matrix"
            raise UsageWrong(
                f"{name[:80]} would stand nowhere: {provider}:{model_id} is not in {where}",
                code="snapshot_unused",
                remedy="name a model that these slots hold (peak matrix show), or leave --snapshot and "
                "--fingerprint out",
            )


def drafted(
    configs: Configs, old: Mapping[LockKey, LockEntry], known: Mapping[LockKey, Known], wish: Wish
) -> Drafted:
    """The entries of a new lock for the matrix as it stands.

    Slots that were asked for are written anew: on the eval that the old entry stands on while model, registry
    entry, price and places are unchanged, else on the operator's attestation. The others are taken over as
    they stand, while they still hold.
    """
    entries, left, carried, unseen = [], [], set[LockKey](), []
    seen = set[LockKey]()
    for slot in slots_of(configs):
        key = (slot.layer, slot.role, slot.provider, slot.model_id)
        if key in seen:
            continue  # reached by two deployments
        seen.add(key)
        name = f"{slot.layer}.{slot.role} {slot.provider}:{slot.model_id}"
        model = configs.models.find(slot.provider, slot.model_id)
        price = configs.prices.find(slot.provider, slot.model_id, wish.at.date())
        if model is None or price is None:
            left.append(Left(name, "it is not in the registry" if model is None else "no price holds today"))
            continue
        places = places_of(configs.matrix, key)
        before = _holding(old.get(key), model, price, places)
        if wish.slots and (slot.layer, slot.role) not in wish.slots:
            if before is None:
                left.append(Left(name, "its slot was not asked for, and no entry of before holds"))
            else:
                entries.append(before)
                carried.add(key)
            continue
        evidence = _evidence(before, wish)
        if evidence is None:
            left.append(Left(name, "no eval stands for it, and nobody attests it"))
            continue
        found = _with_names(known.get(key, Known()), before, wish, slot)
        if not found.snapshots and not found.baseline.calls:
            unseen.append(f"{slot.provider}:{slot.model_id}")
        entries.append(entry_of(key, model, price, evidence, places=places, known=found, before=before))
    return Drafted(tuple(entries), tuple(left), frozenset(carried), tuple(dict.fromkeys(unseen)))


def entry_of(
    key: LockKey,
    model: ModelEntry,
    price: Price,
    evidence: LockEvidence,
    *,
    places: tuple[LockedPlace, ...],
    known: Known | None = None,
    before: LockEntry | None = None,
) -> LockEntry:
    """One entry, with registry entry, price and places as they stand; canaries, or those of ``before``."""
    layer, role, provider, model_id = key
    known = known or Known()
    return LockEntry(
        layer=layer,
        role=role,
        provider=provider,
        model_id=model_id,
        registry_sha256=registry_digest(model),
        snapshots=known.snapshots,
        fingerprints=known.fingerprints,
        fingerprint_answers=known.fingerprint_answers,
        registry=LockedRegistry(
            family=model.family,
            endpoint=model.endpoint.value,
            context_tokens=model.context_tokens,
            max_output_tokens=model.max_output_tokens,
        ),
        price=LockedPrice(source=price.source, **{name: getattr(price, name) for name in _PRICE}),
        baseline=known.baseline,
        places=places,
        samples=known.samples,
        canaries=known.canaries or (before.canaries if before else ()),
        evidence=evidence,
    )


def _holding(
    before: LockEntry | None, model: ModelEntry, price: Price, places: tuple[LockedPlace, ...]
) -> LockEntry | None:
    """The entry of before while what it was made of stands, without the places that the matrix left."""
    if before is None or registry_differs(before, model) or price_differs(before, price):
        return None
    return None if unlocked(before, places) else before.model_copy(update={"places": places})


def without_evidence(left: Iterable[Left], asked: Collection[LockEntry]) -> UsageWrong:
    """The refusal of a lock that would hold nothing new of what was asked for."""
    names = ", ".join(one.name for one in left)[:600]
    more = "" if asked else ": the lock would be empty"
    return UsageWrong(
        f"these slots have no evidence{more}: {names}",
        code="evidence_missing",
        remedy='vouch for them yourself: --attest "why" (enough for shadow), or leave them out with --slot',
    )


def _evidence(before: LockEntry | None, wish: Wish) -> LockEvidence | None:
    if before is not None and before.evidence.kind is EvidenceKind.EVAL:
        return before.evidence
    if not wish.attest:
        return None
    return LockEvidence(kind=EvidenceKind.ATTESTED, by=wish.operator, at=wish.at, reason=wish.attest)


def _with_names(known: Known, before: LockEntry | None, wish: Wish, slot: ChainEntry) -> Known:
    """The snapshots that answered in the window, else those of before; and what the operator says.

    Of fingerprints too; but from shadow on those of before, whatever answered.
    """
    seen = known.snapshots or (before.snapshots if before else ())
    marks, answers = known.fingerprints, known.fingerprint_answers
    if before is not None and (not wish.learns or not marks):
        marks, answers = before.fingerprints, before.fingerprint_answers
    elif not wish.learns:
        marks, answers = (), 0
    return replace(
        known,
        snapshots=tuple(sorted({*seen, *_said(wish.snapshots, slot)})),
        fingerprints=tuple(sorted({*marks, *_said(wish.fingerprints, slot)})),
        fingerprint_answers=answers,
    )


def _said(named: Iterable[tuple[str, str, str]], slot: ChainEntry) -> list[str]:
    """What the operator says of a slot's model."""
    return [one for *who, one in named if who == [slot.provider, slot.model_id]]
