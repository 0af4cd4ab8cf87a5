"""Whether a session may append what it asks to, and in whose name: the words of node, people and jobs."""

from collections.abc import Callable, Sequence

from peak_console.domain.claims import JobClaim
from peak_console.domain.clock import Clock
from peak_console.ledger.service.privileges import (
    Authorise,
    Proof,
    is_jobs_own,
    is_jobs_word,
    is_nodes_own,
    is_nodes_word,
    is_open,
    is_peoples_word,
    refuse_agents,
    refuse_beyond_claim,
    refuse_no_job,
    refuse_nodes_own,
    refuse_unproven,
    unproven,
)
from peak_console.ledger.service.session import Session
from peak_console.ledger.writer import Entry, LedgerWriter


class Permission:
    """Decides for the ledger of ``writer``; takes the arguments that :class:`LedgerServer` is given."""

    def __init__(
        self,
        writer: LedgerWriter,
        *,
        authorise: Authorise,
        clock: Clock,
        claims: Callable[[str], JobClaim | None] | None,
    ) -> None:
        self._writer = writer
        self._authorise = authorise
        self._clock = clock
        self._claims = claims

    def granted(self, session: Session, entries: list[Entry], proof: Proof | None) -> list[Entry]:
        """``entries``, under the operator's name where one has proved to be; raises ``ControlRefused``."""
        guarded = [
            entry
            for entry in entries
            if not (is_open(entry.draft.kind) or is_jobs_own(entry.draft.kind))
            or is_nodes_word(entry.draft.kind, entry.draft.body)
        ]
        _refuse_others_words(session, entries, self._claim_of(session))
        if not guarded:
            return entries
        kind = guarded[0].draft.kind
        if all(self._writer.holds(entry) for entry in guarded):
            return entries  # a repetition: it gets the first's place and writes nothing
        if proof is None:
            raise refuse_unproven(kind, "none was given")
        if len(entries) > 1:
            raise refuse_unproven(kind, "a proof covers one event, alone in its append")
        if session.is_agent:
            raise refuse_unproven(kind, f"{session.actor} is an agent or a job")
        if not session.answer_challenge(proof.nonce, self._clock.boot_us()):
            raise refuse_unproven(kind, "the challenge is unknown, used or too old")
        entry = entries[0]
        if why := unproven(entry.draft, proof, self._authorise):
            raise refuse_unproven(kind, why)
        actor = f"{session.credentials.login}/operator:{proof.operator}"
        return [Entry(entry.draft, actor, entry.body, entry.data, entry.client)]

    def _claim_of(self, session: Session) -> JobClaim | None:
        """The run that a client is the worker of, while that run goes on."""
        return self._claims(session.token) if session.token and self._claims is not None else None


def _refuse_others_words(session: Session, entries: Sequence[Entry], claim: JobClaim | None) -> None:
    """Raise ``ControlRefused`` for what only the node says, and for what only people say, of an agent."""
    for one in (entry.draft for entry in entries):
        if is_nodes_own(one.kind) or is_nodes_word(one.kind, one.body):
            raise refuse_nodes_own(one.kind)
        if session.is_agent and is_peoples_word(one.kind, one.body):
            raise refuse_agents(one.kind, session.actor)
        if claim is None and (is_jobs_own(one.kind) or is_jobs_word(one.kind, one.body)):
            raise refuse_no_job(one.kind, session.actor)
        if claim is not None and (why := claim.beyond(one)):
            raise refuse_beyond_claim(one.kind, why)
