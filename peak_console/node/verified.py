"""What the node asks of the lock before it reserves a call: the road's rules, by its own ledger."""

from datetime import date, datetime

from peak_console.config.configs import Configs
from peak_console.config.lock import Lock, LockFlaw, LockKey
from peak_console.config.lock_places import places_of
from peak_console.config.verifying import Standing, by_ledger, is_current, standing, suffices, why_not
from peak_console.domain.calls import CallReason
from peak_console.domain.events import EventDraft
from peak_console.domain.ledgering import Refusal
from peak_console.domain.vocabulary import Layer, PhaseLevel, Role
from peak_console.node.state import NodeState


class VerifiedGuard:
    """Refuses calls planned under another lock, and from shadow on those that the lock does not carry.

    A lock counts here only while it is the one that the ledger recorded last, and while the ledger has its
    signer enrolled with the key that signed.
    """

    def __init__(self, state: NodeState) -> None:
        self._state = state
        self._configs: Configs | None = None
        self._today = date.min
        self._kept: dict[tuple[LockKey, LockFlaw | None, bool], Standing] = {}

    def look(self, draft: EventDraft, configs: Configs) -> Refusal | None:
        """Why a call may not be reserved; ``None`` where the lock has nothing against it."""
        lock = configs.lock
        if draft.body.get("lock_digest") not in {None, lock.digest if lock else ""}:
            return Refusal(
                CallReason.LOCK_CHANGED.value,
                "the lock of verified models was changed since this call was planned",
                "ask again: the next call is planned under the new one",
            )
        facts = self._state.facts
        phase = facts.phase.level
        if not phase.at_least(PhaseLevel.SHADOW):
            return None
        try:
            key = (
                Layer(draft.layer or ""),
                Role(draft.role or ""),
                draft.provider or "",
                draft.model_id or "",
            )
        except ValueError:
            return Refusal(CallReason.MODEL_NOT_VERIFIED.value, "the call names no slot of the matrix", "")
        return self._of_model(key, configs, by_ledger(lock, facts.operators, facts.lock_digest), phase)

    def _of_model(
        self, key: LockKey, configs: Configs, lock: Lock | None, phase: PhaseLevel
    ) -> Refusal | None:
        now = self._state.clock.now()
        found = self._standing(key, configs, lock, now)
        if suffices(found, phase):
            return None
        message, remedy = why_not(found, lock, key, phase, now)
        old = found is Standing.UNRECORDED
        code = CallReason.LOCK_NOT_CURRENT if old else CallReason.MODEL_NOT_VERIFIED
        return Refusal(code.value, message, remedy)

    def _standing(self, key: LockKey, configs: Configs, lock: Lock | None, now: datetime) -> Standing:
        """Judged once for configs, day, and what the ledger has against the lock."""
        if configs is not self._configs or now.date() != self._today:
            self._configs, self._today, self._kept = configs, now.date(), {}
        place = (key, lock.flaw if lock else None, is_current(lock, now))
        if place not in self._kept:
            model, price = configs.models.find(*key[2:]), configs.prices.find(*key[2:], now.date())
            places = places_of(configs.matrix, key)
            found = standing(lock, key, model, price, now, places=places)
            unnamed = not places and found in {Standing.VERIFIED, Standing.ATTESTED}
            self._kept[place] = Standing.CHANGED if unnamed else found
        return self._kept[place]
