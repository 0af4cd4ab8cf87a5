"""Rules of the lock of verified models: it stands, it holds, and it covers what the matrix uses."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Final

from peak_console.config.lint.finding import Rule, Severity
from peak_console.config.lint.inspection import Hit, Inspection
from peak_console.config.lint.layers import slots
from peak_console.config.lint.schema import dotted
from peak_console.config.lock import EvidenceKind, Lock, LockEntry, LockFlaw
from peak_console.config.lock_places import place_of, unlocked
from peak_console.config.positions import Path
from peak_console.config.prices import PriceTable
from peak_console.config.verifying import (
    NEAR_END_DAYS,
    LockTrouble,
    judged,
    price_differs,
    registry_differs,
    trouble_of,
)
from peak_console.domain.clock import iso
from peak_console.domain.vocabulary import Layer, PhaseLevel, Role

_WRITE: Final = 'write a new lock: peak lock write --reason "..."'
_KEYLESS: Final = frozenset({LockFlaw.SIGNER_UNKNOWN, LockFlaw.SIGNER_KEY_UNREADABLE})
"""Flaws that only say that there are no keys beside the file."""

LOCK_RULES: Final = (
    Rule(
        "lock.missing",
        "There is no lock of verified models",
        "From shadow on only verified models work, and without a lock none is: every call is refused. In "
        "research the lock is advisory, and its absence is no finding.",
        _WRITE,
        blocks=False,
    ),
    Rule(
        "lock.unsound",
        "The lock does not hold",
        "It is not of a lock's form, bears no signature, was changed after it was signed, was signed with "
        "another key than its signer has in configs/keys, or by somebody who has none, or says that it was "
        "written in the future, or in another workspace. Such a lock verifies nothing.",
        "put back the last one: peak lock rollback previous, or write a new one: peak lock write",
        severity=Severity.WARNING,
        error_from=PhaseLevel.SHADOW,
        blocks=False,
    ),
    Rule(
        "lock.expired",
        "The lock is past its end",
        "What was verified once is not verified for ever. An expired lock counts as none.",
        _WRITE,
        severity=Severity.WARNING,
        error_from=PhaseLevel.SHADOW,
        blocks=False,
    ),
    Rule(
        "lock.near_end",
        "The lock ends within 14 days",
        "From its end on every call is refused from shadow on. Evals and a signature take time.",
        _WRITE,
        severity=Severity.WARNING,
    ),
    Rule(
        "lock.unverified_slot",
        "A model that the lock does not hold for its slot",
        "A model is verified for a slot, not as such: what it is asked for there is what was looked at. "
        "The router refuses the candidate from shadow on.",
        "verify it, then write a new lock; or name a model that the lock holds",
        severity=Severity.WARNING,
        error_from=PhaseLevel.SHADOW,
        blocks=False,
    ),
    Rule(
        "lock.attested_only",
        "A model that is attested, not evaluated",
        "An operator's word is enough for shadow. Testnet and live want the evidence of an eval, and the "
        "router refuses the candidate.",
        "run its evals, then write a new lock",
        blocks=False,
    ),
    Rule(
        "lock.registry_changed",
        "The registry says something else than when the model was verified",
        "The entry in models.toml is not the one that was locked (its lifecycle apart): another endpoint, "
        "family or limit is another model as far as anybody verified.",
        "take the change back, or verify the model again and write a new lock",
        severity=Severity.WARNING,
        error_from=PhaseLevel.SHADOW,
        blocks=False,
    ),
    Rule(
        "lock.price_changed",
        "The price is another than when the model was verified",
        "What a model costs is part of what was approved. Where it was read does not matter.",
        "write a new lock, which holds the new price",
        severity=Severity.WARNING,
        error_from=PhaseLevel.SHADOW,
        blocks=False,
    ),
    Rule(
        "lock.address_changed",
        "A model is called elsewhere than where it was verified",
        "The slot's `base_url` or `deployment` is none of those that were locked. Whoever answers there "
        "reads prompts and the provider's key, and may call itself what it likes: it is another model as far "
        "as anybody verified. The router refuses the candidate from shadow on.",
        "take the change back; or find out who answers there, verify it, and write a new lock",
        severity=Severity.WARNING,
        error_from=PhaseLevel.SHADOW,
        blocks=False,
    ),
    Rule(
        "lock.signer_removed",
        "The lock's signer is no enrolled operator",
        "Files cannot tell that: this is said where the workspace's ledger can be read. The ledger has "
        "nobody enrolled by the signer's name with the key that signed, whatever lies in configs/keys, and "
        "the node refuses every model from shadow on.",
        "have an enrolled operator write a new one: peak lock write",
        severity=Severity.WARNING,
        error_from=PhaseLevel.SHADOW,
        blocks=False,
    ),
    Rule(
        "lock.not_current",
        "The lock is not the one that the ledger recorded last",
        "Files cannot tell that: this is said where the workspace's ledger can be read. An operator writes "
        "a lock or puts one back with a proof on the ledger; a file that was copied into its place, or an "
        "older one, counts for nobody from shadow on (`lock_not_current`).",
        "see which it is: peak lock check; then peak lock rollback, or peak lock write",
        severity=Severity.WARNING,
        error_from=PhaseLevel.SHADOW,
        blocks=False,
    ),
    Rule(
        "lock.unused_entry",
        "An entry for a slot that the matrix does not fill so",
        "It does no harm; a slot that is changed to that model would find it verified already.",
        "leave it, or write a new lock, which holds what the matrix uses",
        severity=Severity.WARNING,
    ),
    Rule(
        "lock.duplicate_entry",
        "Two entries for one model in one slot",
        "The first counts, and nobody can see that from the second.",
        _WRITE,
        severity=Severity.WARNING,
    ),
    Rule(
        "lock.other_matrix",
        "The lock was written for another matrix",
        "Its entries still count for the slots that they name. Who wrote it looked at another file.",
        "look at both: peak lock check; write a new lock once the matrix stands",
        severity=Severity.WARNING,
    ),
)


def lock_rules(inspection: Inspection) -> Iterator[Hit]:
    """All rules of the lock; one that does not count is said to be so, and nothing else of it."""
    lock = _lock(inspection)
    yield from _as_a_whole(inspection, lock)
    if lock is not None and _trouble(inspection, lock) is None:
        yield from _coverage(inspection, lock)
        yield from _changed_since(inspection, lock)
        yield from _written_for(inspection, lock)


def _as_a_whole(inspection: Inspection, lock: Lock | None) -> Iterator[Hit]:
    """``lock.missing``, ``lock.unsound``, ``lock.expired``, ``lock.near_end``."""
    if lock is None:
        if inspection.sources.complete and inspection.phase.at_least(PhaseLevel.SHADOW):
            yield inspection.hit("lock.missing", "lock", (), "there is no lock, so no model is verified")
        return
    trouble = _trouble(inspection, lock)
    if trouble is not None and inspection.document("lock").trouble is not None:
        return  # a rule of files says it
    if trouble is not None:
        expired = trouble.code == "expired"
        rule, path = ("lock.expired", ("lock", "expires_at")) if expired else ("lock.unsound", _at(lock))
        yield inspection.hit(rule, "lock", path, trouble.message, trouble.remedy)
        return
    ends = lock.expires_at
    if ends is not None and ends - _moment(inspection) <= timedelta(days=NEAR_END_DAYS):
        message = f"the lock expires on {iso(ends)}"
        yield inspection.hit("lock.near_end", "lock", ("lock", "expires_at"), message)


def _coverage(inspection: Inspection, lock: Lock) -> Iterator[Hit]:
    """``lock.unverified_slot``, ``lock.attested_only``: each slot of the matrix against the lock."""
    for path, slot in slots(inspection):
        entry = lock.find(*_place(path), slot.provider, slot.model_id)
        name = f"{dotted(path)}: {slot.provider}:{slot.model_id}"
        at = (*path, "model_id")
        if entry is None:
            yield inspection.hit("lock.unverified_slot", "matrix", at, f"{name} is not in the lock for it")
        elif entry.evidence.kind is not EvidenceKind.EVAL and inspection.phase.at_least(PhaseLevel.TESTNET):
            message = (
                f"{name} is only attested (by {entry.evidence.by}), and {inspection.phase} wants an eval"
            )
            yield inspection.hit("lock.attested_only", "matrix", at, message)


def _changed_since(inspection: Inspection, lock: Lock) -> Iterator[Hit]:
    """``lock.registry_changed``, ``lock.address_changed``, ``lock.price_changed``: by what was locked."""
    prices = PriceTable.of(inspection.prices, "") if inspection.prices else None
    for path, slot in slots(inspection):
        entry = lock.find(*_place(path), slot.provider, slot.model_id)
        if entry is None:
            continue
        name, at = f"{dotted(path)}: {slot.provider}:{slot.model_id}", (*path, "model_id")
        model = inspection.model(slot.provider, slot.model_id)
        if model is not None and registry_differs(entry, model):
            message = f"{name} has another entry in models.toml than when it was verified"
            yield inspection.hit("lock.registry_changed", "matrix", at, message)
        for one in unlocked(entry, [place_of(slot)]):
            key = "deployment" if slot.base_url in {place.base_url for place in entry.places} else "base_url"
            where = (*path, key) if getattr(slot, key) is not None else at
            was = " or ".join(place.words for place in entry.places)
            message = f"{name} is called at {one.words}; it was verified at {was}"
            yield inspection.hit("lock.address_changed", "matrix", where, message)
        price = prices.find(slot.provider, slot.model_id, inspection.today) if prices else None
        if price is not None and price_differs(entry, price):
            message = (
                f"{name} costs {price.input_usd_per_mtok} and {price.output_usd_per_mtok} USD per million "
                f"tokens; it was verified at {_price(entry)}"
            )
            yield inspection.hit("lock.price_changed", "matrix", at, message)


def _written_for(inspection: Inspection, lock: Lock) -> Iterator[Hit]:
    """``lock.unused_entry``, ``lock.duplicate_entry``, ``lock.other_matrix``."""
    if lock.file is None or inspection.matrix is None:
        return
    used = {(*_place(path), slot.provider, slot.model_id) for path, slot in slots(inspection)}
    seen = set()
    for index, entry in enumerate(lock.file.entry):
        if entry.key in seen:
            message = f"{entry.name} stands in the lock twice"
            yield inspection.hit("lock.duplicate_entry", "lock", ("entry", index), message)
        elif entry.key not in used:
            message = f"{entry.name} is verified, and the matrix does not use it there"
            yield inspection.hit("lock.unused_entry", "lock", ("entry", index), message)
        seen.add(entry.key)
    matrix, head = inspection.document("matrix"), lock.file.lock
    if head.matrix_sha256 != matrix.sha256:
        message = (
            f"the lock was written for the matrix {head.matrix_sha256[:12]}; this one is {matrix.sha256[:12]}"
        )
        yield inspection.hit("lock.other_matrix", "lock", ("lock", "matrix_sha256"), message)


# -- within


def _lock(inspection: Inspection) -> Lock | None:
    """The lock as the road reads it; where single files are checked, a signer's key is not missed."""
    document = inspection.sources.main.get("lock")
    lock = None if document is None else judged(document, inspection.sources.keys)
    if lock is not None and lock.flaw in _KEYLESS and not inspection.sources.complete:
        return Lock.of(lock.file, lock.digest, None)
    return lock


def _trouble(inspection: Inspection, lock: Lock) -> LockTrouble | None:
    """By the day: a lock that was written today, or ends today, holds."""
    moment = _moment(inspection)
    trouble = trouble_of(lock, moment)
    if trouble is not None and trouble.code == "not_yet":
        return trouble_of(lock, moment + timedelta(days=1)) and trouble
    return trouble


def _moment(inspection: Inspection) -> datetime:
    return datetime.combine(inspection.today, time.min, UTC)


def _at(lock: Lock) -> Path:
    if lock.flaw is None:
        return "lock", "created_at"
    return ("signature", "value") if lock.file and lock.file.signature else ()


def _place(path: Path) -> tuple[Layer, Role]:
    return Layer(str(path[0])), Role(str(path[1]))


def _price(entry: LockEntry) -> str:
    return f"{entry.price.input_usd_per_mtok} and {entry.price.output_usd_per_mtok}"
