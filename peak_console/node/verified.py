"""What the node asks of the lock before it reserves a call: the road's rules, by its own configs."""

from datetime import date

from peak_console.config.configs import Configs
from peak_console.config.verifying import Standing, is_current, standing, suffices, why_not
from peak_console.domain.calls import CallReason
from peak_console.domain.events import EventDraft
from peak_console.domain.ledgering import Refusal
from peak_console.domain.public_keys import bare_key
from peak_console.domain.vocabulary import Layer, PhaseLevel, Role
from peak_console.node.state import NodeState


class VerifiedGuard:
    """Refuses calls planned under another lock, and from shadow on those that the lock does not carry.

    A lock counts here only while the ledger has its signer enrolled, with the key that signed.
    """

    def __init__(self, state: NodeState) -> None:
        self._state = state
        self._configs: Configs | None = None
        self._today = date.min
        self._kept: dict[tuple[Layer, Role, str, str, bool], Standing] = {}

    def look(self, draft: EventDraft, configs: Configs) -> Refusal | None:
        """Why a call may not be reserved; ``None`` where the lock has nothing against it."""
        lock = configs.lock
        if draft.body.get("lock_digest") not in {None, lock.digest if lock else ""}:
            return Refusal(
                CallReason.LOCK_CHANGED.value,
                "the lock of verified models was changed since this call was planned",
                "ask again: the next call is planned under the new one",
            )
        phase = self._state.facts.phase.level
        if not phase.at_least(PhaseLevel.SHADOW):
            return None
        stranger = unenrolled(configs, self._state.facts.operators)
        if stranger:
            remedy = 'have an enrolled operator write a new one: peak lock write --reason "..."'
            return Refusal(CallReason.MODEL_NOT_VERIFIED.value, stranger, remedy)
        return self._of_model(draft, configs, phase)

    def _of_model(self, draft: EventDraft, configs: Configs, phase: PhaseLevel) -> Refusal | None:
        try:
            layer, role = Layer(draft.layer or ""), Role(draft.role or "")
        except ValueError:
            return Refusal(CallReason.MODEL_NOT_VERIFIED.value, "the call names no slot of the matrix", "")
        key = (layer, role, draft.provider or "", draft.model_id or "")
        now = self._state.clock.now()
        if configs is not self._configs or now.date() != self._today:
            self._configs, self._today, self._kept = configs, now.date(), {}
        place = (*key, is_current(configs.lock, now))
        found = self._kept.get(place)
        if found is None:
            model, price = configs.models.find(*key[2:]), configs.prices.find(*key[2:], now.date())
            found = self._kept[place] = standing(configs.lock, key, model, price, now)
        if suffices(found, phase):
            return None
        message, remedy = why_not(found, configs.lock, key, phase, now)
        return Refusal(CallReason.MODEL_NOT_VERIFIED.value, message, remedy)


def unenrolled(configs: Configs, operators: dict[str, str]) -> str:
    """Why a lock's signer is no operator by the ledger; empty where he is, and where the lock says worse."""
    lock = configs.lock
    if lock is None or lock.file is None or lock.file.signature is None or lock.flaw is not None:
        return ""
    known = operators.get(lock.signer)
    if known is None:
        return f"the lock is signed by {lock.signer}, who is no enrolled operator"
    if bare_key(known) != bare_key(lock.file.signature.key):
        return f"the lock is signed with another key than {lock.signer} is enrolled with"
    return ""
