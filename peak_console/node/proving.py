"""An operator's proof over a draft that comes with a request of the node's own operations."""

from collections.abc import Mapping
from dataclasses import dataclass

from peak_console.domain.errors import UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.ledger.headers import check_draft
from peak_console.ledger.service.privileges import (
    Authorise,
    Proof,
    proof_from_wire,
    refuse_unproven,
    unproven,
)
from peak_console.ledger.service.session import Session
from peak_console.ledger.service.wire import Message, draft_from_wire


@dataclass(frozen=True, slots=True)
class Proved:
    """What an operator signed, and who they are: ``actor`` as the ledger names them."""

    draft: EventDraft
    proof: Proof
    actor: str

    @property
    def operator(self) -> str:
        """Whose key signed."""
        return self.proof.operator


def proved(
    message: Message, session: Session, kind: EventKind, *, authorise: Authorise, now_us: int
) -> Proved:
    """The draft of ``message``, signed by an enrolled operator.

    The signature answers this session's challenge. Raises ``UsageWrong`` for what has not its form, and
    ``ControlRefused`` for what is no proof, an agent's or a job's too.
    """
    session.require_writing()
    draft = draft_from_wire(message.get("draft"))
    check_draft(draft)
    if draft.kind != kind or not isinstance(draft.body, Mapping):
        raise UsageWrong(f"it comes with a signed draft of {kind.value}", code="event_malformed")
    proof = proof_from_wire(message.get("proof"))
    if proof is None:
        raise refuse_unproven(kind.value, "none was given")
    if session.is_agent:
        raise refuse_unproven(kind.value, f"{session.actor} is an agent or a job")
    if not session.answer_challenge(proof.nonce, now_us):
        raise refuse_unproven(kind.value, "the challenge is unknown, used or too old")
    why = unproven(draft, proof, authorise)
    if why or draft.body.get("operator") != proof.operator:
        raise refuse_unproven(kind.value, why or "the draft does not say who asks")
    return Proved(draft, proof, f"{session.credentials.login}/operator:{proof.operator}")
